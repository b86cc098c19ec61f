"""Where a running experiment stands: its power by now, and how many persons it still takes."""

import math

from msgspec import Struct
from scipy import special

from analytics.power import chance_found, check_plan, rising_root
from analytics.results import Effect, NotComputable
from analytics.sequential import sequence_half_width
from analytics.tails import normal_critical


class Outlook(Struct, frozen=True, kw_only=True, tag="outlook"):
    """Where a running experiment stands: power for an effect, and persons still to come."""

    power_now: float
    additional_users: float
    detectable_now: float


def outlook(
    effect: Effect | NotComputable,
    *,
    target: float,
    power: float = 0.8,
    alpha: float = 0.05,
    planned_n: float | None = None,
) -> Outlook | NotComputable:
    """Return where a running experiment stands, from the standard error it has reached.

    Args:
        effect: a difference or lift as observed; only its standard error and n are used.
        target: smallest effect that matters, on the same scale.
        power: chance of finding it.
        alpha: two-sided error.
        planned_n: if given, the power is that of the confidence sequence tuned to it.

    Returns:
        Power now for the target, persons of both arms together still needed for it (0 if none),
        and the smallest effect detectable now with this power. The standard error is taken to
        shrink with the square root of n.

    Raises:
        ValueError: an argument is none.

    Source: gbstats `MidExperimentPower` without prior; its bisection solved to the end.

    >>> from analytics.arms import Arm
    >>> from analytics.lifts import delta_lift
    >>> a, b = Arm(n=1000, mean=0.1, variance=0.09), Arm(n=1000, mean=0.13, variance=0.1131)
    >>> found = outlook(delta_lift(a, b), target=0.1)
    >>> round(found.power_now, 6), round(found.additional_users)
    (0.094193, 39630)
    """
    check_plan(power, alpha, "two-sided")
    if isinstance(effect, NotComputable):
        return effect
    error = effect.standard_error
    if error is None or error <= 0:
        return NotComputable(reason="without a standard error there is no outlook")
    if target == 0:
        return NotComputable(reason="no number of persons finds an effect of zero")

    def at(factor: float) -> float:
        shrunk = error / math.sqrt(factor)
        reach = normal_critical(alpha, "two-sided")
        if planned_n is not None:
            n = effect.n * factor
            reach = sequence_half_width(n, 1.0, planned_n=planned_n, alpha=alpha)
        return chance_found(abs(target) / shrunk, reach, "two-sided")

    reach_now = (
        normal_critical(alpha, "two-sided")
        if planned_n is None
        else sequence_half_width(effect.n, 1.0, planned_n=planned_n, alpha=alpha)
    )
    detectable = (reach_now + float(special.ndtri(power))) * error
    now = at(1.0)
    if now >= power:
        return Outlook(power_now=now, additional_users=0.0, detectable_now=detectable)
    factor = rising_root(lambda one: at(one) - power, 1.0, 2.0)
    if isinstance(factor, NotComputable):
        return factor
    return Outlook(
        power_now=now, additional_users=effect.n * (factor - 1), detectable_now=detectable
    )


def days_left(additional_users: float, users_per_day: float) -> float | NotComputable:
    """Return how many days it takes at the pace so far.

    Raises:
        ValueError: fewer than no users are needed.

    >>> days_left(3000, 400)
    7.5
    """
    if additional_users < 0:
        raise ValueError("there cannot be fewer than no users to come")
    if additional_users == 0:
        return 0.0
    if not users_per_day > 0:
        return NotComputable(reason="nobody comes")
    return additional_users / users_per_day
