"""Facts leave the warehouse when their playbook says so, and no sooner; whoever is killed when."""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from analytics.warehouse import Outdated, Warehouse, open_warehouse
from analytics.warehouse.retention import cut_ms, cuts_of, outdated, unclaimed
from app.domain.facts import Fact
from tests.support.processes import environment
from tests.support.warehouses import (
    HOUR,
    MIDNIGHT,
    call,
    exposure,
    rating,
    review,
    row,
    rows,
    started,
    turn,
)

DAY = 24 * HOUR
KINDS = ("triage_started", "turn", "rating", "ai_call", "exposure", "review")
_ROOT = Path(__file__).parents[2]


def put(warehouse: Warehouse, *facts: Fact) -> None:
    """Append facts."""
    with warehouse.writing() as writer:
        writer.append(rows(*facts))


def held(warehouse: Warehouse) -> set[tuple[str, str]]:
    """Return the kinds and ids of everything that is there."""
    sql = " UNION ALL ".join(f"SELECT '{kind}', id FROM {kind}" for kind in KINDS)
    return {(kind, one) for kind, one in warehouse.query(sql).rows}


def some(playbook: str, case: str, at: int) -> list[Fact]:
    """Return a fact of every kind at one moment."""
    who: dict[str, Any] = {"playbook": playbook}
    return [
        started(case, at, **who),
        turn(case, 1, at, **who),
        rating(case, 9, at, **who),
        call(case, f"call-{case}", 5, at, playbook=playbook),
        exposure(case, "v2", at, **who),
        review(case, "leak", at, **who),
    ]


def few(playbook: str, case: str, at: int) -> list[Fact]:
    """Return facts of two kinds, for what is done many times."""
    return some(playbook, case, at)[1:3]


def ids(facts: Sequence[Fact]) -> set[tuple[str, str]]:
    """Return their kinds and ids."""
    return {(one["kind"], one["id"]) for one in rows(*facts)}


def test_what_is_older_than_it_is_kept_goes_from_every_table(warehouse: Warehouse) -> None:
    """To the millisecond, by playbook; files that hold both keep the rest."""
    before = some("tone", "a", MIDNIGHT - 1)
    at = some("tone", "b", MIDNIGHT)
    other = some("brief", "c", MIDNIGHT - 30 * DAY)
    unknown = some("elsewhere", "d", MIDNIGHT - 900 * DAY)
    put(warehouse, *before, *at, *other, *unknown)
    cuts = {"tone": MIDNIGHT, "brief": MIDNIGHT - 30 * DAY}
    told = outdated(warehouse, cuts)
    assert {(one.table, one.playbook, one.rows) for one in told} == {
        (kind, "tone", 1) for kind in KINDS
    }
    assert {(one.first_day, one.last_day) for one in told} == {("2025-11-25", "2025-11-25")}
    with warehouse.writing() as writer:
        assert writer.retain(cuts) == len(before)
        assert writer.retain(cuts) == 0
    assert held(warehouse) == ids([*at, *other, *unknown])
    assert outdated(warehouse, cuts) == ()
    assert {one.playbook for one in unclaimed(warehouse, cuts)} == {"elsewhere"}
    with warehouse.writing() as writer:
        assert writer.retain({"elsewhere": MIDNIGHT}) == len(unknown)
    assert held(warehouse) == ids([*at, *other])


def test_a_table_that_does_not_say_whose_it_is_goes_by_the_longest_time(
    warehouse: Warehouse,
) -> None:
    """What a newer version keeps beside its playbooks is not kept longer than anything else."""
    base = row(turn("c", 1, MIDNIGHT))
    strange: list[dict[str, Any]] = [
        {"kind": "survey", "id": name, "case_id": "c", "occurred_ms": at}
        for name, at in (("old", MIDNIGHT - 2 * DAY), ("new", MIDNIGHT - DAY))
    ]
    with warehouse.writing() as writer:
        writer.append([base, *strange])
    cuts = {"tiny": MIDNIGHT + DAY, "brief": MIDNIGHT - DAY}
    expected = Outdated(
        table="survey", playbook="", rows=1, first_day="2025-11-24", last_day="2025-11-24"
    )
    assert expected in outdated(warehouse, cuts)
    with warehouse.writing() as writer:
        assert writer.retain(cuts) == 2
    assert warehouse.query("SELECT id FROM survey").rows == [("new",)]


def test_nothing_goes_where_nobody_says_for_how_long(warehouse: Warehouse) -> None:
    """Without any playbook everything stays."""
    put(warehouse, *some("tone", "a", 1))
    assert outdated(warehouse, {}) == ()
    with warehouse.writing() as writer:
        assert writer.retain({}) == 0
    assert len(held(warehouse)) == len(KINDS)


@pytest.mark.parametrize(
    ("today", "months", "since"),
    [
        ((2026, 11, 25), 12, (2025, 11, 25)),
        ((2026, 3, 31), 1, (2026, 2, 28)),
        ((2028, 3, 31), 1, (2028, 2, 29)),
        ((2026, 1, 15), 1, (2025, 12, 15)),
        ((2026, 1, 31), 24, (2024, 1, 31)),
        ((2026, 5, 31), 18, (2024, 11, 30)),
    ],
)
def test_months_are_those_of_the_calendar(
    today: tuple[int, int, int], months: int, since: tuple[int, int, int]
) -> None:
    """A month that is too short ends at its last day; days begin at midnight UTC."""
    at = dt.datetime(*since, tzinfo=dt.UTC).timestamp() * 1_000
    assert cut_ms(dt.date(*today), months) == at
    assert cuts_of(dt.date(*today), {"tone": months}) == {"tone": at}


def test_a_name_that_is_none_reaches_no_sql(warehouse: Warehouse) -> None:
    """Names come from playbook files; whatever they are, they are checked before SQL."""
    put(warehouse, *some("tone", "a", 1))
    with warehouse.writing() as writer, pytest.raises(ValueError, match="no name of a playbook"):
        writer.retain({"x' OR '1'='1": MIDNIGHT})
    assert len(held(warehouse)) == len(KINDS)


DIES = """
import os, sys
from analytics.warehouse import files, open_warehouse
from analytics.warehouse.parquet import _FileWriter
left = int(sys.argv[2])
def dying(name, owner):
    whole = getattr(owner, name)
    def step(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
        return whole(*args, **kwargs)
    setattr(owner, name, step)
dying("replace", files.Folder)
dying("complete", files.Folder)
dying("tidy", files.Folder)
with open_warehouse(sys.argv[1]).writing() as writer:
    print(writer.retain({"tone": int(sys.argv[3])}))
"""


def test_killed_at_any_step_the_next_one_ends_it(tmp_path: Path) -> None:
    """Before each file, list and tidying: what is kept is whole, and a second run ends it."""
    at = MIDNIGHT - 1
    old = [*few("tone", "older", at - DAY), *few("tone", "old", at)]
    new, mixed = few("tone", "new", at + HOUR), few("brief", "other", at)
    killed = 0
    for step in range(40):
        folder = tmp_path / str(step)
        warehouse = open_warehouse(folder)
        put(warehouse, *old, *new, *mixed)
        done = subprocess.run(
            [sys.executable, "-c", DIES, str(folder), str(step), str(MIDNIGHT)],
            env=environment(PYTHONPATH=str(_ROOT)),
            cwd=_ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in (0, -9), done.stderr
        left = held(warehouse)
        assert ids([*new, *mixed]) <= left <= ids([*old, *new, *mixed])
        with warehouse.writing() as writer:
            writer.retain({"tone": MIDNIGHT})
        assert held(warehouse) == ids([*new, *mixed])
        counted = {one.name for one in (folder / "turn").glob("day=*/*")}
        assert not [one for one in counted if one.endswith(".part")]
        warehouse.close()
        if done.returncode == 0:
            break
        killed += 1
    assert done.returncode == 0
    assert killed >= 6


def test_what_could_not_be_read_goes_with_its_case_and_its_time(tmp_path: Path) -> None:
    """An erasure reaches it by the case's id; retention by the time it came."""
    warehouse = open_warehouse(tmp_path)
    with warehouse.writing() as writer:
        writer.keep_unread("1-0", b"\x81 of case-7 \xff")
        writer.keep_unread("2-0", b"\x81 of case-8 \xff")
        writer.erase(cases=["case-7"], at_ms=MIDNIGHT)
    assert [one.name for one in (tmp_path / "unread").iterdir()] == ["2-0.msgpack"]
    os.utime(tmp_path / "unread" / "2-0.msgpack", (MIDNIGHT / 1_000 - 9, MIDNIGHT / 1_000 - 9))
    with warehouse.writing() as writer:
        writer.retain({"tone": MIDNIGHT, "brief": MIDNIGHT + DAY})
    assert list((tmp_path / "unread").iterdir()) == []
    warehouse.close()
