"""Splits a stream of bytes into the data of its server-sent events.

Only the data is kept: each of the providers repeats the event's name inside it.
"""

import re

_WHOLE = re.compile(rb"(?:event:[^\n]*\n)?data: ?([^\n]*)\n\n")
"""An event as every provider sends it, in one piece."""
MAX_EVENT = 8 * 1024 * 1024
"""Bytes. An event that grows beyond this is not one a provider means to send."""


class EventTooLong(ValueError):
    """An event grew without end."""


class EventSplitter:
    """An incremental reader of one stream. Line ends may be LF, CR or CRLF, split anywhere."""

    __slots__ = ("_after_cr", "_begun", "_data", "_data_size", "_held", "_tail")

    def __init__(self) -> None:
        self._tail: list[bytes] = []
        self._data: list[bytes] = []
        self._data_size = 0
        self._held = 0
        self._after_cr = False
        self._begun = False

    def feed(self, chunk: bytes) -> list[bytes]:
        r"""Take what arrived and return the data of every event it completed.

        >>> splitter = EventSplitter()
        >>> splitter.feed(b'event: a\ndata: {"x"')
        []
        >>> splitter.feed(b': 1}\n\ndata: 2\n\n')
        [b'{"x": 1}', b'2']

        Raises:
            EventTooLong: where an event exceeds `MAX_EVENT`.
        """
        if not self._begun or self._held or self._after_cr or b"\r" in chunk:
            return self._feed_slowly(chunk)
        events: list[bytes] = []
        at = 0
        while match := _WHOLE.match(chunk, at):
            events.append(match[1])
            at = match.end()
        return events if at == len(chunk) else events + self._feed_slowly(chunk[at:])

    def _feed_slowly(self, chunk: bytes) -> list[bytes]:
        """Take anything the standard allows, line by line."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in chunk:
            self._tail.append(chunk)
            self._hold(len(chunk))
            return []
        if self._tail:
            self._tail.append(chunk)
            chunk = b"".join(self._tail)
            self._tail.clear()
        if not self._begun:
            self._begun = True
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
        lines = chunk.split(b"\n")
        rest = lines.pop()
        events = self._read(lines)
        self._held = self._data_size
        if rest:
            self._tail.append(rest)
        self._hold(len(rest))
        return events

    def _read(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        data = self._data
        for line in lines:
            if not line:
                if data:
                    events.append(data[0] if len(data) == 1 else b"\n".join(data))
                    data.clear()
                    self._data_size = 0
            elif line.startswith(b"data:"):
                data.append(line[6:] if line.startswith(b" ", 5) else line[5:])
                self._data_size += len(line) + 1
            elif line == b"data":
                data.append(b"")
                self._data_size += len(line) + 1
        return events

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > MAX_EVENT:
            raise EventTooLong(f"an event of more than {MAX_EVENT} bytes")
