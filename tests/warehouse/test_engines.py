"""What holds of a warehouse whichever engine it stands on."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from analytics.warehouse import (
    Erased,
    Warehouse,
    WarehouseBusy,
    WarehouseError,
    open_warehouse,
)
from analytics.warehouse.schema import TABLES
from app.domain.facts import Fact
from tests.support.warehouses import (
    HOUR,
    MIDNIGHT,
    abandoned,
    analysed,
    call,
    completed,
    exposure,
    rating,
    review,
    row,
    rows,
    started,
    turn,
)


def put(warehouse: Warehouse, *facts: Fact) -> int:
    """Append facts; returns how many were new."""
    return put_rows(warehouse, rows(*facts))


def put_rows(warehouse: Warehouse, found: Sequence[dict[str, Any]]) -> int:
    """Append rows; returns how many were new."""
    with warehouse.writing() as writer:
        return writer.append(found)


def ask(warehouse: Warehouse, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Return the rows of an answer."""
    return warehouse.query(sql, parameters).rows


def test_every_table_and_view_is_there_from_the_beginning(warehouse: Warehouse) -> None:
    """Before anything has happened one can ask everything, and is told of nothing."""
    for name in (*TABLES, "cases", "exposures", "facts", "all_facts", "outcomes"):
        assert ask(warehouse, f"SELECT count(*) FROM {name}") == [(0,)], name
    assert {one.name: one.rows for one in warehouse.status()} == dict.fromkeys(TABLES, 0)


def test_a_fact_comes_back_as_it_was(warehouse: Warehouse) -> None:
    """Whole numbers, shares, truths, texts and what is not known survive; so do odd characters."""
    odd = "a'b\"c\\d\n\t;--é🚰"
    fact = call(
        "c", "id-1", 2**53 + 1, model=odd, status=None, first_token_ms=0.1 + 0.2, clamped=True
    )
    put(warehouse, fact)
    names = ("id", "occurred_ms", "cost_nano_usd", "model", "status", "first_token_ms", "clamped")
    sql = f"SELECT {', '.join(names)} FROM ai_call"
    assert ask(warehouse, sql) == [
        ("id-1", MIDNIGHT, 2**53 + 1, odd, None, 0.30000000000000004, True)
    ]
    assert ask(warehouse, "SELECT count(*) FROM ai_call WHERE model = $1", odd) == [(1,)]


def test_an_id_counts_once(warehouse: Warehouse) -> None:
    """However often and in whatever company a fact arrives, its id is there once: the first one."""
    first, again = rating("c", 9), rating("c", 2)
    assert put(warehouse, first, first) == 1
    assert put(warehouse, again, turn("c"), turn("c")) == 1
    assert put(warehouse, turn("c"), first, turn("c", 2)) == 1
    assert ask(warehouse, "SELECT id, score FROM rating") == [("rating:c.1", 9)]
    assert ask(warehouse, "SELECT turn FROM turn ORDER BY 1") == [(1,), (2,)]


def test_one_id_of_two_kinds_is_two_facts(warehouse: Warehouse) -> None:
    """Ids are of their kind."""
    assert (
        put_rows(warehouse, [row(turn("c")) | {"id": "x"}, row(rating("c", 1)) | {"id": "x"}]) == 2
    )


def test_a_fact_belongs_to_the_day_on_which_it_happened(warehouse: Warehouse) -> None:
    """The last millisecond of a day and the first of the next part, however late they come."""
    put(warehouse, turn("c", 3, MIDNIGHT + HOUR))
    put(warehouse, turn("c", 2, MIDNIGHT), turn("c", 1, MIDNIGHT - 1))
    put(warehouse, turn("c", 4, MIDNIGHT - 40 * 24 * HOUR))
    assert ask(warehouse, "SELECT turn, day FROM turn ORDER BY day, turn") == [
        (4, dt.date(2025, 10, 17)),
        (1, dt.date(2025, 11, 25)),
        (2, dt.date(2025, 11, 26)),
        (3, dt.date(2025, 11, 26)),
    ]
    status = next(one for one in warehouse.status() if one.name == "turn")
    assert (status.rows, status.days) == (4, 3)
    assert (status.first_day, status.last_day) == ("2025-10-17", "2025-11-26")


def test_a_fact_that_comes_again_on_the_next_day_is_known(warehouse: Warehouse) -> None:
    """A turn that is answered anew just after midnight has the id it had before."""
    put(warehouse, turn("c", 1, MIDNIGHT - 1))
    assert put(warehouse, turn("c", 1, MIDNIGHT + 5)) == 0
    assert put(warehouse, turn("c", 2, MIDNIGHT + 5)) == 1
    assert put(warehouse, turn("c", 2, MIDNIGHT - 5)) == 0


def test_columns_may_be_added(warehouse: Warehouse) -> None:
    """What a newer version says besides is kept beside what older ones say, under its name."""
    put(warehouse, rating("old", 5))
    newer = row(rating("new", 6)) | {"mood": "calm", "weight": 0.5, "asked": True, "pages": 3}
    assert put_rows(warehouse, [newer]) == 1
    put(warehouse, rating("later", 7))
    sql = "SELECT case_id, mood, weight, asked, pages FROM rating ORDER BY score"
    assert ask(warehouse, sql) == [
        ("old", None, None, None, None),
        ("new", "calm", 0.5, True, 3),
        ("later", None, None, None, None),
    ]
    with warehouse.writing() as writer:
        writer.compact()
    assert len(ask(warehouse, sql)) == 3
    assert ask(warehouse, "SELECT count(*) FROM cases") == [(0,)]


def test_kinds_may_be_added(warehouse: Warehouse) -> None:
    """A kind of fact that this version does not know has a table all the same."""
    found = {"kind": "visit", "id": "v1", "case_id": "c", "occurred_ms": MIDNIGHT, "page": "home"}
    assert put_rows(warehouse, [found]) == 1
    assert put_rows(warehouse, [found | {"id": "v2", "page": None, "depth": 2}, found]) == 1
    assert ask(warehouse, "SELECT id, page, depth FROM visit ORDER BY 1") == [
        ("v1", "home", None),
        ("v2", None, 2),
    ]
    with warehouse.writing() as writer:
        assert writer.erase(cases=["c"], at_ms=MIDNIGHT) == 2


def test_one_writes_at_a_time(warehouse: Warehouse, place: str | Path) -> None:
    """Who wants to write while another does is told so, in whichever process; readers never are."""
    other = open_warehouse(place)
    put(warehouse, turn("c"))
    with warehouse.writing() as writer:
        with pytest.raises(WarehouseBusy), other.writing():
            raise AssertionError("two write")
        writer.append(rows(turn("c", 2)))
        assert ask(other, "SELECT count(*) FROM turn") == [(2,)]
    with other.writing() as writer:
        writer.append(rows(turn("c", 3)))
    assert ask(warehouse, "SELECT count(*) FROM turn") == [(3,)]
    other.close()


def test_erasing_a_case_leaves_nothing_of_it(warehouse: Warehouse) -> None:
    """All its rows go from all tables and days, others stay, and what comes late is not taken."""
    mine = (started("mine"), turn("mine", 1), turn("mine", 2, MIDNIGHT - HOUR), rating("mine", 1))
    other = (started("other"), turn("other", 1), turn("other", 2, MIDNIGHT - HOUR))
    put(warehouse, *mine, *other, call("mine", "a", 5), call("other", "b", 7))
    with warehouse.writing() as writer:
        assert writer.erase(cases=["mine", "never-was"], at_ms=MIDNIGHT) == 5
        assert writer.erase(cases=["mine"], at_ms=MIDNIGHT) == 0
    assert put(warehouse, *mine, call("mine", "late", 1, MIDNIGHT + 9 * HOUR)) == 0
    for table in TABLES:
        assert ask(warehouse, f"SELECT count(*) FROM {table} WHERE case_id = 'mine'") == [(0,)]
    assert ask(warehouse, "SELECT id FROM turn ORDER BY 1") == [
        ("turn:other.1",),
        ("turn:other.2",),
    ]
    assert ask(warehouse, "SELECT id, cost_nano_usd FROM ai_call") == [("b", 7)]
    assert put(warehouse, *other) == 0


def test_erasing_a_person_reaches_all_their_cases(warehouse: Warehouse) -> None:
    """Also rows that name the case alone; what the person does afterwards counts as ever."""
    who: dict[str, Any] = {"person": "p"}
    put(
        warehouse,
        started("one", **who),
        turn("one", **who),
        started("two", MIDNIGHT - HOUR, **who),
        call("two", "a", 3),
        started("theirs"),
        call("theirs", "b", 3),
    )
    with warehouse.writing() as writer:
        assert writer.erase(persons=["p"], at_ms=MIDNIGHT + HOUR) == 4
    assert put(warehouse, turn("one", 2, MIDNIGHT + 1, **who), call("two", "late", 1)) == 0
    assert put(warehouse, started("unseen", MIDNIGHT + 2, **who)) == 0
    assert put(warehouse, started("three", MIDNIGHT + 2 * HOUR, **who)) == 1
    assert ask(warehouse, "SELECT case_id FROM triage_started ORDER BY 1") == [
        ("theirs",),
        ("three",),
    ]
    assert ask(warehouse, "SELECT id FROM ai_call") == [("b",)]


def test_a_case_is_one_row(warehouse: Warehouse) -> None:
    """`cases` has each once: how it ended, its latest result and rating, its reviews and cost."""
    put(
        warehouse,
        started("a", variant="v1", experiment="greeting", variation="short"),
        turn("a", 1),
        turn("a", 2),
        abandoned("a"),
        completed("a", MIDNIGHT + HOUR, 90_500),
        analysed("a", 3, "leak"),
        analysed("a", 4, "pest"),
        rating("a", 3),
        rating("a", 9, MIDNIGHT + 1, name="2"),
        review("a", "pest"),
        review("a", "leak", MIDNIGHT + 1),
        review("a", None, reviewer="Rui"),
        call("a", "1", 1_500_000_000),
        call("a", "2", None),
        call("a", "3", 0, outcome="cached", saved_nano_usd=250_000_000),
        started("b", MIDNIGHT + 1),
        abandoned("b"),
        started("c", MIDNIGHT + 2),
    )
    sql = (
        "SELECT status, variant, variation_id, interview_seconds, result_seconds, turns, code,"
        " rating, reviews, reviews_correct, ai_calls, ai_calls_unpriced, cost_usd, saved_usd"
        " FROM cases ORDER BY case_id"
    )
    nothing = (None,) * 9
    assert ask(warehouse, sql) == [
        ("completed", "v1", "short", 90.5, 61.003, 2, "pest", 9, 2, 1, 2, 1, 1.5, 0.25),
        ("abandoned", "v2", None, None, None, *nothing),
        ("open", "v2", None, None, None, *nothing),
    ]
    assert ask(warehouse, "SELECT started_at FROM cases WHERE case_id = 'a'") == [
        (dt.datetime(2025, 11, 26),)
    ]


def test_what_settles_a_disagreement_counts_alone(warehouse: Warehouse) -> None:
    """The latest such word, whoever differed before or says something after."""
    put(
        warehouse,
        started("a"),
        review("a", "pest"),
        review("a", "leak", reviewer="Rui"),
        review("a", "noise", MIDNIGHT + 1, reviewer="Eva", settles=True),
        review("a", "leak", MIDNIGHT + 2, reviewer="Eva", settles=True, urgency="high"),
        review("a", "pest", MIDNIGHT + 3),
        started("b"),
        review("b", "leak"),
    )
    sql = "SELECT case_id, reviewer, code, urgency FROM latest_reviews ORDER BY case_id"
    assert ask(warehouse, sql) == [("a", "Eva", "leak", "high"), ("b", "Ana", "leak", None)]
    sql = "SELECT case_id, reviews, reviews_correct FROM cases ORDER BY case_id"
    assert ask(warehouse, sql) == [("a", 1, 1), ("b", 1, 1)]


def test_exposures_are_what_growthbook_reads(warehouse: Warehouse) -> None:
    """Repeats of one variation collapse to the first; different ones of one person are kept."""
    put(
        warehouse,
        exposure("a1", "short", MIDNIGHT + 5, person="a"),
        exposure("a2", "short", MIDNIGHT, person="a"),
        exposure("b1", "short", MIDNIGHT + 1, person="b"),
        exposure("b2", "long", MIDNIGHT + 2, person="b"),
        exposure("b3", "x", MIDNIGHT + 3, person="b", experiment="other"),
    )
    answer = warehouse.query("SELECT * FROM exposures ORDER BY timestamp")
    assert answer.columns == ("user_id", "timestamp", "experiment_id", "variation_id")
    midnight, ms = dt.datetime(2025, 11, 26), dt.timedelta(milliseconds=1)
    assert answer.rows == [
        ("a", midnight, "greeting", "short"),
        ("b", midnight + ms, "greeting", "short"),
        ("b", midnight + 2 * ms, "greeting", "long"),
        ("b", midnight + 3 * ms, "other", "x"),
    ]


def test_outcomes_count_from_the_first_exposure_on(warehouse: Warehouse) -> None:
    """What was before it, and people without one, are left out; the first moment itself counts."""
    put(
        warehouse,
        completed("a0", MIDNIGHT - 1, person="a"),
        exposure("a1", "short", MIDNIGHT, person="a"),
        started("a1", MIDNIGHT, person="a"),
        call("a1", "1", 2_000_000_000, MIDNIGHT),
        completed("a1", MIDNIGHT + 1, 30_000, person="a"),
        rating("a1", 10, MIDNIGHT + 2, person="a"),
        exposure("a2", "long", MIDNIGHT + 3, person="a"),
        exposure("a2", "x", MIDNIGHT + 1, experiment="other", person="a"),
        completed("nobody", MIDNIGHT + 5),
    )
    answer = warehouse.query("SELECT * FROM facts ORDER BY timestamp, fact")
    assert answer.columns[:5] == ("user_id", "timestamp", "fact", "value", "case_id")
    assert [(one[0], one[2], one[3]) for one in answer.rows] == [
        ("a", "cost_usd", 2.0),
        ("a", "started", 1.0),
        ("a", "completed", 1.0),
        ("a", "interview_seconds", 30.0),
        ("a", "nps", 100.0),
        ("a", "rating", 10.0),
    ]
    sql = (
        "SELECT experiment_id, variation_id, several, count(*) FROM outcomes"
        " GROUP BY 1, 2, 3 ORDER BY 1"
    )
    assert ask(warehouse, sql) == [("greeting", "short", True, 6), ("other", "x", False, 4)]


def test_the_facts_of_a_case_follow_its_latest_word(warehouse: Warehouse) -> None:
    """What was taken back does not count, nor abandoning a triage that was finished in the end."""
    put(
        warehouse,
        rating("a", 2),
        rating("a", 8, MIDNIGHT + 1, name="2"),
        review("a", "pest"),
        review("a", "leak", MIDNIGHT + 1),
        review("a", "pest", reviewer="Rui"),
        abandoned("a"),
        completed("a"),
        abandoned("b"),
    )
    sql = (
        "SELECT case_id, fact, value FROM all_facts WHERE fact <> 'interview_seconds'"
        " ORDER BY 1, 2, 3"
    )
    assert ask(warehouse, sql) == [
        ("a", "completed", 1.0),
        ("a", "correct", 0.0),
        ("a", "correct", 1.0),
        ("a", "nps", 0.0),
        ("a", "rating", 8.0),
        ("b", "abandoned", 1.0),
    ]


def test_a_wrong_question_says_what_is_wrong(warehouse: Warehouse) -> None:
    """It is an error of ours with the engine's words, and the warehouse goes on."""
    with pytest.raises(WarehouseError, match="nowhere"):
        warehouse.query("SELECT * FROM nowhere")
    assert ask(warehouse, "SELECT 1") == [(1,)]


@pytest.mark.postgres
def test_nobody_writes_by_asking(empty_postgres: str) -> None:
    """A statement that would change the database is refused."""
    warehouse = open_warehouse(empty_postgres)
    put(warehouse, turn("c"))
    with pytest.raises(WarehouseError, match="read-only"):
        warehouse.query("DELETE FROM turn RETURNING id")
    assert ask(warehouse, "SELECT count(*) FROM turn") == [(1,)]


@pytest.mark.postgres
def test_a_database_that_is_away_is_named(tmp_path: Path) -> None:
    """It is an error of ours."""
    with pytest.raises(WarehouseError, match="PostgreSQL"):
        open_warehouse(f"postgresql://triage@/postgres?host={tmp_path}").status()


def test_it_tells_what_was_erased(warehouse: Warehouse) -> None:
    """Cases and persons, with the time; so that a copy which is older can be cleared of them."""
    assert warehouse.erased() == Erased()
    with warehouse.writing() as writer:
        writer.append(rows(turn("a"), turn("b", person="p")))
        writer.erase(cases=["a"], at_ms=MIDNIGHT)
        writer.erase(persons=["p"], at_ms=MIDNIGHT + HOUR)
    erased = warehouse.erased()
    assert erased.cases == {"a": MIDNIGHT, "b": MIDNIGHT + HOUR}
    assert erased.persons == {"p": MIDNIGHT + HOUR}
