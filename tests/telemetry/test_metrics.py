"""What the metrics of one process promise: closed labels, zeros, bounds, exemplars."""

import random
import string
from typing import get_args

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from app.core.playbook.files import load_playbooks
from app.domain.figures import Figures, Money, QueueFigures
from app.domain.job import QUEUES
from app.domain.ledger import MOST_NANO_USD, SOURCES, Budget, BudgetState, LedgerRow, Scope
from app.domain.usage import Operation, Outcome, Provider
from app.llm import errors
from app.llm.errors import ModelError
from app.telemetry.declared import DECLARED
from app.telemetry.kept import KeptGauges
from app.telemetry.labels import CALL_ENDS, MOST_NAMES, Known, known_names
from app.telemetry.metrics import Metrics
from app.telemetry.series import series_at_zero
from tests.support.ledgers import row
from tests.support.scrapes import Scrape, moved

MOST_SERIES = 5_000
RANDOM = random.Random(4)
KNOWN = Known(models={"openai": ("gpt-5",)}, playbooks=("legal_br",))


def page(metrics: Metrics) -> Scrape:
    """Return what a scrape would see."""
    return Scrape(parse_text(generate_latest(metrics.registry).decode()))


def product() -> Known:
    """Return the names of the product's own playbooks with both providers."""
    return known_names(load_playbooks(None).values(), {}, get_args(Provider))


def figures() -> Figures:
    """Return an installation with as many budgets as somebody may set."""
    scopes = [Scope(kind="global")]
    scopes += [Scope(kind="operation", name=one) for one in get_args(Operation)]
    scopes += [Scope(kind="arm", name=f"tone:{number}") for number in range(MOST_NAMES)]
    states = [
        BudgetState(
            budget=Budget(scope=scope, period=period, limit_nano_usd=MOST_NANO_USD),
            spent_nano_usd=1_500_000_000,
            reserved_nano_usd=1,
            ends_ms=1_000,
        )
        for scope in scopes
        for period in ("hour", "day", "month")
    ]
    return Figures(
        at_ms=1,
        ping_ms=1.0,
        memory_bytes=1,
        memory_limit_bytes=0,
        active_cases=1,
        busy_cases=1,
        orphaned=0,
        handoffs=0,
        queues={one: QueueFigures(open=1, oldest_ms=1_500, slots=4) for one in QUEUES},
        dead={"job": 1, "delivery": 0},
        workers=1,
        facts_waiting=0,
        facts_oldest_ms=0,
        facts_lost=0,
        reports={"costs": 5_000},
        money=Money(spent_nano_usd={"day": 2_000_000_000}, budgets=tuple(states)),
    )


def garbage() -> str:
    """Return something that nobody foresaw."""
    return "".join(RANDOM.choices(string.printable, k=RANDOM.randint(1, 40)))


def hostile_row() -> LedgerRow:
    """Return a row in which everything that is not of a closed set is garbage."""
    return row(
        garbage(),
        case_id=garbage(),
        playbook=garbage(),
        arm=garbage(),
        model=garbage(),
        answered_by=garbage(),
        error=garbage(),
        provider=RANDOM.choice(get_args(Provider)),
        operation=RANDOM.choice(get_args(Operation)),
        outcome=RANDOM.choice([*get_args(Outcome), "lost", "cached"]),
        source=RANDOM.choice(SOURCES),
        first_token_ms=RANDOM.random() * 1_000,
        input=RANDOM.randint(0, 10**6),
        reasoning=5,
        cached=5,
        cache_write=5,
    )


def test_a_hostile_run_leaves_at_most_five_thousand_series() -> None:
    """With the product's playbooks, both providers, and all that can be sent to it."""
    metrics = Metrics(known=product())
    KeptGauges(metrics.registry).figures = figures()
    for _ in range(20_000):
        metrics.attempt(hostile_row())
        metrics.case("started", garbage(), garbage())
        metrics.case_analysed(
            RANDOM.choice(("guided", "simple", "failover", "ensemble")),
            garbage(),
            seconds=RANDOM.random() * 1e6,
            cost_nano_usd=RANDOM.randint(0, 10**12),
        )
    samples = page(metrics).samples
    assert 2_000 < len(samples) <= MOST_SERIES
    metrics.attempt(hostile_row())
    assert len(page(metrics).samples) - len(samples) <= 20


def test_no_arm_gets_in_beyond_the_limit() -> None:
    """The first few are told apart, all others are one; their series begin at zero."""
    metrics = Metrics(known=KNOWN)
    names = [f"tone:{number}" for number in range(MOST_NAMES + 3)]
    metrics.expect_arms(names)
    before = page(metrics)
    assert before.value("triage_cases_total", arm="tone:0", status="completed") == 0
    for name in names:
        metrics.case("completed", "legal_br", name)
    after = page(metrics)
    assert moved(before, after, "triage_cases_total", arm="tone:0", playbook="legal_br") == 1
    assert after.value("triage_cases_total", arm="other", playbook="legal_br") == 3
    assert not after.found("triage_cases_total", arm=names[-1])


def test_an_unknown_model_and_playbook_are_other() -> None:
    """Nothing that comes from outside becomes a label."""
    metrics = Metrics(known=KNOWN)
    metrics.attempt(row("a", model="gpt-5-ultra"))
    metrics.case("started", "somebody's")
    assert page(metrics).value("triage_ai_calls_total", model="other", outcome="completed") == 1
    assert page(metrics).value("triage_cases_total", playbook="other", status="started") == 1


def test_every_series_is_there_before_it_counts() -> None:
    """A call of a known model, however it ends, moves a series that was at zero."""
    metrics = Metrics(known=KNOWN)
    before = page(metrics)
    born = {(one.name, tuple(sorted(one.labels.items()))) for one in before.samples}
    for outcome, words in CALL_ENDS.items():
        for word in words:
            metrics.attempt(row("a", outcome=outcome, error=None if word == "none" else word))
    after = {(one.name, tuple(sorted(one.labels.items()))) for one in page(metrics).samples}
    assert after == born
    assert moved(before, page(metrics), "triage_ai_calls_total") == sum(
        map(len, CALL_ENDS.values())
    )


def test_every_way_to_fail_has_its_series() -> None:
    """A kind of error that is added to the providers' room is added here as well."""
    kinds = [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, ModelError) and one is not ModelError
    ]
    assert len(kinds) > 10
    for kind in kinds:
        ends = CALL_ENDS[kind.outcome] + (CALL_ENDS["cut"] if kind.outcome == "failed" else ())
        assert kind.word in ends


def test_series_have_the_labels_that_are_declared() -> None:
    """Each has as many values as its metric has labels, and each comes once."""
    found = list(series_at_zero(product()))
    assert all(len(values) == len(metric.labels) for metric, values in found)
    assert len({(metric.name, values) for metric, values in found}) == len(found)


def test_names_say_what_they_are() -> None:
    """Counters end in `_total`, nothing else does; times are seconds, money is USD."""
    for one in DECLARED:
        assert one.name.endswith("_total") == (one.kind == "counter")
        assert not one.name.endswith(("_ms", "_milliseconds", "_nano_usd"))
        assert bool(one.buckets) == (one.kind == "histogram")
        assert one.help.endswith(".")
    assert len({one.name for one in DECLARED}) == len(DECLARED)


def test_what_the_cache_spared_is_no_call() -> None:
    """A hit leaves no call and no time."""
    metrics = Metrics(known=KNOWN)
    before = page(metrics)
    metrics.attempt(row("a", outcome="cached", source="free", cost_nano_usd=0, saved_nano_usd=5))
    after = page(metrics)
    assert moved(before, after, "triage_ai_calls_total") == 0
    assert moved(before, after, "gen_ai_client_operation_duration_seconds_count") == 0


def test_money_is_exact_enough_to_look_at() -> None:
    """A nano-USD more shows in the sum of a call."""
    metrics = Metrics(known=KNOWN)
    metrics.attempt(row("a", cost_nano_usd=1_234_567_891))
    assert page(metrics).value("triage_ai_cost_usd_total") == pytest.approx(1.234567891, abs=1e-12)


def test_kept_gauges_say_what_the_storage_says() -> None:
    """Times in seconds, money in USD, budgets by scope and period."""
    metrics = Metrics(known=KNOWN)
    kept = KeptGauges(metrics.registry)
    assert not page(metrics).found("triage_queue_depth")
    kept.figures = figures()
    read = page(metrics)
    assert read.value("triage_queue_oldest_age_seconds", queue="complex") == 1.5
    assert read.value("triage_dead_letters", kind="job") == 1
    assert read.value("triage_report_sent_timestamp_seconds", report="costs") == 5
    assert read.value("triage_ai_spend_usd", window="day") == pytest.approx(2)
    day = {"scope": "operation:judge", "period": "day"}
    assert read.value("triage_budget_limit_usd", **day) == pytest.approx(MOST_NANO_USD / 1e9)
    assert read.value("triage_budget_spent_usd", **day) == pytest.approx(1.5)
    assert read.value("triage_budget_reserved_usd", **day) == pytest.approx(1e-9)
    assert read.value("triage_budget_period_end_timestamp_seconds", **day) == 1


def test_observations_within_a_trace_name_it() -> None:
    """OpenMetrics has the exemplar of the counter and of the bucket; plain text has none."""
    metrics = Metrics(known=KNOWN, exemplar=lambda: {"trace_id": "ab" * 16})
    metrics.attempt(row("a", latency_ms=100.0))
    told = Scrape(parse_openmetrics(generate_openmetrics(metrics.registry).decode()))
    named = [one for one in told.samples if one.exemplar is not None]
    assert {one.name for one in named} == {
        "triage_ai_calls_total",
        "triage_ai_cost_usd_total",
        "gen_ai_client_operation_duration_seconds_bucket",
    }
    (bucket,) = [one for one in named if one.name.endswith("_bucket")]
    assert bucket.labels["le"] == "0.16"
    assert bucket.exemplar is not None
    assert (bucket.exemplar.labels, bucket.exemplar.value) == ({"trace_id": "ab" * 16}, 0.1)
    assert "trace_id" not in generate_latest(metrics.registry).decode()
