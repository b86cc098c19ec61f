"""How many persons it takes to find an effect, and what can be found with those at hand."""

import math
from collections.abc import Callable

from msgspec import Struct
from scipy import optimize, special, stats

from analytics.moments import Count
from analytics.results import Alternative, NotComputable, check_alpha, check_alternative
from analytics.tails import normal_critical, student_critical

_LARGEST = 1e12
"""Whoever needs more persons than this needs another experiment."""


class SampleSize(Struct, frozen=True, kw_only=True):
    """Persons per arm, as computed and rounded up, and of both arms together."""

    control: int
    treatment: int
    exact_control: float

    @property
    def total(self) -> int:
        """Both arms together."""
        return self.control + self.treatment


def t_sample_size(
    *,
    delta: float,
    sd: float = 1.0,
    power: float = 0.8,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    ratio: float = 1.0,
) -> float | NotComputable:
    """Return how many persons the control needs for Student's t, not rounded.

    Args:
        delta: smallest difference that should be found.
        sd: standard deviation of one value; with 1, delta is Cohen's d.
        power: chance of finding it.
        alpha: error of the test.
        alternative: what is looked for.
        ratio: persons of the treatment for each of the control.

    Raises:
        ValueError: an argument is none.

    Source: Cohen 1988; noncentral t of scipy, as `statsmodels.stats.power.TTestIndPower`, whose
    far side is NaN for some plans. R's `power.t.test`.

    >>> round(t_sample_size(delta=1, power=0.9), 4)
    22.0211
    """
    check_plan(power, alpha, alternative, sd=sd, ratio=ratio)
    if delta == 0:
        return NotComputable(reason="no number of persons finds an effect of zero")
    effect = abs(delta) / sd
    rough = _z_control(effect, 1.0, 1.0, power, alpha, alternative, ratio)
    if rough > 1e5:
        return rough if rough <= _LARGEST else _too_many()

    def short(n: float) -> float:
        return _t_power(effect, n, alpha, alternative, ratio) - power

    return rising_root(short, 1 + 1 / (1 + ratio), max(rough, 2.0))


def t_power(
    n: float,
    *,
    delta: float,
    sd: float = 1.0,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    ratio: float = 1.0,
) -> float:
    """Return the chance that Student's t finds delta with n persons in the control.

    Arguments as in `t_sample_size`.

    Raises:
        ValueError: an argument is none.

    >>> round(t_power(64, delta=0.5), 4)
    0.8015
    """
    check_plan(0.5, alpha, alternative, sd=sd, ratio=ratio, n=n)
    return _t_power(abs(delta) / sd, n, alpha, alternative, ratio)


def z_sample_size(
    *,
    variance: float,
    delta: float,
    treatment_variance: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    ratio: float = 1.0,
) -> SampleSize | NotComputable:
    """Return how many persons each arm needs by the normal distribution.

    Args:
        variance: of one value in the control.
        delta: smallest difference that should be found.
        treatment_variance: of one value in the treatment; None is the control's.
        power: chance of finding it.
        alpha: error of the test; divide it by the number of primaries and arms where there are
            several.
        alternative: what is looked for.
        ratio: persons of the treatment for each of the control.

    Raises:
        ValueError: an argument is none.

    Source: (z_alpha + z_power)^2 (variance + treatment_variance / ratio) / delta^2; Fleiss,
    Levin & Paik 2003, ch. 4; spotify-confidence.

    >>> z_sample_size(variance=5000.0, delta=3.0).total
    17442
    """
    check_plan(power, alpha, alternative, ratio=ratio)
    other = variance if treatment_variance is None else treatment_variance
    if variance < 0 or other < 0:
        raise ValueError("variances must not be negative")
    if delta == 0:
        return NotComputable(reason="no number of persons finds an effect of zero")
    if variance + other == 0:
        return NotComputable(reason="nothing varies, so there is nothing to plan")
    exact = _z_control(abs(delta), variance, other, power, alpha, alternative, ratio)
    if not exact <= _LARGEST:
        return _too_many()
    return SampleSize(control=_up(exact), treatment=_up(exact * ratio), exact_control=exact)


def share_sample_size(
    *,
    baseline: float,
    delta: float,
    power: float = 0.8,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    ratio: float = 1.0,
) -> SampleSize | NotComputable:
    """Return how many persons each arm needs for a share, with the variance of each arm its own.

    Args:
        baseline: the control's share, between 0 and 1.
        delta: smallest difference that should be found, in points of share.
        power: chance of finding it.
        alpha: error of the test.
        alternative: what is looked for.
        ratio: persons of the treatment for each of the control.

    Raises:
        ValueError: an argument is none.

    >>> share_sample_size(baseline=0.6, delta=0.02).control
    9333
    """
    if not 0 <= baseline <= 1:
        raise ValueError(f"a share lies between 0 and 1, not at {baseline}")
    there = baseline + delta
    if not 0 <= there <= 1:
        return NotComputable(reason=f"a share of {there:g} is none")
    return z_sample_size(
        variance=baseline * (1 - baseline),
        treatment_variance=there * (1 - there),
        delta=delta,
        power=power,
        alpha=alpha,
        alternative=alternative,
        ratio=ratio,
    )


def smallest_detectable(
    standard_error: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> float:
    """Return the effect that would be found with this power, given the standard error reached.

    Raises:
        ValueError: an argument is none.

    Source: (z_alpha + z_power) times the standard error; Bloom 1995.

    >>> round(smallest_detectable(0.01), 5)
    0.02802
    """
    check_plan(power, alpha, alternative)
    if not standard_error >= 0:
        raise ValueError("a standard error must not be negative")
    return (normal_critical(alpha, alternative) + float(special.ndtri(power))) * standard_error


def z_power(
    effect: float,
    standard_error: float,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> float:
    """Return the chance that an effect is found, given the standard error.

    Raises:
        ValueError: an argument is none.

    >>> round(z_power(0.028, 0.01), 4)
    0.7996
    """
    check_plan(0.5, alpha, alternative)
    if not standard_error > 0:
        raise ValueError("a standard error must be above zero")
    return chance_found(effect / standard_error, normal_critical(alpha, alternative), alternative)


def observed_share_variance(count: Count) -> float:
    """Return p(1 - p) of a share already seen, to plan with.

    >>> observed_share_variance(Count(n=10, successes=5))
    0.25
    """
    return count.rate * (1 - count.rate)


def check_plan(power: float, alpha: float, alternative: Alternative, **positive: float) -> None:
    """Raise unless these are arguments of a plan.

    >>> check_plan(0.8, 0.05, "two-sided", ratio=1.0)

    Raises:
        ValueError: one of them is none.
    """
    check_alpha(alpha)
    check_alternative(alternative)
    if not 0 < power < 1:
        raise ValueError(f"power must lie between 0 and 1, not {power}")
    for name, value in positive.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be above zero, not {value}")


def _z_control(
    delta: float,
    variance: float,
    other: float,
    power: float,
    alpha: float,
    alternative: Alternative,
    ratio: float,
) -> float:
    reach = normal_critical(alpha, alternative) + float(special.ndtri(power))
    scaled = reach / delta
    return scaled * scaled * (variance + other / ratio)


def chance_found(shift: float, reach: float, alternative: Alternative) -> float:
    """Return the chance that a normal statistic with this shift passes its limit.

    >>> round(chance_found(2.8, 1.96, "two-sided"), 4)
    0.7995
    """
    match alternative:
        case "greater":
            return float(special.ndtr(shift - reach))
        case "less":
            return float(special.ndtr(-shift - reach))
        case _:
            return float(special.ndtr(shift - reach) + special.ndtr(-shift - reach))


def _t_power(
    effect: float, n: float, alpha: float, alternative: Alternative, ratio: float
) -> float:
    if n > 1e5:
        return chance_found(
            effect * math.sqrt(n * ratio / (1 + ratio)),
            normal_critical(alpha, alternative),
            "two-sided" if alternative == "two-sided" else "greater",
        )
    df, shift = n * (1 + ratio) - 2, effect * math.sqrt(n * ratio / (1 + ratio))
    limit = student_critical(alpha, df, alternative)
    found = float(stats.nct.sf(limit, df, shift))
    if alternative == "two-sided":
        # The wrong side, by symmetry: scipy's cdf is NaN where this is below 1e-16.
        found += float(stats.nct.sf(limit, df, -shift))
    return found


def rising_root(short: Callable[[float], float], low: float, start: float) -> float | NotComputable:
    """Return where a rising function crosses zero, looking ever further.

    >>> round(rising_root(lambda x: x - 5, 1.0, 2.0), 6)
    5.0
    """
    if short(low + 1e-9) >= 0:
        return low
    high = start
    while short(high) < 0:
        high *= 2
        if high > _LARGEST:
            return _too_many()
    return float(optimize.brentq(short, low + 1e-9, high, xtol=1e-10, rtol=1e-13))


def _up(exact: float) -> int:
    return math.ceil(exact - 1e-9)


def _too_many() -> NotComputable:
    return NotComputable(reason="it would take more than 10^12 persons")
