"""The server's HTTP/1.1, where it meets no HTTP at all, endless or slow requests, no readers.

The server parses what comes before the application sees anything. It would answer nonsense in plain
text, keep a head of any length in memory for as long as somebody sends one, wait for ever for the
rest of a request, and as long for a reader who takes nothing.
"""

import asyncio
import socket
import struct
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from app.api.guard import MAX_HEAD_BYTES, TOO_LARGE, encode
from app.api.problems import Problem

SEND_BUFFER_BYTES = 128 * 1024
"""What the system keeps for a reader. Left to itself it goes up to megabytes, for each of them."""
_RESET = struct.pack("ii", 1, 0)

_NOT_HTTP = Problem(
    type="urn:triage:problem:invalid-input",
    title="The request cannot be understood",
    status=400,
    detail="this is not a valid HTTP/1.1 request",
)
_TOO_SLOW = Problem(
    type="urn:triage:problem:too-slow",
    title="The request did not come in time",
    status=408,
    detail="send the whole request at once",
)


class ProblemProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose every refusal is a problem document."""

    stalled_seconds: ClassVar[float] = 30.0
    """How long a reader may take nothing of what waits for it."""

    request_seconds: ClassVar[float] = 30.0
    """How long a request may take to come, head and body."""

    _stalled: asyncio.TimerHandle | None = None
    _arriving: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, with a bound on what may wait for a reader outside of this process."""
        found: socket.socket = transport.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and hang up on a head that is larger than any may be."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self._expect()
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

    def on_message_complete(self) -> None:
        """Wait no longer: the request is here."""
        self._arrived()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for a reader that is slow, as long as it takes anything at all."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._unwatch()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._unwatch()
        self._arrived()
        super().connection_lost(exc)

    def _expect(self) -> None:
        """Give the request that begins so much time, and no more for coming in small pieces."""
        if self._arriving is None:
            self._arriving = self.loop.call_later(self.request_seconds, self._give_up)

    def _arrived(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _give_up(self) -> None:
        self._arriving = None
        if self._in_head and not self._head_bytes:
            self.transport.close()  # nothing was asked
        elif not self.transport.is_closing():
            self._refuse(_TOO_SLOW)

    def _watch(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._stalled = self.loop.call_later(self.stalled_seconds, self._look, left)

    def _unwatch(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()

    def _look(self, left: int) -> None:
        # Whoever is cut comes back to its place; what it did not read is kept elsewhere.
        if self.transport.get_write_buffer_size() < left:
            self._watch()
        else:
            # Closed in any other way, the system would keep what nobody reads for as long again.
            found: socket.socket = self.transport.get_extra_info("socket")
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()

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
