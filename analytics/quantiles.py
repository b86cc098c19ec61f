"""Quantiles of two arms: p50, p90, p99 of the triage time, also when persons bring several times.

A quantile's standard error is half the width of an interval of order statistics, so a warehouse
needs only three values of each arm: the quantile, and those at the two ranks that
`quantile_ranks` names. Where one person brings several values, the width is stretched by the
design effect of "at or below the quantile".

Source: Deng, Knoblich & Lu 2018, section 4, eqs. 7 to 9; gbstats `QuantileStatistic`.
"""

import math
from collections.abc import Sequence

from msgspec import Struct
from scipy import stats

from analytics.arms import Arm
from analytics.lifts import delta_lift
from analytics.means import welch_difference
from analytics.moments import JointMoments
from analytics.ratios import ratio_arm
from analytics.results import Alternative, Effect, NotComputable, check_alpha, check_alternative
from analytics.tails import normal_critical

RANK_ALPHA = 0.05
"""The order statistics always span 95 %; the level of the comparison is another matter."""


class Quantile(Struct, frozen=True, kw_only=True):
    """A quantile of one arm, as a warehouse sees it.

    `n` values; `estimate` is the quantile `q` of them; `lower` and `upper` are the values at the
    shares that `quantile_ranks(n_star, q)` names, where `n_star` (by default n) is the n that was
    supposed when those were asked for. `persons`, where one person brings several values: joint
    moments of (values at or below the quantile, values) per person.

    Raises:
        ValueError: q is no quantile, or a count is negative.
    """

    n: int
    q: float
    estimate: float
    lower: float
    upper: float
    n_star: int | None = None
    persons: JointMoments | None = None

    def __post_init__(self) -> None:
        if not 0 < self.q < 1:
            raise ValueError(f"a quantile lies between 0 and 1, not at {self.q}")
        if self.n < 0 or (self.n_star is not None and self.n_star < 0):
            raise ValueError("there cannot be fewer than no values")


class Ranks(Struct, frozen=True, kw_only=True):
    """Shares of the values at which the interval of order statistics begins and ends."""

    lower: float
    upper: float


def quantile_ranks(
    n: int, q: float, *, alpha: float = RANK_ALPHA, design_effect: float = 1.0
) -> Ranks | NotComputable:
    """Return at which shares to look for the interval's ends.

    Args:
        n: how many values.
        q: the quantile.
        alpha: error of the interval.
        design_effect: how much more "at or below" varies than if values were independent; asking
            with it is better than stretching the interval afterwards.

    Raises:
        ValueError: alpha or q is none.

    Source: Deng, Knoblich & Lu 2018, eq. 8: q -+ z sqrt(q (1 - q) design / n).

    >>> ranks = quantile_ranks(6400, 0.9)
    >>> round(ranks.lower, 5), round(ranks.upper, 5)
    (0.89265, 0.90735)
    """
    check_alpha(alpha)
    if not 0 < q < 1:
        raise ValueError(f"a quantile lies between 0 and 1, not at {q}")
    small = _too_small(n, q)
    if small is not None:
        return small
    half = normal_critical(alpha, "two-sided") * math.sqrt(q * (1 - q) * design_effect / n)
    if q - half <= 0 or q + half >= 1:
        return NotComputable(reason=f"too few values for the {q:g} quantile: {n}")
    return Ranks(lower=q - half, upper=q + half)


def design_effect(persons: JointMoments, q: float) -> float | NotComputable:
    """Return how much more the share at or below varies than if values were independent.

    Args:
        persons: joint moments of (values at or below the quantile, values) per person.
        q: the quantile.

    Source: Deng, Knoblich & Lu 2018, eq. 9, over q (1 - q) / n.

    >>> persons = JointMoments.of([1.0, 0.0, 2.0, 1.0], [2.0, 1.0, 2.0, 2.0])
    >>> round(design_effect(persons, 0.5), 4)
    0.8397
    """
    arm = ratio_arm(persons)
    if isinstance(arm, NotComputable):
        return arm
    values = persons.n * persons.means[1]
    return arm.squared_error / (q * (1 - q) / values)


def quantile_arm(one: Quantile) -> Arm | NotComputable:
    """Return the arm of a quantile, or why there are too few values for it.

    Source: Deng, Knoblich & Lu 2018, section 4; gbstats 's correction by n_star / n.

    >>> one = Quantile(n=12000, n_star=6400, q=0.9, estimate=152.4, lower=148.9, upper=156.3)
    >>> round(quantile_arm(one).squared_error, 6)
    1.900508
    """
    small = _too_small(one.n, one.q)
    if small is not None:
        return small
    width = (one.upper - one.lower) / (2 * normal_critical(RANK_ALPHA, "two-sided"))
    if not (math.isfinite(width) and width > 0):
        return NotComputable(reason="the interval of order statistics has no width")
    n_star = one.n if one.n_star is None else one.n_star
    variance = n_star / one.n * (one.n - 1) * width * width
    if one.persons is not None:
        effect = design_effect(one.persons, one.q)
        if isinstance(effect, NotComputable):
            return effect
        variance *= effect
    return Arm(n=one.n, mean=one.estimate, variance=variance)


def quantile_difference(
    a: Quantile, b: Quantile, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Effect | NotComputable:
    """Compare the same quantile of two arms.

    Raises:
        ValueError: alpha or alternative is none, or the quantiles are not the same.

    >>> a = Quantile(n=12000, n_star=6400, q=0.9, estimate=152.4, lower=148.9, upper=156.3)
    >>> b = Quantile(n=11800, n_star=6400, q=0.9, estimate=141.7, lower=138.6, upper=145.2)
    >>> e = quantile_difference(a, b)
    >>> round(e.estimate, 4), round(e.low, 4), round(e.high, 4)
    (-10.7, -14.3343, -7.0657)
    """
    arms = _arms(a, b, alpha, alternative)
    if isinstance(arms, NotComputable):
        return arms
    return welch_difference(*arms, alpha=alpha, alternative=alternative)


def quantile_lift(
    a: Quantile, b: Quantile, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Effect | NotComputable:
    """Estimate the lift of a quantile by the delta method.

    Raises:
        ValueError: alpha or alternative is none, or the quantiles are not the same.

    >>> a = Quantile(n=12000, n_star=6400, q=0.9, estimate=152.4, lower=148.9, upper=156.3)
    >>> b = Quantile(n=11800, n_star=6400, q=0.9, estimate=141.7, lower=138.6, upper=145.2)
    >>> round(quantile_lift(a, b).estimate, 4)
    -0.0702
    """
    arms = _arms(a, b, alpha, alternative)
    if isinstance(arms, NotComputable):
        return arms
    return delta_lift(*arms, alpha=alpha, alternative=alternative)


def order_statistic_ranks(
    n: int, q: float, *, alpha: float = 0.05
) -> tuple[int, int] | NotComputable:
    """Return the ranks (from 0) of the exact interval of a quantile of independent values.

    Raises:
        ValueError: alpha or q is none.

    Source: Conover 1999, section 3.2: binomial ranks; `scipy.stats.quantile_test`.

    >>> order_statistic_ranks(120, 0.9)
    (100, 114)
    """
    check_alpha(alpha)
    if not 0 < q < 1:
        raise ValueError(f"a quantile lies between 0 and 1, not at {q}")
    if n < 1:
        return NotComputable(reason="there are no values")
    low = int(stats.binom.ppf(alpha / 2, n, q)) - 1
    high = int(stats.binom.isf(alpha / 2, n, q))
    if low < 0 or high >= n:
        return NotComputable(reason=f"too few values for an interval of the {q:g} quantile: {n}")
    return low, high


def order_statistic_interval(
    values: Sequence[float], q: float, *, alpha: float = 0.05
) -> tuple[float, float] | NotComputable:
    """Return the exact interval of a quantile of independent values.

    Raises:
        ValueError: alpha or q is none.

    >>> order_statistic_interval([float(one) for one in range(120)], 0.9)
    (100.0, 114.0)
    """
    ranks = order_statistic_ranks(len(values), q, alpha=alpha)
    if isinstance(ranks, NotComputable):
        return ranks
    ordered = sorted(values)
    return ordered[ranks[0]], ordered[ranks[1]]


def _arms(
    a: Quantile, b: Quantile, alpha: float, alternative: Alternative
) -> tuple[Arm, Arm] | NotComputable:
    check_alpha(alpha)
    check_alternative(alternative)
    if a.q != b.q:
        raise ValueError(f"the {a.q:g} quantile cannot be compared with the {b.q:g} quantile")
    arms = []
    for name, one in (("control", a), ("treatment", b)):
        arm = quantile_arm(one)
        if isinstance(arm, NotComputable):
            return NotComputable(reason=f"{name}: {arm.reason}")
        arms.append(arm)
    return arms[0], arms[1]


def _too_small(n: int, q: float) -> NotComputable | None:
    """Say so where the order statistics would fall off the end of the values."""
    square = normal_critical(RANK_ALPHA, "two-sided") ** 2
    if n <= square * max(q / (1 - q), (1 - q) / q):
        return NotComputable(reason=f"too few values for the {q:g} quantile: {n}")
    return None
