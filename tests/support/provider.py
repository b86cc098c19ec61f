"""A provider that takes its time over analyses, differs from the other one, and remembers calls.

It speaks OpenAI's Responses and Anthropic's Messages. What is asked for is told by the schema.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from tests.support.replies import analysis_document, turn_document
from tests.support.serving import Posted, served
from tests.support.wires import anthropic_events, responses_events

SLOTS = {"story": "It drips.", "when": "2026-01-02", "wish": "A plumber."}
"""Everything that the tiny playbook requires."""


class Call(Struct, frozen=True):
    """One request for a step of an analysis."""

    provider: str
    step: str
    about: str
    """Everything that was said to the model."""
    at: float
    """Seconds of the monotonic clock."""


class SlowProvider:
    """Both providers behind one port."""

    def __init__(self) -> None:
        """Begin with no calls."""
        self.port = 0
        """Where it answers."""
        self.delay = 0.1
        """Seconds that an answer takes."""
        self.calls: list[Call] = []

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which this provider is asked."""
        base = f"http://127.0.0.1:{self.port}"
        return {
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": f"{base}/v1",
            "ANTHROPIC_API_KEY": "k",
            "ANTHROPIC_BASE_URL": base,
        }

    def of(self, about: str) -> list[Call]:
        """Return the calls in which this was mentioned."""
        return [one for one in self.calls if about in one.about]


@contextmanager
def slow_provider() -> Iterator[SlowProvider]:
    """Run one on a free port of the loopback."""
    made = SlowProvider()

    class Handler(Posted):
        def answer(self, body: bytes) -> None:
            anthropic = self.path.endswith("/messages")
            provider = "anthropic" if anthropic else "openai"
            value = json.loads(body)
            step, document = _document(_members(value), provider)
            step = provider if step == "analysis" else step
            made.calls.append(Call(provider, step, body.decode(), time.monotonic()))
            pieces = [document[: len(document) // 2], document[len(document) // 2 :]]
            events = anthropic_events(pieces) if anthropic else responses_events(pieces)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for one in events:
                    if b"_delta" in one or b".delta" in one:
                        time.sleep(made.delay / 2)
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(one), one))
                self.wfile.write(b"0\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    with served(Handler) as made.port:
        yield made


def _document(members: set[str], provider: str) -> tuple[str, str]:
    code = "plumbing.leak" if provider == "openai" else "plumbing.blockage"
    whole = analysis_document(candidates=[{"code": code, "confidence": 0.8}])
    if "reply" in members:
        turn = turn_document(
            "I see.", slots=SLOTS, candidates={code: 0.9}, complexity="high", done=True
        )
        return "interview", json.dumps(turn)
    if "verdict" in members:
        verdict = {"justification": "Water drips.", "verdict": "plumbing.leak", "confidence": 0.9}
        return "judge", json.dumps(verdict)
    if "candidates" in members:
        return "analysis", json.dumps(whole)
    return "report", json.dumps({name: whole[name] for name in sorted(members)})


def _members(value: Any) -> set[str]:
    """Return the members of the outermost schema in a request."""
    if isinstance(value, dict):
        if isinstance(value.get("properties"), dict):
            return set(value["properties"])
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            if found := _members(one):
                return found
    return set()
