"""Cores, processor time, memory and percentiles."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Cores(Struct, frozen=True):
    """Where the measured process runs, and where everything else does."""

    measured: frozenset[int]
    others: frozenset[int]


def two_cores() -> Cores:
    """Return two halves of what this process may use; both the same where there is one core."""
    first, *rest = sorted(os.sched_getaffinity(0))
    return Cores(frozenset({first}), frozenset(rest or [first]))


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """Run this thread, and what it starts, on some cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process so far, user and system, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that no other process shares with it, and its files."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the values lies (nearest rank).

    >>> percentile([3.0, 1.0, 2.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
