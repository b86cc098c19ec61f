"""Records what happens: one method for each kind of event, none of which waits or fails.

What the metrics are stands in `declared`, what their labels may be in `labels`. A process has one
`Metrics` on a registry of its own, made where the process is put together and passed in from there.
"""

import platform
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Literal, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.process_collector import ProcessCollector

from app.domain.cached import Counted
from app.domain.job import Queue
from app.domain.ledger import LedgerRow
from app.domain.playbook import Strategy
from app.domain.usage import Provider
from app.telemetry import declared as d
from app.telemetry.declared import Metric
from app.telemetry.labels import (
    CACHE_RESULTS,
    CALL_ENDS,
    NONE,
    OTHER,
    Arms,
    BudgetAction,
    CaseEnd,
    DeliveryEnd,
    DeliveryKind,
    Interviewer,
    JobEnd,
    Known,
    TurnEnd,
)
from app.telemetry.series import series_at_zero

Exemplar = Callable[[], dict[str, str] | None]
"""Returns the labels of an exemplar: the trace in which something happens, if it is traced."""
ProcessKind = Literal["api", "worker"]

_NANO = 1e9
"""Nano-USD in one USD."""

M = TypeVar("M", Counter, Gauge, Histogram)

disable_created_metrics()  # a third of all series, for a time that Prometheus takes from elsewhere


def untraced() -> None:
    """Return no exemplar."""


class Metrics:
    """The metrics of one process."""

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        known: Known | None = None,
        *,
        process: ProcessKind = "api",
        exemplar: Exemplar = untraced,
    ) -> None:
        """Declare everything on a registry, with every known series at zero.

        Args:
            registry: Of this process alone; a new one by default.
            known: The names that may become labels.
            process: What this process is.
            exemplar: Names the trace that an observation belongs to.
        """
        self.registry = registry or CollectorRegistry(auto_describe=True)
        self.known = known or Known()
        self._exemplar = exemplar
        self._arms = Arms()
        self._made: dict[str, Counter | Gauge | Histogram] = {}
        for one in d.DECLARED:
            if not one.kept:
                self._made[one.name] = _make(one, self.registry)
        ProcessCollector(registry=self.registry)
        for metric, labels in series_at_zero(self.known):
            self._made[metric.name].labels(*labels)
        build = self._gauge(d.BUILD_INFO)
        build.labels(version("triage"), platform.python_version(), process).set(1)

    def expect_arms(self, arms: Iterable[str]) -> None:
        """Let the series of experiments' arms begin at zero, as far as they are told apart."""
        labels = dict.fromkeys(map(self._arms.label, arms))
        for metric, values in series_at_zero(self.known, tuple(labels)):
            if "arm" in metric.labels:
                self._made[metric.name].labels(*values)

    # Calls of models.

    def attempt(self, row: LedgerRow) -> None:
        """Count a row of the ledger; what the cache spared was no call."""
        if row.outcome == "cached":
            return
        call = (row.provider, self.known.model(row.provider, row.model), row.operation)
        exemplar = self._exemplar()
        self._counter(d.AI_CALLS).labels(*call, *_call_end(row)).inc(exemplar=exemplar)
        if row.outcome != "lost":
            took = self._histogram(d.AI_DURATION).labels(*call)
            took.observe(row.latency_ms / 1_000, exemplar=exemplar)
        if row.first_token_ms is not None:
            heard = self._histogram(d.AI_FIRST_CHUNK).labels(*call)
            heard.observe(row.first_token_ms / 1_000, exemplar=exemplar)
        counts = (row.input, row.output, row.cached, row.cache_write, row.reasoning)
        for metric, tokens in zip(d.AI_TOKENS, counts, strict=True):
            if tokens:
                self._counter(metric).labels(*call).inc(tokens)
        if row.source == "unpriced":
            self._counter(d.AI_UNPRICED).labels(*call[:2]).inc(exemplar=exemplar)
        if row.cost_nano_usd:
            cost = self._counter(d.AI_COST).labels(*call, self._arms.label(row.arm), row.source)
            cost.inc(row.cost_nano_usd / _NANO, exemplar=exemplar)

    def budget_ran_out(self, action: BudgetAction) -> None:
        """Count what was done with less than planned because a budget ran out."""
        self._counter(d.BUDGET_ACTIONS).labels(action).inc()

    def watch_breaker(self, provider: Provider, model: str, is_open: Callable[[], bool]) -> None:
        """Let scrapes ask whether a model is passed over."""
        gauge = self._gauge(d.BREAKER_OPEN).labels(provider, self.known.model(provider, model))
        gauge.set_function(lambda: float(is_open()))

    def watch_prices(self, made_at: Callable[[], float]) -> None:
        """Let scrapes ask for the catalogue's age.

        `made_at` gives its Unix time in seconds; it is asked once, at the first scrape.
        """
        known_at = cache(made_at)
        age = self._gauge(d.PRICE_CATALOG_AGE)
        age.set_function(lambda: max(0.0, time.time() - known_at()))

    # Cases and turns.

    def case(self, end: CaseEnd, playbook: str, arm: str = "", *, count: int = 1) -> None:
        """Count cases that were opened, completed or abandoned."""
        where = (end, self._arms.label(arm), self.known.playbook(playbook))
        self._counter(d.CASES).labels(*where).inc(count)

    def case_analysed(
        self, strategy: Strategy, arm: str, *, seconds: float, cost_nano_usd: int | None
    ) -> None:
        """Note a case's first result: how long it took and what everything in the case cost."""
        where = (strategy, self._arms.label(arm))
        exemplar = self._exemplar()
        took = self._histogram(d.CASE_DURATION).labels(*where)
        took.observe(max(0.0, seconds), exemplar=exemplar)
        if cost_nano_usd is not None:
            cost = self._histogram(d.CASE_COST).labels(*where)
            cost.observe(cost_nano_usd / _NANO, exemplar=exemplar)

    def turn_ended(
        self,
        end: TurnEnd,
        interviewer: Interviewer,
        *,
        seconds: float,
        first_word_seconds: float | None = None,
        overhead_seconds: float | None = None,
    ) -> None:
        """Note a committed turn.

        Args:
            end: How it ended.
            interviewer: Who answered.
            seconds: From accepting its command to its commit.
            first_word_seconds: From accepting a message to the first word; None without one.
            overhead_seconds: Our own share; None where it is not known.
        """
        exemplar = self._exemplar()
        self._counter(d.TURNS).labels(end, interviewer).inc(exemplar=exemplar)
        took = self._histogram(d.TURN_DURATION).labels(interviewer)
        took.observe(max(0.0, seconds), exemplar=exemplar)
        if first_word_seconds is not None:
            heard = self._histogram(d.TURN_FIRST_WORD).labels(interviewer)
            heard.observe(max(0.0, first_word_seconds), exemplar=exemplar)
        if overhead_seconds is not None:
            own = self._histogram(d.TURN_OVERHEAD)
            own.observe(max(0.0, overhead_seconds), exemplar=exemplar)

    def turn_taken_over(self) -> None:
        """Count a turn whose owner had died."""
        self._counter(d.TURN_TAKEOVERS).inc(exemplar=self._exemplar())

    def stream_opened(self, *, resumed: bool) -> None:
        """Note that a reader came, perhaps from a place it had seen before."""
        self._gauge(d.STREAMS_OPEN).inc()
        if resumed:
            self._counter(d.STREAM_RESUMES).inc()

    def stream_closed(self) -> None:
        """Note that a reader left."""
        self._gauge(d.STREAMS_OPEN).dec()

    def problem(self, kind: str, status: int) -> None:
        """Count a request that was answered with a problem; `kind` is one of the API's own."""
        self._counter(d.PROBLEMS).labels(kind, str(status)).inc()

    # Background work.

    def job_began(self, queue: Queue, wait_seconds: float) -> None:
        """Note that a first worker has begun with an analysis."""
        wait = self._histogram(d.JOB_WAIT).labels(queue)
        wait.observe(max(0.0, wait_seconds), exemplar=self._exemplar())

    def job_ended(self, queue: Queue, end: JobEnd, seconds: float | None = None) -> None:
        """Note what became of a worker's work on an analysis; `seconds` where it gave a result."""
        exemplar = self._exemplar()
        self._counter(d.JOBS).labels(queue, end).inc(exemplar=exemplar)
        if seconds is not None:
            took = self._histogram(d.JOB_DURATION).labels(queue)
            took.observe(max(0.0, seconds), exemplar=exemplar)

    def delivery(self, kind: DeliveryKind, end: DeliveryEnd) -> None:
        """Count an attempt to tell the world."""
        self._counter(d.DELIVERIES).labels(kind, end).inc()

    def swept(self, *, forgotten: int, listed_again: int) -> None:
        """Count a sweep and what it found."""
        self._counter(d.SWEEPS).inc()
        self._counter(d.SWEPT).labels("forgotten").inc(forgotten)
        self._counter(d.SWEPT).labels("listed_again").inc(listed_again)

    def cache(self, strategy: Strategy, counted: Mapping[Counted, int]) -> None:
        """Count what the cache of similar analyses did."""
        for what, count in counted.items():
            if (result := CACHE_RESULTS.get(what)) is not None:
                self._counter(d.CACHE_REQUESTS).labels(strategy, result).inc(count)
            elif what == "saved_nano_usd":
                self._counter(d.CACHE_SAVED).labels(strategy).inc(count / _NANO)

    def audit_failed(self) -> None:
        """Count an entry of the audit trail that could not be written."""
        self._counter(d.AUDIT_FAILURES).inc()

    def storage(self, *, ping_seconds: float | None) -> None:
        """Note how the storage answered this process; None where it did not."""
        self._gauge(d.STORAGE_UP).set(ping_seconds is not None)
        if ping_seconds is not None:
            self._gauge(d.STORAGE_PING).set(ping_seconds)

    def _counter(self, metric: Metric) -> Counter:
        return self._of(metric, Counter)

    def _gauge(self, metric: Metric) -> Gauge:
        return self._of(metric, Gauge)

    def _histogram(self, metric: Metric) -> Histogram:
        return self._of(metric, Histogram)

    def _of(self, metric: Metric, kind: type[M]) -> M:
        made = self._made[metric.name]
        if not isinstance(made, kind):
            raise TypeError(f"{metric.name} is no {kind.__name__}")
        return made


def _make(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    name, what, labels = metric.name, metric.help, metric.labels
    match metric.kind:
        case "counter":
            return Counter(name, what, labels, registry=registry)
        case "gauge":
            return Gauge(name, what, labels, registry=registry)
        case "histogram":
            return Histogram(name, what, labels, registry=registry, buckets=metric.buckets)


def _call_end(row: LedgerRow) -> tuple[str, str]:
    """Return a call's outcome and error type, of those that go together."""
    if row.outcome == "lost":
        return "lost", "lost"
    errors = CALL_ENDS[row.outcome] if row.outcome != "cached" else ()
    error = row.error or NONE
    return row.outcome, error if error in errors else OTHER
