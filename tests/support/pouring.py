"""People who come faster than anybody can serve them: a generator in a process of its own.

As a script it reads one order from its standard input, as JSON, and writes everything that happened
to a file, as JSON. Whoever comes opens a case and, once that is there, says one thing in it; nobody
asks again.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import cast
from uuid import uuid4

import msgspec
import uvloop
from msgspec import Struct

from tests.support.api import BASE

_ROOT = Path(__file__).parents[2]
_TIMEOUT_SECONDS = 90.0


class Asked(Struct, frozen=True):
    """One request and what became of it."""

    what: str
    """`start` or `say`."""
    at: float
    """Seconds since the beginning."""
    took: float
    status: int
    """0 where there was no answer."""
    retry_after: int | None = None


class Person(Struct):
    """Who came, and what was acknowledged to them."""

    text: str
    case_id: str = ""
    token: str = ""
    said: bool = False
    """Whether what they said was acknowledged."""
    asked: list[Asked] = []


class Order(Struct, frozen=True, kw_only=True):
    """How many are to come."""

    port: int
    seconds: float
    rate: float = 0.0
    """New persons a second, whether those before were served or not; 0 keeps `at_once` busy."""
    at_once: int = 0


def pour(order: Order) -> list[Person]:
    """Let them come, in another process, and return what happened to each."""
    with NamedTemporaryFile() as told:
        subprocess.run(
            [sys.executable, "-m", "tests.support.pouring", told.name],
            cwd=_ROOT,
            input=msgspec.json.encode(order),
            check=True,
            timeout=order.seconds + 3 * _TIMEOUT_SECONDS,
        )
        return msgspec.json.decode(told.read(), type=list[Person])


class _Exchange(asyncio.Protocol):
    """One request on a connection of its own."""

    def __init__(self, request: bytes, answered: asyncio.Future[bytes]) -> None:
        self._request = request
        self._answered = answered
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self._answered.done():
            self._answered.set_result(self._received)


class _Crowd:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._persons: list[Person] = []

    async def come(self) -> list[Person]:
        order = self._order
        if order.rate:
            await self._at_a_rate()
        else:
            await asyncio.gather(*(self._one_after_another() for _ in range(order.at_once)))
        return self._persons

    async def _at_a_rate(self) -> None:
        coming = set()
        number = 0
        while (now := self._loop.time() - self._began) < self._order.seconds:
            while number < now * self._order.rate:
                coming.add(self._loop.create_task(self._person()))
                number += 1
            await asyncio.sleep(0.005)
        await asyncio.gather(*coming)

    async def _one_after_another(self) -> None:
        while self._loop.time() - self._began < self._order.seconds:
            await self._person()

    async def _person(self) -> None:
        person = Person(text=f"Water drips from my ceiling, says {uuid4().hex}.")
        self._persons.append(person)
        opened = await self._ask(person, "start", {"locale": "en"})
        if opened is None:
            return
        person.case_id, person.token = opened["case_id"], opened["case_token"]
        value = {"case_id": person.case_id, "message": person.text}
        person.said = await self._ask(person, "say", value) is not None

    async def _ask(self, person: Person, what: str, value: object) -> dict[str, str] | None:
        body = json.dumps(value).encode()
        path = "start" if what == "start" else "continue"
        head = (
            f"POST {BASE}/{path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Idempotency-Key: {uuid4().hex}\r\nPrefer: wait=30\r\n"
        )
        if person.token:
            head += f"Authorization: Bearer {person.token}\r\n"
        began = self._loop.time()
        answer = await self._exchange(head.encode() + b"\r\n" + body)
        status, headers, content = _read(answer)
        again = headers.get("retry-after")
        person.asked.append(
            Asked(
                what=what,
                at=began - self._began,
                took=self._loop.time() - began,
                status=status,
                retry_after=None if again is None else int(again),
            )
        )
        if status not in {200, 201, 202}:
            return None
        found: dict[str, str] = json.loads(content)
        return found

    async def _exchange(self, request: bytes) -> bytes:
        answered: asyncio.Future[bytes] = self._loop.create_future()
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await self._loop.create_connection(
                    lambda: _Exchange(request, answered), "127.0.0.1", self._order.port
                )
                return await answered
        except (OSError, TimeoutError):
            return b""


def _read(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    parts = first.split()
    return int(parts[1]) if len(parts) > 1 else 0, headers, content


def main() -> None:
    """Carry the order out."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)

    async def run() -> list[Person]:
        return await _Crowd(order).come()

    Path(sys.argv[1]).write_bytes(msgspec.json.encode(uvloop.run(run())))


if __name__ == "__main__":
    main()
