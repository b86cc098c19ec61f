"""A model provider that costs next to nothing: one process, canned frames, words at a fixed pace.

It speaks OpenAI's Responses and chat completions and Anthropic's Messages. Every word is the time
at which it left, so that whoever reads it knows how long it was on its way. `POST /pace` sets how
many words an answer has, the milliseconds between them, and those before the first.
"""

import asyncio
import sys
import time
from typing import Any

import msgspec
import uvloop
from msgspec import Struct

from tests.support.wires import anthropic_events, chat_events, responses_events

CLOCK = 10**9
"""Words are microseconds of the monotonic clock, modulo this: nine digits."""
_MARK = "@@@"
_OPENING = '{"reply":"'
_ENDING = (
    '","assessment":{"slots":[],"candidates":[],"complexity":"low","signals":[],"confidence":0.5,'
    '"red_flags":[],"asking":"none","done":false}}'
)
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"transfer-encoding: chunked\r\nx-request-id: bench\r\n\r\n"
)
_LAST = b"0\r\n\r\n"


class Pace(Struct, frozen=True, kw_only=True):
    """How answers come."""

    words: int = 100
    every_ms: float = 20.0
    first_ms: float = 0.0


def stamp() -> int:
    """Return now as a word tells it."""
    return time.monotonic_ns() // 1_000 % CLOCK


class Script:
    """The frames of one wire format: before the words, around a word, after them."""

    def __init__(self, events: list[bytes]) -> None:
        place = next(at for at, one in enumerate(events) if _MARK.encode() in one)
        self._before, self._after = events[place].split(_MARK.encode())
        self.head = b"".join(events[:place])
        self.tail = b"".join(one.replace(_MARK.encode(), b"") for one in events[place + 1 :])

    def piece(self, text: bytes) -> bytes:
        """Return the frame of a piece of the answer, which is itself a piece of JSON."""
        return self._before + text.replace(b'"', b'\\"') + self._after


SCRIPTS = {
    "responses": Script(responses_events([_MARK])),
    "completions": Script(chat_events([_MARK])),
    "messages": Script(anthropic_events([_MARK])),
}


class Answer:
    """One stream on its way."""

    def __init__(self, transport: asyncio.Transport, script: Script, pace: Pace) -> None:
        self._transport = transport
        self._script = script
        self._pace = pace
        self._said = 0
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + pace.first_ms / 1_000
        if pace.first_ms:
            transport.write(_HEAD + _chunk(script.head))
            self._timer = self._loop.call_at(self._due, self._say)
        else:
            self._say(_HEAD + _chunk(script.head))

    def _say(self, before: bytes = b"") -> None:
        pace, script = self._pace, self._script
        if self._said == pace.words:
            ending = script.piece(_ENDING.encode()) + script.tail
            self._transport.write(_chunk(ending) + _LAST)
            return
        opening = b"" if self._said else _OPENING.encode()
        self._said += 1
        self._transport.write(before + _chunk(script.piece(opening + b"%09d " % stamp())))
        self._due += pace.every_ms / 1_000
        self._timer = self._loop.call_at(self._due, self._say)

    def stop(self) -> None:
        """Say nothing more."""
        self._timer.cancel()


class Connection(asyncio.Protocol):
    """One client; requests come one after the other."""

    pace = Pace()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen."""
        self._transport: Any = transport
        self._received = b""
        self._answer: Answer | None = None

    def data_received(self, data: bytes) -> None:
        """Collect a request and answer it."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._received = b""
        path = head.split(b" ", 2)[1].decode()
        if path == "/pace":
            Connection.pace = msgspec.json.decode(body, type=Pace)
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            script = SCRIPTS[path.rpartition("/")[2].partition("?")[0]]
            self._answer = Answer(self._transport, script, self.pace)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Say nothing to those who left."""
        if self._answer is not None:
            self._answer.stop()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", port, backlog=1_024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
