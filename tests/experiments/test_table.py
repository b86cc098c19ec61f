"""A table with one row for each person is analysed as its rows, counted by hand, say."""

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pytest

from analytics.experiments.table import TableMetric, analyse_table, table_moments
from analytics.metrics import Plan
from analytics.moments import JointMoments
from analytics.results import Effect, NotComputable

TIME = TableMetric(name="time", kind="mean", value="seconds", before="earlier")
COST = TableMetric(name="cost", kind="ratio", value="usd", per="cases")
DONE = TableMetric(name="done", kind="share", value="done")
ROWS = 500


@pytest.fixture(scope="module")
def people() -> list[dict[str, Any]]:
    """Persons of two arms; some were never here before. Times are large and differ little."""
    chance = np.random.default_rng(3)
    return [
        {
            "variant": "ab"[number % 2],
            "seconds": 1e9 + float(chance.normal()),
            "earlier": None if number % 7 == 0 else float(chance.normal(5)),
            "usd": float(chance.exponential()),
            "cases": int(chance.integers(1, 5)),
            "done": int(chance.random() < 0.6),
        }
        for number in range(ROWS)
    ]


def asking(people: Sequence[dict[str, Any]]) -> Any:
    """Return what asks a table of these persons."""
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE people (variant VARCHAR, seconds DOUBLE, earlier DOUBLE, usd DOUBLE,"
        " cases INTEGER, done INTEGER)"
    )
    connection.executemany(
        "INSERT INTO people VALUES (?, ?, ?, ?, ?, ?)", [list(one.values()) for one in people]
    )
    return lambda sql: connection.execute(sql).fetchall()


def test_moments_are_those_of_the_rows(people: list[dict[str, Any]]) -> None:
    """Centred, to the last digits, of the persons in whom no column of the metric is absent."""
    found = table_moments(asking(people), "people", [TIME, COST, DONE])
    for arm in "ab":
        mine = [one for one in people if one["variant"] == arm]
        assert found[arm].persons == len(mine)
        for metric in (TIME, COST, DONE):
            whole = [one for one in mine if all(one[name] is not None for name in metric.columns)]
            exact = JointMoments.of(*([one[name] for one in whole] for name in metric.columns))
            got = found[arm].moments[metric.name]
            assert got.n == exact.n
            assert np.allclose(got.means, exact.means, rtol=1e-12, atol=0)
            assert np.allclose(got.products, exact.products, rtol=1e-9, atol=1e-6)


def test_an_experiment_is_analysed_by_all_its_metrics(people: list[dict[str, Any]]) -> None:
    """Each in the way that fits it, and the sample ratio besides."""
    arms = {"a": 1.0, "b": 1.0, "c": 1.0}
    plan = Plan(planned_n=ROWS)
    found = analyse_table(
        asking(people), "people", [TIME, COST, DONE], arms=arms, control="a", plan=plan
    )
    assert found.persons == {"a": 250, "b": 250, "c": 0}
    assert not isinstance(found.sample_ratio, NotComputable)
    assert found.sample_ratio.p < 1e-9, "nobody is in the third arm"
    assert isinstance(found.analyses["b", "time"].unadjusted, Effect)
    assert found.analyses["b", "time"].variance_kept == pytest.approx(1.0, abs=0.05)
    assert isinstance(found.analyses["b", "cost"].difference, Effect)
    shares = {
        arm: np.mean([one["done"] for one in people if one["variant"] == arm]) for arm in "ab"
    }
    done = found.analyses["b", "done"].difference
    assert isinstance(done, Effect)
    assert done.estimate == pytest.approx(shares["b"] - shares["a"], rel=1e-12)
    assert isinstance(found.analyses["c", "done"].difference, NotComputable)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "ratio", "value": "usd"},
        {"kind": "mean", "value": "usd", "per": "cases"},
        {"kind": "share", "value": "done", "before": "earlier"},
    ],
)
def test_a_metric_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """Naming the metric."""
    with pytest.raises(ValueError, match="odd: "):
        TableMetric(name="odd", **wrong)
