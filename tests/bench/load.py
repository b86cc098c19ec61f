"""A load generator that costs little: keep-alive connections whose streams are only searched.

Each user asks, reads to the end and asks again. Words tell when they left the provider, so for each
one it is known how long it took from there to here.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct, field

from tests.bench.provider import CLOCK, stamp

_WORD = re.compile(rb"(\d{9}) ")
_LAST = b"0\r\n\r\n"
_LONGEST_MARK = 64


class Target(Struct, frozen=True, kw_only=True):
    """Whom to ask, how, and what comes after the last word in its streams."""

    name: str
    port: int
    request: Callable[[], Awaitable[bytes]]
    after_words: bytes


class Seen(Struct):
    """What one stream looked like, in seconds since the request was sent."""

    began: float
    first_byte: float = 0.0
    first_word: float = 0.0
    whole: float = 0.0
    delays: list[int] = field(default_factory=list)
    """Microseconds from the provider to here, for each word."""
    marks: dict[bytes, float] = field(default_factory=dict)
    """When each of the texts that are watched for came first."""
    text: bytes = b""
    """The beginning of the answer."""


class User(asyncio.Protocol):
    """One connection."""

    def __init__(self, after_words: bytes, watched: tuple[bytes, ...] = ()) -> None:
        self._after_words = after_words
        self._watched = watched
        self._transport: Any = None
        self._done: asyncio.Future[None] | None = None
        self._rest = b""
        self._wordless = False
        self._came = asyncio.Event()
        self.words = 0
        """All words so far, of every stream."""
        self.seen = Seen(0.0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        self._transport = transport

    async def ask(self, request: bytes) -> Seen:
        """Send a request, read its answer to the end and tell what it looked like."""
        self.begin(request)
        if self._done is not None:
            await self._done
        return self.seen

    async def until(self, mark: bytes) -> None:
        """Wait for a text that is watched for."""
        while mark not in self.seen.marks:
            self._came.clear()
            await self._came.wait()

    def begin(self, request: bytes) -> None:
        """Send a request."""
        self._done = asyncio.get_running_loop().create_future()
        self._rest = b""
        self._wordless = False
        self.seen = Seen(time.perf_counter())
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Look for words, and for the end."""
        seen = self.seen
        now = time.perf_counter() - seen.began
        if not seen.first_byte:
            seen.first_byte = now
            seen.text = data[:400]
        if not self._wordless:
            self._look(data, now)
        self._came.set()
        if data.endswith(_LAST) and self._done is not None:
            seen.whole = now
            self._done.set_result(None)
            self._done = None

    def _look(self, data: bytes, now: float) -> None:
        seen = self.seen
        text = self._rest + data
        for mark in self._watched:
            if mark not in seen.marks and mark in text:
                seen.marks[mark] = now
        end = text.find(self._after_words)
        self._wordless = end >= 0
        at = 0
        arrived = stamp()
        for match in _WORD.finditer(text, 0, end if end >= 0 else len(text)):
            at = match.end()
            seen.delays.append((arrived - int(match[1])) % CLOCK)
            self.words += 1
        if at and not seen.first_word:
            seen.first_word = now
        self._rest = text[max(at, len(text) - _LONGEST_MARK) :]

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail whoever waits: nobody hangs up on us in the middle."""
        if self._done is not None:
            self._done.set_exception(exc or ConnectionResetError("hung up"))
            self._done = None

    def close(self) -> None:
        """Hang up."""
        self._done = None
        self._transport.close()


async def connected(target: Target, watched: tuple[bytes, ...] = ()) -> User:
    """Return a user of a target."""
    loop = asyncio.get_running_loop()
    _, user = await loop.create_connection(
        lambda: User(target.after_words, watched), "127.0.0.1", target.port
    )
    return user


class Load(Struct, kw_only=True):
    """What a steady load has shown."""

    streams: list[Seen]
    """Those that began within the window."""
    words: int
    """That came within the window, of any stream."""
    cpu: float
    """Seconds that the measured process worked in the window."""
    seconds: float

    @property
    def cpu_per_word(self) -> float:
        """Microseconds of the measured process for a word."""
        return self.cpu / max(1, self.words) * 1e6


async def _all(futures: list[asyncio.Future[None]]) -> None:
    await asyncio.gather(*futures)


async def steady(
    target: Target, *, users: int, spread: float, seconds: float, cpu: Callable[[], float]
) -> Load:
    """Keep so many streams open, from `users` that begin evenly over `spread` seconds.

    The window opens when all have begun and each has had one whole stream at least.
    """
    connections = [await connected(target) for _ in range(users)]
    found: list[Seen] = []
    measuring = asyncio.Event()
    over = asyncio.Event()
    warm: list[asyncio.Future[None]] = [
        asyncio.get_running_loop().create_future() for _ in connections
    ]

    async def live(user: User, number: int) -> None:
        await asyncio.sleep(spread * number / users)
        while not over.is_set():
            inside = measuring.is_set()
            seen = await user.ask(await target.request())
            if not warm[number].done():
                warm[number].set_result(None)
            if inside:
                found.append(seen)

    lives = [asyncio.create_task(live(one, at)) for at, one in enumerate(connections)]
    warming = asyncio.create_task(_all(warm))
    await asyncio.wait([warming, *lives], return_when=asyncio.FIRST_COMPLETED)
    for life in lives:
        if life.done():
            life.result()
    measuring.set()
    began, cpu_began, words = time.perf_counter(), cpu(), sum(one.words for one in connections)
    await asyncio.sleep(seconds)
    load = Load(
        streams=found,
        words=sum(one.words for one in connections) - words,
        cpu=cpu() - cpu_began,
        seconds=time.perf_counter() - began,
    )
    over.set()
    await asyncio.gather(*lives)
    for one in connections:
        one.close()
    return load
