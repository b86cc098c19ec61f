"""Miettinen and Nurminen's intervals: the values that the score test does not reject.

By hand, for two reasons. `statsmodels.confint_proportions_2indep(method="score")` looks for its
roots between limits that do not hold them where a cell is empty, and then raises; here each end is
looked for where it must lie. And for the difference, statsmodels 0.15.0 solves a slightly wrong
cubic (a count stands where the paper has the arm's size), so that its interval is not the mirror
image when the arms change places. Its answer is there too, by name, for comparison with others.
"""

import math
from collections.abc import Callable
from typing import Literal

from scipy import optimize

from analytics.moments import Count
from analytics.proportions import nobody, share_effect
from analytics.results import (
    Alternative,
    Effect,
    NotComputable,
    check_alpha,
    check_alternative,
)
from analytics.tails import normal_critical


def miettinen_nurminen_difference(
    a: Count, b: Count, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Effect | NotComputable:
    """Estimate the difference of two shares with the score interval, whose p is the score test's.

    Raises:
        ValueError: alpha or alternative is none.

    Source: Miettinen & Nurminen 1985, eqs. 5 and 9, with the factor N / (N - 1).

    >>> a, b = Count(n=1000, successes=100), Count(n=1000, successes=130)
    >>> e = miettinen_nurminen_difference(a, b)
    >>> round(e.low, 6), round(e.high, 6)
    (0.002042, 0.058172)
    """
    check_alpha(alpha)
    check_alternative(alternative)
    if a.n == 0 or b.n == 0:
        return NotComputable(reason=nobody(a))
    z = normal_critical(alpha, alternative)
    estimate = b.rate - a.rate

    def signed(value: float) -> float:
        return _score(a, b, value, "difference")

    low = _root(signed, z, -1.0, estimate)
    high = _root(signed, -z, estimate, 1.0)
    return share_effect(
        "miettinen-nurminen", "difference", estimate, low, high, a, b, alpha, alternative
    )


def statsmodels_score_difference(
    a: Count, b: Count, *, alpha: float = 0.05
) -> Effect | NotComputable:
    """Return what statsmodels gives as the score interval of the difference, fault included.

    For comparison with other tools only; reports take `newcombe_difference`.

    Raises:
        ValueError: alpha is none.

    Source: `statsmodels.stats.proportion.confint_proportions_2indep(method="score")`.

    >>> a, b = Count(n=1000, successes=100), Count(n=1000, successes=130)
    >>> round(statsmodels_score_difference(a, b).high, 6)
    0.058039
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    check_alpha(alpha)
    if min(a.successes, b.successes, a.n - a.successes, b.n - b.successes) == 0:
        return NotComputable(reason="statsmodels finds no score interval where a cell is empty")
    try:
        low, high = confint_proportions_2indep(
            b.successes, b.n, a.successes, a.n, method="score", compare="diff", alpha=alpha
        )
    except ValueError:
        return NotComputable(reason="statsmodels finds no score interval for these counts")
    return share_effect(
        "statsmodels score",
        "difference",
        b.rate - a.rate,
        float(low),
        float(high),
        a,
        b,
        alpha,
        "two-sided",
    )


def miettinen_nurminen_ratio(
    a: Count, b: Count, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Effect | NotComputable:
    """Estimate the ratio of two shares with the score interval, whose p is the score test's.

    The upper end is infinite where nobody of the control succeeds within reach.

    Raises:
        ValueError: alpha or alternative is none.

    Source: Miettinen & Nurminen 1985, eqs. 10 and 11, with the factor N / (N - 1).

    >>> e = miettinen_nurminen_ratio(Count(n=1000, successes=100), Count(n=1000, successes=130))
    >>> round(e.estimate, 4), round(e.low, 4), round(e.high, 4)
    (1.3, 1.0178, 1.6614)
    """
    check_alpha(alpha)
    check_alternative(alternative)
    if a.n == 0 or b.n == 0:
        return NotComputable(reason=nobody(a))
    if a.successes == 0:
        return NotComputable(reason="nobody of the control succeeds, so there is no ratio to it")
    z = normal_critical(alpha, alternative)
    estimate = b.rate / a.rate

    def signed(log_ratio: float) -> float:
        return _score(a, b, math.exp(log_ratio), "ratio")

    middle = math.log(estimate) if estimate > 0 else -math.inf
    low, high = 0.0, math.inf
    if estimate > 0:
        low = math.exp(_root(signed, z, middle - 60, middle))
    start = middle if estimate > 0 else -60.0
    high = math.exp(_root(signed, -z, start, max(start, 0.0) + 60))
    return share_effect(
        "miettinen-nurminen", "ratio", estimate, low, high, a, b, alpha, alternative
    )


def miettinen_nurminen_lift(
    a: Count, b: Count, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Effect | NotComputable:
    """Estimate the lift b / a - 1 of two shares: Miettinen and Nurminen's ratio less one.

    Raises:
        ValueError: alpha or alternative is none.

    >>> e = miettinen_nurminen_lift(Count(n=1000, successes=100), Count(n=1000, successes=130))
    >>> round(e.low, 4), round(e.high, 4)
    (0.0178, 0.6614)
    """
    ratio = miettinen_nurminen_ratio(a, b, alpha=alpha, alternative=alternative)
    if isinstance(ratio, NotComputable):
        return ratio
    return share_effect(
        "miettinen-nurminen",
        "lift",
        ratio.estimate - 1,
        ratio.low - 1,
        ratio.high - 1,
        a,
        b,
        alpha,
        alternative,
    )


def _score(a: Count, b: Count, value: float, scale: Literal["difference", "ratio"]) -> float:
    """Return the signed score statistic of b against a at a hypothetical value."""
    n = a.n + b.n
    if scale == "difference":
        pa, pb = _shares_at_difference(a, b, value)
        gap = b.rate - a.rate - value
        variance = pa * (1 - pa) / a.n + pb * (1 - pb) / b.n
    else:
        pa, pb = _shares_at_ratio(a, b, value)
        gap = b.rate - value * a.rate
        variance = value * value * pa * (1 - pa) / a.n + pb * (1 - pb) / b.n
    variance *= n / (n - 1)
    if variance <= 0:
        return 0.0 if gap == 0 else math.copysign(math.inf, gap)
    return gap / math.sqrt(variance)


def _shares_at_difference(a: Count, b: Count, delta: float) -> tuple[float, float]:
    """Return the likeliest shares that differ by delta: the middle root of a cubic."""
    n = a.n + b.n
    successes = a.successes + b.successes
    c3 = n
    c2 = (b.n + 2 * a.n) * delta - n - successes
    c1 = (a.n * delta - n - 2 * a.successes) * delta + successes
    c0 = a.successes * delta * (1 - delta)
    q = (c2 / (3 * c3)) ** 3 - c1 * c2 / (6 * c3 * c3) + c0 / (2 * c3)
    square = (c2 / (3 * c3)) ** 2 - c1 / (3 * c3)
    p = math.copysign(math.sqrt(max(square, 0.0)), q)
    angle = 0.0 if p == 0 else (math.pi + math.acos(min(max(q / p**3, -1.0), 1.0))) / 3
    pa = 2 * p * math.cos(angle) - c2 / (3 * c3)
    pa = min(max(pa, 0.0, -delta), 1.0, 1 - delta)
    return pa, min(max(pa + delta, 0.0), 1.0)


def _shares_at_ratio(a: Count, b: Count, ratio: float) -> tuple[float, float]:
    """Return the likeliest shares whose ratio is the given one: the smaller root of a square."""
    n = a.n + b.n
    two = n * ratio
    one = -(b.n * ratio + b.successes + a.n + a.successes * ratio)
    none = a.successes + b.successes
    root = math.sqrt(max(one * one - 4 * two * none, 0.0))
    pa = 2 * none / (-one + root)  # the root that keeps its digits
    pa = min(max(pa, 0.0), 1.0, 1 / ratio)
    return pa, min(pa * ratio, 1.0)


def _root(signed: Callable[[float], float], z: float, low: float, high: float) -> float:
    """Return where a falling statistic passes z, or the end that it never passes."""
    if signed(low) <= z:
        return low
    if signed(high) >= z:
        return high

    def capped(value: float) -> float:
        return min(max(signed(value) - z, -1e6), 1e6)

    return float(optimize.brentq(capped, low, high, xtol=1e-15, rtol=1e-14, maxiter=500))
