"""Puts what the warehouse says and what statistics make of it together into one report.

Until as many persons as were planned have come, effects are judged by what may be looked at every
day, the confidence sequence; from then on, or after the end, by the fixed test. Whoever looks early
pays for it in width and not in false alarms.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from msgspec import Struct, structs

from analytics.arms import Arm
from analytics.experiments.aggregates import (
    Aggregate,
    Evidence,
    Group,
    total,
)
from analytics.experiments.declaration import Declaration, Metric
from analytics.experiments.quantiles import quantiles_of
from analytics.experiments.report import Finding, Point, Report, SliceFinding
from analytics.experiments.taken import Taken
from analytics.metrics import (
    Analysis,
    Plan,
    adjusted_p_values,
    analyse_mean,
    analyse_nps,
    analyse_quantile,
    analyse_ratio,
    analyse_share,
)
from analytics.moments import Count, JointMoments
from analytics.noninferiority import non_inferior_difference
from analytics.novelty import Novelty, novelty
from analytics.nps import nps_of_scores
from analytics.outlook import Outlook, outlook
from analytics.proportions import score_test
from analytics.quantiles import Quantile
from analytics.ratios import ratio_arms
from analytics.results import Effect, NotComputable, Test
from analytics.sequential import sequence_of
from analytics.slices import interaction
from analytics.srm import srm_chi_square, srm_sequential
from analytics.verdict import Guardrail, Health, Primary, Verdict, judge
from analytics.warehouse import Warehouse

_RATIO_TUNED = 40.0
"""The planned persons for each person's worth that the prior of the daily sample ratio weighs: so
it finds a gross mismatch within the first days, and by the end nearly what chi-square finds."""

Evidenced = Aggregate | Quantile | tuple[int, ...]
"""What is known of a metric in one arm; a tuple counts scores from 0 to 10."""


def assess(warehouse: Warehouse, declared: Declaration, at: dt.datetime) -> Report:
    """Assess an experiment by what had happened until `at`.

    Args:
        warehouse: where facts are kept.
        declared: what was settled before.
        at: UTC, without a zone.

    Raises:
        WarehouseError: the warehouse cannot be asked.
    """
    evidence = Evidence(warehouse, declared, at)
    taken = evidence.taken()
    by_person = evidence.by_person()
    days = by_person["day"]
    arms = total(days)
    known = _evidence_of(evidence, declared, arms)
    counted = {arm: arms[arm].persons if arm in arms else 0 for arm in declared.arms}
    final = sum(counted.values()) >= declared.planned_persons or declared.is_over(at)
    weights = list(declared.arms.values())
    health = Health(
        sample_ratio=srm_chi_square([taken.persons.get(arm, 0) for arm in declared.arms], weights),
        persons=sum(taken.persons.values()),
        persons_in_several=taken.several,
    )
    sequential_ratio = srm_sequential(
        _looks(taken, declared),
        weights,
        concentration=max(1.0, declared.planned_persons / _RATIO_TUNED),
    )
    judged = health if final else structs.replace(health, sample_ratio=sequential_ratio)
    findings = _findings(evidence, declared, known, by_person, final=final)
    age = 0.0 if taken.first is None else (at - taken.first).total_seconds() / 86_400
    latest = evidence.latest()
    return Report(
        declaration=declared,
        at=at,
        taken=taken,
        counted=counted,
        days=age,
        health=health,
        sequential_ratio=sequential_ratio,
        balance=_balance(declared, arms),
        nameless=0 if taken.first is None else evidence.nameless(taken.first),
        lag_hours=None if latest is None else (at - latest).total_seconds() / 3_600,
        final=final,
        findings=findings,
        verdicts={
            arm: _verdict(declared, judged, findings, arm, age, final)
            for arm in declared.treatments
        },
        questions=tuple(evidence.questions),
        versions={name: version(name) for name in ("triage", "duckdb", "scipy", "statsmodels")},
    )


def _evidence_of(
    evidence: Evidence, declared: Declaration, arms: Mapping[str, Group]
) -> dict[tuple[str, str], Evidenced]:
    """Return what is known of every metric in every arm that has anybody."""
    known: dict[tuple[str, str], Evidenced] = {}
    for metric in declared.metrics:
        if metric.kind == "nps":
            found: Mapping[str, Evidenced] = {
                arm: tuple(scores) for arm, scores in evidence.scores(metric).items()
            }
        elif metric.kind == "quantile":
            found = quantiles_of(evidence, metric)
        else:
            found = {arm: one.metrics[metric.name] for arm, one in arms.items()}
        known |= {(metric.name, arm): one for arm, one in found.items()}
    return known


def _findings(
    evidence: Evidence,
    declared: Declaration,
    known: Mapping[tuple[str, str], Evidenced],
    by_person: Mapping[str, Sequence[Group]],
    *,
    final: bool,
) -> tuple[Finding, ...]:
    plan = Plan(planned_n=declared.planned_persons, alpha=declared.alpha)
    pairs = [(metric, arm) for arm in declared.treatments for metric in declared.metrics]
    analyses = {
        (metric.name, arm): _analysed(
            metric, known.get((metric.name, declared.control)), known.get((metric.name, arm)), plan
        )
        for metric, arm in pairs
    }
    primaries = [one.name for one in declared.of_role("primary")]
    adjusted = adjusted_p_values(
        {key: one.difference if final else one.sequence for key, one in analyses.items()},
        primaries,
        alpha=declared.alpha,
    )
    splits = _Splits(
        days=by_person["day"],
        lags=evidence.by_lag(),
        slices={name: by_person[name] for name in declared.slices},
    )
    return tuple(
        _finding(
            declared,
            metric,
            arm,
            analyses[metric.name, arm],
            adjusted[metric.name, arm],
            (known.get((metric.name, declared.control)), known.get((metric.name, arm))),
            splits,
            plan,
            final=final,
        )
        for metric, arm in pairs
    )


class _Splits(Struct, frozen=True, kw_only=True):
    """The same persons, split in several ways."""

    days: Sequence[Group]
    lags: Sequence[Group]
    slices: Mapping[str, Sequence[Group]]


def _finding(
    declared: Declaration,
    metric: Metric,
    arm: str,
    analysis: Analysis,
    adjusted_p: float | None,
    evidence: tuple[Evidenced | None, Evidenced | None],
    splits: _Splits,
    plan: Plan,
    *,
    final: bool,
) -> Finding:
    plan = Plan(planned_n=plan.planned_n, alpha=plan.alpha, better=metric.better)
    primary, guardrail = metric.role == "primary", metric.role == "guardrail"
    slices = _slices(declared, metric, arm, splits.slices, plan) if primary else ()
    return Finding(
        metric=metric,
        arm=arm,
        persons=(_size(evidence[0]), _size(evidence[1])),
        analysis=analysis,
        adjusted_p=adjusted_p,
        non_inferior=_non_inferior(metric, *evidence, plan, final=final) if guardrail else None,
        outlook=(
            outlook(
                analysis.difference,
                target=metric.smallest_effect,
                power=declared.power,
                alpha=declared.alpha,
            )
            if metric.smallest_effect is not None
            else None
        ),
        by_day=_cumulative(declared, metric, arm, splits.days, plan),
        novelty=_novelty(declared, metric, arm, splits.lags, plan) if primary else None,
        slices=slices,
        interactions={
            name: interaction([one.effect for one in slices if one.slice == name])
            for name in (declared.slices if primary else ())
        },
    )


def _analysed(metric: Metric, a: Evidenced | None, b: Evidenced | None, plan: Plan) -> Analysis:
    plan = Plan(planned_n=plan.planned_n, alpha=plan.alpha, better=metric.better)
    match a, b:
        case Aggregate(), Aggregate():
            return _of_aggregates(metric, a, b, plan)
        case Quantile(), Quantile():
            return analyse_quantile(a, b, plan)
        case tuple(), tuple():
            return analyse_nps(a, b, plan)
        case _:
            nothing = NotComputable(reason="an arm has nothing that is counted yet")
            return Analysis(difference=nothing, lift=nothing, sequence=nothing, posterior=nothing)


def _of_aggregates(metric: Metric, a: Aggregate, b: Aggregate, plan: Plan) -> Analysis:
    """Analyse by the test that fits: everybody counts once, or persons bring several."""
    if metric.kind == "ratio" or not (a.is_single and b.is_single):
        before = min(a.had_before, b.had_before) > 1
        columns = (0, 1, 2, 3) if before else (0, 1)
        return analyse_ratio(
            _columns(a.joint, columns),
            _columns(b.joint, columns),
            plan,
            zero_is_known=metric.zero_is_known,
        )
    if metric.kind == "share":
        return analyse_share(a.count, b.count, plan)
    return analyse_mean(
        a.joint.column(0),
        b.joint.column(0),
        plan,
        logs=(a.logs, b.logs) if metric.unit == "seconds" else None,
    )


def _columns(joint: JointMoments, columns: Sequence[int]) -> JointMoments:
    return JointMoments(
        n=joint.n,
        means=tuple(joint.means[one] for one in columns),
        products=tuple(tuple(joint.products[i][j] for j in columns) for i in columns),
    )


def _arms(
    metric: Metric, a: Evidenced | None, b: Evidenced | None
) -> tuple[Arm, Arm] | NotComputable:
    match a, b:
        case Aggregate(), Aggregate() if metric.kind == "ratio" or not (
            a.is_single and b.is_single
        ):
            return ratio_arms(
                _columns(a.joint, (0, 1)),
                _columns(b.joint, (0, 1)),
                zero_is_known=metric.zero_is_known,
            )
        case Aggregate(), Aggregate() if metric.kind == "share":
            return Arm.of_count(a.count), Arm.of_count(b.count)
        case Aggregate(), Aggregate():
            return Arm.of_moments(a.joint.column(0)), Arm.of_moments(b.joint.column(0))
        case tuple(), tuple():
            return Arm.of_moments(nps_of_scores(a)), Arm.of_moments(nps_of_scores(b))
        case _:
            return NotComputable(reason="an arm has nothing that is counted yet")


def _non_inferior(
    metric: Metric, a: Evidenced | None, b: Evidenced | None, plan: Plan, *, final: bool
) -> Effect | NotComputable:
    """Ask whether a guardrail is not worse by its margin: daily by a sequence, at the end once."""
    arms = _arms(metric, a, b)
    if isinstance(arms, NotComputable):
        return arms
    fixed = non_inferior_difference(
        *arms, margin=metric.margin or 0.0, better=metric.better, alpha=plan.alpha
    )
    if final or isinstance(fixed, NotComputable):
        return fixed
    return sequence_of(
        fixed, planned_n=plan.planned_n, alpha=plan.alpha, alternative=fixed.alternative
    )


def _size(evidence: Evidenced | None) -> int:
    match evidence:
        case Aggregate():
            return evidence.joint.n
        case Quantile():
            return evidence.n
        case tuple():
            return sum(evidence)
        case None:
            return 0


def _cumulative(
    declared: Declaration, metric: Metric, arm: str, days: Sequence[Group], plan: Plan
) -> tuple[Point, ...]:
    """Return what was known by each day of exposure, of persons who had come until then."""
    if metric.kind in {"nps", "quantile"}:
        return ()
    points: list[Point] = []
    so_far: dict[str, Group] = {}
    for day in sorted({one.group for one in days}):
        for one in days:
            if one.group == day:
                so_far[one.arm] = so_far[one.arm].merge(one) if one.arm in so_far else one
        pair = (so_far.get(declared.control), so_far.get(arm))
        a, b = (None if one is None else one.metrics[metric.name] for one in pair)
        points.append(
            Point(
                day=day,
                persons=_size(a) + _size(b),
                effect=_analysed(metric, a, b, plan).sequence,
            )
        )
    return tuple(points)


def _novelty(
    declared: Declaration, metric: Metric, arm: str, lags: Sequence[Group], plan: Plan
) -> Novelty | NotComputable | None:
    if metric.kind in {"nps", "quantile"}:
        return None
    known = {(one.arm, int(one.group)): one.metrics[metric.name] for one in lags}
    effects = {
        lag: _analysed(
            metric, known.get((declared.control, lag)), known.get((arm, lag)), plan
        ).difference
        for lag in sorted({lag for _, lag in known})
    }
    return novelty(effects, alpha=declared.alpha)


def _slices(
    declared: Declaration,
    metric: Metric,
    arm: str,
    slices: Mapping[str, Sequence[Group]],
    plan: Plan,
) -> tuple[SliceFinding, ...]:
    if metric.kind in {"nps", "quantile"}:
        return ()
    found = []
    for name, groups in slices.items():
        known = {(one.arm, one.group): one.metrics[metric.name] for one in groups}
        for value in sorted({value for _, value in known}):
            pair = (known.get((declared.control, value)), known.get((arm, value)))
            found.append(
                SliceFinding(
                    slice=name,
                    value=value,
                    persons=sum(_size(one) for one in pair),
                    effect=_analysed(metric, *pair, plan).difference,
                )
            )
    return tuple(found)


def _looks(taken: Taken, declared: Declaration) -> list[list[int]]:
    """Return persons in each arm so far, day by day."""
    so_far = dict.fromkeys(declared.arms, 0)
    looks = [list(so_far.values())]
    for came in taken.by_day.values():
        so_far = {arm: persons + came.get(arm, 0) for arm, persons in so_far.items()}
        looks.append(list(so_far.values()))
    return looks


def _balance(declared: Declaration, arms: Mapping[str, Group]) -> Test | NotComputable:
    """Ask whether as many of each arm had been here before; nothing has happened to them yet."""
    metric = next((one for one in declared.metrics if one.kind == "share"), None)
    if metric is None or len(arms) < 2:
        return NotComputable(reason="there is nothing to compare before the exposure")
    control = arms.get(declared.control)
    others = [one for arm, one in arms.items() if arm != declared.control]
    if control is None or not others:
        return NotComputable(reason="an arm has nobody yet")

    def before(group: Group) -> Count:
        one = group.metrics[metric.name]
        return Count(n=one.joint.n, successes=one.had_before)

    return score_test(before(control), before(others[0]))


def _verdict(
    declared: Declaration,
    health: Health,
    findings: Sequence[Finding],
    arm: str,
    days: float,
    final: bool,
) -> Verdict:
    own = [one for one in findings if one.arm == arm]
    return judge(
        health,
        [
            Primary(
                name=one.metric.label,
                effect=one.analysis.difference if final else one.analysis.sequence,
                adjusted_p=one.adjusted_p,
                better=one.metric.better,
                smallest_effect=one.metric.smallest_effect,
                additional_users=(
                    one.outlook.additional_users if isinstance(one.outlook, Outlook) else None
                ),
            )
            for one in own
            if one.metric.role == "primary"
        ],
        [
            Guardrail(
                name=one.metric.label,
                sequence=one.analysis.sequence,
                non_inferior=one.non_inferior or NotComputable(reason="it has no margin"),
                margin=one.metric.margin or 0.0,
                better=one.metric.better,
            )
            for one in own
            if one.metric.role == "guardrail"
        ],
        days=max(days, 0.0),
        users_per_day=health.persons / days if days > 0 else 0.0,
        alpha=declared.alpha,
    )
