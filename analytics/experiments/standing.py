"""How an experiment stands, in few figures: for metrics, lists and messages."""

import datetime as dt
import math
from collections.abc import Mapping

from analytics.experiments.declaration import Metric
from analytics.experiments.report import Finding, Report
from analytics.results import Effect, NotComputable, Test
from analytics.verdict import Verdict, is_beyond
from app.domain.experiments import (
    DECISIONS,
    ArmVerdict,
    EffectFigures,
    Ending,
    ExperimentStanding,
)

_HOUR_MS = 3_600_000


def standing_of(
    report: Report, *, at_ms: int, before: ExperimentStanding | None = None
) -> ExperimentStanding:
    """Return how an experiment stands by its report.

    Args:
        report: what was computed now.
        at_ms: when that was, Unix time in milliseconds.
        before: how it stood when it was looked at last; tells since when the verdict has stood.
    """
    declared, verdicts = report.declaration, _told(report.verdicts)
    arm = min(verdicts, key=lambda one: DECISIONS.index(verdicts[one].decision))
    since = at_ms
    if before is not None and before.verdict_since is not None and _same(before, verdicts):
        since = before.verdict_since
    ending = _ending(report, verdicts, held_ms=at_ms - since)
    began = report.taken.first is not None
    return ExperimentStanding(
        key=declared.key,
        title=declared.title,
        question=declared.question,
        control=declared.control,
        arms=declared.arms,
        planned_persons=declared.planned_persons,
        state="ended" if ending else "running" if began else "planned",
        ended_by=ending,
        started_at=_ms(report.taken.first),
        last_exposure_at=_ms(report.taken.last),
        verdict=verdicts[arm].decision,
        reason=_reason(verdicts, arm),
        verdict_since=since,
        verdicts=verdicts,
        final=report.final,
        persons={one: report.taken.persons.get(one, 0) for one in declared.arms},
        counted=dict(report.counted),
        several=report.taken.several,
        sample_ratio_p=_p(report.health.sample_ratio),
        sample_ratio_daily_p=_p(report.sequential_ratio),
        effects=tuple(_figures(one, final=report.final) for one in report.findings),
        computed_at=at_ms,
    )


def _told(verdicts: Mapping[str, Verdict]) -> dict[str, ArmVerdict]:
    return {
        arm: ArmVerdict(decision=one.decision, reasons=one.reasons, days_left=one.days_left)
        for arm, one in verdicts.items()
    }


def _same(before: ExperimentStanding, verdicts: Mapping[str, ArmVerdict]) -> bool:
    """Say whether every treatment is told to do what it was told before."""
    then = {arm: one.decision for arm, one in before.verdicts.items()}
    return then == {arm: one.decision for arm, one in verdicts.items()}


def _reason(verdicts: Mapping[str, ArmVerdict], arm: str) -> str:
    told = "; ".join(verdicts[arm].reasons)
    return f"{arm}: {told}" if len(verdicts) > 1 else told


def _ending(report: Report, verdicts: Mapping[str, ArmVerdict], *, held_ms: int) -> Ending | None:
    """Return what has ended the experiment: the first of the three that applies."""
    declared = report.declaration
    if declared.is_over(report.at):
        return "the last day"
    if sum(report.counted.values()) >= declared.planned_persons:
        return "the planned persons"
    decided = all(one.decision != "keep running" for one in verdicts.values())
    if decided and held_ms >= declared.conclude_after_hours * _HOUR_MS:
        return "the verdict"
    return None


def _figures(one: Finding, *, final: bool) -> EffectFigures:
    """Return an effect as the verdict reads it: of guardrails always in the daily way."""
    metric, analysis = one.metric, one.analysis
    guardrail = metric.role == "guardrail"
    read = analysis.difference if final and not guardrail else analysis.sequence
    known = read if isinstance(read, Effect) else None
    margin = metric.margin or 0.0
    return EffectFigures(
        metric=metric.name,
        label=metric.label,
        arm=one.arm,
        role=metric.role,
        unit=metric.unit,
        better=metric.better,
        value=None if known is None else known.estimate,
        low=None if known is None else _finite(known.low),
        high=None if known is None else _finite(known.high),
        p_value=None if known is None else one.adjusted_p,
        limit=_limit(metric),
        broken=is_beyond(read, margin, metric.better) if guardrail else None,
        reason=read.reason if isinstance(read, NotComputable) else None,
    )


def _limit(metric: Metric) -> float | None:
    """Return what is told of as its limit: of a primary with the sign of what is good."""
    good = 1.0 if metric.better == "increase" else -1.0
    if metric.role == "guardrail":
        return -good * (metric.margin or 0.0)
    return None if metric.smallest_effect is None else good * metric.smallest_effect


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _p(test: Test | NotComputable) -> float | None:
    return test.p if isinstance(test, Test) else None


def _ms(at: dt.datetime | None) -> int | None:
    return None if at is None else round(at.replace(tzinfo=dt.UTC).timestamp() * 1_000)
