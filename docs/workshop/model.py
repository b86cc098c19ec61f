"""A stand-in for a model, for the workshop: python docs/workshop/model.py --port 8100.

It speaks as a server of OpenAI's chat completions does, word by word, and understands nothing:
whatever is said, it is a dismissal and a hard case. So the workshop needs no key and costs nothing;
what it says it used is priced all the same, so that there is something to spend.
"""

import argparse
import json
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPLY = (
    "Thank you for telling me; that must have come as a shock, and it helps to have it in your own "
    "words. I will ask a few things, one after the other, so that we can see what is urgent and "
    "what can wait. When was it that this happened to you?"
)
KIND = [{"code": "work.dismissal", "confidence": 0.9}]
TURN = {
    "reply": REPLY,
    "assessment": {
        "slots": [],
        "candidates": KIND,
        "complexity": "high",
        "signals": [],
        "confidence": 0.9,
        "red_flags": [],
        "asking": "when",
        "done": False,
    },
}
ANALYSIS = {
    "candidates": KIND,
    "urgency": "high",
    "urgency_reason": "Claims after a dismissal end after a while.",
    "deadline": "",
    "parties": [],
    "chronology": [],
    "requests": ["What was not paid."],
    "documents": ["The letter of dismissal.", "The last payslips."],
    "viability": {"level": "high", "strengths": [], "weaknesses": [], "rationale": "It is usual."},
    "next_steps": ["Keep every letter.", "Ask for legal aid."],
    "plain": "You were dismissed and not paid.",
    "professional": "Dismissal without payment of what was due.",
}
EVERYTHING = {**TURN, **ANALYSIS, "verdict": "work.dismissal", "confidence": 0.9}
EVERYTHING["justification"] = EVERYTHING["complexity"] = "high"


class Model(BaseHTTPRequestHandler):
    """Answers each request with the document that its schema asks for."""

    protocol_version = "HTTP/1.1"
    pause = 0.1

    def do_POST(self) -> None:
        """Stream one answer."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        schema = asked["response_format"]["json_schema"]["schema"]
        wanted = {name: EVERYTHING[name] for name in schema["properties"]}
        self.model, text = asked["model"], json.dumps(wanted)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for word in re.findall(r"\S+\s*", text):
                self.tell({"content": word})
                time.sleep(self.pause)
            self.tell({}, "stop")
            used = {"prompt_tokens": 4_000, "completion_tokens": 400, "total_tokens": 4_400}
            self.tell(None, usage=used)
            self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # whoever asked has gone, which the workshop is about
        self.close_connection = True

    def tell(self, delta: dict[str, Any] | None, reason: str | None = None, **more: Any) -> None:
        """Send one chunk."""
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": self.model}
        whole = {**chunk, "choices": [] if delta is None else [choice], "usage": None, **more}
        self.wfile.write(f"data: {json.dumps(whole)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=8100)
    options.add_argument("--pause", type=float, default=0.1, help="seconds between words")
    given = options.parse_args()
    Model.pause = given.pause
    print(f"the stand-in for a model listens on http://127.0.0.1:{given.port}/v1", flush=True)
    ThreadingHTTPServer(("127.0.0.1", given.port), Model).serve_forever()
