"""Shares of two arms: completion, accuracy and whatever else a person does or does not.

The p of a report is the score test's. Its partners are Newcombe's interval for the difference and
Miettinen and Nurminen's for the ratio, which hold their level where Wald's do not: near 0 and 1,
and in small samples. Where a cell is below five, `analytics.exact` judges instead.
"""

import math

from analytics.arms import Arm
from analytics.means import z_difference
from analytics.moments import Count
from analytics.results import (
    Alternative,
    Effect,
    NotComputable,
    Scale,
    Test,
    as_test,
    check_alpha,
    check_alternative,
    finished,
)
from analytics.tails import Tail, chi_square_tail, normal_critical, normal_tail


def score_test(
    a: Count, b: Count, *, alternative: Alternative = "two-sided"
) -> Test | NotComputable:
    """Ask whether two shares differ: the score test with the variance under the null.

    Raises:
        ValueError: the alternative is none.

    Source: Miettinen & Nurminen 1985, eq. 5 at a difference of 0, with their factor N / (N - 1);
    `statsmodels.stats.proportion.test_proportions_2indep(method="score")`.

    >>> round(score_test(Count(n=1000, successes=100), Count(n=1000, successes=130)).p, 6)
    0.035534
    """
    check_alternative(alternative)
    empty = uninformative(a, b)
    if empty is not None:
        return empty
    n = a.n + b.n
    pooled = (a.successes + b.successes) / n
    variance = pooled * (1 - pooled) * (1 / a.n + 1 / b.n) * (n / (n - 1))
    z = (b.rate - a.rate) / math.sqrt(variance)
    return as_test("score", z, normal_tail(z, alternative))


def newcombe_difference(
    a: Count, b: Count, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Effect | NotComputable:
    """Estimate the difference of two shares with Newcombe's interval and the p of the score test.

    Where all or none succeed in both arms, the interval still stands and p is 1: such data do not
    speak against equality.

    Raises:
        ValueError: alpha or alternative is none.

    Source: Newcombe 1998, method 10 (no continuity correction): Wilson's limits of each arm, put
    together by their squares.

    >>> e = newcombe_difference(Count(n=10, successes=3), Count(n=10, successes=9))
    >>> round(e.estimate, 4), round(e.low, 4), round(e.high, 4)
    (0.6, 0.1705, 0.809)
    """
    check_alpha(alpha)
    check_alternative(alternative)
    if a.n == 0 or b.n == 0:
        return NotComputable(reason=nobody(a))
    z = normal_critical(alpha, alternative)
    low_a, high_a = _wilson(a, z)
    low_b, high_b = _wilson(b, z)
    estimate = b.rate - a.rate
    low = estimate - math.hypot(b.rate - low_b, high_a - a.rate)
    high = estimate + math.hypot(high_b - b.rate, a.rate - low_a)
    return share_effect("newcombe", "difference", estimate, low, high, a, b, alpha, alternative)


def agresti_caffo_difference(
    a: Count, b: Count, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Effect | NotComputable:
    """Estimate the difference with Agresti and Caffo's interval: Wald's after adding 1 and 1.

    Raises:
        ValueError: alpha or alternative is none.

    Source: Agresti & Caffo 2000.

    >>> e = agresti_caffo_difference(Count(n=10, successes=3), Count(n=10, successes=9))
    >>> round(e.low, 4), round(e.high, 4)
    (0.16, 0.84)
    """
    check_alpha(alpha)
    check_alternative(alternative)
    if a.n == 0 or b.n == 0:
        return NotComputable(reason=nobody(a))
    pa, pb = (a.successes + 1) / (a.n + 2), (b.successes + 1) / (b.n + 2)
    error = math.sqrt(pa * (1 - pa) / (a.n + 2) + pb * (1 - pb) / (b.n + 2))
    half = normal_critical(alpha, alternative) * error
    return share_effect(
        "agresti-caffo",
        "difference",
        b.rate - a.rate,
        max(pb - pa - half, -1.0),
        min(pb - pa + half, 1.0),
        a,
        b,
        alpha,
        alternative,
    )


def wald_difference(
    a: Count, b: Count, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Effect | NotComputable:
    """Estimate the difference by the unpooled normal statistic: known, and poor in small samples.

    Raises:
        ValueError: alpha or alternative is none.

    >>> e = wald_difference(Count(n=50_000, successes=5000), Count(n=50_000, successes=5900))
    >>> round(e.statistic, 6), round(e.log10_p, 6)
    (9.136326, -19.1897)
    """
    return z_difference(Arm.of_count(a), Arm.of_count(b), alpha=alpha, alternative=alternative)


def pooled_z_test(
    a: Count,
    b: Count,
    *,
    alternative: Alternative = "two-sided",
    correction: bool = False,
) -> Test | NotComputable:
    """Ask whether two shares differ by the pooled z; its square is Pearson's chi-square.

    Args:
        a: control.
        b: treatment.
        alternative: what is looked for.
        correction: takes (1/n_a + 1/n_b) / 2 off the difference (Yates).

    Raises:
        ValueError: the alternative is none.

    >>> round(pooled_z_test(Count(n=110, successes=17), Count(n=115, successes=31)).p, 6)
    0.03527
    """
    check_alternative(alternative)
    empty = uninformative(a, b)
    if empty is not None:
        return empty
    pooled = (a.successes + b.successes) / (a.n + b.n)
    difference = b.rate - a.rate
    if correction:
        step = min((1 / a.n + 1 / b.n) / 2, abs(difference))
        difference -= math.copysign(step, difference)
    z = difference / math.sqrt(pooled * (1 - pooled) * (1 / a.n + 1 / b.n))
    return as_test("pooled z", z, normal_tail(z, alternative))


def likelihood_ratio_test(a: Count, b: Count, *, correction: bool = False) -> Test | NotComputable:
    """Ask whether two shares differ by the likelihood ratio (the G test), two-sided.

    Args:
        a: control.
        b: treatment.
        correction: moves each cell by up to 0.5 towards what is expected (Yates).

    Source: Wilks 1938; `scipy.stats.chi2_contingency(lambda_="log-likelihood")`.

    >>> round(likelihood_ratio_test(Count(n=110, successes=17), Count(n=115, successes=31)).p, 6)
    0.034094
    """
    empty = uninformative(a, b)
    if empty is not None:
        return empty
    pooled = (a.successes + b.successes) / (a.n + b.n)
    cells = [
        (observed, expected)
        for arm in (a, b)
        for observed, expected in (
            (float(arm.successes), arm.n * pooled),
            (float(arm.n - arm.successes), arm.n * (1 - pooled)),
        )
    ]
    if correction:
        cells = [
            (seen + math.copysign(min(0.5, abs(due - seen)), due - seen), due)
            for seen, due in cells
        ]
    g = 2 * sum(seen * math.log(seen / due) for seen, due in cells if seen > 0)
    g = max(g, 0.0)
    return as_test("likelihood ratio", g, chi_square_tail(g, 1), 1)


def chi_square_of_shares(arms: list[Count]) -> Test | NotComputable:
    """Ask whether the shares of several arms differ at all: Pearson's chi-square, k - 1 df.

    Source: Pearson 1900; R's `prop.test` for more than two groups.

    >>> arms = [Count(n=n, successes=s) for n, s in ((86, 83), (93, 90), (136, 129), (82, 70))]
    >>> round(chi_square_of_shares(arms).p, 6)
    0.005585
    """
    if len(arms) < 2:
        return NotComputable(reason="fewer than two arms")
    n, successes = sum(one.n for one in arms), sum(one.successes for one in arms)
    if any(one.n == 0 for one in arms):
        return NotComputable(reason="an arm has nobody in it")
    if successes in {0, n}:
        return NotComputable(reason="all or none succeed in every arm")
    pooled = successes / n
    statistic = sum(one.n * (one.rate - pooled) ** 2 for one in arms) / (pooled * (1 - pooled))
    df = len(arms) - 1
    return as_test("chi-square", statistic, chi_square_tail(statistic, df), df)


def wilson_interval(one: Count, *, alpha: float = 0.05) -> tuple[float, float] | NotComputable:
    """Return the score interval of a single share.

    Raises:
        ValueError: alpha is none.

    Source: Wilson 1927.

    >>> low, high = wilson_interval(Count(n=1, successes=1))
    >>> round(low, 6), high
    (0.206549, 1.0)
    """
    check_alpha(alpha)
    if one.n == 0:
        return NotComputable(reason="there is nobody")
    return _wilson(one, normal_critical(alpha, "two-sided"))


def share_effect(
    method: str,
    scale: Scale,
    estimate: float,
    low: float,
    high: float,
    a: Count,
    b: Count,
    alpha: float,
    alternative: Alternative,
) -> Effect | NotComputable:
    """Return an effect of shares with the p of the score test.

    >>> a, b = Count(n=9, successes=1), Count(n=9, successes=2)
    >>> share_effect("mine", "difference", 0.1, 0.0, 0.2, a, b, 0.05, "two-sided").method
    'mine, score p'
    """
    test = score_test(a, b, alternative=alternative)
    tail = Tail(p=1.0, log10_p=0.0)
    if isinstance(test, Test):
        tail = Tail(p=test.p, log10_p=test.log10_p)
    return finished(
        Effect(
            method=f"{method}, score p",
            scale=scale,
            estimate=estimate,
            low=-math.inf if alternative == "less" else low,
            high=math.inf if alternative == "greater" else high,
            alpha=alpha,
            p=tail.p,
            log10_p=tail.log10_p,
            control=a.rate,
            treatment=b.rate,
            n_control=a.n,
            n_treatment=b.n,
            alternative=alternative,
            standard_error=_wald_error(a, b) if scale == "difference" else None,
            statistic=test.statistic if isinstance(test, Test) else None,
            null=0.0 if scale in {"difference", "lift"} else 1.0,
        )
    )


def uninformative(a: Count, b: Count) -> NotComputable | None:
    """Say why two shares cannot be tested, if they cannot.

    >>> uninformative(Count(n=5, successes=0), Count(n=9, successes=0)).reason
    'all or none succeed in both arms'
    """
    if a.n == 0 or b.n == 0:
        return NotComputable(reason=nobody(a))
    if a.successes + b.successes in {0, a.n + b.n}:
        return NotComputable(reason="all or none succeed in both arms")
    return None


def nobody(a: Count) -> str:
    """Return which arm is empty, in words.

    >>> nobody(Count(n=0, successes=0))
    'the control has nobody in it'
    """
    return f"the {'control' if a.n == 0 else 'treatment'} has nobody in it"


def _wald_error(a: Count, b: Count) -> float | None:
    error = math.sqrt(a.rate * (1 - a.rate) / a.n + b.rate * (1 - b.rate) / b.n)
    return error or None


def _wilson(one: Count, z: float) -> tuple[float, float]:
    n, p, square = one.n, one.rate, z * z
    centre = p + square / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + square / (4 * n * n))
    low = 0.0 if one.successes == 0 else (centre - half) / (1 + square / n)
    high = 1.0 if one.successes == n else (centre + half) / (1 + square / n)
    return low, high
