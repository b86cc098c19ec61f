"""Waiting for what is told by no event."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PATIENCE = 60.0
_STEP_SECONDS = 0.05


def until(holds: Callable[[], bool], what: str, *, seconds: float = _PATIENCE) -> None:
    """Wait until something holds; fails, saying what, where it never does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(_STEP_SECONDS)


def in_time(seconds: float, act: Callable[[], T], *, tries: int = 5) -> T:
    """Return what an act gives that took no longer than so many seconds.

    What is let in again after a while tells nothing where a busy machine took longer than that. So
    such an act is done again, from its beginning.
    """
    for _ in range(tries):
        began = time.monotonic()
        try:
            found = act()
        except AssertionError:
            if time.monotonic() - began < seconds:
                raise
        else:
            if time.monotonic() - began < seconds:
                return found
    raise AssertionError(f"it never took less than {seconds:g} s: the machine is too busy")
