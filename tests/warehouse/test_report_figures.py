"""What reports read: the same from files and from PostgreSQL, and the same as by hand."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from analytics.warehouse import Warehouse, open_warehouse
from app.core.reporting.costs import CaseCost, CostReport
from app.core.reporting.performance import Cases, PerformanceReport, Spread
from app.core.reporting.spans import Span, span_of
from app.domain.facts import Fact
from app.domain.ledger import Budget, LedgerRow, Scope, scopes_of
from app.embedded import EmbeddedValkey
from app.state.budgets import Budgets
from app.state.ledger import Ledger
from app.state.store import Store
from jobs.report_figures import ReportFigures
from tests.support.reported import rows_of, weeks
from tests.support.warehouses import (
    HOUR,
    MIDNIGHT,
    abandoned,
    analysed,
    call,
    completed,
    rating,
    review,
    row,
    rows,
    started,
    turn,
)

DAY = span_of(date(2025, 11, 26), date(2025, 11, 26), "UTC")
WEEK = span_of(date(2025, 11, 24), date(2025, 11, 30), "UTC")
ARM: dict[str, Any] = {"experiment": "greeting", "variation": "warm"}


@pytest.fixture
async def store(empty_valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """A connection to an otherwise empty server."""
    made = Store(empty_valkey.url)
    yield made
    await made.close()


def keep(warehouse: Warehouse, *facts: Fact) -> None:
    """Write facts."""
    with warehouse.writing() as writer:
        writer.append(rows(*facts))


async def costs(store: Store, warehouse: Warehouse, span: Span = DAY) -> CostReport:
    """Report costs."""
    return await ReportFigures(store, warehouse).costs(span)


async def performance(store: Store, warehouse: Warehouse) -> PerformanceReport:
    """Report performance."""
    return await ReportFigures(store, warehouse).performance(WEEK)


async def test_nothing_at_all_can_be_reported(store: Store, warehouse: Warehouse) -> None:
    """An empty warehouse beside an empty storage."""
    spent = await costs(store, warehouse)
    assert spent.total.calls == 0
    assert (spent.trouble, spent.dearest, spent.triages[0].triages) == ([], [], 0)
    assert spent.triages[0].mean is None
    done = await performance(store, warehouse)
    assert done.now.cases == Cases()
    assert done.now.interview_ms == Spread()
    assert (done.calls, done.arms, done.now.ratings.nps) == ([], [], None)


async def test_costs_by_hand(store: Store, warehouse: Warehouse) -> None:
    """Sums, triages, what went wrong and the dearest cases, each in its own words."""
    keep(
        warehouse,
        started("a", **ARM), completed("a", MIDNIGHT + HOUR, **ARM),
        started("b"), completed("b", MIDNIGHT + HOUR),
        started("c"), completed("c", MIDNIGHT + HOUR),
        call("a", "a0", 400, MIDNIGHT - HOUR, arm="greeting:warm"),
        call("a", "a1", 600, MIDNIGHT, arm="greeting:warm", input=10, output=5),
        call("a", "a2", 0, MIDNIGHT, outcome="cached", source="free", saved_nano_usd=70),
        call("b", "b1", 3_000, MIDNIGHT + 1, outcome="cut", source="estimated", error="stall"),
        call("b", "b2", None, MIDNIGHT + 2, model="new"),
        call("c", "c1", 200, MIDNIGHT + 24 * HOUR - 1),
        call("c", "c2", 9_999, MIDNIGHT + 24 * HOUR),
    )  # fmt: skip
    report = await costs(store, warehouse)
    total = report.total
    assert (total.calls, total.completed, total.cached) == (4, 3, 1)
    assert (total.unpriced, total.estimated) == (1, 1)
    assert (total.cost_nano_usd, total.saved_nano_usd) == (3_800, 70)
    assert report.before.cost_nano_usd == 400
    all_, *by_arm = report.triages
    assert (all_.triages, all_.unpriced) == (3, 1)
    assert all_.mean == pytest.approx((1_000 + 10_199) / 2)
    assert {one.arm: one.triages for one in by_arm} == {"": 2, "greeting:warm": 1}
    cut, unpriced = sorted(report.trouble, key=lambda one: one.source)
    assert (cut.outcome, cut.error, cut.source, cut.cost_nano_usd) == (
        "cut",
        "stall",
        "estimated",
        3_000,
    )
    assert (unpriced.outcome, unpriced.model, unpriced.calls) == ("completed", "new", 1)
    assert report.dearest == [
        CaseCost(case_id="b", calls=2, cost_nano_usd=3_000),
        CaseCost(case_id="a", calls=1, cost_nano_usd=600),
        CaseCost(case_id="c", calls=1, cost_nano_usd=200),
    ]
    assert report.unlisted_calls == 0


async def test_performance_by_hand(store: Store, warehouse: Warehouse) -> None:
    """Cases by the day on which they began; speeds, turns, analyses, ratings and reviews."""
    waits = replace(
        analysed("a", 3, at=MIDNIGHT + HOUR), background=True, waited_ms=4_000, attempts=2
    )
    dead = replace(analysed("b", 2, at=MIDNIGHT + HOUR), outcome="given_up", strategy=None)
    keep(
        warehouse,
        started("a", **ARM), completed("a", MIDNIGHT + HOUR, 60_000, **ARM),
        started("b", MIDNIGHT - 48 * HOUR), abandoned("b", MIDNIGHT - 24 * HOUR),
        started("c", MIDNIGHT + 96 * HOUR), completed("c", MIDNIGHT + 300 * HOUR, 180_000),
        started("d", MIDNIGHT + 97 * HOUR), abandoned("d"),
        completed("d", MIDNIGHT + 299 * HOUR, 120_000),
        started("e", MIDNIGHT + 98 * HOUR),
        started("before", MIDNIGHT - 49 * HOUR),
        turn("a", 1), turn("a", 2), replace(turn("b"), outcome="failed", degraded=True),
        call("a", "1", 1, first_token_ms=100.0, latency_ms=1_000.0),
        call("a", "2", 1, first_token_ms=300.0, latency_ms=3_000.0),
        call("a", "3", 0, outcome="failed", source="free", error="timeout", latency_ms=9_000.0),
        call("a", "4", 0, outcome="cancelled", source="free"),
        waits, dead,
        rating("a", 3, MIDNIGHT, **ARM), rating("a", 10, MIDNIGHT + 1, name="2", **ARM),
        rating("c", 6),
        review("a", "leak"), review("c", "noise"),
    )  # fmt: skip
    report = await performance(store, warehouse)
    now = report.now
    assert now.cases == Cases(started=5, completed=3, abandoned=1)
    assert now.cases.open == 1
    assert [one.cases.started for one in report.days] == [1, 0, 1, 0, 0, 0, 3]
    assert report.before.cases.started == 1
    assert (now.interview_ms.n, now.interview_ms.p50) == (3, 120_000)
    assert now.interview_ms.p95 == pytest.approx(174_000)
    assert (now.turns.total, now.turns.failed, now.turns.degraded) == (3, 1, 1)
    assert now.turns.duration_ms.n == 2
    (speed,) = report.calls
    assert (speed.calls, speed.completed) == (3, 2)
    assert (speed.first_token_ms.p50, speed.latency_ms.p50) == (200, 2_000)
    assert speed.latency_ms.p99 == pytest.approx(2_980)
    assert (now.analyses.done, now.analyses.given_up, now.analyses.again) == (1, 1, 1)
    assert (now.analyses.waited_ms.n, now.analyses.waited_ms.p50) == (1, 4_000)
    assert (now.ratings.n, now.ratings.mean, now.ratings.nps) == (2, 8, 0)
    assert (now.reviews.total, now.reviews.correct) == (2, 1)
    arms = {one.arm: one for one in report.arms}
    assert arms["greeting:warm"].ratings.nps == 100
    assert arms["greeting:warm"].cases == Cases(started=1, completed=1)
    assert arms[""].cases.started == 4


async def test_a_days_sums_are_its_rows_sums(store: Store, warehouse: Warehouse) -> None:
    """In zones whose clocks changed, and in one that is three quarters of an hour off."""
    for zone, day in (
        ("Europe/Berlin", date(2026, 10, 25)),
        ("America/New_York", date(2026, 3, 8)),
        ("Asia/Kathmandu", date(2026, 10, 25)),
    ):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
        facts = weeks(int(midnight.timestamp()) * 1_000, 3, scale=0.15, seed=day.month)
        keep(warehouse, *facts)
        span = span_of(day, day, zone)
        mine = [one for one in rows_of(facts) if span.since_ms <= one.completed_ms < span.until_ms]
        total = (await costs(store, warehouse, span)).total
        assert total.cost_nano_usd == sum(one.cost_nano_usd or 0 for one in mine) > 0
        assert total.calls == sum(one.outcome != "cached" for one in mine)
        assert total.input == sum(one.input for one in mine)


def lately(number: int, hours_ago: int, nano: int) -> LedgerRow:
    """Return a row of an hour that is hardly over."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    at = int(now.timestamp()) * 1_000 - hours_ago * HOUR
    return call(f"case-{number}", f"row-{number}", nano, at, arm="greeting:warm").row


async def test_live_sums_and_rows_are_counted_once(store: Store, tmp_path: Path) -> None:
    """A row that is in both places counts once; one that was erased is told as a sum."""
    warehouse = open_warehouse(tmp_path / "warehouse")
    made = [lately(number, number, 1_000 * (number + 1)) for number in range(4)]
    for one in made:
        await Ledger(store).settle(one, scopes_of(one.operation, one.arm), reserved=False)
    await Budgets(store).set(
        Budget(scope=Scope(kind="global"), period="month", limit_nano_usd=5_000)
    )
    facts = [call(one.case_id, one.id, one.cost_nano_usd, one.completed_ms) for one in made[:3]]
    with warehouse.writing() as writer:
        writer.append([row(one) for one in facts])
    today = datetime.now(UTC).date()
    span = span_of(today - timedelta(days=1), today, "UTC")
    report = await costs(store, warehouse, span)
    assert report.total.cost_nano_usd == 10_000
    assert (report.unlisted_calls, report.unlisted_nano_usd) == (1, 4_000)
    assert report.models[0].name == "gpt-5"
    assert [one.name for one in report.arms] == ["greeting:warm"]
    assert report.waiting == 4  # the rows that nobody drained
    (use,) = report.budgets
    assert 0 < use.spent_nano_usd <= 10_000
    assert not report.over
