"""Talk to a Valkey by hand: for tests that must not depend on a client library."""

import socket
from pathlib import Path
from types import TracebackType
from typing import Self


class Wire:
    """One connection that speaks the protocol; raises OSError when the server goes away."""

    def __init__(self, path: Path, timeout: float = 5.0) -> None:
        """Connect to a unix socket."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._reader = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        """Use it as a block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self._reader.close()
        self._socket.close()

    def call(self, *parts: str | bytes) -> bytes | None:
        """Send a command; returns a simple, integer or bulk answer, None for a null.

        Raises:
            OSError: the server went away before it answered.
            AssertionError: the server answered with an error.
        """
        encoded = [part.encode() if isinstance(part, str) else part for part in parts]
        message = b"*%d\r\n" % len(encoded)
        message += b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in encoded)
        self._socket.sendall(message)
        line = self._reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("the server hung up")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise AssertionError(rest.decode())
        if kind != b"$":
            return rest
        if int(rest) < 0:
            return None
        body = self._reader.read(int(rest) + 2)
        if len(body) < int(rest) + 2:
            raise ConnectionResetError("the server hung up")
        return body[:-2]
