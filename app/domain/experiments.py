"""How the declared experiments stand, as a worker computed it last.

The statistics themselves are no concern of whoever reads this: the API and whatever exposes metrics
show what is kept here, and load neither the warehouse nor its mathematics.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

Decision = Literal["invalid", "roll back", "ship", "stop, no effect", "keep running"]
DECISIONS: tuple[Decision, ...] = (
    "invalid", "roll back", "ship", "stop, no effect", "keep running",
)  # fmt: skip
"""In this order, so that no good news can hide bad news."""
State = Literal["waiting", "planned", "running", "ended"]
Role = Literal["primary", "guardrail", "secondary"]
Better = Literal["increase", "decrease"]
Unit = Literal["share", "seconds", "points", "score", "usd"]
Ending = Literal["the last day", "the planned persons", "the verdict"]


class ArmVerdict(Struct, frozen=True, kw_only=True):
    """What to do with a treatment, and why."""

    decision: Annotated[Decision, Meta(description="What to do.")]
    reasons: Annotated[tuple[str, ...], Meta(description="Why, in whole words.")]
    days_left: Annotated[
        float | None, Meta(description="About how long still, where it goes on; null if unknown.")
    ] = None


class EffectFigures(Struct, frozen=True, kw_only=True):
    """What a treatment does to a metric, as the verdict reads it."""

    metric: Annotated[str, Meta(description="The metric's name.")]
    label: Annotated[str, Meta(description="What people call it.")]
    arm: Annotated[str, Meta(description="The treatment.")]
    role: Annotated[Role, Meta(description="What it is for.")]
    unit: Annotated[Unit, Meta(description="What it is measured in.")]
    better: Annotated[Better, Meta(description="Which way is good.")]
    value: Annotated[
        float | None, Meta(description="Treatment minus control; null where there is none yet.")
    ] = None
    low: Annotated[float | None, Meta(description="Where its interval begins.")] = None
    high: Annotated[float | None, Meta(description="Where its interval ends.")] = None
    p_value: Annotated[float | None, Meta(description="After the corrections of the report.")] = (
        None
    )
    limit: Annotated[
        float | None,
        Meta(
            description="For a primary the smallest effect that matters, with the sign of what is"
            " good; for a guardrail the difference, with its sign, beyond which it is broken."
        ),
    ] = None
    broken: Annotated[
        bool | None,
        Meta(description="Of guardrails: whether the whole interval lies beyond that."),
    ] = None
    reason: Annotated[str | None, Meta(description="Why there is no value.")] = None


class ExperimentStanding(Struct, frozen=True, kw_only=True):
    """How an experiment stands."""

    key: Annotated[str, Meta(description="Its tracking key.", examples=["intelligent_triage_v2"])]
    title: Annotated[str, Meta(description="What people call it.")]
    question: Annotated[str, Meta(description="What is asked.")]
    control: Annotated[str, Meta(description="The arm that the others are compared with.")]
    arms: Annotated[Mapping[str, float], Meta(description="The intended weight of each arm.")]
    planned_persons: Annotated[int, Meta(description="By how many persons it is decided.")]
    state: Annotated[
        State,
        Meta(
            description="`waiting`: nothing was computed yet; `planned`: nobody has come yet;"
            " `running`; `ended`: its last day, its planned persons or its verdict ended it."
        ),
    ] = "waiting"
    ended_by: Annotated[
        Ending | None, Meta(description="What ended it; null while it goes on.")
    ] = None
    started_at: Annotated[
        int | None, Meta(description="The first exposure: Unix time in ms; null before it.")
    ] = None
    last_exposure_at: Annotated[
        int | None, Meta(description="The latest exposure: Unix time in ms.")
    ] = None
    verdict: Annotated[
        Decision | None,
        Meta(description="What to do; of several treatments the gravest. Null while `waiting`."),
    ] = None
    reason: Annotated[str | None, Meta(description="Why, in whole words.")] = None
    verdict_since: Annotated[
        int | None, Meta(description="Since when that has been the verdict: Unix time in ms.")
    ] = None
    verdicts: Annotated[
        Mapping[str, ArmVerdict], Meta(description="The verdict on each treatment.")
    ] = {}
    final: Annotated[
        bool, Meta(description="Whether the fixed test judges; before, what may be read daily.")
    ] = False
    persons: Annotated[Mapping[str, int], Meta(description="Persons who saw each arm first.")] = {}
    counted: Annotated[
        Mapping[str, int], Meta(description="Of those, the ones that metrics are about.")
    ] = {}
    several: Annotated[int, Meta(description="Persons who saw several arms.")] = 0
    sample_ratio_p: Annotated[
        float | None, Meta(description="How likely such a split is by chance; null if unknown.")
    ] = None
    sample_ratio_daily_p: Annotated[
        float | None, Meta(description="The same in a way that may be looked at every day.")
    ] = None
    effects: Annotated[
        tuple[EffectFigures, ...], Meta(description="Every metric of every treatment.")
    ] = ()
    computed_at: Annotated[
        int | None, Meta(description="When this was computed: Unix time in ms.")
    ] = None
    error: Annotated[
        str | None, Meta(description="Why the latest attempt at computing it failed, if it did.")
    ] = None

    @property
    def judged_ratio_p(self) -> float | None:
        """The p of the sample ratio that the verdict reads."""
        return self.sample_ratio_p if self.final else self.sample_ratio_daily_p
