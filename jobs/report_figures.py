"""Reads what reports are made of: the ledger's sums, and what the warehouse answers."""

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
from app.core.reporting.spans import DAY_MS, Span, on_the_hour
from app.core.reporting.sums import Cell, Sums, added, cell_of, fuller, within
from app.domain.ledger import Query
from app.state.budgets import Budgets
from app.state.facts import FactStream
from app.state.ledger import HOUR_SECONDS
from app.state.ledger_sums import LedgerSums
from app.state.store import Store
from jobs.report_queries import (
    ANALYSES,
    CALLS,
    CASES,
    CELLS,
    DEAREST,
    PACES,
    REVIEWS,
    SCORES_GIVEN,
    TRIAGES,
    TROUBLE,
    TURNS,
)

Row = tuple[Any, ...]

_AT_ONCE_MS = 4 * DAY_MS
"""Of how many hours sums are asked for at a time."""


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
