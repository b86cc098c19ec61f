"""A web server of the standard library on a free port of the loopback, as doubles need it."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Posted(BaseHTTPRequestHandler, ABC):
    """What is posted is answered; connections are kept, and nothing is logged."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read the body and answer."""
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    @abstractmethod
    def answer(self, body: bytes) -> None:
        """Answer a request with this body."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Let it answer, each request in a thread of its own, for as long as the block; the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
