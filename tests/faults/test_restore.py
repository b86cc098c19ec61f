"""The drill: a back-up under writers, the loss of everything, and what is there when it is back."""

import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile, rmtree

import pytest

from tests.faults.conftest import Show
from tests.support.api import Api, Case
from tests.support.listener import conversation, settled
from tests.support.patient import Patient
from tests.support.processes import (
    Program,
    children,
    environment,
    free_port,
    get,
    is_alive,
    triage,
)
from tests.support.proofs import STORY, rounds, spread, write_proof_playbooks
from tests.support.waiting import until

WRITERS = 4
A_CASE = 5
SERVING_SECONDS = 120.0
"""From nothing to the page, on a machine that does other things as well."""


class House(Program):
    """A running `triage up`: embedded Valkey, an API instance and a worker."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        """Start it."""
        super().__init__("triage up", triage("up"), env, log)
        self.api = Api(int(env["TRIAGE_PORT"]))

    def wait_ready(self) -> None:
        """Wait until it serves."""
        self.wait_until(lambda: get(self.api.port, "/health/ready")[0] == 200)

    def kill_all(self) -> None:
        """End every process of it as a machine ends that loses its power."""
        below = children(self.pid)
        self.kill()
        until(lambda: not any(map(is_alive, below)), "its children live on")


class Writing:
    """People who write until they are told to stop; everything acknowledged is noted."""

    def __init__(self, house: House) -> None:
        """Write at this one."""
        self._house = house
        self._stopped = threading.Event()
        self.acknowledged: list[tuple[Case, str]] = []

    def write(self, name: str) -> None:
        """Go on, a few messages a case."""
        patient = Patient(lambda: self._house.api)
        while not self._stopped.is_set():
            case = patient.start()
            for number in range(A_CASE):
                text = f"Water drips from the ceiling, says {name} for the {number}. time."
                patient.say(case, text, 0)
                self.acknowledged.append((case, text))
                if self._stopped.is_set():
                    return

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Write while the block lasts."""
        with ThreadPoolExecutor(WRITERS) as pool:
            writing = [pool.submit(self.write, f"writer {number}") for number in range(WRITERS)]
            try:
                yield
            finally:
                self._stopped.set()
            for one in writing:
                one.result()

    def by_case(self, until_count: int) -> dict[Case, list[str]]:
        """Return what the first so many acknowledgements were for."""
        found: dict[Case, list[str]] = defaultdict(list)
        for case, text in self.acknowledged[:until_count]:
            found[case].append(text)
        return found


def run(env: dict[str, str], *args: str) -> str:
    """Run a command of triage that succeeds; returns what it said."""
    done = subprocess.run(
        triage(*args), env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def house(env: dict[str, str], log: Path) -> Iterator[House]:
    """Run everything on this machine while the block lasts."""
    started = House(env, log)
    try:
        started.wait_ready()
        yield started
    finally:
        started.close()


@pytest.mark.timeout(900)
def test_everything_acknowledged_before_a_backup_is_back_after_the_loss_of_everything(
    tmp_path: Path, show: Show
) -> None:
    """Whole, in order and with the old tokens; what was erased since stays away."""
    var, kept, backups = tmp_path / "var", tmp_path / "kept", tmp_path / "backups"
    (tmp_path / "playbooks").mkdir()
    env = environment(
        TRIAGE_VAR=str(var),
        TRIAGE_PORT=str(free_port()),
        TRIAGE_RATE_ADDRESS="0",
        TRIAGE_PACE_MS="0",
        **write_proof_playbooks(tmp_path / "playbooks"),
    )
    del env["TRIAGE_ACCESS_SECRET"], env["TRIAGE_MASTER_KEYS"]  # in files, as at installations
    messages = 40 * rounds(3)
    with house(env, tmp_path / "before.log") as running:
        completed = _completed(running.api)
        erased = running.api.start(locale="en")
        assert running.api.say(erased, STORY).status == 200
        result = running.api.get(f"/result/{completed.id}", completed.token).json()
        writing = Writing(running)
        with writing.going_on():
            until(lambda: len(writing.acknowledged) >= messages, "nothing is acknowledged")
            before = len(writing.acknowledged)
            began = time.monotonic()
            said = run(env, "backup", "create", str(backups))
            making = time.monotonic() - began
            meanwhile = len(writing.acknowledged) - before
            until(lambda: len(writing.acknowledged) > before + meanwhile, "it stands still")
        assert running.api.call(
            "DELETE", f"/api/v2/triage/cases/{erased.id}", token=erased.token
        ).status == 204  # fmt: skip
        run(env, "backup", "erasures", str(backups))
        kept.mkdir()
        secrets = [one for one in var.iterdir() if one.is_file()]
        for one in secrets:
            copyfile(one, kept / one.name)
        running.kill_all()
    rmtree(var)

    lost = time.monotonic()
    var.mkdir()
    for one in kept.iterdir():
        copyfile(one, var / one.name)
    restored = run(env, "backup", "restore", str(backups), "--yes")
    restoring = time.monotonic() - lost
    with house(env, tmp_path / "after.log") as running:
        page = running.api.call("GET", "/")
        serving = time.monotonic() - lost
        assert page.status == 200
        assert b"<html" in page.body
        assert running.api.get(f"/cases/{erased.id}", erased.token).status == 404
        assert "erased again: 1 cases" in restored
        assert running.api.get(f"/result/{completed.id}", completed.token).json() == result
        for case, texts in writing.by_case(before).items():
            there = [one["message"] for one in settled(running.api, case)]
            assert there[: len(texts)] == texts
            assert all(one["reply"] for one in conversation(running.api, case))
        case = next(reversed(writing.by_case(before)))
        assert running.api.say(case, "It still drips.", Prefer="wait=30").status == 200
        query = f"SELECT count(*) AS n FROM turn WHERE case_id = '{erased.id}'"  # noqa: S608 - an id of ours
        assert run(env, "warehouse", "query", "--csv", query).split() == ["n", "0"]
    show(
        "back-up under writers, loss of everything, restore",
        [
            ("cases of which something was acknowledged before", len(writing.by_case(before))),
            ("messages acknowledged before", before),
            ("acknowledged while it was made", meanwhile),
            ("said of it", said.splitlines()[0]),
            ("create", spread([making])["max"]),
            ("restore", spread([restoring])["max"]),
            ("from nothing to the page", spread([serving])["max"]),
            ("lost, changed or come back although erased", 0),
        ],
    )
    assert serving <= SERVING_SECONDS


def _completed(api: Api) -> Case:
    case = api.start(locale="en")
    assert api.say(case, STORY).status == 200
    assert api.say(case, "that is all").json()["interview"] == "complete"
    return case
