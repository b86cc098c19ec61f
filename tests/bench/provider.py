"""A mock provider that costs little: OpenAI's two streaming interfaces on a raw asyncio protocol.

Run as a script with a port. What it streams is said inside the request: a body that contains
`bench-17x100x20` is answered with a document whose reply has 100 words, 20 ms apart, and begins
with `s17`, so that streams that were mixed up are noticed. Every word carries its number and the moment
at which it was written (`w007.` and microseconds of the monotonic clock, which all processes of a
machine share), so that whoever receives it knows what the way cost.
"""

import asyncio
import re
import sys
import time
from functools import cache
from typing import cast

import msgspec
import uvloop
from msgspec import Struct

from tests.support.wires import chat_events, responses_events

_ORDER = re.compile(rb"bench-(\d+)x(\d+)x(\d+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CLOCK = "@" * 16
_NAME = "~name~"
ASSESSMENT = {
    "slots": [],
    "candidates": [],
    "complexity": "low",
    "signals": [],
    "confidence": 0.5,
    "red_flags": [],
    "asking": "none",
    "done": False,
}
"""What the document says behind the reply: valid for every playbook."""
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
    b"x-request-id: bench\r\n\r\n"
)
_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def order(name: int, words: int, gap_ms: int) -> str:
    """Return what a message must contain to be answered so."""
    return f"bench-{name}x{words}x{gap_ms}"


class _Answer(Struct, frozen=True):
    """The events of an answer, in the writes that carry them."""

    opening: bytes
    words: tuple[tuple[bytes, bytes], ...]
    """What stands before the clock of each word, and behind it."""
    closing: bytes


@cache
def _answer(path: bytes, words: int) -> _Answer:
    pieces = [f"w{at:03}.{_CLOCK} " for at in range(words)]
    pieces[0] = f'{{"reply":"s{_NAME} {pieces[0]}'
    pieces.append(f'","assessment":{msgspec.json.encode(ASSESSMENT).decode()}}}')
    chat = path.endswith(b"/chat/completions")
    events = chat_events(pieces) if chat else responses_events(pieces)
    first = next(at for at, event in enumerate(events) if _CLOCK.encode() in event)
    timed = events[first : first + words]
    return _Answer(
        opening=_HEAD + _chunk(b"".join(events[:first])),
        words=tuple(_halves(event) for event in timed),
        closing=_chunk(b"".join(events[first + words :])) + b"0\r\n\r\n",
    )


def _halves(event: bytes) -> tuple[bytes, bytes]:
    before, behind = event.split(_CLOCK.encode())
    return before, behind


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Provider(asyncio.Protocol):
    """One connection of a client, which asks one thing at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop talking."""
        del exc
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer a request once it is whole."""
        self._received += data
        head, gap, body = self._received.partition(b"\r\n\r\n")
        if not gap:
            return
        length = _LENGTH.search(head)
        if length is not None and len(body) < int(length[1]):
            return
        self._received = b""
        path = head.split(b" ", 2)[1]
        wanted = _ORDER.findall(body)
        if not wanted:
            self._write(_OK)
            return
        # A conversation repeats its earlier messages; the latest one has the highest number.
        name, words, gap_ms = max(wanted, key=lambda one: int(one[0]))
        answer = _answer(path, int(words))
        self._write(answer.opening)
        self._say(answer, name, 0, int(gap_ms) / 1_000, self._loop.time())

    def _say(self, answer: _Answer, name: bytes, at: int, gap: float, began: float) -> None:
        """Write a word when it is due; each has its own time, so that delays do not add up."""
        while at < len(answer.words):
            at += 1
            due = began + at * gap
            if due > self._loop.time():
                self._timer = self._loop.call_at(
                    due, self._say_one, answer, name, at - 1, gap, began
                )
                return
            self._write(_word(answer, name, at - 1))
        self._write(answer.closing)

    def _say_one(self, answer: _Answer, name: bytes, at: int, gap: float, began: float) -> None:
        self._write(_word(answer, name, at))
        self._say(answer, name, at + 1, gap, began)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def _word(answer: _Answer, name: bytes, at: int) -> bytes:
    before, behind = answer.words[at]
    if at == 0:
        before = before.replace(_NAME.encode(), name)
    return _chunk(b"%s%016d%s" % (before, time.monotonic_ns() // 1_000, behind))


async def serve(port: int) -> None:
    """Listen on a port of the loopback until cancelled."""
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
