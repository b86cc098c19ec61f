"""The load generator: many streams at once from one process, checked word by word."""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Self, cast

import msgspec
from msgspec import Struct

from tests.bench.provider import order

_WORD = re.compile(rb"w(\d{3})\.(\d{16}) ")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_SPLIT = 24
"""Bytes of a word, and so the most that can be left of one at the end of a read."""


class Reply(Struct, kw_only=True):
    """An answer with the moments at which its parts came, in nanoseconds of the monotonic clock."""

    status: int
    body: bytes
    asked: int
    head: int
    """When its first byte came."""
    first: int
    """When its first word came; 0 without words."""
    lags: list[int]
    """Microseconds from the provider's write of each word to its arrival here."""


class Connection(asyncio.Protocol):
    """One keep-alive connection; asks one thing at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._answer: asyncio.Future[None] | None = None
        self._begun: asyncio.Future[None] | None = None
        self._chunks: list[bytes] = []
        self._tail = b""
        self._asked = self._head = self._first = 0
        self._lags: list[int] = []
        self._needed: int | None = None

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to a port of the loopback."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is under way."""
        for waiting in (self._answer, self._begun):
            if waiting is not None and not waiting.done():
                waiting.set_exception(exc or ConnectionResetError("the server hung up"))

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Note words as they come, and the end."""
        now = time.monotonic_ns()
        self._head = self._head or now
        self._chunks.append(data)
        if self._begun is not None and not self._begun.done():
            self._begun.set_result(None)
        seen = self._tail + data
        end = 0
        for word in _WORD.finditer(seen):
            end = word.end()
            # The text is repeated as a whole in the end; only the first time counts.
            if int(word[1]) == len(self._lags):
                self._first = self._first or now
                self._lags.append(now // 1_000 - int(word[2]))
        self._tail = seen[max(end, len(seen) - _SPLIT) :]
        if self._answer is not None and not self._answer.done() and self._is_whole(data):
            self._answer.set_result(None)

    def _is_whole(self, data: bytes) -> bool:
        """Say whether the answer is; its head comes in one piece on the loopback."""
        if self._needed is None:
            head = self._chunks[0].partition(b"\r\n\r\n")[0]
            length = _LENGTH.search(head)
            self._needed = 0 if length is None else len(head) + 4 + int(length[1])
        if self._needed:
            return sum(map(len, self._chunks)) >= self._needed
        return data.endswith(b"\r\n0\r\n\r\n") or data == b"0\r\n\r\n"

    async def begin(self, request: bytes) -> None:
        """Ask for something that does not end, and wait until it begins."""
        self._begun = asyncio.get_running_loop().create_future()
        self._send(request)
        await self._begun

    def _send(self, request: bytes) -> None:
        if self._transport is None:
            raise ConnectionError("not connected")
        self._chunks, self._tail, self._lags = [], b"", []
        self._head = self._first = 0
        self._needed = None
        self._asked = time.monotonic_ns()
        self._transport.write(request)

    async def ask(self, request: bytes) -> Reply:
        """Ask and wait for the whole answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._send(request)
        await self._answer
        head, _, body = b"".join(self._chunks).partition(b"\r\n\r\n")
        return Reply(
            status=int(head[9:12]),
            body=body if _LENGTH.search(head) else _dechunked(body),
            asked=self._asked,
            head=self._head,
            first=self._first,
            lags=self._lags,
        )


def _dechunked(body: bytes) -> bytes:
    out: list[bytes] = []
    at = 0
    while True:
        line = body.index(b"\r\n", at)
        size = int(body[at:line], 16)
        if not size:
            return b"".join(out)
        out.append(body[line + 2 : line + 2 + size])
        at = line + 4 + size


def http(method: str, path: str, body: Any = None, **headers: str) -> bytes:
    """Return a request as bytes."""
    data = b"" if body is None else msgspec.json.encode(body)
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(data)}"]
    if body is not None:
        lines.append("content-type: application/json")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


class Load(Struct, frozen=True, kw_only=True):
    """How much is asked of a server."""

    streams: int
    """Open at a time."""
    turns: int
    """One after the other on each."""
    words: int
    gap_ms: int

    @property
    def tokens(self) -> int:
        """Words of all streams together."""
        return self.streams * self.turns * self.words

    def message(self, name: int) -> str:
        """Return a message that the provider answers accordingly."""
        told = "Comprei uma geladeira pela internet, ela veio com defeito e a loja não troca."
        return f"{told} {order(name, self.words, self.gap_ms)}"


Requests = Sequence[Sequence[bytes]]
"""For each stream that is open at a time, the requests that follow each other on it."""


async def run(
    port: int, load: Load, requests: Requests, check: Callable[[int, Reply], None]
) -> list[Reply]:
    """Run a load, its streams evenly spread in time, and check every answer.

    `check` is called with a stream's name and its answer; names count the requests.
    """

    async def lane(at: int, connection: Connection) -> list[Reply]:
        await asyncio.sleep(at * load.words * load.gap_ms / 1_000 / load.streams)
        replies = [await connection.ask(request) for request in requests[at]]
        connection.close()
        return replies

    connections = [await Connection.open(port) for _ in range(load.streams)]
    lanes = await asyncio.gather(*(lane(at, one) for at, one in enumerate(connections)))
    replies = [reply for lane_replies in lanes for reply in lane_replies]
    for name, reply in enumerate(replies):
        if reply.status != 200:
            raise AssertionError(f"status {reply.status}: {reply.body[:500]!r}")
        check(name, reply)
    return replies


async def open_cases(port: int, count: int, *, at_a_time: int = 16) -> list[tuple[str, str]]:
    """Open cases of the product; return their ids and tokens."""
    cases: list[tuple[str, str]] = []

    async def lane(share: int) -> None:
        connection = await Connection.open(port)
        for _ in range(share):
            reply = await connection.ask(http("POST", "/api/v2/triage/start", {}))
            started = msgspec.json.decode(reply.body)
            cases.append((started["case_id"], started["case_token"]))
        connection.close()

    shares = [count // at_a_time + (at < count % at_a_time) for at in range(at_a_time)]
    await asyncio.gather(*(lane(share) for share in shares if share))
    return cases


def say(case: tuple[str, str], message: str, key: str, path: str = "continue-stream") -> bytes:
    """Return the request that says something in a case of the product."""
    body = {"case_id": case[0], "message": message}
    return http(
        "POST",
        f"/api/v2/triage/{path}",
        body,
        authorization=f"Bearer {case[1]}",
        idempotency_key=key,
    )


async def turns_of_the_product(port: int, load: Load) -> Requests:
    """Open a case for every stream and return the turns to post in it."""
    cases = await open_cases(port, load.streams)
    return [
        [
            say(case, load.message(at * load.turns + turn), f"turn-{turn}")
            for turn in range(load.turns)
        ]
        for at, case in enumerate(cases)
    ]


async def posts(path: str, _port: int, load: Load) -> Requests:
    """Return plain requests, for the servers to compare with and for the provider itself."""
    return [
        [
            http("POST", path, {"message": load.message(at * load.turns + turn)})
            for turn in range(load.turns)
        ]
        for at in range(load.streams)
    ]


def check_turn(load: Load, name: int, reply: Reply) -> None:
    """Check a turn of the product: every word once, in order, and the whole text committed."""
    events = _events(reply)
    text = "".join(event["t"] for event in events if event["type"] == "delta")
    _check_text(load, name, text)
    last = events[-1]
    if last["type"] != "turn.completed" or last["message"] != text:
        raise AssertionError(f"the turn did not end with its text: {last}")
    if last["sha256"] != hashlib.sha256(text.encode()).hexdigest() or last.get("degradations"):
        raise AssertionError(f"the turn did not go as planned: {last}")


def check_words(load: Load, name: int, reply: Reply) -> None:
    """Check a stream of the provider, forwarded or not: every word once and in order."""
    pieces = [event.get("t") or event.get("delta") or "" for event in _events(reply)]
    _check_text(load, name, msgspec.json.decode("".join(pieces))["reply"])


def _events(reply: Reply) -> list[dict[str, Any]]:
    lines = reply.body.split(b"\n")
    return [msgspec.json.decode(line[6:]) for line in lines if line[:6] == b"data: "]


def _check_text(load: Load, name: int, text: str) -> None:
    begin, *words = text.split()
    numbers = [word[:5] for word in words]
    if begin != f"s{name}" or numbers != [f"w{at:03}." for at in range(load.words)]:
        raise AssertionError(f"stream {name} is not exact: {text[:200]}…")
