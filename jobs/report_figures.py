"""Reads what reports are made of: the ledger's sums, and the warehouse in SQL of both its engines.

Percentiles are linear between the two nearest values, as `percentile_cont` has them.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from analytics.warehouse import Warehouse
from app.core.reporting.costs import (
    CaseCost,
    CostInputs,
    CostReport,
    TriageCost,
    Trouble,
    cost_report,
    reading_since_ms,
)
from app.core.reporting.performance import (
    SCORES,
    Analyses,
    ArmPace,
    CallSpeed,
    CaseCell,
    Figures,
    PerformanceReport,
    Reviews,
    Spread,
    Turns,
    performance_report,
)
from app.core.reporting.spans import DAY_MS, QUARTER_MS, Span, on_the_hour
from app.core.reporting.sums import Cell, Sums, added, cell_of, fuller, within
from app.domain.ledger import Query
from app.state.budgets import Budgets
from app.state.facts import FactStream
from app.state.ledger import HOUR_SECONDS
from app.state.ledger_sums import LedgerSums
from app.state.store import Store

Row = tuple[Any, ...]

_DEAREST = 5
_TROUBLES = 40
_AT_ONCE_MS = 4 * DAY_MS
"""Of how many hours sums are asked for at a time."""
_ARM = "CASE WHEN {0}.variation IS NULL THEN '' ELSE {0}.experiment || ':' || {0}.variation END"
_RANGE = "{0}.occurred_ms >= $1 AND {0}.occurred_ms < $2"
_BEGAN = f"{{0}}.occurred_ms - {{0}}.occurred_ms % {QUARTER_MS}"


def _count_if(condition: str) -> str:
    return f"COALESCE(sum(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)"


def _spread(column: str, condition: str = "TRUE") -> str:
    """Return SQL for the four figures of a `Spread`."""
    kept = f"FILTER (WHERE {condition} AND {column} IS NOT NULL)"
    shares = [
        f"percentile_cont({share}) WITHIN GROUP (ORDER BY {column}) {kept}"
        for share in (0.5, 0.95, 0.99)
    ]
    return ", ".join([f"count(*) {kept}", *shares])


CELLS = f"""
SELECT {_BEGAN.format("m")} AS began, m.provider, m.model, m.operation, m.arm,
  {_count_if("m.outcome <> 'cached'")}, {_count_if("m.outcome = 'completed'")},
  {_count_if("m.outcome = 'cached'")}, {_count_if("m.source = 'unpriced'")},
  {_count_if("m.source = 'estimated'")}, sum(m.input), sum(m.cached), sum(m.output),
  COALESCE(sum(m.cost_nano_usd), 0), COALESCE(sum(m.saved_nano_usd), 0)
FROM ai_call m WHERE {_RANGE.format("m")} GROUP BY 1, 2, 3, 4, 5"""  # noqa: S608

TROUBLE = f"""
SELECT m.outcome, COALESCE(m.error, ''), m.source, m.model, m.operation, count(*) AS calls,
  COALESCE(sum(m.cost_nano_usd), 0)
FROM ai_call m WHERE {_RANGE.format("m")} AND m.outcome <> 'cached'
  AND (m.outcome <> 'completed' OR m.source IN ('estimated', 'unpriced'))
GROUP BY 1, 2, 3, 4, 5 ORDER BY calls DESC, 1, 2, 3, 4, 5 LIMIT {_TROUBLES}"""  # noqa: S608

DEAREST = f"""
SELECT m.case_id, count(*), sum(m.cost_nano_usd) AS cost
FROM ai_call m WHERE {_RANGE.format("m")} AND m.case_id <> '' AND m.outcome <> 'cached'
GROUP BY m.case_id HAVING sum(m.cost_nano_usd) > 0
ORDER BY cost DESC, m.case_id LIMIT {_DEAREST}"""  # noqa: S608

TRIAGES = f"""
WITH costs AS (
  SELECT c.case_id, {_ARM.format("c")} AS arm, COALESCE(sum(m.cost_nano_usd), 0) AS cost,
    {_count_if("m.source = 'unpriced'")} AS unpriced
  FROM triage_completed c LEFT JOIN ai_call m ON m.case_id = c.case_id
  WHERE {_RANGE.format("c")} GROUP BY 1, 2)
SELECT arm, count(*), avg(cost) FILTER (WHERE unpriced = 0), {_count_if("unpriced > 0")},
  {_spread("cost", "unpriced = 0")}
FROM costs GROUP BY GROUPING SETS ((), (arm)) ORDER BY grouping(arm) DESC, arm"""  # noqa: S608

CASES = f"""
WITH started AS (
  SELECT {_BEGAN.format("s")} AS began, {_ARM.format("s")} AS arm,
    EXISTS (SELECT 1 FROM triage_completed c WHERE c.case_id = s.case_id) AS completed,
    EXISTS (SELECT 1 FROM triage_abandoned a WHERE a.case_id = s.case_id) AS abandoned
  FROM triage_started s WHERE {_RANGE.format("s")})
SELECT began, arm, count(*), {_count_if("completed")}, {_count_if("abandoned AND NOT completed")}
FROM started GROUP BY 1, 2"""  # noqa: S608

PACES = f"""
WITH results AS (SELECT case_id, min(since_opened_ms) AS took FROM analysis_done
    WHERE outcome = 'done' GROUP BY case_id),
  cases AS (SELECT {_ARM.format("s")} AS arm, c.duration_ms AS interview, r.took AS result
    FROM triage_started s LEFT JOIN triage_completed c ON c.case_id = s.case_id
    LEFT JOIN results r ON r.case_id = s.case_id WHERE {_RANGE.format("s")})
SELECT arm, {_spread("interview")}, {_spread("result")}
FROM cases GROUP BY GROUPING SETS ((), (arm)) ORDER BY grouping(arm) DESC, arm"""  # noqa: S608

TURNS = f"""
SELECT count(*), {_count_if("t.outcome = 'completed'")}, {_count_if("t.outcome = 'cancelled'")},
  {_count_if("t.outcome = 'failed'")}, {_count_if("t.degraded")},
  {_spread("t.duration_ms", "t.outcome = 'completed'")}
FROM turn t WHERE {_RANGE.format("t")}"""  # noqa: S608

CALLS = f"""
SELECT m.model, m.operation, count(*), {_count_if("m.outcome = 'completed'")},
  {_spread("m.first_token_ms")}, {_spread("m.latency_ms", "m.outcome = 'completed'")}
FROM ai_call m WHERE {_RANGE.format("m")} AND m.outcome NOT IN ('cached', 'cancelled', 'lost')
GROUP BY 1, 2"""  # noqa: S608

ANALYSES = f"""
SELECT {_count_if("a.outcome = 'done'")}, {_count_if("a.outcome = 'given_up'")},
  {_count_if("a.background")}, {_count_if("a.attempts > 1")},
  {_count_if("a.outcome = 'done' AND a.strategy <> a.planned")}, {_count_if("a.cached")},
  {_spread("a.waited_ms", "a.background AND a.outcome = 'done'")}
FROM analysis_done a WHERE {_RANGE.format("a")}"""  # noqa: S608

SCORES_GIVEN = f"""
SELECT {_ARM.format("r")}, r.score, count(*) FROM latest_ratings r
WHERE {_RANGE.format("r")} GROUP BY 1, 2"""  # noqa: S608

REVIEWS = f"""
SELECT count(*), {_count_if("r.correct")} FROM latest_reviews r
WHERE {_RANGE.format("r")}"""  # noqa: S608


class ReportFigures:
    """Reads the figures of reports."""

    def __init__(self, store: Store, warehouse: Warehouse) -> None:
        """Take both sources."""
        self._sums = LedgerSums(store)
        self._budgets = Budgets(store)
        self._stream = FactStream(store)
        self._warehouse = warehouse

    async def costs(self, span: Span) -> CostReport:
        """Make a report of costs.

        Raises:
            StateUnavailable: if the storage does not answer.
            WarehouseError: if the warehouse cannot be read.
        """
        since, until = reading_since_ms(span), span.until_ms
        rows = await asyncio.to_thread(self._cells, since, until)
        cells = fuller(await self._summed(span, since, until), rows)
        budgets = [one.budget for one in await self._budgets.states()]
        triages, trouble, dearest = await asyncio.to_thread(
            lambda: (
                triage_costs(self._asked(TRIAGES, span)),
                troubles(self._asked(TROUBLE, span)),
                [_case_cost(row) for row in self._asked(DEAREST, span)],
            )
        )
        inputs = CostInputs(
            cells=cells,
            listed=added(within(rows, span.since_ms, span.until_ms)),
            budgets=budgets,
            triages=triages,
            trouble=trouble,
            dearest=dearest,
            waiting=await self._stream.waiting(),
            made_ms=now_ms(),
        )
        return cost_report(span, inputs)

    async def performance(self, span: Span) -> PerformanceReport:
        """Make a report of performance.

        Raises:
            StateUnavailable: if the storage does not answer.
            WarehouseError: if the warehouse cannot be read.
        """
        before = span.earlier(span.length)
        then = await asyncio.to_thread(self._figures, before)
        now = await asyncio.to_thread(self._figures, span)
        waiting = await self._stream.waiting()
        return performance_report(span, now, then, made_ms=now_ms(), waiting=waiting)

    async def _summed(self, span: Span, since_ms: int, until_ms: int) -> list[Cell]:
        """Return the ledger's sums, as far as they are kept; none where clocks go by half hours."""
        if not on_the_hour(since_ms, until_ms, span.zone):
            return []
        kept_since = now_ms() - HOUR_SECONDS * 1_000
        found: list[Cell] = []
        for at_ms in range(max(since_ms, kept_since - kept_since % DAY_MS), until_ms, _AT_ONCE_MS):
            query = Query(
                since_ms=at_ms,
                until_ms=min(at_ms + _AT_ONCE_MS, until_ms),
                by=("hour", "provider", "model", "operation", "arm"),
            )
            found += map(cell_of, await self._sums.sums(query))
        return found

    def _cells(self, since_ms: int, until_ms: int) -> list[Cell]:
        rows = self._warehouse.query(CELLS, [since_ms, until_ms]).rows
        return [_cell(row) for row in rows]

    def _figures(self, span: Span) -> Figures:
        asked = self._asked
        scores: dict[str, list[int]] = {}
        for arm, score, count in asked(SCORES_GIVEN, span):
            scores.setdefault(arm, [0] * SCORES)[score] = int(count)
        return Figures(
            cases=[_case_cell(row) for row in asked(CASES, span)],
            paces=[
                ArmPace(arm=row[0] or "", interview_ms=_read(row[1:5]), result_ms=_read(row[5:9]))
                for row in asked(PACES, span)
            ],
            turns=_turns(asked(TURNS, span)[0]),
            calls=[_speed(row) for row in asked(CALLS, span)],
            trouble=troubles(asked(TROUBLE, span)),
            analyses=_analyses(asked(ANALYSES, span)[0]),
            scores=scores,
            reviews=_reviews(asked(REVIEWS, span)[0]),
            costs=triage_costs(asked(TRIAGES, span)),
        )

    def _asked(self, sql: str, span: Span) -> list[Row]:
        return self._warehouse.query(sql, [span.since_ms, span.until_ms]).rows


def now_ms() -> int:
    """Return Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def _cell(row: Row) -> Cell:
    at, provider, model, operation, arm, *counts = row
    sums = Sums(**dict(zip(Sums.__struct_fields__, map(int, counts), strict=True)))
    return Cell(
        at_ms=int(at), provider=provider, model=model, operation=operation, arm=arm, sums=sums
    )


def triage_costs(rows: Sequence[Row]) -> list[TriageCost]:
    """Read what triages cost: all together first, then by arm."""
    return [
        TriageCost(
            arm=arm or "",
            triages=int(count),
            mean=_real(mean),
            median=_real(p50),
            p95=_real(p95),
            unpriced=int(unpriced),
        )
        for arm, count, mean, unpriced, _, p50, p95, _ in rows
    ]


def troubles(rows: Sequence[Row]) -> list[Trouble]:
    """Read what did not go well."""
    return [
        Trouble(
            outcome=outcome,
            error=error,
            source=source,
            model=model,
            operation=operation,
            calls=int(calls),
            cost_nano_usd=int(cost),
        )
        for outcome, error, source, model, operation, calls, cost in rows
    ]


def _case_cost(row: Row) -> CaseCost:
    return CaseCost(case_id=row[0], calls=int(row[1]), cost_nano_usd=int(row[2]))


def _case_cell(row: Row) -> CaseCell:
    at, arm, *counts = row
    started, completed, abandoned = map(int, counts)
    return CaseCell(
        at_ms=int(at), arm=arm, started=started, completed=completed, abandoned=abandoned
    )


def _turns(row: Row) -> Turns:
    total, completed, cancelled, failed, degraded = map(int, row[:5])
    return Turns(
        total=total,
        completed=completed,
        cancelled=cancelled,
        failed=failed,
        degraded=degraded,
        duration_ms=_read(row[5:]),
    )


def _speed(row: Row) -> CallSpeed:
    return CallSpeed(
        model=row[0],
        operation=row[1],
        calls=int(row[2]),
        completed=int(row[3]),
        first_token_ms=_read(row[4:8]),
        latency_ms=_read(row[8:12]),
    )


def _analyses(row: Row) -> Analyses:
    done, given_up, background, again, degraded, cached = map(int, row[:6])
    return Analyses(
        done=done,
        given_up=given_up,
        background=background,
        again=again,
        degraded=degraded,
        cached=cached,
        waited_ms=_read(row[6:]),
    )


def _reviews(row: Row) -> Reviews:
    return Reviews(total=int(row[0]), correct=int(row[1]))


def _read(row: Row) -> Spread:
    n, p50, p95, p99 = row
    return Spread(n=int(n), p50=_real(p50), p95=_real(p95), p99=_real(p99))


def _real(value: Any) -> float | None:
    return None if value is None else float(value)
