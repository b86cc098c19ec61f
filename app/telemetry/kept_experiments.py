"""How experiments stand, as series: of those that go on, or went on until lately."""

from collections.abc import Iterator, Mapping, Sequence

from app.domain.experiments import Decision, EffectFigures, ExperimentStanding
from app.telemetry import declared as d
from app.telemetry.declared import Metric

Series = tuple[Metric, tuple[str, ...], float]
OVER_MS = 7 * 86_400_000
"""An experiment that nobody has come to for so long is told of no more: nothing can be done."""
MOST = 10
"""Experiments, those to which somebody came last: a page stays small whatever is declared."""
DECISION_CODES: Mapping[Decision, int] = {
    "keep running": 0,
    "ship": 1,
    "stop, no effect": 2,
    "roll back": 3,
    "invalid": 4,
}
_MS = 1e-3


def going_on(experiments: Sequence[ExperimentStanding], at_ms: int) -> list[ExperimentStanding]:
    """Return the experiments that are told of."""
    lately = {
        one.key: one.last_exposure_at
        for one in experiments
        if one.last_exposure_at is not None and one.last_exposure_at > at_ms - OVER_MS
    }
    found = [one for one in experiments if one.key in lately]
    return sorted(found, key=lambda one: lately[one.key], reverse=True)[:MOST]


def series_of_experiment(one: ExperimentStanding) -> Iterator[Series]:
    """Yield an experiment's figures as series."""
    key = one.key
    yield d.EXPERIMENT_PLANNED, (key,), one.planned_persons
    yield d.EXPERIMENT_SEVERAL, (key,), one.several
    for arm, persons in one.persons.items():
        yield d.EXPERIMENT_EXPOSURES, (key, arm), persons
    for arm, verdict in one.verdicts.items():
        yield d.EXPERIMENT_DECISION, (key, arm), DECISION_CODES[verdict.decision]
    if one.computed_at is not None:
        yield d.EXPERIMENT_COMPUTED, (key,), one.computed_at * _MS
    if one.judged_ratio_p is not None:
        yield d.EXPERIMENT_SAMPLE_RATIO, (key,), one.judged_ratio_p
    limits = {(each.metric, each.role): each.limit for each in one.effects}
    for (metric, role), limit in limits.items():
        if limit is not None:
            yield d.EXPERIMENT_LIMIT, (key, metric, role), limit
    for effect in one.effects:
        yield from _of_effect(key, effect)


def _of_effect(key: str, effect: EffectFigures) -> Iterator[Series]:
    where = (key, effect.metric, effect.arm)
    if effect.broken is not None:
        yield d.EXPERIMENT_GUARDRAIL, where, effect.broken
    stats = {
        "value": effect.value,
        "low": effect.low,
        "high": effect.high,
        "p_value": effect.p_value,
    }
    for stat, value in stats.items():
        if value is not None:
            yield d.EXPERIMENT_EFFECT, (*where, stat), value
