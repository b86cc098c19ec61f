"""An arm of a comparison, and what every comparison of two arms has in common.

A mean, a share, a ratio by the delta method, a mean adjusted by CUPED and a quantile are all arms:
units, an estimate, and the variance of one unit.
"""

import math
from typing import Literal

from msgspec import Struct

from analytics.moments import Count, Moments
from analytics.results import (
    Alternative,
    Effect,
    NotComputable,
    Scale,
    check_alpha,
    check_alternative,
    finished,
)
from analytics.tails import normal_critical, normal_tail, student_critical, student_tail

Reference = Literal["welch", "student", "normal"]
"""Which distribution judges the statistic; student also pools the variance."""


class Arm(Struct, frozen=True, kw_only=True):
    """What every comparison of two means needs of an arm: units, mean, variance of one unit.

    A mean, a ratio by the delta method, an adjusted mean and a quantile are all such arms.

    >>> Arm.of_moments(Moments.of([1.0, 2.0, 4.0])).n
    3
    """

    n: int
    mean: float
    variance: float
    known: bool = False
    """The mean is known and not estimated, so that no variance is needed to compare with it."""

    @property
    def squared_error(self) -> float:
        """Squared standard error of the mean."""
        return self.variance / self.n

    @classmethod
    def of_moments(cls, moments: Moments) -> "Arm":
        """Return the arm of a plain mean."""
        return cls(n=moments.n, mean=moments.mean, variance=moments.variance)

    @classmethod
    def of_count(cls, count: Count) -> "Arm":
        """Return the arm of a share, with the variance p(1 - p), as GrowthBook takes it."""
        p = count.rate
        return cls(n=count.n, mean=p, variance=p * (1 - p))


def too_thin(a: Arm, b: Arm) -> NotComputable | None:
    """Say why two arms cannot be compared, if they cannot.

    Each arm needs two units and a variance of its own: an arm in which everybody is the same says
    nothing about how much its mean could have differed, unless it is known that it could not.

    >>> too_thin(Arm(n=1, mean=1.0, variance=0.0), Arm(n=9, mean=2.0, variance=1.0)).reason
    'the control has 1 units, and two are needed'
    >>> nothing = Arm(n=9, mean=0.0, variance=0.0, known=True)
    >>> too_thin(nothing, Arm(n=9, mean=2.0, variance=1.0)) is None
    True
    >>> too_thin(nothing, nothing).reason
    'the control does not vary'
    """
    for name, arm in (("control", a), ("treatment", b)):
        if arm.n < 2:
            return NotComputable(reason=f"the {name} has {arm.n} units, and two are needed")
        if not (math.isfinite(arm.mean) and math.isfinite(arm.variance)):
            return NotComputable(reason=f"the {name}'s moments are not finite")
        if arm.variance <= 0 and not (arm.known and max(a.variance, b.variance) > 0):
            return NotComputable(reason=f"the {name} does not vary")
    return None


class Spread(Struct, frozen=True, kw_only=True):
    """The standard error of a difference and its degrees of freedom; None is the normal."""

    standard_error: float
    df: float | None


def spread_of(a: Arm, b: Arm, reference: Reference) -> Spread:
    """Return the standard error of b - a and its degrees of freedom.

    >>> a, b = Arm(n=10, mean=0.75, variance=3.20), Arm(n=10, mean=2.33, variance=4.01)
    >>> round(spread_of(a, b, "student").standard_error, 4), spread_of(a, b, "student").df
    (0.8491, 18.0)
    """
    va, vb = a.squared_error, b.squared_error
    if reference == "student":
        df = a.n + b.n - 2
        pooled = ((a.n - 1) * a.variance + (b.n - 1) * b.variance) / df
        return Spread(standard_error=math.sqrt(pooled / a.n + pooled / b.n), df=float(df))
    error = math.sqrt(va + vb)
    if reference == "normal" or va + vb == 0:
        return Spread(standard_error=error, df=None)
    of_a, of_b = va / (va + vb), vb / (va + vb)  # shares first, so that no square overflows
    satterthwaite = 1 / (of_a * of_a / (a.n - 1) + of_b * of_b / (b.n - 1))
    return Spread(standard_error=error, df=satterthwaite)


def critical(spread: Spread, alpha: float, alternative: Alternative) -> float:
    """Return how many standard errors the interval reaches.

    >>> round(critical(Spread(standard_error=1.0, df=None), 0.05, "greater"), 4)
    1.6449
    """
    if spread.df is None:
        return normal_critical(alpha, alternative)
    return student_critical(alpha, spread.df, alternative)


def judged(
    method: str,
    scale: Scale,
    estimate: float,
    spread: Spread,
    a: Arm,
    b: Arm,
    alpha: float,
    alternative: Alternative,
    null: float = 0.0,
) -> Effect | NotComputable:
    """Return an effect from its estimate and spread: statistic, p and interval.

    >>> a, b = Arm(n=9, mean=1.0, variance=1.0), Arm(n=9, mean=2.0, variance=1.0)
    >>> spread = Spread(standard_error=0.5, df=None)
    >>> round(judged("mine", "difference", 1.0, spread, a, b, 0.05, "two-sided").low, 4)
    0.02
    """
    if not (spread.standard_error > 0 and math.isfinite(spread.standard_error)):
        return NotComputable(reason="the standard error is zero or not finite", method=method)
    statistic = (estimate - null) / spread.standard_error
    if not math.isfinite(statistic):
        return NotComputable(reason="the numbers are too large to compute with", method=method)
    tail = (
        normal_tail(statistic, alternative)
        if spread.df is None
        else student_tail(statistic, spread.df, alternative)
    )
    half = critical(spread, alpha, alternative) * spread.standard_error
    return finished(
        Effect(
            method=method,
            scale=scale,
            estimate=estimate,
            low=-math.inf if alternative == "less" else estimate - half,
            high=math.inf if alternative == "greater" else estimate + half,
            alpha=alpha,
            p=tail.p,
            log10_p=tail.log10_p,
            control=a.mean,
            treatment=b.mean,
            n_control=a.n,
            n_treatment=b.n,
            alternative=alternative,
            standard_error=spread.standard_error,
            statistic=statistic,
            df=spread.df,
            null=null,
        )
    )


def difference_of(
    a: Arm, b: Arm, reference: Reference, alpha: float, alternative: Alternative, null: float
) -> Effect | NotComputable:
    """Compare two means by the reference named; what the functions of `analytics.means` share.

    >>> a, b = Arm(n=9, mean=1.0, variance=1.0), Arm(n=9, mean=2.0, variance=1.0)
    >>> round(difference_of(a, b, "student", 0.05, "two-sided", 0.0).p, 4)
    0.0499
    """
    check_alpha(alpha)
    check_alternative(alternative)
    thin = too_thin(a, b)
    if thin is not None:
        return thin
    spread = spread_of(a, b, reference)
    return judged(reference, "difference", b.mean - a.mean, spread, a, b, alpha, alternative, null)
