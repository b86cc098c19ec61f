"""A receiver of webhooks as somebody else would write it: a real server that keeps what comes."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from msgspec import Struct
from standardwebhooks import Webhook


class Received(Struct, frozen=True):
    """One request."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def id(self) -> str:
        """The message's id."""
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """Return the payload, checked as the independent library checks it."""
        return Webhook(secret).verify(self.body, dict(self.headers))


Reply = int | tuple[int, Mapping[str, str]]
"""A status, or a status with headers."""


class Receiver:
    """Keeps every request; `answer` decides how each is answered."""

    def __init__(self) -> None:
        """Begin with nothing; every request is answered with 204."""
        self.requests: list[Received] = []
        self.answer: Callable[[Received], Reply] = lambda _: 204
        self.answered: Callable[[Received], None] = lambda _: None
        """Called once an answer has gone out."""
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # its sender was killed in the middle: this is no request
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = Received(self.path, headers, body)
                receiver._keep(received)
                reply = receiver.answer(received)
                status, more = reply if isinstance(reply, tuple) else (reply, {})
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
                receiver.answered(received)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                """Say nothing where a sender was killed before it had its answer."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, holds: Callable[[list[Received]], bool], seconds: float = 30.0) -> None:
        """Wait until what came satisfies; fails when time runs out."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not holds(self.requests):
                left = deadline - time.monotonic()
                assert left > 0, f"only {len(self.requests)} requests came"
                self._changed.wait(left)

    def _keep(self, received: Received) -> None:
        with self._changed:
            self.requests.append(received)
            self._changed.notify_all()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Give a receiver; it is closed with the block."""
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()
