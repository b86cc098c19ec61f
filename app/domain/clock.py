"""One clock for all processes: the storage's, as far as this process knows it.

What one process writes down, another compares with its own time: when a job or a delivery is due,
when a key ends. Machines' clocks may be an hour apart, or be set while a process runs. So a process
that serves asks the storage for the time now and then (`app.state.timekeeping`) and counts on from
there by a clock that nobody sets. One that never asked goes by its machine's.
"""

import time


class _Clock:
    """The storage's Unix time in milliseconds, and what our steady clock showed at that moment."""

    at_ms: int | None = None
    steady_ns: int = 0


_clock = _Clock()


def now_ms() -> int:
    """Return the Unix time in milliseconds."""
    if _clock.at_ms is None:
        return time.time_ns() // 1_000_000
    return _clock.at_ms + (time.monotonic_ns() - _clock.steady_ns) // 1_000_000


def go_by(at_ms: int, steady_ns: int) -> None:
    """Go by another clock from now on, which showed this time at that moment of ours."""
    _clock.at_ms, _clock.steady_ns = at_ms, steady_ns


def go_alone() -> None:
    """Go by the machine's own clock again."""
    _clock.at_ms = None
