"""Providers that fail in every way there is, and repeat in each failure all that they were sent."""

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.serving import Posted, served


class EchoingProvider:
    """Both providers behind one port, neither of which ever answers well."""

    def __init__(self) -> None:
        """Begin with no calls."""
        self.port = 0
        """Where it answers."""
        self.requests = 0
        self.ways: set[str] = set()
        """How it has failed so far."""


@contextmanager
def echoing_provider() -> Iterator[EchoingProvider]:
    """Run one on a free port of the loopback."""
    made = EchoingProvider()
    ways = itertools.cycle(_WAYS.items())
    lock = threading.Lock()

    class Handler(Posted):
        def answer(self, body: bytes) -> None:
            sent = f"{dict(self.headers)} {body.decode()}"
            with lock:
                made.requests += 1
                name, (status, kind, answer) = next(ways)
                made.ways.add(name)
            data = answer(sent)
            self.send_response(status, sent[:60].replace("\n", " ") if status >= 400 else None)
            self.send_header("Content-Type", kind)
            self.send_header("X-Request-Id", json.dumps(sent)[:500])
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with served(Handler) as made.port:
        yield made


def _error(sent: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": "bad", "message": sent}}).encode()


def _event(sent: str) -> bytes:
    event = {"type": "error", "error": {"message": sent}, "message": sent, "code": sent[:100]}
    return f"event: error\ndata: {json.dumps(event)}\n\n".encode()


def _delta(sent: str) -> bytes:
    delta = {"type": "response.output_text.delta", "delta": sent[:300], "item_id": "m"}
    return f"event: response.output_text.delta\ndata: {json.dumps(delta)}\n\n".encode()


_JSON = "application/json"
_EVENTS = "text/event-stream"
_WAYS: dict[str, tuple[int, str, Any]] = {
    "400": (400, _JSON, _error),
    "401": (401, _JSON, _error),
    "429": (429, _JSON, _error),
    "500": (500, _JSON, _error),
    "529": (529, _JSON, _error),
    "500 in plain text": (500, "text/plain", lambda sent: sent.encode()),
    "200 with the request": (200, _JSON, lambda sent: sent.encode()),
    "an error event": (200, _EVENTS, _event),
    "an event that is no JSON": (200, _EVENTS, lambda sent: f"data: {{{sent}\n\n".encode()),
    "an event of another kind": (
        200,
        _EVENTS,
        lambda sent: f"data: {json.dumps({'type': sent[:80], 'x': sent})}\n\n".encode(),
    ),
    "cut after a word": (200, _EVENTS, _delta),
}
