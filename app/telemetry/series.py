"""Every series that is sure to be counted one day, so that it can begin at zero.

A series born at 1 hides its first count from Prometheus, which sees no increase.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, get_args

from app.domain.job import QUEUES
from app.telemetry import declared as d
from app.telemetry.declared import Metric
from app.telemetry.labels import (
    CACHE_RESULTS,
    CALL_ENDS,
    CALL_SOURCES,
    NONE,
    OPERATIONS,
    OTHER,
    PROVIDERS,
    STRATEGIES,
    BudgetAction,
    CaseEnd,
    DeliveryEnd,
    DeliveryKind,
    Interviewer,
    JobEnd,
    Known,
    TurnEnd,
)

Series = tuple[Metric, tuple[str, ...]]


def series_at_zero(known: Known, arms: tuple[str, ...] = (NONE,)) -> Iterator[Series]:
    """Yield each metric that has labels with every set of labels it begins with."""
    playbooks = (*known.playbooks, OTHER)
    models = [(provider, name) for provider, names in known.models.items() for name in names]
    yield from _calls(models, arms)
    others = [(provider, OTHER) for provider in PROVIDERS]
    yield from ((d.AI_UNPRICED, pair) for pair in (*models, *others))
    yield from _all(d.BUDGET_ACTIONS, _each(BudgetAction))
    yield from _all(d.CASES, _each(CaseEnd), arms, playbooks)
    yield from _all(d.CASE_COST, STRATEGIES, arms)
    yield from _all(d.CASE_DURATION, STRATEGIES, arms)
    yield from _all(d.TURNS, _each(TurnEnd), _each(Interviewer))
    yield from _all(d.TURN_DURATION, _each(Interviewer))
    yield from _all(d.TURN_FIRST_WORD, _each(Interviewer))
    yield from _all(d.JOBS, QUEUES, _each(JobEnd))
    yield from _all(d.JOB_WAIT, QUEUES)
    yield from _all(d.JOB_DURATION, QUEUES)
    yield from _all(d.DELIVERIES, _each(DeliveryKind), _each(DeliveryEnd))
    yield from _all(d.SWEPT, ("forgotten", "listed_again"))
    yield from _all(d.CACHE_REQUESTS, STRATEGIES, tuple(CACHE_RESULTS.values()))
    yield from _all(d.CACHE_SAVED, STRATEGIES)


def _calls(models: Sequence[tuple[str, str]], arms: tuple[str, ...]) -> Iterator[Series]:
    ends = [(outcome, error) for outcome, errors in CALL_ENDS.items() for error in errors]
    for model, operation in product(models, OPERATIONS):
        call = (*model, operation)
        yield from ((d.AI_CALLS, (*call, *end)) for end in ends)
        yield from ((d.AI_COST, (*call, *paid)) for paid in product(arms, CALL_SOURCES))
        yield from ((metric, call) for metric in (d.AI_DURATION, d.AI_FIRST_CHUNK, *d.AI_TOKENS))


def _all(metric: Metric, *values: tuple[str, ...]) -> Iterator[Series]:
    return ((metric, labels) for labels in product(*values))


def _each(closed: Any) -> tuple[str, ...]:
    """Return the words of a `Literal`."""
    return get_args(closed)
