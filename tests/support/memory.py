"""How large processes are over time, and whether they grow."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from math import sqrt
from pathlib import Path
from statistics import fmean, linear_regression

from msgspec import Struct

from app.state import keys
from tests.support.valkey import Wire

_EVERY_SECONDS = 1.0
_SUM = """
local bytes, at = 0, '0'
repeat
  local page = redis.call('SCAN', at, 'MATCH', ARGV[1], 'COUNT', 1000)
  at = page[1]
  for _, key in ipairs(page[2]) do bytes = bytes + redis.call('MEMORY', 'USAGE', key) end
until at == '0'
return bytes
"""


def resident(pid: int) -> int:
    """Return how many bytes of a process are in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024
    raise ProcessLookupError(pid)


def used_by_valkey(socket: Path) -> int:
    """Return how many bytes Valkey's data takes; its pages come and go with its file's rewrites."""
    with Wire(socket, timeout=30.0) as wire:
        told = wire.call("INFO", "memory") or b""
    fields = dict(line.split(b":", 1) for line in told.splitlines() if b":" in line)
    return int(fields[b"used_memory"])


def used_by_ledger(socket: Path) -> int:
    """Return how many bytes of Valkey's data the ledger takes, which outlives its cases."""
    with Wire(socket, timeout=30.0) as wire:
        return int(wire.call("EVAL", _SUM, "0", f"{keys.LEDGER}*") or 0)


class Trend(Struct, frozen=True, kw_only=True):
    """A straight line through sizes, by least squares."""

    mean: float
    """Bytes."""
    slope: float
    """Bytes a second."""
    error: float
    """The slope's standard error, as if the samples were independent, which they are not."""
    seconds: float
    """Over which it was fitted."""
    samples: int

    @property
    def grown(self) -> float:
        """By how many bytes the line rises over the time."""
        return self.slope * self.seconds

    def __str__(self) -> str:
        """For people."""
        return (
            f"{self.mean / 1e6:.1f} MB, {self.slope * 60 / 1e3:+.1f} ± {self.error * 60 / 1e3:.1f}"
            f" kB a minute: {self.grown / 1e6:+.2f} MB in {self.seconds / 60:.1f} min"
            f" ({self.samples} samples)"
        )


def fitted(samples: list[tuple[float, float]]) -> Trend:
    """Fit a line through samples of time and size.

    >>> str(fitted([(0.0, 5e6), (60.0, 5e6), (120.0, 5e6)]))
    '5.0 MB, +0.0 ± 0.0 kB a minute: +0.00 MB in 2.0 min (3 samples)'
    """
    times, sizes = [at for at, _ in samples], [size for _, size in samples]
    slope, start = linear_regression(times, sizes)
    left = [size - start - slope * at for at, size in samples]
    middle = fmean(times)
    spread = sum((at - middle) ** 2 for at in times)
    free = max(1, len(samples) - 2)
    return Trend(
        mean=fmean(sizes),
        slope=slope,
        error=sqrt(sum(one * one for one in left) / free / spread),
        seconds=times[-1] - times[0],
        samples=len(samples),
    )


class Memory:
    """Samples of the sizes of several processes."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        """Watch these processes."""
        self._began = time.monotonic()
        self._measures: dict[str, Callable[[], int]] = {}
        self._samples: dict[str, list[tuple[float, float]]] = {}
        for name, pid in pids.items():
            self.add(name, partial(resident, pid))

    def add(self, name: str, measure: Callable[[], int]) -> None:
        """Watch something else as well."""
        self._measures[name] = measure
        self._samples[name] = []

    def look(self) -> None:
        """Take one sample of each now."""
        now = time.monotonic()
        for name, measure in self._measures.items():
            self._samples[name].append((now - self._began, float(measure())))

    def risen(self, name: str) -> float:
        """Return by how many bytes the largest sample of one exceeds what it was at first."""
        return max(size for _, size in self._samples[name]) - self._samples[name][0][1]

    def watch(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Look once a second for so long, or until something holds."""
        self._began = began = time.monotonic()
        while time.monotonic() - began < seconds and not until():
            self.look()
            time.sleep(_EVERY_SECONDS)

    def trends(self, warm_up: float) -> dict[str, Trend]:
        """Return how each of them went after so many seconds."""
        return {
            name: fitted([one for one in samples if one[0] >= warm_up])
            for name, samples in self._samples.items()
        }
