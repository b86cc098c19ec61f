"""GrowthBook's endpoint for SDKs, over real HTTP, and what a test may let it do wrong."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

KEY = "sdk-tests"
SECRET = "wk_0123456789abcdef"


def flags_with(weights: tuple[float, float], *, coverage: float = 1.0, **more: Any) -> bytes:
    """Return flags whose experiment has these weights of v1 and v2."""
    rule = {
        "key": "intelligent_triage_v2",
        "seed": "intelligent_triage_v2",
        "hashAttribute": "id",
        "hashVersion": 2,
        "coverage": coverage,
        "variations": ["v1", "v2"],
        "weights": list(weights),
        "meta": [{"key": "v1"}, {"key": "v2"}],
        "phase": "0",
    }
    feature = {"defaultValue": "v2", "rules": [rule]}
    return json.dumps({"features": {"intelligent_triage_v2": feature}, **more}).encode()


class GrowthBookServer:
    """Serves flags with an ETag; `answer` takes over where it is set."""

    def __init__(self) -> None:
        """Begin with half and half."""
        self.flags = flags_with((0.5, 0.5))
        self.status = 200
        self.stalled = threading.Event()
        """While it is cleared by a test, requests wait."""
        self.stalled.set()
        self.requests: list[Mapping[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append({name.lower(): one for name, one in self.headers.items()})
                server.stalled.wait()
                body = server.flags
                tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
                same = self.headers.get("if-none-match") == tag and server.status == 200
                known = self.path == f"/api/features/{KEY}"
                self.send_response(304 if same else server.status if known else 404)
                self.send_header("etag", tag)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", "0" if same else str(len(body)))
                self.end_headers()
                if not same:
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Say nothing where a client left."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self.stalled.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def growthbook() -> Iterator[GrowthBookServer]:
    """Run a server for a while."""
    server = GrowthBookServer()
    try:
        yield server
    finally:
        server.close()


def hook(
    flags: bytes, *, secret: str = SECRET, at: float | None = None, name: str | None = None
) -> tuple[dict[str, str], bytes]:
    """Return the headers and body of a webhook as GrowthBook signs it."""
    body = json.dumps({"type": "payload.changed", "data": {"payload": flags.decode()}}).encode()
    name, sent = name or uuid4().hex, str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"{name}.{sent}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": sent,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        "content-type": "application/json",
    }, body
