"""The clock that all processes share."""

import time
from collections.abc import Iterator

import pytest

from app.domain import clock

HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Leave the clock as it was."""
    yield
    clock.go_alone()


def test_it_is_the_machines_until_another_is_known() -> None:
    """Who asked nobody goes by the machine's clock, and so again after having gone by another."""
    for _ in range(2):
        before = time.time_ns() // 1_000_000
        assert before <= clock.now_ms() <= time.time_ns() // 1_000_000
        clock.go_by(0, time.monotonic_ns())
        assert clock.now_ms() < HOUR_MS
        clock.go_alone()


def test_it_counts_on_from_what_another_showed() -> None:
    """Between two answers it goes on by a clock that nobody sets."""
    clock.go_by(5 * HOUR_MS, time.monotonic_ns() - 2_000_000_000)
    first = clock.now_ms()
    assert 5 * HOUR_MS + 2_000 <= first < 6 * HOUR_MS
    assert clock.now_ms() >= first
