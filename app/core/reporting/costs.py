"""The daily report of costs: what was spent, on what, against what, and what went wrong with it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from app.core.reporting.spans import DAY_MS, HOUR_MS, Slot, Span
from app.core.reporting.sums import Cell, Named, Sums, added, named, sorted_into, within
from app.domain.ledger import Budget, Period, period_end_ms

TREND_DAYS = 14
"""Days that the report shows beside the one it is about."""


class TriageCost(Struct, frozen=True, kw_only=True):
    """What completed triages cost, all their calls together; in nano-USD."""

    arm: str = ""
    """Their experiment and variation, `experiment:variation`; empty outside experiments."""
    triages: int
    mean: float | None
    median: float | None
    p95: float | None
    unpriced: int
    """Triages with a call whose cost is not known; they are in none of the others."""


class Trouble(Struct, frozen=True, kw_only=True):
    """Calls that did not complete, or whose cost is not known for certain."""

    outcome: str
    error: str
    source: str
    model: str
    operation: str
    calls: int
    cost_nano_usd: int


class CaseCost(Struct, frozen=True, kw_only=True):
    """What a case cost in the span."""

    case_id: str
    calls: int
    cost_nano_usd: int


class CostInputs(Struct, frozen=True, kw_only=True):
    """What the report is made of."""

    cells: Sequence[Cell]
    """From `reading_since_ms` to the end of the span."""
    listed: Sums
    """What the rows in the warehouse add up to in the span."""
    budgets: Sequence[Budget] = ()
    triages: Sequence[TriageCost] = ()
    """By arm, and all together as the first."""
    trouble: Sequence[Trouble] = ()
    dearest: Sequence[CaseCost] = ()
    waiting: int = 0
    """Facts that have not come to the warehouse yet."""
    made_ms: int
    """Unix time in milliseconds."""


class SlotCost(Struct, frozen=True, kw_only=True):
    """What an hour or a day cost."""

    slot: Slot
    calls: int
    cost_nano_usd: int
    by_model: dict[str, int]


class BudgetUse(Struct, frozen=True, kw_only=True):
    """How a budget stood at the span's end, in the worst of its periods that the span touches."""

    scope: str
    period: Period
    since_ms: int
    """When that period began: by the calendar in UTC."""
    limit_nano_usd: int
    spent_nano_usd: int


class CostReport(Struct, frozen=True, kw_only=True, tag="costs/1"):
    """The report."""

    span: Span
    made_ms: int
    total: Sums
    before: Sums
    """As many days right before."""
    week_before: Sums | None
    """The same weekday a week before; None of a span of several days."""
    models: list[Named]
    operations: list[Named]
    arms: list[Named]
    """Empty where no experiment ran."""
    slots: list[SlotCost]
    """By the hour, or of several days by the day."""
    trend: list[SlotCost]
    """The latest days, ending with the span's last one."""
    budgets: list[BudgetUse]
    triages: list[TriageCost]
    trouble: list[Trouble]
    dearest: list[CaseCost]
    unlisted_calls: int
    """Calls that the ledger knows by their sums, and the warehouse not by its rows."""
    unlisted_nano_usd: int
    waiting: int

    @property
    def over(self) -> bool:
        """Whether the span was over when the report was made."""
        return self.made_ms >= self.span.until_ms


def reading_since_ms(span: Span) -> int:
    """Return from when on cells are wanted: for comparisons, the latest days and budgets."""
    earliest = span.earlier(max(span.length, TREND_DAYS - 1))
    return min(earliest.since_ms, _period_start_ms("month", span.since_ms))


def cost_report(span: Span, inputs: CostInputs) -> CostReport:
    """Make the report."""
    cells = inputs.cells
    inside = within(cells, span.since_ms, span.until_ms)
    total = added(inside)
    before = span.earlier(span.length)
    arms = named(inside, lambda one: one.arm)
    return CostReport(
        span=span,
        made_ms=inputs.made_ms,
        total=total,
        before=added(within(cells, before.since_ms, before.until_ms)),
        week_before=_week_before(span, cells) if span.length == 1 else None,
        models=named(inside, lambda one: one.model),
        operations=named(inside, lambda one: one.operation),
        arms=arms if any(one.name for one in arms) else [],
        slots=_costs(span.clock_hours() if span.length == 1 else span.days(), inside),
        trend=_trend(span, cells),
        budgets=[_use(one, span, cells) for one in inputs.budgets],
        triages=list(inputs.triages),
        trouble=list(inputs.trouble),
        dearest=list(inputs.dearest),
        unlisted_calls=total.calls - inputs.listed.calls,
        unlisted_nano_usd=total.cost_nano_usd - inputs.listed.cost_nano_usd,
        waiting=inputs.waiting,
    )


def _week_before(span: Span, cells: Sequence[Cell]) -> Sums:
    then = span.earlier(7)
    return added(within(cells, then.since_ms, then.until_ms))


def _trend(span: Span, cells: Sequence[Cell]) -> list[SlotCost]:
    if span.length >= TREND_DAYS:
        return []
    first = Span(first=span.last, last=span.last, zone=span.zone).earlier(TREND_DAYS - 1).first
    return _costs(Span(first=first, last=span.last, zone=span.zone).days(), cells)


def _costs(slots: Sequence[Slot], cells: Sequence[Cell]) -> list[SlotCost]:
    found = []
    for slot, of_slot in zip(slots, sorted_into(slots, cells), strict=True):
        by_model = named(of_slot, lambda one: one.model)
        found.append(
            SlotCost(
                slot=slot,
                calls=sum(one.sums.calls for one in by_model),
                cost_nano_usd=sum(one.sums.cost_nano_usd for one in by_model),
                by_model={one.name: one.sums.cost_nano_usd for one in by_model},
            )
        )
    return found


def _use(budget: Budget, span: Span, cells: Sequence[Cell]) -> BudgetUse:
    """Return how a budget stood where it stood worst."""
    mine = [one for one in cells if one.at_ms < span.until_ms and _counts(budget, one)]
    uses = []
    since = _period_start_ms(budget.period, span.since_ms)
    while since < span.until_ms:
        until = period_end_ms(budget.period, since)
        spent = added(within(mine, since, until)).cost_nano_usd
        uses.append(
            BudgetUse(
                scope=str(budget.scope),
                period=budget.period,
                since_ms=since,
                limit_nano_usd=budget.limit_nano_usd,
                spent_nano_usd=spent,
            )
        )
        since = until
    return max(uses, key=lambda one: one.spent_nano_usd)


def _counts(budget: Budget, cell: Cell) -> bool:
    scope = budget.scope
    name = {"global": "", "operation": cell.operation, "arm": cell.arm}[scope.kind]
    return name == scope.name


def _period_start_ms(period: Period, at_ms: int) -> int:
    if period == "hour":
        return at_ms - at_ms % HOUR_MS
    if period == "day":
        return at_ms - at_ms % DAY_MS
    at = datetime.fromtimestamp(at_ms / 1_000, UTC)
    month = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(month.timestamp()) * 1_000
