"""When an instance says that it has more to do than it can, and to whom."""

import asyncio
from typing import Any

import msgspec
import pytest
from litestar.types import Receive, Scope, Send

from app.api.overload import OverloadGuard, Pressure

BELOW = "/api/v2/triage"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        """Begin at some time."""
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def late(pressure: Pressure, clock: Clock, *, by: float, times: int) -> None:
    """Let some marks be passed late, one after the other."""
    for _ in range(times):
        due = clock.now
        clock.now += by
        pressure.passed(due)


async def test_one_pause_refuses_nobody() -> None:
    """However long it was: a frozen process that goes on takes what has come meanwhile."""
    clock = Clock()
    pressure = Pressure(clock)
    pressure.start()
    late(pressure, clock, by=60.0, times=1)
    assert not pressure.is_too_high
    pressure.close()


async def test_marks_that_are_all_late_refuse_what_comes_while_one_is() -> None:
    """And what comes while none is overdue is let in, also then."""
    clock = Clock()
    pressure = Pressure(clock)
    late(pressure, clock, by=0.3, times=5)
    pressure.start()
    assert not pressure.is_too_high
    clock.now += 0.3
    assert pressure.is_too_high
    pressure.close()
    assert not pressure.is_too_high


async def test_one_mark_on_time_begins_anew() -> None:
    """Being late now and then is no overload."""
    clock = Clock()
    pressure = Pressure(clock)
    for _ in range(10):
        late(pressure, clock, by=0.3, times=3)
        late(pressure, clock, by=0.01, times=1)
    pressure.start()
    clock.now += 0.3
    assert not pressure.is_too_high
    pressure.close()


async def test_it_is_over_once_it_was_calm() -> None:
    """A pause later on is a pause again."""
    clock = Clock()
    pressure = Pressure(clock)
    late(pressure, clock, by=0.3, times=5)
    late(pressure, clock, by=0.01, times=400)
    pressure.start()
    clock.now += 0.3
    assert not pressure.is_too_high
    pressure.close()


async def test_marks_are_set_while_the_loop_runs() -> None:
    """A loop that does nothing else is never late for long."""
    passed = asyncio.Semaphore(0)

    class Counted(Pressure):
        def passed(self, due: float) -> None:
            super().passed(due)
            passed.release()

    pressure = Counted()
    pressure.start()
    async with asyncio.timeout(30):
        for _ in range(3):
            await passed.acquire()
    assert not pressure.is_too_high
    pressure.close()


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        (f"{BELOW}/start", True),
        (f"{BELOW}/continue-stream", True),
        (f"{BELOW}/cases/{'0' * 32}/turns/1/events", True),
        (f"{BELOW}/operator/cases", False),
        ("/health/ready", False),
        ("/metrics", False),
    ],
)
async def test_people_are_put_off_and_operators_are_not(path: str, refused: bool) -> None:
    """With a problem, the seconds to wait, and a connection that ends."""
    clock = Clock()
    pressure = Pressure(clock)
    late(pressure, clock, by=0.3, times=5)
    pressure.start()
    clock.now += 0.3
    sent: list[Any] = []
    reached: list[str] = []
    told: list[tuple[str, int]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        reached.append(scope["path"])

    async def send(message: Any) -> None:
        sent.append(message)

    guard = OverloadGuard(
        app, pressure, below=BELOW, on_problem=lambda kind, status: told.append((kind, status))
    )
    scope: Any = {"type": "http", "path": path}
    await guard(scope, None, send)  # type: ignore[arg-type]
    pressure.close()
    assert reached == ([] if refused else [path])
    if refused:
        start, body = sent
        headers = dict(start["headers"])
        assert start["status"] == 503
        assert 1 <= int(headers[b"retry-after"]) <= 3
        assert headers[b"connection"] == b"close"
        assert msgspec.json.decode(body["body"])["type"] == "urn:triage:problem:overloaded"
        assert told == [("overloaded", 503)]
