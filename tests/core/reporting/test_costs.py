"""The report of costs, worked out by hand; its sums are its rows' sums in every zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.reporting.costs import CostInputs, CostReport, cost_report, reading_since_ms
from app.core.reporting.spans import QUARTER_MS, Span, span_of
from app.core.reporting.sums import Cell, Sums, added, fuller
from app.domain.ledger import Budget, Period, Scope

MILLION = 1_000_000
SPAN = span_of(date(2026, 11, 24), date(2026, 11, 24), "America/Sao_Paulo")
"""From three o'clock in UTC on the 24th to three o'clock on the 25th."""


def at(day: int, hour: int, minute: int = 0, *, month: int = 11) -> int:
    """Return a time of 2026 in UTC, in milliseconds."""
    return int(datetime(2026, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1_000


def cell(at_ms: int, cost: int = MILLION, **changes: str | int) -> Cell:
    """Return one call that was completed."""
    labels = {"provider": "openai", "model": "gpt-5", "operation": "interview", "arm": ""}
    counts = {"calls": 1, "completed": 1, "input": 100, "output": 10, "cost_nano_usd": cost}
    for name, value in changes.items():
        (labels if name in labels else counts)[name] = value  # type: ignore[assignment]
    return Cell(at_ms=at_ms, sums=Sums(**counts), **labels)


def made(*cells: Cell, span: Span = SPAN, **inputs: object) -> CostReport:
    """Make a report of cells."""
    known: dict[str, object] = {"cells": cells, "listed": Sums(), "made_ms": at(26, 0), **inputs}
    return cost_report(span, CostInputs(**known))  # type: ignore[arg-type]


HAND = (
    cell(at(24, 2, 45), 1),  # still the 23rd in São Paulo
    cell(at(24, 3), 10),
    cell(at(24, 15), 20, model="claude", provider="anthropic", operation="analysis"),
    cell(at(24, 15, 15), 30, arm="greeting:warm", completed=0, estimated=1),
    cell(at(25, 2, 45), 40, calls=0, completed=0, cached=1, saved_nano_usd=5, cost_nano_usd=0),
    cell(at(25, 3), 1_000),  # the 25th
    cell(at(17, 12), 7),  # a week before
)


def test_the_hand_made_day() -> None:
    """Sums, comparisons, groups and hours are what a pencil says."""
    report = made(*HAND)
    assert report.total == Sums(
        calls=3, completed=2, cached=1, estimated=1, input=400, output=40, cost_nano_usd=60,
        saved_nano_usd=5,
    )  # fmt: skip
    assert report.before.cost_nano_usd == 1
    assert report.week_before is not None
    assert report.week_before.cost_nano_usd == 7
    assert [(one.name, one.sums.cost_nano_usd) for one in report.models] == [
        ("gpt-5", 40),
        ("claude", 20),
    ]
    assert [one.name for one in report.operations] == ["interview", "analysis"]
    assert {one.name: one.sums.calls for one in report.arms} == {"": 2, "greeting:warm": 1}
    spent = {one.slot.label: one.cost_nano_usd for one in report.slots if one.cost_nano_usd}
    assert spent == {"00": 10, "12": 50}
    assert report.slots[12].by_model == {"gpt-5": 30, "claude": 20}
    assert [one.cost_nano_usd for one in report.trend][-8:] == [7, 0, 0, 0, 0, 0, 1, 60]
    assert report.over


def test_a_day_without_calls_is_all_zeros() -> None:
    """Nothing is missing from it and nothing fails."""
    report = made()
    assert report.total == Sums()
    assert (report.models, report.arms, report.budgets) == ([], [], [])
    assert len(report.slots) == 24


def test_several_days_are_told_by_the_day() -> None:
    """And compared with as many before."""
    span = span_of(date(2026, 11, 23), date(2026, 11, 24), "America/Sao_Paulo")
    report = made(*HAND, span=span)
    assert [one.cost_nano_usd for one in report.slots] == [1, 60]
    assert report.week_before is None
    assert report.before.cost_nano_usd == 0


def budget(period: Period, kind: str = "global", name: str = "") -> Budget:
    """Return a budget of 100 nano-USD."""
    scope = Scope(kind=kind, name=name)  # type: ignore[arg-type]
    return Budget(scope=scope, period=period, limit_nano_usd=100)


@pytest.mark.parametrize(
    ("one", "spent", "since"),
    [
        (budget("hour"), 50, at(24, 15)),
        (budget("day"), 61, at(24, 0)),  # the day in UTC begins before the one in São Paulo
        (budget("month"), 68, at(1, 0)),
        (budget("day", "operation", "analysis"), 20, at(24, 0)),
        (budget("day", "arm", "greeting:warm"), 30, at(24, 0)),
        (budget("day", "operation", "judge"), 0, at(24, 0)),
    ],
)
def test_budgets_stand_by_their_own_periods(one: Budget, spent: int, since: int) -> None:
    """In the worst of those that the day touches, up to the day's end."""
    (use,) = made(*HAND, budgets=[one]).budgets
    assert (use.spent_nano_usd, use.since_ms, use.limit_nano_usd) == (spent, since, 100)


def test_what_the_warehouse_does_not_list_is_told() -> None:
    """The sums outlive erased cases."""
    report = made(*HAND, listed=Sums(calls=1, cost_nano_usd=10))
    assert (report.unlisted_calls, report.unlisted_nano_usd) == (2, 50)


def test_of_two_sources_the_fuller_counts_each_day() -> None:
    """Neither a lost storage nor an erased case makes a day cheaper; nothing counts twice."""
    ledger = [cell(at(24, 1)), cell(at(24, 2)), cell(at(25, 1), 5)]
    warehouse = [cell(at(23, 1)), cell(at(24, 1, 15)), cell(at(25, 1, 15)), cell(at(25, 2))]
    both = fuller(ledger, warehouse)
    assert [one.at_ms for one in both] == [
        at(23, 1),
        at(24, 1),
        at(24, 2),
        at(25, 1, 15),
        at(25, 2),
    ]
    assert fuller([], warehouse) == warehouse
    assert fuller(ledger, []) == ledger


ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu", "UTC",
     "Australia/Lord_Howe", "Pacific/Kiritimati"]
)  # fmt: skip
CHANGES = st.sampled_from(
    [date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5)]
)
"""Days of 23, 25 and 24.5 hours in some of these zones."""


@given(
    zone=ZONES,
    day=CHANGES,
    offset=st.integers(-1, 1),
    quarters=st.lists(st.tuples(st.integers(-200, 300), st.integers(0, 10**12)), max_size=60),
)
def test_sums_by_a_zones_clocks_are_the_rows_sums(
    zone: str, day: date, offset: int, quarters: list[tuple[int, int]]
) -> None:
    """Of days with 23 and 25 hours as well: by hour, by day and in all, to the nano-USD."""
    day += timedelta(days=offset)
    span = Span(first=day, last=day, zone=zone)
    cells = [cell(span.since_ms + number * QUARTER_MS, cost) for number, cost in quarters]
    report = made(*cells, span=span)

    def local(one: Cell) -> datetime:
        return datetime.fromtimestamp(one.at_ms / 1_000, ZoneInfo(zone))

    mine = [one for one in cells if local(one).date() == day]
    assert report.total == added(mine)
    assert sum(one.cost_nano_usd for one in report.slots) == report.total.cost_nano_usd
    for slot in report.slots:
        hour = [one for one in mine if slot.slot.since_ms <= one.at_ms < slot.slot.until_ms]
        assert slot.cost_nano_usd == added(hour).cost_nano_usd
        assert {f"{local(one).hour:02d}" for one in hour} <= {slot.slot.label}
    for trend in report.trend:
        cost = sum(
            one.sums.cost_nano_usd
            for one in cells
            if local(one).date().isoformat() == trend.slot.label
        )
        assert trend.cost_nano_usd == cost
    for groups in (report.models, report.operations):
        assert sum(one.sums.cost_nano_usd for one in groups) == report.total.cost_nano_usd


@given(zone=ZONES, day=st.dates(date(2026, 1, 1), date(2026, 12, 31)), length=st.integers(1, 40))
def test_what_is_read_covers_what_is_compared(zone: str, day: date, length: int) -> None:
    """The days before, the weekday before, the latest days and the month."""
    span = Span(first=day, last=day + timedelta(days=length - 1), zone=zone)
    since = reading_since_ms(span)
    month = datetime.fromtimestamp(span.since_ms / 1_000, UTC).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    assert since <= min(span.earlier(length).since_ms, month.timestamp() * 1_000)
    if length == 1:
        assert since <= span.earlier(13).since_ms
