"""`triage warehouse`, on what a real API and a real worker have left there."""

import csv
import io
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from analytics.warehouse.schema import TABLES
from analytics.warehouse.views import VIEWS
from app.domain.facts import encode
from app.embedded import EmbeddedValkey
from tests.support.api import Api, Case
from tests.support.processes import Program, environment, instances, triage
from tests.support.valkey import Wire
from tests.support.warehouses import rating, turn, waiting

PATIENCE = 60.0
STORY = "Fui demitido sem justa causa e não recebi nada."


class Place:
    """A storage, a data folder, and the command."""

    def __init__(self, valkey: EmbeddedValkey, var: Path) -> None:
        """Name them."""
        self.valkey, self.var = valkey, var
        self.settings = {"TRIAGE_VAR": str(var), "TRIAGE_REDIS_URL": valkey.url}

    def run(self, *args: str, code: int = 0, **settings: str) -> str:
        """Run the command and return what it prints."""
        done = subprocess.run(
            triage("warehouse", *args),
            env=environment(**self.settings, **settings),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ask(self, sql: str) -> list[dict[str, object]]:
        """Ask in SQL."""
        found: list[dict[str, object]] = json.loads(self.run("query", "--json", sql))
        return found

    def tell(self, *facts: bytes) -> None:
        """Leave facts behind as the core does."""
        with Wire(self.valkey.socket) as wire:
            for one in facts:
                wire.call("XADD", "tri:facts", "*", "f", one)


@pytest.fixture
def place(own_valkey: EmbeddedValkey, tmp_path: Path) -> Place:
    """A storage of its own, in which nothing has happened."""
    return Place(own_valkey, tmp_path / "warehouse-var")


@pytest.fixture
def served(place: Place, tmp_path: Path) -> Iterator[Api]:
    """A real API and a real worker on it."""
    settings = environment(
        **place.settings, TRIAGE_WAREHOUSE_SECONDS="0.05", TRIAGE_METRICS_PORT="0"
    )
    with instances(place.valkey.url, tmp_path) as start:
        instance = start(env={"TRIAGE_VAR": str(place.var)})
        worker = Program("worker", triage("worker"), settings, tmp_path / "worker.log")
        try:
            yield Api(instance.port)
        finally:
            worker.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def concluded(api: Api, user_ref: str) -> Case:
    """Talk through a case, end it and rate it."""
    case = api.start(user_ref=user_ref)
    api.talk(case, STORY)
    body = {"case_id": case.id}
    assert api.post("/force-complete", body, case.token, key=uuid4().hex).status == 200
    assert api.post(f"/cases/{case.id}/rating", {"score": 9}, case.token).status == 200
    return case


def test_what_people_do_is_there_within_moments_and_erased_with_them(
    served: Api, place: Place
) -> None:
    """From the conversation over HTTP through a worker to a row of `cases`, and out again."""
    first, second = concluded(served, "ana"), concluded(served, "rui")
    with Wire(place.valkey.socket) as wire:
        until(lambda: waiting(wire) == 0)
        sql = "SELECT case_id, status, turns, rating, strategy FROM cases ORDER BY started_at"
        rows = place.ask(sql)
        assert [one.pop("case_id") for one in rows] == [first.id, second.id]
        expected = {"status": "completed", "turns": 2, "rating": 9, "strategy": "guided"}
        assert rows == [expected] * 2
        gone = served.call("DELETE", f"/api/v2/triage/cases/{first.id}", token=first.token)
        assert gone.status in {200, 204}
        until(lambda: waiting(wire) == 0)
        assert [one["case_id"] for one in place.ask(sql)] == [second.id]
        assert "rows erased" in place.run("erase", "--user-ref", "rui", "--yes")
        assert place.ask(sql) == []
    for one in (place.var / "warehouse").rglob("*.parquet"):
        assert first.id.encode() not in one.read_bytes()


def test_it_works_without_a_worker(place: Place) -> None:
    """Status tells what waits, drain takes it in, query answers in three forms, compact tidies."""
    place.tell(*(encode(turn("c", number)) for number in range(3)), encode(rating("c", 4)))
    assert "4 facts wait" in place.run("status")
    assert "4 facts drained" in place.run("drain")
    place.tell(encode(turn("c", 9)), encode(turn("c", 1)))
    assert "2 facts drained" in place.run("drain")
    status = json.loads(place.run("status", "--json"))
    assert {one["name"]: one["rows"] for one in status["tables"] if one["rows"]} == {
        "turn": 4, "rating": 1,
    }  # fmt: skip
    assert status["stream"]["waiting"] == 0
    assert "1 files fewer" in place.run("compact")
    sql = "SELECT turn, day FROM turn ORDER BY 1 LIMIT 1"
    assert place.ask(sql) == [{"turn": 0, "day": "2025-11-26"}]
    assert list(csv.reader(io.StringIO(place.run("query", "--csv", sql)))) == [
        ["turn", "day"], ["0", "2025-11-26"],
    ]  # fmt: skip
    shown = place.run("query", sql)
    assert "turn" in shown
    assert "2025-11-26" in shown


def test_what_is_wrong_is_told_in_a_line(place: Place) -> None:
    """A wrong question, nothing to erase, a database that is away."""
    assert place.run("query", "SELECT", code=1).startswith("triage: ")
    assert "name a case" in place.run("erase", "--yes", code=1)
    away = f"postgresql://triage@/postgres?host={place.var}"
    assert "PostgreSQL" in place.run("status", code=1, TRIAGE_WAREHOUSE=away)


def test_the_page_for_analysts_names_every_table_view_and_column() -> None:
    """And so does whoever adds one."""
    text = (Path(__file__).parents[2] / "docs" / "warehouse.md").read_text("utf-8")
    names = {*TABLES, *VIEWS, *(column for columns in TABLES.values() for column in columns)}
    assert [one for one in sorted(names) if f"`{one}`" not in text] == []
