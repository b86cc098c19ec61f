"""Tail probabilities that keep their digits, and their logarithms where digits end.

p always comes from the survival side, never from 1 - cdf: beyond 8 standard errors the latter is
zero. Where p itself is below what a float holds (about 1e-308), log10 p still has its digits.
"""

import math
from typing import Literal

from msgspec import Struct
from scipy import special

_LN10 = math.log(10)
_SMALLEST = 1e-300
"""Below this scipy's own probabilities lose digits; the logarithm is then computed by itself."""


class Tail(Struct, frozen=True, kw_only=True):
    """A p value and its decimal logarithm."""

    p: float
    log10_p: float


def normal_tail(z: float, alternative: Literal["two-sided", "greater", "less"]) -> Tail:
    """Return p of a standard normal statistic.

    Args:
        z: the statistic, any finite number.
        alternative: two-sided, greater (large z speaks against the null) or less.

    Source: `scipy.special.log_ndtr`.

    >>> normal_tail(1.959963984540054, "two-sided").p
    0.05
    >>> round(normal_tail(50.0, "greater").log10_p, 6)
    -544.966336
    """
    match alternative:
        case "two-sided":
            log_p = float(special.log_ndtr(-abs(z))) + math.log(2)
        case "greater":
            log_p = float(special.log_ndtr(-z))
        case _:
            log_p = float(special.log_ndtr(z))
    sides = 2 if alternative == "two-sided" else 1
    at = -abs(z) if alternative == "two-sided" else -z if alternative == "greater" else z
    return _tail(sides * float(special.ndtr(at)), log_p)


def student_tail(t: float, df: float, alternative: Literal["two-sided", "greater", "less"]) -> Tail:
    """Return p of Student's t.

    Args:
        t: the statistic, any finite number.
        df: degrees of freedom, above 0; may be a fraction.
        alternative: two-sided, greater or less.

    Source: the incomplete beta function (DLMF 8.17), taken at the complement so that it keeps its
    digits for billions of degrees of freedom; beyond 1e-300 its continued fraction (DLMF 8.17.22)
    in logarithms.

    >>> round(student_tail(2.0, 10, "two-sided").p, 12)
    0.073388034771
    >>> round(student_tail(-2000.0, 200, "less").log10_p, 6)
    -431.655308
    """
    both = _student_both(abs(t), df)
    if alternative == "two-sided":
        return both
    far = (t > 0) == (alternative == "greater") or t == 0
    if far:
        return _tail(both.p / 2, both.log10_p * _LN10 - math.log(2))
    return _tail(1 - both.p / 2, math.log1p(-both.p / 2))


def chi_square_tail(x: float, df: float) -> Tail:
    """Return p of a chi-square statistic: the mass above x.

    Args:
        x: the statistic, 0 or more.
        df: degrees of freedom, above 0.

    Source: `scipy.special.gammaincc`; beyond 1e-300 the continued fraction of the upper incomplete
    gamma function (DLMF 8.9.2) in logarithms.

    >>> round(chi_square_tail(3.841458820694124, 1).p, 12)
    0.05
    >>> round(chi_square_tail(5000.0, 3).log10_p, 6)
    -1083.984693
    """
    a, half = df / 2, x / 2
    p = float(special.gammaincc(a, half))
    if p > _SMALLEST:
        return _tail(p, math.log(p))
    log_p = a * math.log(half) - half - float(special.gammaln(a)) + _log_gamma_fraction(a, half)
    return _tail(math.exp(log_p), log_p)


def normal_critical(alpha: float, alternative: Literal["two-sided", "greater", "less"]) -> float:
    """Return how many standard errors an interval reaches on each of its sides.

    >>> round(normal_critical(0.05, "two-sided"), 6)
    1.959964
    """
    return -float(special.ndtri(alpha / 2 if alternative == "two-sided" else alpha))


def student_critical(
    alpha: float, df: float, alternative: Literal["two-sided", "greater", "less"]
) -> float:
    """Return the same for Student's t with df degrees of freedom.

    >>> round(student_critical(0.05, 10, "two-sided"), 6)
    2.228139
    """
    return -float(special.stdtrit(df, alpha / 2 if alternative == "two-sided" else alpha))


def _tail(p: float, log_p: float) -> Tail:
    return Tail(p=min(p, 1.0), log10_p=min(log_p / _LN10, 0.0))


def _student_both(t: float, df: float) -> Tail:
    if t == 0:
        return Tail(p=1.0, log10_p=0.0)
    ratio = t / math.sqrt(df)
    square = ratio * ratio
    if square <= 1:
        within = float(special.betainc(0.5, df / 2, square / (1 + square)))
        p = (
            1 - within
            if within < 0.5
            else float(special.betaincc(0.5, df / 2, square / (1 + square)))
        )
    else:
        p = float(special.betainc(df / 2, 0.5, 1 / (1 + square)))
    if p > _SMALLEST:
        return _tail(p, math.log(p))
    a = df / 2
    log_one_plus = math.log1p(square) if math.isfinite(square) else 2 * math.log(ratio)
    rest = math.exp(-log_one_plus)  # 1 - share, with its digits
    log_share = -math.log1p(1 / square) if math.isfinite(square) else 0.0
    log_p = (
        -a * log_one_plus
        + 0.5 * log_share
        - float(special.betaln(a, 0.5))
        - math.log(a)
        + _log_beta_fraction(a, 0.5, rest)
    )
    return _tail(math.exp(log_p), log_p)


def _log_beta_fraction(a: float, b: float, x: float) -> float:
    """Return the log of the continued fraction of the incomplete beta (Lentz's method)."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 10_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + step * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + step / c
            c = c if abs(c) > tiny else tiny
            value *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return math.log(value)


def _log_gamma_fraction(a: float, x: float) -> float:
    """Return the log of the continued fraction of the upper incomplete gamma (Lentz's method)."""
    tiny = 1e-300
    b = x + 1 - a
    c = 1 / tiny
    d = 1 / b
    value = d
    for i in range(1, 10_000):
        step = -i * (i - a)
        b += 2
        d = step * d + b
        d = 1 / (d if abs(d) > tiny else tiny)
        c = b + step / c
        c = c if abs(c) > tiny else tiny
        value *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return math.log(value)
