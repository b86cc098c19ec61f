"""The lift (b - a) / |a|: by the delta method, and on the log scale, never below -100 %."""

import math

from analytics.arms import (
    Arm,
    Reference,
    Spread,
    critical,
    difference_of,
    judged,
    spread_of,
    too_thin,
)
from analytics.results import (
    Alternative,
    Effect,
    NotComputable,
    check_alpha,
    check_alternative,
    finished,
)


def delta_lift(
    a: Arm,
    b: Arm,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    null: float = 0.0,
    reference: Reference = "welch",
) -> Effect | NotComputable:
    """Estimate the lift (b - a) / |a| with a symmetric interval by the delta method.

    Its p belongs to the lift. A report shows the p of the difference instead, which keeps its
    level where the control's mean is uncertain; see `analytics.metrics`.

    Raises:
        ValueError: alpha or alternative is none.

    Source: Deng, Knoblich & Lu 2018, section 2.1; GrowthBook's `gbstats`.

    >>> a, b = Arm(n=1000, mean=0.1, variance=0.09), Arm(n=1000, mean=0.13, variance=0.1131)
    >>> e = delta_lift(a, b)
    >>> round(e.estimate, 4), round(e.standard_error, 6), round(e.p, 6)
    (0.3, 0.16285, 0.065597)
    """
    check_alpha(alpha)
    check_alternative(alternative)
    thin = too_thin(a, b)
    if thin is not None:
        return thin
    if a.mean == 0:
        return NotComputable(reason="the control's mean is zero, so there is no lift over it")
    estimate = (b.mean - a.mean) / abs(a.mean)
    ratio = b.mean / a.mean
    error = math.sqrt(b.squared_error + ratio * ratio * a.squared_error) / abs(a.mean)
    spread = Spread(standard_error=error, df=spread_of(a, b, reference).df)
    return judged(
        f"{reference}, delta lift", "lift", estimate, spread, a, b, alpha, alternative, null
    )


def log_lift(
    a: Arm,
    b: Arm,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    reference: Reference = "welch",
) -> Effect | NotComputable:
    """Estimate the lift b / a - 1 with an interval on the log scale; never below -100 %.

    The p is that of the difference (the absolute test); the interval is
    ratio * exp(-+ t * error), where error and degrees of freedom are those of the means divided by
    themselves.

    Raises:
        ValueError: alpha or alternative is none.

    Source: delta method on log(b / a); as tea-tasting does.

    >>> a, b = Arm(n=120, mean=58.7, variance=1551.0), Arm(n=120, mean=62.1, variance=1855.0)
    >>> e = log_lift(a, b)
    >>> round(e.low, 3), round(e.high, 3)
    (-0.111, 0.258)
    """
    check_alpha(alpha)
    check_alternative(alternative)
    difference = difference_of(a, b, reference, alpha, alternative, 0.0)
    if isinstance(difference, NotComputable):
        return difference
    if a.mean <= 0 or b.mean <= 0:
        return NotComputable(reason="a lift on the log scale needs both means above zero")
    scaled = spread_of(_scaled(a), _scaled(b), reference)
    half = critical(scaled, alpha, alternative) * scaled.standard_error
    ratio = b.mean / a.mean
    return finished(
        Effect(
            method=f"{reference}, log lift",
            scale="lift",
            estimate=ratio - 1,
            low=-math.inf if alternative == "less" else ratio * math.exp(-half) - 1,
            high=math.inf if alternative == "greater" else ratio * math.exp(min(half, 700)) - 1,
            alpha=alpha,
            p=difference.p,
            log10_p=difference.log10_p,
            control=a.mean,
            treatment=b.mean,
            n_control=a.n,
            n_treatment=b.n,
            alternative=alternative,
            standard_error=ratio * scaled.standard_error,
            statistic=difference.statistic,
            df=difference.df,
        )
    )


def _scaled(arm: Arm) -> Arm:
    return Arm(n=arm.n, mean=1.0, variance=arm.variance / arm.mean / arm.mean)
