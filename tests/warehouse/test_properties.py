"""Random histories: both engines hold what a dictionary would hold."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.warehouse import Warehouse, open_warehouse
from analytics.warehouse.schema import day_of
from tests.support.warehouses import HOUR, MIDNIGHT, call, rating, row, started, turn

CASES = ("a", "b", "c")
PERSONS = ("p", "q")


def rows_() -> st.SearchStrategy[dict[str, Any]]:
    """Make rows of a few cases, persons, kinds and days, so that they often meet."""
    at = st.sampled_from([MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + HOUR, MIDNIGHT + 50 * HOUR])
    case = st.sampled_from(CASES)
    number = st.integers(1, 3)
    return st.one_of(
        st.builds(lambda c, n, t: row(turn(c, n, t, person=person(c))), case, number, at),
        st.builds(lambda c, t: row(started(c, t, person=person(c))), case, at),
        st.builds(lambda c, n, t: row(rating(c, n, t, person=person(c))), case, number, at),
        st.builds(lambda c, n, t: row(call(c, f"{c}.{n}", n, t)), case, number, at),
    )


def person(case_id: str) -> str:
    """Return whose case it is: two persons share three cases."""
    return PERSONS[CASES.index(case_id) % 2]


STEPS = st.lists(
    st.one_of(
        st.lists(rows_(), max_size=6),
        st.just("compact"),
        st.sampled_from([("case", one) for one in CASES]),
        st.sampled_from([("person", one) for one in PERSONS]),
    ),
    max_size=8,
)


class Model:
    """What should be there."""

    def __init__(self) -> None:
        """Begin empty."""
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self._cases: set[str] = set()
        self._until: dict[str, int] = {}

    def append(self, rows: list[dict[str, Any]]) -> int:
        """Keep what is new and not erased; a known id counts within a day of itself."""
        before = len(self.rows)
        for one in rows:
            late = one["occurred_ms"] <= self._until.get(one.get("person", ""), -1)
            if one["case_id"] not in self._cases and not late:
                self.rows.setdefault((one["kind"], one["id"]), one)
        return len(self.rows) - before

    def erase(self, what: str, name: str, at_ms: int) -> int:
        """Forget a case or a person's cases."""
        gone = {name}
        if what == "person":
            gone = {
                one["case_id"]
                for one in self.rows.values()
                if one.get("person") == name and one["occurred_ms"] <= at_ms
            }
            self._until[name] = at_ms
        self._cases |= gone
        kept = {key: one for key, one in self.rows.items() if one["case_id"] not in gone}
        count, self.rows = len(self.rows) - len(kept), kept
        return count


def held(warehouse: Warehouse) -> dict[tuple[str, str], tuple[str, int, str]]:
    """Return what is there."""
    sql = " UNION ALL ".join(
        f"SELECT '{name}', id, case_id, occurred_ms, CAST(day AS VARCHAR) FROM {name}"
        for name in ("turn", "triage_started", "rating", "ai_call")
    )
    found = warehouse.query(sql).rows
    assert len({one[:2] for one in found}) == len(found)
    return {(kind, id_): (case, at, day) for kind, id_, case, at, day in found}


def live_through(warehouse: Warehouse, steps: list[Any]) -> None:
    """Do the same to the warehouse and to the model, and compare after each step."""
    model = Model()
    once: dict[tuple[str, str], int] = {}
    for step in steps:
        with warehouse.writing() as writer:
            match step:
                case "compact":
                    writer.compact()
                case ("case", name):
                    expected = model.erase("case", name, MIDNIGHT)
                    assert writer.erase(cases=[name], at_ms=MIDNIGHT) == expected
                case ("person", name):
                    expected = model.erase("person", name, MIDNIGHT)
                    assert writer.erase(persons=[name], at_ms=MIDNIGHT) == expected
                case found:
                    # A fact's time belongs to it: one id never comes with two.
                    for one in found:
                        key = (one["kind"], one["id"])
                        one["occurred_ms"] = once.setdefault(key, one["occurred_ms"])
                    assert writer.append(found) == model.append(found)
        assert held(warehouse) == {
            key: (one["case_id"], one["occurred_ms"], day_of(one["occurred_ms"]))
            for key, one in model.rows.items()
        }


@settings(max_examples=12)
@given(STEPS)
def test_files_hold_what_a_dictionary_would(steps: list[Any]) -> None:
    """Whatever is appended, brought together and erased, in any order."""
    with tempfile.TemporaryDirectory() as folder:
        live_through(open_warehouse(Path(folder)), steps)


@pytest.mark.postgres
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_postgres_holds_what_a_dictionary_would(postgres: str, steps: list[Any]) -> None:
    """The same of the other engine."""
    import psycopg

    with psycopg.connect(postgres) as connection:
        connection.execute("DROP SCHEMA IF EXISTS triage CASCADE")
    live_through(open_warehouse(postgres), steps)
