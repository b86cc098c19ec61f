"""What operators read of experiments, each field described.

The report is written by `analytics`, which the API does not load. It is described here once more;
a test holds both together.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from app.domain.experiments import (
    ArmVerdict,
    Better,
    ExperimentStanding,
    Role,
    Unit,
)

Scale = Literal["difference", "lift", "ratio", "odds ratio", "probability"]
Alternative = Literal["two-sided", "greater", "less"]
Limit = Annotated[float | None, Meta(description="Null where the interval is open.")]


class ExperimentList(Struct, frozen=True, kw_only=True):
    """Every experiment that is declared."""

    experiments: Annotated[list[ExperimentStanding], Meta(description="By their keys.")]


class ReportedNothing(Struct, frozen=True, kw_only=True, tag="not computable"):
    """Nothing can be said, and why."""

    reason: Annotated[str, Meta(description="Why.")]
    method: Annotated[str, Meta(description="How it would have been computed; may be empty.")] = ""


class ReportedEffect(Struct, frozen=True, kw_only=True, tag="effect"):
    """An effect of a treatment with its interval and p, which belong together."""

    method: Annotated[str, Meta(description="How it was computed.")]
    scale: Annotated[Scale, Meta(description="What the estimate is.")]
    estimate: Annotated[float, Meta(description="The effect.")]
    low: Annotated[Limit, Meta(description="Where its interval begins.")]
    high: Annotated[Limit, Meta(description="Where its interval ends.")]
    alpha: Annotated[float, Meta(description="The error of the interval.")]
    p: Annotated[float, Meta(description="How likely more than this is by chance; 0 if < 1e-308.")]
    log10_p: Annotated[float, Meta(description="Its decimal logarithm, which still tells.")]
    control: Annotated[float, Meta(description="The metric in the control.")]
    treatment: Annotated[float, Meta(description="The metric in the treatment.")]
    n_control: Annotated[int, Meta(description="Persons or values in the control.")]
    n_treatment: Annotated[int, Meta(description="Persons or values in the treatment.")]
    alternative: Annotated[Alternative, Meta(description="What was looked for.")] = "two-sided"
    standard_error: Annotated[float | None, Meta(description="Of the estimate.")] = None
    statistic: Annotated[float | None, Meta(description="The test's statistic.")] = None
    df: Annotated[float | None, Meta(description="Its degrees of freedom.")] = None
    null: Annotated[float, Meta(description="The effect that p asks about.")] = 0.0


class ReportedTest(Struct, frozen=True, kw_only=True, tag="test"):
    """A test without an effect."""

    method: Annotated[str, Meta(description="How it was computed.")]
    statistic: Annotated[float, Meta(description="The test's statistic.")]
    p: Annotated[float, Meta(description="How likely more than this is by chance.")]
    log10_p: Annotated[float, Meta(description="Its decimal logarithm.")]
    df: Annotated[float | None, Meta(description="Its degrees of freedom.")] = None


class ReportedPosterior(Struct, frozen=True, kw_only=True, tag="posterior"):
    """What to believe of an effect now, with a flat prior."""

    scale: Annotated[Scale, Meta(description="What the estimate is.")]
    estimate: Annotated[float, Meta(description="The effect.")]
    standard_deviation: Annotated[float, Meta(description="How uncertain it is.")]
    low: Annotated[float, Meta(description="Where its interval begins.")]
    high: Annotated[float, Meta(description="Where its interval ends.")]
    alpha: Annotated[float, Meta(description="The error of the interval.")]
    chance_to_win: Annotated[float, Meta(description="Probability that the treatment is better.")]
    risk_control: Annotated[float, Meta(description="Expected loss if the control is kept.")]
    risk_treatment: Annotated[float, Meta(description="Expected loss if the treatment is taken.")]


class ReportedAnalysis(Struct, frozen=True, kw_only=True):
    """A metric from all the sides that a report shows."""

    difference: Annotated[
        ReportedEffect | ReportedNothing, Meta(description="By the fixed test, right for one look.")
    ]
    lift: Annotated[ReportedEffect | ReportedNothing, Meta(description="The relative difference.")]
    sequence: Annotated[
        ReportedEffect | ReportedNothing,
        Meta(description="In a way that may be looked at every day."),
    ]
    posterior: Annotated[ReportedPosterior | ReportedNothing, Meta(description="What to believe.")]
    second_look: Annotated[
        ReportedEffect | ReportedNothing | None,
        Meta(description="By a method with other assumptions."),
    ] = None
    unadjusted: Annotated[
        ReportedEffect | ReportedNothing | None,
        Meta(description="Without what was known before the exposure."),
    ] = None
    variance_kept: Annotated[
        float | None, Meta(description="The share of the variance that this left.")
    ] = None


class ReportedMetric(Struct, frozen=True, kw_only=True):
    """A metric as it was declared."""

    name: Annotated[str, Meta(description="Its name.")]
    label: Annotated[str, Meta(description="What people call it.")]
    kind: Annotated[
        Literal["share", "mean", "ratio", "nps", "quantile"], Meta(description="What is computed.")
    ]
    fact: Annotated[str, Meta(description="What is added up.")]
    per: Annotated[str | None, Meta(description="What that is divided by.")] = None
    unit: Annotated[Unit, Meta(description="What it is measured in.")]
    better: Annotated[Better, Meta(description="Which way is good.")]
    role: Annotated[Role, Meta(description="What it is for.")] = "secondary"
    smallest_effect: Annotated[
        float | None, Meta(description="The smallest difference that matters.")
    ] = None
    margin: Annotated[float | None, Meta(description="How much worse a guardrail may become.")] = (
        None
    )
    zero_is_known: Annotated[
        bool, Meta(description="Whether an arm in which nobody has any of it has so by design.")
    ] = False
    target: Annotated[
        float | None, Meta(description="What it should be, whatever the other arm does.")
    ] = None
    q: Annotated[float | None, Meta(description="Which quantile.")] = None


class ReportedDeclaration(Struct, frozen=True, kw_only=True):
    """What was settled before."""

    format: Annotated[Literal[1], Meta(description="The version of the form.")]
    key: Annotated[str, Meta(description="GrowthBook's tracking key.")]
    title: Annotated[str, Meta(description="What people call it.")]
    question: Annotated[str, Meta(description="What is asked.")]
    hypothesis: Annotated[str, Meta(description="What is expected, and why.")]
    control: Annotated[str, Meta(description="The arm that the others are compared with.")]
    arms: Annotated[dict[str, float], Meta(description="The intended weight of each arm.")]
    planned_persons: Annotated[int, Meta(description="By how many persons it is decided.")]
    alpha: Annotated[float, Meta(description="The error that is accepted.")] = 0.05
    power: Annotated[float, Meta(description="The power that was planned for.")] = 0.8
    starts: Annotated[str | None, Meta(description="The first day (UTC).")] = None
    ends: Annotated[str | None, Meta(description="The last day (UTC).")] = None
    maturity_hours: Annotated[
        float, Meta(description="How long after their exposure persons begin to count.")
    ] = 24.0
    conclude_after_hours: Annotated[
        float, Meta(description="For how long a verdict must stand until it ends the experiment.")
    ] = 48.0
    metrics: Annotated[tuple[ReportedMetric, ...], Meta(description="In their order.")]
    slices: Annotated[
        tuple[Literal["locale", "playbook"], ...], Meta(description="Slices of people.")
    ] = ("locale", "playbook")


class ReportedPeople(Struct, frozen=True, kw_only=True):
    """Who was taken in."""

    persons: Annotated[Mapping[str, int], Meta(description="Persons by the arm they saw first.")]
    several: Annotated[int, Meta(description="Persons who saw several arms.")]
    first: Annotated[str | None, Meta(description="The first exposure, UTC.")]
    last: Annotated[str | None, Meta(description="The latest exposure, UTC.")]
    by_day: Annotated[
        Mapping[str, Mapping[str, int]], Meta(description="Of them, who came on each day (UTC).")
    ]
    flags: Annotated[tuple[str, ...], Meta(description="Hashes of the flags that decided.")]


class ReportedHealth(Struct, frozen=True, kw_only=True):
    """Whether the data can be trusted."""

    sample_ratio: Annotated[
        ReportedTest | ReportedNothing, Meta(description="Whether arms have the intended sizes.")
    ]
    persons: Annotated[int, Meta(description="Persons who came.")]
    persons_in_several: Annotated[int, Meta(description="Persons who saw several arms.")] = 0


class ReportedPoint(Struct, frozen=True, kw_only=True):
    """What was known by the end of a day."""

    day: Annotated[str, Meta(description="The day (UTC).")]
    persons: Annotated[int, Meta(description="Persons until then.")]
    effect: Annotated[
        ReportedEffect | ReportedNothing,
        Meta(description="In a way that may be looked at every day."),
    ]


class ReportedSlice(Struct, frozen=True, kw_only=True):
    """An effect in one slice of people."""

    slice: Annotated[str, Meta(description="What people are sliced by.")]
    value: Annotated[str, Meta(description="Which slice.")]
    persons: Annotated[int, Meta(description="Persons in it.")]
    effect: Annotated[ReportedEffect | ReportedNothing, Meta(description="The difference there.")]


class ReportedNovelty(Struct, frozen=True, kw_only=True, tag="novelty"):
    """How the effect changes with the days since somebody's exposure."""

    slope: Annotated[float, Meta(description="Change of the effect a day.")]
    low: Annotated[float, Meta(description="Where its interval begins.")]
    high: Annotated[float, Meta(description="Where its interval ends.")]
    p: Annotated[float, Meta(description="How likely more than this is by chance.")]
    log10_p: Annotated[float, Meta(description="Its decimal logarithm.")]
    early: Annotated[float, Meta(description="The effect in the first half of the days.")]
    late: Annotated[float, Meta(description="The effect in the second half.")]
    fades: Annotated[bool, Meta(description="Whether an early effect wears off.")]


class ReportedOutlook(Struct, frozen=True, kw_only=True, tag="outlook"):
    """How far a primary has come."""

    power_now: Annotated[float, Meta(description="Power for the effect that matters, by now.")]
    additional_users: Annotated[float, Meta(description="Persons still to come.")]
    detectable_now: Annotated[float, Meta(description="The smallest effect to be found by now.")]


class ReportedFinding(Struct, frozen=True, kw_only=True):
    """A metric of one arm against the control."""

    metric: Annotated[ReportedMetric, Meta(description="The metric.")]
    arm: Annotated[str, Meta(description="The treatment.")]
    persons: Annotated[tuple[int, int], Meta(description="Who counts: control, treatment.")]
    analysis: Annotated[ReportedAnalysis, Meta(description="The effect from all sides.")]
    adjusted_p: Annotated[
        float | None,
        Meta(description="After Holm for primaries and arms, Benjamini-Hochberg for the rest."),
    ]
    non_inferior: Annotated[
        ReportedEffect | ReportedNothing | None,
        Meta(description="Of a guardrail: the one-sided test against its margin, daily or final."),
    ] = None
    outlook: Annotated[
        ReportedOutlook | ReportedNothing | None,
        Meta(description="Of a primary: how far it has come."),
    ] = None
    by_day: Annotated[tuple[ReportedPoint, ...], Meta(description="Day by day.")] = ()
    novelty: Annotated[
        ReportedNovelty | ReportedNothing | None, Meta(description="Whether it wears off.")
    ] = None
    slices: Annotated[tuple[ReportedSlice, ...], Meta(description="By slices of people.")] = ()
    interactions: Annotated[
        Mapping[str, ReportedTest | ReportedNothing],
        Meta(description="By what people are sliced by: whether slices differ."),
    ] = {}


class ReportedQuestion(Struct, frozen=True, kw_only=True):
    """A statement that was asked of the warehouse."""

    title: Annotated[str, Meta(description="What was asked.")]
    sql: Annotated[str, Meta(description="The statement.")]
    parameters: Annotated[tuple[Any, ...], Meta(description="Its parameters.")]


class ExperimentReport(Struct, frozen=True, kw_only=True, tag_field="schema", tag="experiment/1"):
    """Everything that is known of an experiment, as `triage experiment report` has it."""

    declaration: Annotated[ReportedDeclaration, Meta(description="What was settled before.")]
    at: Annotated[str, Meta(description="What had happened until then counts: UTC.")]
    taken: Annotated[ReportedPeople, Meta(description="Who was taken in.")]
    counted: Annotated[Mapping[str, int], Meta(description="Persons who count, by arm.")]
    days: Annotated[float, Meta(description="Days since the first exposure.")]
    health: Annotated[ReportedHealth, Meta(description="Whether the data can be trusted.")]
    sequential_ratio: Annotated[
        ReportedTest | ReportedNothing,
        Meta(description="The sample ratio in a way that may be looked at every day."),
    ]
    balance: Annotated[
        ReportedTest | ReportedNothing,
        Meta(description="Whether arms differ in how many had been here before."),
    ]
    nameless: Annotated[int, Meta(description="Cases of people without a name.")]
    lag_hours: Annotated[
        float | None, Meta(description="How long ago the latest known outcome happened.")
    ]
    final: Annotated[bool, Meta(description="Whether the fixed test judges.")]
    findings: Annotated[tuple[ReportedFinding, ...], Meta(description="By arm and metric.")]
    verdicts: Annotated[Mapping[str, ArmVerdict], Meta(description="By treatment.")]
    questions: Annotated[tuple[ReportedQuestion, ...], Meta(description="What was asked.")]
    versions: Annotated[Mapping[str, str], Meta(description="Of what computed it.")]
    computed_at: Annotated[int, Meta(description="When it was computed: Unix time in ms.")]
