"""Waiting for what is told by no event."""

import time
from collections.abc import Callable

_PATIENCE = 60.0
_STEP_SECONDS = 0.05


def until(holds: Callable[[], bool], what: str, *, seconds: float = _PATIENCE) -> None:
    """Wait until something holds; fails, saying what, where it never does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(_STEP_SECONDS)
