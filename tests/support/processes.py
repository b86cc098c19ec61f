"""Real processes for tests: `triage` commands on free ports, killed, stopped and waited for.

Whatever is started here dies with the test process, and its log is printed when it is let go, which
pytest shows where the test failed.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from app.tether import Tether

READY_SECONDS = 90.0
_STEP_SECONDS = 0.01
ACCESS_SECRET = "the-secret-of-all-digests-in-tests"
"""Instances on one storage must have the same, and here their folders are not."""
MASTER_KEYS = "7e57ab1e:aW4gdGVzdHMgYWxsIGNhc2VzIGhhdmUgb25lIGtleSE="
"""The ring of master keys, likewise."""
_MEASURING = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
_OURS = ("TRIAGE_", "OPENAI_", "ANTHROPIC_")


class Program:
    """A running process with its output in a file."""

    def __init__(self, name: str, command: list[str], env: Mapping[str, str], log: Path) -> None:
        """Start it."""
        self.name = name
        self.log = log
        self._tether = Tether()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self._tether.command(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                pass_fds=self._tether.fds,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id of the command itself."""
        return self.process.pid

    def output(self) -> str:
        """Return everything it wrote so far."""
        return self.log.read_text("utf-8", errors="replace")

    def kill(self) -> None:
        """End it as `kill -9` does, and wait for it."""
        self.process.kill()
        self.process.wait()

    def terminate(self, number: signal.Signals = signal.SIGTERM, timeout: float = 45.0) -> int:
        """Ask it to end and return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def wait_ended(self, timeout: float = 60.0) -> int:
        """Wait for it to end by itself and return its exit status."""
        return self.process.wait(timeout)

    def freeze(self) -> None:
        """Stop its clock, as a stalled machine would."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def wait_until(self, holds: Callable[[], bool], timeout: float = READY_SECONDS) -> None:
        """Wait until something holds; fails when the process ends or time runs out before."""
        deadline = time.monotonic() + timeout
        while not holds():
            if self.process.poll() is not None:
                raise AssertionError(
                    f"{self.name} ended: {self.process.returncode}\n{self.output()}"
                )
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name} kept us waiting\n{self.output()}")
            time.sleep(_STEP_SECONDS)

    def close(self) -> None:
        """End it if it still runs, and print its log for whoever looks into a failure.

        It is asked first, so that what it has measured of its own coverage is written.
        """
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.kill()
        self._tether.close()
        print(f"--- {self.name} (status {self.process.returncode}) ---\n{self.output()}")


class Instance(Program):
    """One API instance: `triage serve` on a port of its own."""

    def __init__(self, port: int, command: list[str], env: Mapping[str, str], log: Path) -> None:
        """Start it; `wait_ready` waits for it."""
        super().__init__(f"API on {port}", command, env, log)
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Wait until `/health/ready` says so."""
        self.wait_until(lambda: get(self.port, "/health/ready")[0] == 200, timeout)


class StartInstance(Protocol):
    """Starts API instances; see `instances`."""

    def __call__(
        self,
        *,
        redis_url: str | None = None,
        env: Mapping[str, str] | None = None,
        port: int | None = None,
        wait: bool = True,
    ) -> Instance:
        """Start one more instance; by default on the test's Valkey and ready when this returns."""


@contextmanager
def instances(redis_url: str, var: Path, *, measured: bool = False) -> Iterator[StartInstance]:
    """Start any number of API instances with one storage; all end with the block.

    Args:
        redis_url: The storage.
        var: Their data folder.
        measured: Whether what they run counts as covered.
    """
    with ExitStack() as stack:

        def start(
            *,
            redis_url: str | None = redis_url,
            env: Mapping[str, str] | None = None,
            port: int | None = None,
            wait: bool = True,
        ) -> Instance:
            chosen = port or free_port()
            settings = {
                "TRIAGE_PORT": str(chosen),
                "TRIAGE_VAR": str(var),
                "TRIAGE_PACE_MS": "0",
                "TRIAGE_CACHE": "off",  # tests that tell the same story share the storage
                "TRIAGE_RATE_ADDRESS": "0",  # all tests have one address
                "TRIAGE_REDIS_URL": redis_url or "",
                **(env or {}),
            }
            log = var / f"api-{chosen}-{time.monotonic_ns()}.log"
            own = environment(**settings)
            instance = Instance(chosen, triage("serve"), counted(own) if measured else own, log)
            stack.callback(instance.close)
            if wait:
                instance.wait_ready()
            return instance

        yield start


def triage(*args: str) -> list[str]:
    """Return the command line of a `triage` command, run by the interpreter of the tests."""
    return [sys.executable, "-m", "app.cli", *args]


def environment(**settings: str) -> dict[str, str]:
    """Return an environment with these settings and none of those the tests were started with.

    What a process runs does not count as covered; see `counted`.
    """
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}
    ours = {
        "PYTHONUNBUFFERED": "1",
        "TRIAGE_ACCESS_SECRET": ACCESS_SECRET,
        "TRIAGE_MASTER_KEYS": MASTER_KEYS,
    }
    return {**inherited, **dict.fromkeys(_MEASURING, ""), **ours, **settings}


def counted(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process whose run counts as covered, if the tests' does.

    Such a process takes thrice as long to start, so this is for few, which are not killed.
    """
    return {**env, **{name: os.environ.get(name, "") for name in _MEASURING}}


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str, timeout: float = 5.0) -> tuple[int, Any]:
    """GET a path; returns the status, 0 where nobody answers, and the JSON body, if it is one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return 0, None
    finally:
        connection.close()
    try:
        return response.status, json.loads(body)
    except ValueError:
        return response.status, None


def is_alive(pid: int) -> bool:
    """Whether a process of that id runs; one that has ended but is not reaped does not count."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> set[int]:
    """Return the ids of a process's children, and of theirs."""
    found: set[int] = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(") ")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            child = int(status.parent.name)
            found |= {child} | children(child)
    return found
