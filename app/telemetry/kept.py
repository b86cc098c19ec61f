"""Tells Prometheus what the storage says of the whole installation, read for each scrape."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from app.domain.figures import Figures
from app.telemetry import declared as d
from app.telemetry.kept_experiments import Series, going_on, series_of_experiment

_MS = 1e-3
_NANO = 1e9


class KeptGauges(Collector):
    """The gauges whose values are kept in the storage; without any while that is away."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Add them to the process's other metrics."""
        self.figures: Figures | None = None
        registry.register(self)

    def describe(self) -> Iterator[Family]:
        """Yield what there may be."""
        for metric in d.DECLARED:
            if metric.kept:
                yield GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)

    def collect(self) -> Iterator[Family]:
        """Yield the gauges as they were read last."""
        figures = self.figures
        if figures is None:
            return
        families: dict[str, GaugeMetricFamily] = {}
        for metric, labels, value in series_of(figures):
            family = families.get(metric.name)
            if family is None:
                family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
                families[metric.name] = family
            family.add_metric(labels, value)
        yield from families.values()


def series_of(figures: Figures) -> Iterator[Series]:
    """Yield an installation's figures as series."""
    yield d.ORPHANED, (), figures.orphaned
    yield d.HANDOFFS, (), figures.handoffs
    yield d.WORKERS, (), figures.workers
    yield d.FACTS_WAITING, (), figures.facts_waiting
    yield d.FACTS_AGE, (), figures.facts_oldest_ms * _MS
    yield d.FACTS_LOST, (), figures.facts_lost
    yield d.AUDIT_ENTRIES, (), figures.audit_entries
    yield d.AUDIT_BROKEN, (), figures.audit_broken
    yield d.STORAGE_MEMORY, ("used",), figures.memory_bytes
    yield d.STORAGE_MEMORY, ("limit",), figures.memory_limit_bytes
    for queue, one in figures.queues.items():
        yield d.QUEUE_DEPTH, (queue,), one.open
        yield d.QUEUE_AGE, (queue,), one.oldest_ms * _MS
        yield d.WORKER_SLOTS, (queue,), one.slots
    for kind, count in figures.dead.items():
        yield d.DEAD_LETTERS, (kind,), count
    for report, at_ms in figures.reports.items():
        yield d.REPORT_SENT, (report,), at_ms * _MS
    for window, nano_usd in figures.money.spent_nano_usd.items():
        yield d.AI_SPEND, (window,), nano_usd / _NANO
    for state in figures.money.budgets:
        where = (str(state.budget.scope), state.budget.period)
        yield d.BUDGET_LIMIT, where, state.budget.limit_nano_usd / _NANO
        yield d.BUDGET_SPENT, where, state.spent_nano_usd / _NANO
        yield d.BUDGET_RESERVED, where, state.reserved_nano_usd / _NANO
        yield d.BUDGET_PERIOD_END, where, state.ends_ms * _MS
    for experiment in going_on(figures.experiments, figures.at_ms):
        yield from series_of_experiment(experiment)
