"""Novelty: an effect that fades, or grows, with the days since a person was first treated."""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from analytics.arms import Arm, Spread, judged
from analytics.results import Effect, NotComputable, check_alpha
from analytics.tails import normal_tail


class Novelty(Struct, frozen=True, kw_only=True, tag="novelty"):
    """How the effect moves with the days since the exposure.

    `slope` is the change of the effect per day, weighted by precision, with interval and p; early
    and late are the effects of the first and second half of the days. `fades` says that the early
    effect is significant, and the trend towards zero is too.
    """

    slope: float
    low: float
    high: float
    p: float
    log10_p: float
    early: float
    late: float
    fades: bool


def novelty(
    by_day: Mapping[int, Effect | NotComputable], *, alpha: float = 0.05
) -> Novelty | NotComputable:
    """Ask whether the effect fades (or grows) with the days since the exposure.

    Args:
        by_day: effect of what happened on that day since the person's own exposure. Days count as
            independent, which holds where a person counts on one day; otherwise it is a hint.
        alpha: error of the interval.

    Raises:
        ValueError: alpha is none.

    Source: inverse-variance weighted regression on the day (meta-regression with known variances,
    Thompson & Higgins 2002); Sadeghi et al. 2022 on novelty.

    >>> from analytics.means import z_difference
    >>> def day(gain):
    ...     a = Arm(n=999, mean=5.0, variance=1.0)
    ...     return z_difference(a, Arm(n=999, mean=5.0 + gain, variance=1.0))
    >>> found = novelty({0: day(0.4), 1: day(0.3), 2: day(0.2), 3: day(0.1)})
    >>> round(found.slope, 3), found.fades
    (-0.1, True)
    """
    check_alpha(alpha)
    known = [
        (day, one.estimate, 1 / (one.standard_error * one.standard_error))
        for day, one in sorted(by_day.items())
        if isinstance(one, Effect) and one.standard_error
    ]
    if len(known) < 3:
        return NotComputable(reason="fewer than three days have an effect with its error")
    total = sum(w for _, _, w in known)
    centre = sum(w * day for day, _, w in known) / total
    around = sum(w * (day - centre) ** 2 for day, _, w in known)
    mean = sum(w * estimate for _, estimate, w in known) / total
    if not (around > 0 and math.isfinite(around) and math.isfinite(mean)):
        return NotComputable(reason="the numbers are too large or too small to compute with")
    slope = sum(w * (day - centre) * (estimate - mean) for day, estimate, w in known) / around
    error = 1 / math.sqrt(around)
    half_way = len(known) // 2
    early, early_error = _together(known[:half_way])
    late, _ = _together(known[half_way:])
    flat = Arm(n=0, mean=0.0, variance=0.0)
    spread = Spread(standard_error=error, df=None)
    trend = judged("trend", "difference", slope, spread, flat, flat, alpha, "two-sided")
    if isinstance(trend, NotComputable):
        return trend
    early_p = normal_tail(early / early_error, "two-sided")
    towards_zero = slope * early < 0
    return Novelty(
        slope=slope,
        low=trend.low,
        high=trend.high,
        p=trend.p,
        log10_p=trend.log10_p,
        early=early,
        late=late,
        fades=towards_zero and trend.p < alpha and early_p.p < alpha,
    )


def _together(days: Sequence[tuple[int, float, float]]) -> tuple[float, float]:
    total = sum(w for _, _, w in days)
    return sum(w * estimate for _, estimate, w in days) / total, 1 / math.sqrt(total)
