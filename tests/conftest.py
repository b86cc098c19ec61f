"""What every test may use: a real Valkey, real API processes, and skips that count as failures."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from app.embedded import EmbeddedValkey
from tests.support.processes import StartInstance, instances
from tests.support.valkey import Wire

STRICT = os.environ.get("TRIAGE_TEST_STRICT", "") not in {"", "0"}
"""Where everything is installed, a skipped test is one that proves nothing: it fails."""
REFERENCE_DATA = "reference_data"
"""Marks tests against data of others that is no part of the project: they may be skipped."""
DISK = "disk"
"""Marks tests that mount a file as a disk, for which containers and plain users have no rights."""

# By default it prints local variables, a compiled playbook among them, which takes seconds.
structlog.configure(
    processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
)
settings.register_profile("house", deadline=None, derandomize=STRICT)
settings.load_profile("house")


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """One Valkey for all tests of this process; cases of different tests do not meet."""
    with EmbeddedValkey(tmp_path_factory.mktemp("var")) as server:
        yield server


@pytest.fixture
def empty_valkey(valkey: EmbeddedValkey) -> EmbeddedValkey:
    """The shared Valkey with nothing in it, for tests that count or list."""
    with Wire(valkey.socket) as wire:
        wire.call("FLUSHALL")
    return valkey


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A Valkey that this test alone uses and may kill."""
    with EmbeddedValkey(tmp_path / "var") as server:
        yield server


@pytest.fixture
def start_instance(valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[StartInstance]:
    """Start real API instances on the shared Valkey; they end with the test."""
    with instances(valkey.url, tmp_path) as start:
        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one where skips are not allowed."""
    report = yield
    excused = hasattr(report, "wasxfail") or {REFERENCE_DATA, DISK} & set(report.keywords)
    if STRICT and report.skipped and not excused:
        report.outcome = "failed"
        report.longrepr = f"skipped, which TRIAGE_TEST_STRICT forbids: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped module into a failed one where skips are not allowed."""
    report = yield
    if STRICT and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, which TRIAGE_TEST_STRICT forbids: {_reason(report.longrepr)}"
    return report


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
