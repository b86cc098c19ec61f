"""A mock of the providers, run as a process of its own on a free port of the loopback."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

Behaviour = Mapping[str, Any]


class LLMock:
    """A running mock: where it listens, what it is told to do next, and what it was asked."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.openai = f"{self.url}/v1"
        self.anthropic = f"{self.url}/anthropic"
        self._http = httpx2.Client(base_url=self.url, trust_env=False)

    def scenario(self, behaviours: Sequence[Behaviour]) -> None:
        """Queue behaviours; each serves the next request that it fits, once unless it says more."""
        answer = self._http.post("/_llmock/scenario", json={"behaviors": list(behaviours)})
        answer.raise_for_status()

    def reset(self) -> None:
        """Forget all queued behaviours and all requests."""
        self._http.post("/_llmock/reset").raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """Return every request since the last reset, oldest first."""
        found: list[dict[str, Any]] = self._http.get("/_llmock/requests").json()["requests"]
        return found

    def ready(self) -> bool:
        """Say whether it answers."""
        try:
            return self._http.get("/health").status_code == httpx2.codes.OK
        except httpx2.TransportError:
            return False

    def close(self) -> None:
        """Close the control connection."""
        self._http.close()


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def running_llmock(*options: str, wait: float = 30.0) -> Iterator[LLMock]:
    """Start a mock, wait until it answers, and stop it at the end, it alone."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("llmock")), "serve", "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--log-level", "critical", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    mock = LLMock(port)
    try:
        deadline = time.monotonic() + wait
        while not mock.ready():
            if time.monotonic() > deadline:
                raise TimeoutError("llmock did not answer in time")
            _watch_for_death(process)
        yield mock
    finally:
        mock.close()
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _watch_for_death(process: "subprocess.Popen[bytes]") -> None:
    """Leave the processor to the mock for a moment; fail at once where it has died."""
    try:
        status = process.wait(timeout=0.02)
    except subprocess.TimeoutExpired:
        return
    raise RuntimeError(f"llmock ended with status {status}")


@pytest.fixture(scope="session")
def llmock_process() -> Iterator[LLMock]:
    """One mock for the whole run; use `providers`, which starts it clean."""
    with running_llmock() as mock:
        yield mock


@pytest.fixture
def providers(llmock_process: LLMock) -> LLMock:
    """A mock of both providers with no behaviour queued and no request remembered."""
    llmock_process.reset()
    return llmock_process
