"""The verdict: what to do, in an order in which no good news can hide bad news.

1. **Invalid**: the sample ratio is wrong, or too many persons saw several variants.
2. **Roll back**: a guardrail lies wholly beyond its margin, or a primary is significantly worse.
3. **Ship**: a full week, a primary wins after Holm, every guardrail is non-inferior.
4. **Stop, no effect**: every primary's interval lies within the smallest effect that matters.
5. **Keep running**, with an estimate of how long.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from analytics.noninferiority import Direction
from analytics.results import Effect, NotComputable, Test, check_alpha
from analytics.srm import THRESHOLD

Decision = Literal["invalid", "roll back", "ship", "stop, no effect", "keep running"]

SEVERAL_VARIANTS = 0.01
"""More than this share of persons in several variants makes an experiment invalid."""

FULL_WEEK = 7.0
"""Days before which nothing is shipped: people of every weekday should have been seen."""


class Health(Struct, frozen=True, kw_only=True):
    """Whether the data can be trusted: sample ratio, and persons who saw several variants."""

    sample_ratio: Test | NotComputable
    persons: int
    persons_in_several: int = 0

    @property
    def share_in_several(self) -> float:
        """Share of persons who saw several variants."""
        return self.persons_in_several / self.persons if self.persons else 0.0


class Primary(Struct, frozen=True, kw_only=True):
    """A primary metric of one arm against control.

    `effect` is the difference or lift that is judged against `smallest_effect` (same scale, above
    zero); `adjusted_p` is its p after Holm over primaries x arms (None where there is none);
    `additional_users` is what the power analysis says is missing.
    """

    name: str
    effect: Effect | NotComputable
    adjusted_p: float | None
    better: Direction = "increase"
    smallest_effect: float | None = None
    additional_users: float | None = None


class Guardrail(Struct, frozen=True, kw_only=True):
    """A metric that must not get worse by more than a margin.

    `sequence` is the confidence sequence of the effect, on the margin's scale; `non_inferior` the
    one-sided test against the margin.
    """

    name: str
    sequence: Effect | NotComputable
    non_inferior: Effect | NotComputable
    margin: float
    better: Direction = "increase"


class Verdict(Struct, frozen=True, kw_only=True):
    """What to do and why. `days_left` is an estimate, only where the experiment goes on."""

    decision: Decision
    reasons: tuple[str, ...]
    days_left: float | None = None


def judge(
    health: Health,
    primaries: Sequence[Primary],
    guardrails: Sequence[Guardrail] = (),
    *,
    days: float,
    users_per_day: float = 0.0,
    alpha: float = 0.05,
) -> Verdict:
    """Return the verdict on one arm against control.

    Args:
        health: whether the data can be trusted.
        primaries: at least one.
        guardrails: any number.
        days: how long the experiment has run.
        users_per_day: persons of both arms a day at the pace so far, to estimate how long.
        alpha: error of the family of primaries, and one-sided of each guardrail.

    Raises:
        ValueError: no primary, negative days, alpha is none, or a margin or smallest effect is
            below zero.

    >>> from analytics.srm import srm_chi_square
    >>> health = Health(sample_ratio=srm_chi_square([1000, 1300], [1, 1]), persons=2300)
    >>> nothing = Primary(name="completion", effect=NotComputable(reason="-"), adjusted_p=None)
    >>> judge(health, [nothing], days=3).decision
    'invalid'
    """
    check_alpha(alpha)
    if not primaries:
        raise ValueError("a verdict needs a primary metric")
    if days < 0:
        raise ValueError("an experiment cannot have run for fewer than no days")
    if any(one.margin < 0 for one in guardrails):
        raise ValueError("a margin is how much worse is acceptable, 0 or more")
    if any(one.smallest_effect is not None and one.smallest_effect <= 0 for one in primaries):
        raise ValueError("the smallest effect that matters must be above zero")
    invalid = _invalid(health)
    if invalid:
        return Verdict(decision="invalid", reasons=invalid)
    worse = _worse(primaries, guardrails, alpha)
    if worse:
        return Verdict(decision="roll back", reasons=worse)
    wins = tuple(one.name for one in primaries if _significant(one, alpha, good=True))
    hindrances = _hindrances(guardrails, days, alpha)
    if wins and not hindrances:
        won = tuple(f"{name} is better after Holm" for name in wins)
        safe = tuple(f"{one.name} is not worse by its margin" for one in guardrails)
        return Verdict(decision="ship", reasons=won + safe)
    if not wins and all(_negligible(one) for one in primaries):
        return Verdict(
            decision="stop, no effect",
            reasons=tuple(
                f"{one.name}: whatever effect there is, is below what matters" for one in primaries
            ),
        )
    return Verdict(
        decision="keep running",
        reasons=_open(primaries, wins, hindrances),
        days_left=_days_left(primaries, wins, days, users_per_day),
    )


def _invalid(health: Health) -> tuple[str, ...]:
    reasons = []
    ratio = health.sample_ratio
    if isinstance(ratio, Test) and ratio.p < THRESHOLD:
        reasons.append(f"the sample ratio is wrong (p = {ratio.p:.2g})")
    if health.share_in_several > SEVERAL_VARIANTS:
        reasons.append(f"{health.share_in_several:.1%} of persons saw several variants")
    return tuple(reasons)


def _worse(
    primaries: Sequence[Primary], guardrails: Sequence[Guardrail], alpha: float
) -> tuple[str, ...]:
    beyond = [
        f"{one.name} is worse than its margin"
        for one in guardrails
        if is_beyond(one.sequence, one.margin, one.better)
    ]
    lost = [
        f"{one.name} is significantly worse"
        for one in primaries
        if _significant(one, alpha, good=False)
    ]
    return tuple(beyond + lost)


def is_beyond(sequence: Effect | NotComputable, margin: float, better: Direction) -> bool:
    """Say whether a guardrail is broken: the whole sequence lies beyond the margin.

    >>> is_beyond(NotComputable(reason="-"), 0.05, "increase")
    False
    """
    if isinstance(sequence, NotComputable):
        return False
    if better == "increase":
        return sequence.high < -margin
    return sequence.low > margin


def _significant(one: Primary, alpha: float, *, good: bool) -> bool:
    if isinstance(one.effect, NotComputable) or one.adjusted_p is None:
        return False
    gain = one.effect.estimate - one.effect.null
    if one.better == "decrease":
        gain = -gain
    return one.adjusted_p < alpha and (gain > 0 if good else gain < 0)


def _hindrances(guardrails: Sequence[Guardrail], days: float, alpha: float) -> tuple[str, ...]:
    reasons = []
    if days < FULL_WEEK:
        reasons.append(f"a full week has not passed ({days:.1f} days)")
    for one in guardrails:
        if isinstance(one.non_inferior, NotComputable):
            reasons.append(f"{one.name} cannot be judged: {one.non_inferior.reason}")
        elif one.non_inferior.p >= alpha:
            reasons.append(f"{one.name} may still be worse than its margin")
    return tuple(reasons)


def _negligible(one: Primary) -> bool:
    """Say whether the whole interval lies within the smallest effect that matters."""
    if isinstance(one.effect, NotComputable) or one.smallest_effect is None:
        return False
    return -one.smallest_effect < one.effect.low and one.effect.high < one.smallest_effect


def _open(
    primaries: Sequence[Primary], wins: tuple[str, ...], hindrances: tuple[str, ...]
) -> tuple[str, ...]:
    if wins:
        return tuple(f"{name} is better after Holm" for name in wins) + hindrances
    reasons = []
    for one in primaries:
        if isinstance(one.effect, NotComputable):
            reasons.append(f"{one.name} cannot be judged: {one.effect.reason}")
        else:
            reasons.append(f"{one.name} is not decided yet")
    return tuple(reasons)


def _days_left(
    primaries: Sequence[Primary], wins: tuple[str, ...], days: float, users_per_day: float
) -> float | None:
    week = max(FULL_WEEK - days, 0.0)
    if wins:
        return week or None
    known = [one.additional_users for one in primaries if one.additional_users is not None]
    if not known or users_per_day <= 0:
        return None
    return max(min(known) / users_per_day, week)
