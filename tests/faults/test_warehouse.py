"""Whoever drains facts into the warehouse is killed, at any point; each fact is there once."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analytics.warehouse import Warehouse, open_warehouse
from app.domain.facts import Erased, Fact, encode
from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.fleet import Fleet, Process
from tests.support.processes import environment
from tests.support.proofs import rounds, spread
from tests.support.valkey import Wire
from tests.support.warehouses import HOUR, MIDNIGHT, call, rating, started, turn

PATIENCE = 60.0
AGAIN_SECONDS = 2.0
"""After a kill somebody else drains within this."""
_STREAM = "tri:facts"
_STEP_SECONDS = 0.002
_ROOT = Path(__file__).parents[2]


def tell(wire: Wire, *facts: Fact | Erased) -> None:
    """Leave facts behind as the core does."""
    for one in facts:
        wire.call("XADD", _STREAM, "*", "f", encode(one))


def waiting(wire: Wire) -> int:
    """Return how many facts wait."""
    return int(wire.call("XLEN", _STREAM) or 0)


def wait(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(_STEP_SECONDS)


def day_of_facts(number: int) -> list[Fact]:
    """Return a few facts of several kinds and days; those of another number have other ids."""
    at = MIDNIGHT - 2 * HOUR + number * 7 * 60_000
    case = f"case-{number}"
    return [
        started(case, at),
        *(turn(case, one, at + one) for one in range(1, 8)),
        rating(case, number % 11, at + 9),
        call(case, f"call-{number}", number, at + 24 * HOUR),
    ]


def ids(facts: list[Fact]) -> list[str]:
    """Return their ids, in order."""
    return sorted(one.id for one in facts)


def kept(warehouse: Warehouse) -> list[str]:
    """Return the ids of everything in the warehouse, in order."""
    sql = (
        "SELECT id FROM triage_started UNION ALL SELECT id FROM turn"
        " UNION ALL SELECT id FROM rating UNION ALL SELECT id FROM ai_call"
    )
    return sorted(one for (one,) in warehouse.query(sql).rows)


class Crashing:
    """Drains that die where they are told to."""

    def __init__(self, process: "subprocess.Popen[str]", url: str, folder: Path) -> None:
        """Take what forks them."""
        self._process, self._url, self._folder = process, url, folder

    def drain(self, point: int) -> bool:
        """Drain until the point; True if it was reached, and the drain died there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{point} {self._url} {self._folder}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer in {"killed", "done"}, answer
        return answer == "killed"


@contextmanager
def crashing(url: str, folder: Path) -> Iterator[Crashing]:
    """Start what forks dying drains."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.crashing"],
        cwd=_ROOT,
        env=environment(TRIAGE_VAR=str(folder)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Crashing(process, url, folder)
        assert process.stdin is not None
        process.stdin.close()


def test_every_point_at_which_a_drain_can_die(own_valkey: EmbeddedValkey, tmp_path: Path) -> None:
    """It dies before each change it makes, one drain for each; then one goes through to its end.

    In between more happens and a case is erased, so that a drain also dies within that.
    """
    told: list[Fact] = []
    folder = tmp_path / "warehouse"
    warehouse = open_warehouse(folder)
    with Wire(own_valkey.socket) as wire, crashing(own_valkey.url, folder) as drains:
        point, step = 0, 1 if rounds(30) > 100 else 3
        while True:
            more = day_of_facts(point)
            told += more
            tell(wire, *more)
            if not drains.drain(point):
                break
            if point == 3:
                gone = "case-1"
                tell(wire, Erased(id="erased:x", occurred_ms=MIDNIGHT, case_id=gone))
                tell(wire, *day_of_facts(1))
                told = [one for one in told if one.id not in ids(day_of_facts(1))]
            point += step
        assert point > 30
        assert waiting(wire) == 0
    assert kept(warehouse) == ids(told)
    assert list(folder.rglob("*.part")) == []
    counted = sum(len(list((folder / one.name).glob("day=*/*"))) for one in warehouse.status())
    assert counted == sum(one.files for one in warehouse.status())


def holder(folder: Path) -> int | None:
    """Return the process that has the right to write, by the system's own list of locks."""
    try:
        inode = (folder / "writer.lock").stat().st_ino
    except FileNotFoundError:
        return None
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if "FLOCK" in fields and fields[-3].endswith(f":{inode}") and "->" not in fields:
            return int(fields[fields.index("WRITE") + 1])
    return None


class Yard:
    """Workers on one storage and one warehouse."""

    def __init__(self, fleet: Fleet, wire: Wire, folder: Path) -> None:
        """Hire two."""
        self.fleet, self.wire, self.folder = fleet, wire, folder
        self.workers: list[Process] = []
        for one in self.hire(2):
            one.wait_said("worker.started")

    def hire(self, number: int) -> list[Process]:
        """Start workers, without waiting for them."""
        made = [self.fleet.worker() for _ in range(number)]
        self.workers += made
        return made

    def caught(self) -> Process | None:
        """Wait for somebody to write, or for nothing to be left; return who writes."""
        found: list[int] = []

        def seen() -> bool:
            pid = holder(self.folder)
            found[:] = [] if pid is None else [pid]
            return pid is not None or not waiting(self.wire)

        wait(seen)
        return next((one for one in self.workers if [one.pid] == found), None)


@pytest.mark.timeout(600)
def test_workers_that_are_killed_while_they_drain(
    own_valkey: EmbeddedValkey, make_fleet: MakeFleet, tmp_path: Path, show: Show
) -> None:
    """Whoever drains is killed in the middle; another goes on, and each fact is there once."""
    var = tmp_path / "var-of-workers"
    workers = make_fleet(
        own_valkey, TRIAGE_VAR=str(var), TRIAGE_WAREHOUSE_SECONDS="0.02", TRIAGE_METRICS_PORT="0"
    )
    told: list[Fact] = []
    again: list[float] = []
    with Wire(own_valkey.socket) as wire:
        yard = Yard(workers, wire, var / "warehouse")
        number = 0
        while len(again) < rounds(30):
            more = [one for next_ in range(20) for one in day_of_facts(number + next_)]
            number += 20
            told += more
            tell(wire, *more)
            victim = yard.caught()
            if victim is None:
                continue
            time.sleep(random.uniform(0, 0.08))
            victim.kill()
            at = time.monotonic()
            yard.workers.remove(victim)
            wait(lambda: not waiting(wire))
            again.append(time.monotonic() - at)
            yard.hire(1)
    warehouse = open_warehouse(var / "warehouse")
    assert kept(warehouse) == ids(told)
    assert sorted(again)[int(len(again) * 0.9)] < AGAIN_SECONDS * (1 + os.getloadavg()[0])
    figures = [("killed", len(again)), ("facts", len(told)), ("lost", 0), ("twice", 0)]
    show("workers killed while they drain", [*figures, ("all drained again after", spread(again))])


def test_a_worker_that_is_stopped_gives_way_without_harm(
    own_valkey: EmbeddedValkey, make_fleet: MakeFleet, tmp_path: Path
) -> None:
    """SIGTERM in the middle of a drain ends it whole: nothing is half done and nothing is lost."""
    var = tmp_path / "var-of-workers"
    workers = make_fleet(own_valkey, TRIAGE_VAR=str(var), TRIAGE_WAREHOUSE_SECONDS="0.02")
    told: list[Fact] = []
    with Wire(own_valkey.socket) as wire:
        yard = Yard(workers, wire, var / "warehouse")
        for number in range(3):
            told += day_of_facts(number)
            tell(wire, *day_of_facts(number))
            victim = yard.caught()
            if victim is not None:
                victim.terminate()
                victim.wait_ended()
                yard.workers.remove(victim)
                yard.hire(1)
        wait(lambda: not waiting(wire))
    assert kept(open_warehouse(var / "warehouse")) == ids(told)
