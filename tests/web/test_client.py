"""The TypeScript client, as it is published, against real servers, in Node.

The tests themselves are in `tests/web/client`; here are the servers that they talk to.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app.embedded import EmbeddedValkey
from app.notify.push import new_private_key
from tests.support.api import OPERATOR_TOKEN, Api
from tests.support.browsers import subscription
from tests.support.playbooks import tiny_playbook
from tests.support.processes import (
    Instance,
    Program,
    StartInstance,
    environment,
    instances,
    is_alive,
    triage,
)
from tests.support.provider import slow_provider
from tests.support.toml_text import write_playbook

pytestmark = pytest.mark.timeout(300)
TESTS = Path(__file__).parent / "client"
SECONDS = 240
READY = 100.0


@pytest.fixture(scope="session")
def node() -> str:
    """Node 20 or newer; without it the test is skipped."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs Debian's nodejs")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.lstrip("v").partition(".")[0]) < 20:
        pytest.skip(f"needs Node 20 or newer, not {version.stdout.strip()}")
    return found


def run(node: str, name: str, **given: str) -> None:
    """Run a file of tests, and show all that it says where one fails."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [node, "--test", "--test-timeout=100000", str(TESTS / name)],
        env={**inherited, **given},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# skipped 0" in done.stdout
    assert "# tests 0" not in done.stdout


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of instances that serve the tiny playbook and speak slowly enough to be cut."""
    folder = tmp_path_factory.mktemp("playbooks")
    write_playbook(tiny_playbook(), folder)
    return {
        "TRIAGE_PLAYBOOKS": str(folder),
        "TRIAGE_PLAYBOOK": tiny_playbook().id,
        "TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN,
        "TRIAGE_VAPID_PRIVATE_KEY": new_private_key(),
        "TRIAGE_PACE_MS": "40",
    }


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A Valkey without flags, budgets or providers in trouble that other tests have left."""
    with EmbeddedValkey(tmp_path_factory.mktemp("client")) as server:
        yield server


@pytest.fixture(scope="module")
def start(
    valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartInstance]:
    """Start instances with one storage; they end with the module."""
    with instances(valkey.url, tmp_path_factory.mktemp("web")) as start:
        yield start


@pytest.fixture(scope="module")
def pair(start: StartInstance, settings: Mapping[str, str]) -> tuple[Instance, Instance]:
    """Two instances."""
    both = start(env=settings, wait=False), start(env=settings, wait=False)
    for one in both:
        one.wait_ready(READY)
    return both


def addresses(one: Instance, other: Instance) -> dict[str, str]:
    """Return what the tests in Node are told of two instances."""
    return {
        "TRIAGE_A": one.url,
        "TRIAGE_A_PID": str(one.pid),
        "TRIAGE_B": other.url,
        "TRIAGE_OPERATOR": OPERATOR_TOKEN,
        "TRIAGE_SUBSCRIPTION": json.dumps(subscription()),
    }


def test_streams_are_read_however_they_arrive(node: str) -> None:
    """Every split of the bytes gives the same events."""
    run(node, "parser.test.mjs")


def test_failures_and_waits_are_met_as_the_protocol_says(node: str) -> None:
    """Retries, keys, jitter, silence, fallback and polling, on a clock that the tests move."""
    run(node, "calls.test.mjs")


def test_whole_journeys(node: str, pair: tuple[Instance, Instance]) -> None:
    """Both variants from the first word to the erasure, by every call of the client."""
    run(node, "journey.test.mjs", **addresses(*pair))


def test_nothing_is_lost_or_doubled(
    node: str, start: StartInstance, settings: Mapping[str, str], pair: tuple[Instance, Instance]
) -> None:
    """The network is cut anywhere in an answer, and a server is killed in the middle of a word."""
    victim = start(env=settings, wait=False)
    victim.wait_ready(READY)
    run(node, "faults.test.mjs", **addresses(victim, pair[0]))
    assert not is_alive(victim.pid)


def test_every_example_runs(node: str, pair: tuple[Instance, Instance]) -> None:
    """What the package's README and the guide for frontends show is what happens."""
    run(node, "readme.test.mjs", **addresses(*pair))


def test_analyses_in_the_background(
    node: str,
    start: StartInstance,
    settings: Mapping[str, str],
    valkey: EmbeddedValkey,
    tmp_path: Path,
) -> None:
    """A real worker analyses; the client follows it by events, and without any."""
    with slow_provider() as provider:
        env = {**settings, **provider.settings, "TRIAGE_CACHE": "off"}
        instance = start(env=env, wait=False)
        own = environment(TRIAGE_REDIS_URL=valkey.url, TRIAGE_VAR=str(tmp_path), **env)
        worker = Program("worker", triage("worker"), own, tmp_path / "worker.log")
        api = Api(instance.port)
        try:
            instance.wait_ready(READY)
            worker.wait_until(
                lambda: bool(api.get("/workers", OPERATOR_TOKEN).json()["workers"]), READY
            )
            run(node, "background.test.mjs", **addresses(instance, instance))
        finally:
            worker.close()
