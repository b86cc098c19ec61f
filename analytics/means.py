"""Means of two arms: the difference by Welch's t, Student's t or the normal distribution.

Everything here takes `Arm`s, so it serves plain means, shares, ratios by the delta method, means
adjusted by CUPED and quantiles alike.
"""

import math

from scipy import special

from analytics.arms import Arm, difference_of, too_thin
from analytics.moments import Moments
from analytics.results import Alternative, Effect, NotComputable, Test, as_test, finished
from analytics.tails import Tail, chi_square_tail


def welch_difference(
    a: Arm,
    b: Arm,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    null: float = 0.0,
) -> Effect | NotComputable:
    """Compare two means without assuming equal variances.

    Args:
        a: control.
        b: treatment.
        alpha: error of the interval; one-sided where the alternative is.
        alternative: what is looked for.
        null: the difference under the null hypothesis.

    Raises:
        ValueError: alpha or alternative is none.

    Source: Welch 1947; degrees of freedom by Satterthwaite 1946. R's `t.test`.

    >>> a, b = Arm(n=10, mean=0.75, variance=3.20), Arm(n=10, mean=2.33, variance=4.01)
    >>> e = welch_difference(a, b)
    >>> round(e.statistic, 4), round(e.df, 3), round(e.p, 5)
    (1.8608, 17.776, 0.0794)
    """
    return difference_of(a, b, "welch", alpha, alternative, null)


def student_difference(
    a: Arm,
    b: Arm,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    null: float = 0.0,
) -> Effect | NotComputable:
    """Compare two means under equal variances; arguments as in `welch_difference`.

    Source: Student 1908, with the pooled variance.

    >>> a, b = Arm(n=10, mean=0.75, variance=3.20), Arm(n=10, mean=2.33, variance=4.01)
    >>> round(student_difference(a, b).p, 5)
    0.0792
    """
    return difference_of(a, b, "student", alpha, alternative, null)


def z_difference(
    a: Arm,
    b: Arm,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    null: float = 0.0,
) -> Effect | NotComputable:
    """Compare two means by the normal distribution; arguments as in `welch_difference`.

    >>> a, b = Arm(n=50_000, mean=0.1, variance=0.09), Arm(n=50_000, mean=0.118, variance=0.104)
    >>> round(z_difference(a, b).log10_p, 3)
    -19.197
    """
    return difference_of(a, b, "normal", alpha, alternative, null)


def geometric_mean_ratio(
    log_a: Moments,
    log_b: Moments,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Effect | NotComputable:
    """Compare two geometric means: the robust second look at a skewed time.

    Args:
        log_a: moments of ln(x) of the control.
        log_b: the same of the treatment.
        alpha: error of the interval.
        alternative: what is looked for.

    Returns:
        exp of the difference of the mean logarithms, with interval and p of Welch's t on the logs.

    Raises:
        ValueError: alpha or alternative is none.

    >>> e = geometric_mean_ratio(Moments.of([3.0, 4.0, 5.0]), Moments.of([3.5, 4.5, 5.5]))
    >>> round(e.estimate, 4), round(e.p, 4)
    (1.6487, 0.5734)
    """
    found = difference_of(
        Arm.of_moments(log_a), Arm.of_moments(log_b), "welch", alpha, alternative, 0.0
    )
    if isinstance(found, NotComputable):
        return found
    if max(abs(found.estimate), abs(log_a.mean), abs(log_b.mean)) > 700:
        return NotComputable(reason="the geometric means are too large or too small")
    return finished(
        Effect(
            method="welch on logarithms",
            scale="ratio",
            estimate=math.exp(found.estimate),
            low=0.0 if math.isinf(found.low) else math.exp(found.low),
            high=math.inf if found.high > 700 else math.exp(found.high),
            alpha=alpha,
            p=found.p,
            log10_p=found.log10_p,
            control=math.exp(log_a.mean),
            treatment=math.exp(log_b.mean),
            n_control=log_a.n,
            n_treatment=log_b.n,
            alternative=alternative,
            standard_error=found.standard_error,
            statistic=found.statistic,
            df=found.df,
            null=1.0,
        )
    )


def welch_anova(arms: list[Arm]) -> Test | NotComputable:
    """Ask whether the means of several arms differ at all, without assuming equal variances.

    Source: Welch 1951. The F of two arms is the square of Welch's t.

    >>> arms = [Arm(n=50, mean=m, variance=v) for m, v in ((5.0, 2.0), (5.5, 3.0), (6.0, 2.5))]
    >>> round(welch_anova(arms).p, 5)
    0.00528
    """
    k = len(arms)
    if k < 2:
        return NotComputable(reason="fewer than two arms")
    for one in arms[1:]:
        thin = too_thin(arms[0], one)
        if thin is not None:
            return thin
    weights = [1 / one.squared_error for one in arms]
    total = sum(weights)
    mean = sum(w * one.mean for w, one in zip(weights, arms, strict=True)) / total
    between = sum(w * (one.mean - mean) ** 2 for w, one in zip(weights, arms, strict=True))
    slack = sum((1 - w / total) ** 2 / (one.n - 1) for w, one in zip(weights, arms, strict=True))
    statistic = between / (k - 1) / (1 + 2 * (k - 2) / (k * k - 1) * slack)
    df = (k * k - 1) / (3 * slack)
    p = float(special.fdtrc(k - 1, df, statistic))
    if p <= 0:  # beyond the floats: the chi-square limit, which is where many units are
        return as_test("Welch ANOVA", statistic, chi_square_tail(statistic * (k - 1), k - 1), df)
    return as_test("Welch ANOVA", statistic, Tail(p=p, log10_p=math.log10(p)), df)
