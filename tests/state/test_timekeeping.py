"""Keeping the clock: the storage says what time it is."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from app.domain import clock
from app.embedded import EmbeddedValkey
from app.state import timekeeping
from app.state.store import Store
from app.state.timekeeping import Timekeeper
from tests.support.waiting import until

HOUR_MS = 3_600_000


def is_right() -> bool:
    """Whether the clock shows the time, to a minute."""
    return abs(clock.now_ms() - time.time() * 1_000) < HOUR_MS / 60


@pytest.fixture
async def keeper(valkey: EmbeddedValkey) -> AsyncIterator[Timekeeper]:
    """One that asks a real server; in the end the clock is as it was."""
    store = Store(valkey.url)
    yield Timekeeper(store)
    clock.go_alone()
    await store.close()


async def test_a_wrong_clock_is_set_right(keeper: Timekeeper) -> None:
    """An hour ahead or behind, one answer of the storage sets it right."""
    for apart in (HOUR_MS, -HOUR_MS):
        clock.go_by(time.time_ns() // 1_000_000 + apart, time.monotonic_ns())
        await keeper.ask()
        assert is_right()


async def test_it_asks_again_and_again(keeper: Timekeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set wrongly meanwhile is right again after a while."""
    monkeypatch.setattr(timekeeping, "ASK_SECONDS", 0.01)
    running = asyncio.create_task(keeper.run())
    try:
        clock.go_by(0, time.monotonic_ns())
        await asyncio.to_thread(until, is_right, "nobody asks again")
    finally:
        running.cancel()


async def test_without_an_answer_it_goes_on(tmp_path: Path) -> None:
    """Where the storage is away, the clock is what it was, and nobody fails."""
    store = Store(f"unix://{tmp_path}/nobody.sock")
    clock.go_by(HOUR_MS, time.monotonic_ns())
    try:
        await Timekeeper(store).try_once()
        assert HOUR_MS <= clock.now_ms() < 2 * HOUR_MS
    finally:
        clock.go_alone()
        await store.close()


class _Slow:
    """A storage whose second answer takes its time, and of a cluster, whose nodes all answer."""

    def __init__(self) -> None:
        self.answers: list[Any] = [{"a node": [3_600, 0]}, [0, 0]]

    async def command(self, *_: Any) -> Any:
        """Answer."""
        if len(self.answers) == 1:
            await asyncio.sleep(timekeeping._GOOD_MS / 1_000 + 0.01)
        return self.answers.pop(0)


async def test_an_answer_that_took_long_says_too_little() -> None:
    """Where a better one is known, it is not gone by."""
    keeper = Timekeeper(cast("Store", _Slow()))
    try:
        await keeper.ask()
        await keeper.ask()
        assert HOUR_MS <= clock.now_ms() < 2 * HOUR_MS
    finally:
        clock.go_alone()
