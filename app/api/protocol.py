"""The server's HTTP/1.1, where it meets bytes that are no HTTP, or a head that never ends.

The server parses what comes before the application sees anything. It would answer nonsense in plain
text, and it would keep a head of any length in memory for as long as somebody sends one.
"""

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from app.api.guard import MAX_HEAD_BYTES, TOO_LARGE, encode
from app.api.problems import Problem

_NOT_HTTP = Problem(
    type="urn:triage:problem:invalid-input",
    title="The request cannot be understood",
    status=400,
    detail="this is not a valid HTTP/1.1 request",
)


class ProblemProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose every refusal is a problem document."""

    _in_head = True
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Take bytes, and hang up on a head that is larger than any may be."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop counting; what follows is the body, which the application bounds."""
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what is not HTTP."""
        self._refuse(_NOT_HTTP)

    def _refuse(self, problem: Problem) -> None:
        # An answer that has begun cannot be replaced any more: it is left visibly incomplete.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or not cycle.response_started or cycle.response_complete:
            body = encode(problem)
            self.transport.write(
                STATUS_LINE[problem.status]
                + b"content-type: application/problem+json\r\n"
                + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
                + body
            )
        self.transport.close()
