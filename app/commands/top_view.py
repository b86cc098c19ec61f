"""What `triage top` knows at one moment: put together from an installation's own words."""

from collections.abc import Mapping, Sequence
from typing import get_args

from msgspec import Struct

from app.commands.top_rates import Window
from app.domain.figures import DeadKind, Figures
from app.domain.job import JobView, Queue, WorkerView
from app.domain.ledger import Period
from app.telemetry.labels import Interviewer

_NANO = 1e9
_MS = 1e-3
_SHOWN_ERRORS = 5


class Target(Struct, frozen=True, kw_only=True):
    """A process whose metrics are read."""

    address: str
    up: bool


class CallRate(Struct, frozen=True, kw_only=True):
    """Calls of one model."""

    provider: str
    model: str
    per_minute: float
    failed_per_minute: float
    p95_seconds: float | None
    usd_per_hour: float
    passed_over: bool
    """Its breaker is open."""


class QueueRow(Struct, frozen=True, kw_only=True):
    """One queue of background analyses."""

    queue: Queue
    open: int
    slots: int
    oldest_seconds: float
    done_per_minute: float


class BudgetRow(Struct, frozen=True, kw_only=True):
    """One budget as it stands."""

    scope: str
    period: Period
    limit_usd: float
    spent_usd: float
    reserved_usd: float
    ends_ms: int


class Trouble(Struct, frozen=True, kw_only=True):
    """Something that went wrong."""

    what: str
    at_ms: int | None
    """When; None for what is counted over the window."""


class Top(Struct, frozen=True, kw_only=True):
    """Everything at one moment; rates are of the last minute, or of as much of it as was seen."""

    at_ms: int
    url: str
    span_seconds: float
    targets: tuple[Target, ...]
    active_cases: int
    busy_cases: int
    orphaned: int
    handoffs: int
    streams: int
    turns_per_minute: Mapping[Interviewer, float]
    failed_turns_per_minute: float
    first_word_p50_seconds: float | None
    first_word_p95_seconds: float | None
    overhead_p95_seconds: float | None
    calls: tuple[CallRate, ...]
    spend_usd: Mapping[Period, float]
    budgets: tuple[BudgetRow, ...]
    queues: tuple[QueueRow, ...]
    workers: tuple[WorkerView, ...]
    dead: Mapping[DeadKind, int]
    facts_waiting: int
    errors: tuple[Trouble, ...]


def top_of(
    url: str,
    figures: Figures,
    workers: Sequence[WorkerView],
    dead: Sequence[JobView],
    targets: Sequence[Target],
    window: Window,
) -> Top:
    """Put a picture together from what operators' routes and metrics say."""
    turns = window.per_minute("triage_turns_total", ("interviewer",))
    failed = window.per_minute("triage_turns_total", outcome="failed")
    done = window.per_minute("triage_jobs_total", ("queue",), outcome="done")
    heard = "triage_turn_first_word_seconds"
    return Top(
        at_ms=figures.at_ms,
        url=url,
        span_seconds=window.span,
        targets=tuple(targets),
        active_cases=figures.active_cases,
        busy_cases=figures.busy_cases,
        orphaned=figures.orphaned,
        handoffs=figures.handoffs,
        streams=round(window.now("triage_streams_open")),
        turns_per_minute={one: turns.get((one,), 0.0) for one in get_args(Interviewer)},
        failed_turns_per_minute=failed.get((), 0.0),
        first_word_p50_seconds=window.quantile(0.5, heard),
        first_word_p95_seconds=window.quantile(0.95, heard),
        overhead_p95_seconds=window.quantile(0.95, "triage_turn_overhead_seconds"),
        calls=_calls(window),
        spend_usd={period: nano / _NANO for period, nano in figures.money.spent_nano_usd.items()},
        budgets=tuple(
            BudgetRow(
                scope=str(one.budget.scope),
                period=one.budget.period,
                limit_usd=one.budget.limit_nano_usd / _NANO,
                spent_usd=one.spent_nano_usd / _NANO,
                reserved_usd=one.reserved_nano_usd / _NANO,
                ends_ms=one.ends_ms,
            )
            for one in figures.money.budgets
        ),
        queues=tuple(
            QueueRow(
                queue=queue,
                open=one.open,
                slots=one.slots,
                oldest_seconds=one.oldest_ms * _MS,
                done_per_minute=done.get((queue,), 0.0),
            )
            for queue, one in figures.queues.items()
        ),
        workers=tuple(workers),
        dead=dict(figures.dead),
        facts_waiting=figures.facts_waiting,
        errors=_errors(dead, window),
    )


def _calls(window: Window) -> tuple[CallRate, ...]:
    """Return the models that were called in the window or are passed over, the busiest first."""
    of = ("provider", "model")
    all_ = window.per_minute("triage_ai_calls_total", of)
    good = window.per_minute("triage_ai_calls_total", of, outcome="completed")
    cost = window.per_minute("triage_ai_cost_usd_total", of)
    rates = [
        CallRate(
            provider=provider,
            model=model,
            per_minute=rate,
            failed_per_minute=max(0.0, rate - good.get((provider, model), 0.0)),
            p95_seconds=window.quantile(
                0.95, "gen_ai_client_operation_duration_seconds", provider=provider, model=model
            ),
            usd_per_hour=60 * cost.get((provider, model), 0.0),
            passed_over=window.now("triage_breaker_open", provider=provider, model=model) > 0,
        )
        for (provider, model), rate in all_.items()
    ]
    shown = [one for one in rates if one.per_minute or one.passed_over]
    return tuple(sorted(shown, key=lambda one: (-one.per_minute, one.provider, one.model)))


def _errors(dead: Sequence[JobView], window: Window) -> tuple[Trouble, ...]:
    """Return what went wrong: jobs that were given up, then what the window has seen most of."""
    given_up = [
        Trouble(what=f"analysis {one.job} given up: {one.error or '?'}", at_ms=one.finished_at)
        for one in dead
    ]
    calls = window.grown("triage_ai_calls_total", ("provider", "model", "error_type"))
    problems = window.grown("triage_problems_total", ("problem", "status"))
    counted = [
        (count, f"{provider} {model}: {error}")
        for (provider, model, error), count in calls.items()
        if error != "none" and count
    ]
    counted += [
        (count, f"answered {status}: {problem}")
        for (problem, status), count in problems.items()
        if status >= "5" and count
    ]
    seen = [Trouble(what=f"{round(n)} × {what}", at_ms=None) for n, what in sorted(counted)[::-1]]
    return tuple([*given_up, *seen][:_SHOWN_ERRORS])
