"""Several API instances and workers on one storage, each of which may be killed or replaced.

They are forks of one process that has read the playbooks; see `prefork`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.api import Api
from tests.support.processes import environment, free_port, get, is_alive

READY_SECONDS = 100.0
"""How long a start may take on a machine that has other things to do."""
_STEP_SECONDS = 0.005
_SHOWN = 6
"""Logs that are worth a look where a test failed: those of the last few instances."""
_ROOT = Path(__file__).parents[2]


class Process:
    """A running worker, or the process of an instance."""

    def __init__(self, pid: int, log: Path) -> None:
        """Name a process that was started."""
        self.pid = pid
        self._log = log

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return is_alive(self.pid)

    def kill(self) -> None:
        """End it as `kill -9` does, and wait until it is dead."""
        self._send(signal.SIGKILL)
        self.wait_ended()

    def terminate(self) -> None:
        """Ask it to end, and do not wait."""
        self._send(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop its clock, as a stalled machine would."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)

    def wait_said(self, words: str) -> None:
        """Wait until its log says something."""
        self._wait(lambda: words in self.output(), alive=True)

    def wait_ended(self) -> None:
        """Wait until its process is no more."""
        self._wait(lambda: not self.is_alive, alive=False)

    def output(self) -> str:
        """Return everything it wrote so far."""
        return self._log.read_text("utf-8", errors="replace") if self._log.exists() else ""

    def _send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def _wait(self, holds: Callable[[], bool], *, alive: bool) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not holds():
            if alive and not self.is_alive:
                raise AssertionError(f"process {self.pid} ended\n{self.output()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"process {self.pid} kept us waiting\n{self.output()}")
            time.sleep(_STEP_SECONDS)


class Member(Process):
    """One running instance."""

    def __init__(self, pid: int, port: int, log: Path) -> None:
        """Name a process that was started."""
        super().__init__(pid, log)
        self.api = Api(port)
        self.port = port

    def wait_ready(self) -> None:
        """Wait until `/health/ready` says so."""
        self._wait(lambda: get(self.port, "/health/ready")[0] == 200, alive=True)


class Parent:
    """The process that instances are forked from."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Take it when it is ready."""
        self._process = process

    def fork(self, role: str, env: Mapping[str, str], log: Path) -> int:
        """Start an `api` or a `worker` and return its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"role": role, "env": dict(env), "log": str(log)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def parent(folder: Path, settings: Mapping[str, str]) -> Iterator[Parent]:
    """Start a parent with the playbooks that these settings name; its forks end with the block."""
    log = folder / "parent.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.prefork"],
            cwd=_ROOT,
            env=environment(TRIAGE_VAR=str(folder), **settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", log.read_text()
        yield Parent(process)


class Fleet:
    """Running instances in a row; the first is used first, and a new one lines up at the end."""

    def __init__(
        self, parent: Parent, redis_url: str, folder: Path, settings: Mapping[str, str]
    ) -> None:
        """Begin without any."""
        self._parent = parent
        shared = {"TRIAGE_REDIS_URL": redis_url, "TRIAGE_PACE_MS": "0", "TRIAGE_CACHE": "off"}
        self._env = {**shared, **settings}
        self._folder = folder
        self._row: list[Member] = []
        self.started: list[Process] = []

    def pair(self) -> tuple[Member, Member]:
        """Return the first two, ready to serve; starts what is missing."""
        first, second = self.some(2)
        return first, second

    def some(self, number: int) -> list[Member]:
        """Return the first few, ready to serve; starts what is missing."""
        while len(self._row) < number:
            self.add()
        found = self._row[:number]
        for one in found:
            one.wait_ready()
        return found

    def remove(self, member: Member) -> None:
        """Take one off the row: it was killed or told to end."""
        self._row.remove(member)

    def add(self, port: int | None = None) -> Member:
        """Start another one, at this port if it is to be a certain one, without waiting for it."""
        port = port or free_port()
        log = self._folder / f"api-{port}-{time.monotonic_ns()}.log"
        pid = self._parent.fork("api", {**self._env, "TRIAGE_PORT": str(port)}, log)
        member = Member(pid, port, log)
        self._row.append(member)
        self.started.append(member)
        return member

    def worker(self) -> Process:
        """Start a worker, without waiting for it."""
        log = self._folder / f"worker-{time.monotonic_ns()}.log"
        made = Process(self._parent.fork("worker", self._env, log), log)
        self.started.append(made)
        return made

    def kill_all(self) -> None:
        """`kill -9` whatever runs."""
        for one in self.started:
            one.kill()
        self._row.clear()


@contextmanager
def fleet(
    source: Parent, redis_url: str, folder: Path, settings: Mapping[str, str]
) -> Iterator[Fleet]:
    """Make a fleet on a storage, of forks of a running parent; it ends with the block."""
    made = Fleet(source, redis_url, folder, settings)
    try:
        yield made
    finally:
        made.kill_all()
        for one in made.started[-_SHOWN:]:
            print(f"--- process {one.pid} ---\n{one.output()}")
