"""CUPED: what was already known of persons before the exposure narrows the interval.

Each arm is adjusted by theta times how far its covariate lies from the covariate of both arms
together. The covariate must be older than the exposure; then the estimate stays unbiased, and its
variance shrinks by the squared correlation.

Source: Deng, Xu, Kohavi & Walker 2013, eqs. 4 to 6.
"""

import math
from typing import Literal

from msgspec import Struct

from analytics.arms import Arm, Spread, judged, spread_of, too_thin
from analytics.lifts import log_lift
from analytics.means import welch_difference
from analytics.moments import JointMoments
from analytics.results import Alternative, Effect, NotComputable, check_alpha, check_alternative

Theta = Literal["pooled", "within"]
"""Of all persons as one sample, or of the deviations within the arms."""


class Linear(Struct, frozen=True, kw_only=True):
    """An outcome and its covariate, per person: means, variances and covariance."""

    n: int
    outcome: float
    covariate: float
    outcome_variance: float
    covariate_variance: float
    covariance: float


class Adjusted(Struct, frozen=True, kw_only=True):
    """Both arms after the adjustment, what was known before it, and theta."""

    a: Arm
    b: Arm
    before_a: Linear
    before_b: Linear
    theta: float

    @property
    def variance_kept(self) -> float:
        """Share of the difference's variance that the adjustment left; 1 where it does nothing."""
        before = (
            self.before_a.outcome_variance / self.before_a.n
            + self.before_b.outcome_variance / self.before_b.n
        )
        after = self.a.squared_error + self.b.squared_error
        return after / before if before > 0 else 1.0


def adjusted_means(
    a: JointMoments, b: JointMoments, *, theta: Theta = "pooled"
) -> Adjusted | NotComputable:
    """Adjust two means. Columns: the outcome, then the covariate of the same persons.

    Args:
        a: control.
        b: treatment.
        theta: "pooled" takes all persons as one sample (gbstats, tea-tasting); "within" sums the
            arms' covariances and variances.

    >>> a = JointMoments.of([3.0, 5.0, 8.0, 9.0], [1.0, 2.0, 3.0, 4.0])
    >>> b = JointMoments.of([4.0, 7.0, 8.0, 12.0], [1.0, 3.0, 3.0, 5.0])
    >>> found = adjusted_means(a, b)
    >>> round(found.theta, 4), round(found.variance_kept, 4)
    (2.0741, 0.027)
    """
    return _adjusted(_mean(a), _mean(b), _mean(a.merge(b)), theta)


def adjusted_ratios(
    a: JointMoments, b: JointMoments, *, theta: Theta = "within"
) -> Adjusted | NotComputable:
    """Adjust two ratios of sums by the same ratios before the exposure.

    Columns: numerator, denominator, numerator before, denominator before. Arguments as in
    `adjusted_means`; "within" is gbstats's theta, "pooled" is tea-tasting's.

    >>> a = JointMoments.of([2.0, 4.0, 9.0], [1.0, 2.0, 3.0], [1.0, 5.0, 8.0], [1.0, 2.0, 3.0])
    >>> b = JointMoments.of([3.0, 4.0, 9.0], [1.0, 1.0, 3.0], [2.0, 4.0, 8.0], [1.0, 1.0, 3.0])
    >>> round(adjusted_ratios(a, b).theta, 4)
    0.6201
    """
    lines = []
    for name, persons in (("control", a), ("treatment", b), ("both", a.merge(b))):
        line = _ratio(persons)
        if isinstance(line, NotComputable):
            return NotComputable(reason=f"{name}: {line.reason}")
        lines.append(line)
    return _adjusted(lines[0], lines[1], lines[2], theta)


def cuped_difference(
    adjusted: Adjusted | NotComputable,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    null: float = 0.0,
) -> Effect | NotComputable:
    """Compare two adjusted arms by Welch's t.

    Raises:
        ValueError: alpha or alternative is none.

    >>> a = JointMoments.of([3.0, 5.0, 8.0, 9.0], [1.0, 2.0, 3.0, 4.0])
    >>> b = JointMoments.of([4.0, 7.0, 8.0, 12.0], [1.0, 3.0, 3.0, 5.0])
    >>> round(cuped_difference(adjusted_means(a, b)).estimate, 4)
    0.463
    """
    check_alpha(alpha)
    check_alternative(alternative)
    if isinstance(adjusted, NotComputable):
        return adjusted
    return welch_difference(adjusted.a, adjusted.b, alpha=alpha, alternative=alternative, null=null)


def cuped_lift(
    adjusted: Adjusted | NotComputable,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Effect | NotComputable:
    """Estimate the lift of the adjusted arms on the log scale, with the p of the difference.

    Raises:
        ValueError: alpha or alternative is none.

    >>> a = JointMoments.of([3.0, 5.0, 8.0, 9.0], [1.0, 2.0, 3.0, 4.0])
    >>> b = JointMoments.of([4.0, 7.0, 8.0, 12.0], [1.0, 3.0, 3.0, 5.0])
    >>> round(cuped_lift(adjusted_means(a, b)).estimate, 4)
    0.0684
    """
    check_alpha(alpha)
    check_alternative(alternative)
    if isinstance(adjusted, NotComputable):
        return adjusted
    return log_lift(adjusted.a, adjusted.b, alpha=alpha, alternative=alternative)


def cuped_delta_lift(
    adjusted: Adjusted | NotComputable,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    of_ratio: bool = False,
) -> Effect | NotComputable:
    """Estimate the adjusted lift over the control's unadjusted mean, as GrowthBook does.

    Args:
        adjusted: both arms.
        alpha: error of the interval.
        alternative: what is looked for.
        of_ratio: whether the arms are ratios; gbstats linearises those at the adjusted estimate,
            means at the treatment's unadjusted mean.

    Raises:
        ValueError: alpha or alternative is none.

    Source: gbstats `frequentist_variance_relative_cuped` and `..._cuped_ratio`: delta method with
    the covariance between the control's mean and its own adjustment.

    >>> a = JointMoments.of([3.0, 5.0, 8.0, 9.0], [1.0, 2.0, 3.0, 4.0])
    >>> b = JointMoments.of([4.0, 7.0, 8.0, 12.0], [1.0, 3.0, 3.0, 5.0])
    >>> round(cuped_delta_lift(adjusted_means(a, b)).standard_error, 4)
    0.0836
    """
    check_alpha(alpha)
    check_alternative(alternative)
    if isinstance(adjusted, NotComputable):
        return adjusted
    a, b = adjusted.a, adjusted.b
    thin = too_thin(a, b)
    if thin is not None:
        return thin
    base = adjusted.before_a.outcome
    if base == 0:
        return NotComputable(reason="the control's mean is zero, so there is no lift over it")
    difference = b.mean - a.mean
    # d lift / d control's mean, times the control's mean
    slope = (base + difference if of_ratio else adjusted.before_b.outcome) / base
    before, theta = adjusted.before_a, adjusted.theta
    control = (
        slope * slope * before.outcome_variance
        - 2 * theta * slope * before.covariance
        + theta * theta * before.covariate_variance
    ) / before.n
    error = math.sqrt(max(b.squared_error + control, 0.0)) / abs(base)
    spread = Spread(standard_error=error, df=spread_of(a, b, "welch").df)
    return judged(
        "cuped, welch, delta lift",
        "lift",
        difference / abs(base),
        spread,
        a,
        b,
        alpha,
        alternative,
    )


def _adjusted(a: Linear, b: Linear, both: Linear, theta: Theta) -> Adjusted:
    if theta == "pooled":
        shared, spread = both.covariance, both.covariate_variance
    else:
        shared = a.covariance + b.covariance
        spread = a.covariate_variance + b.covariate_variance
    factor = shared / spread if spread > 0 and math.isfinite(shared / spread) else 0.0
    return Adjusted(
        a=_arm(a, factor, both.covariate),
        b=_arm(b, factor, both.covariate),
        before_a=a,
        before_b=b,
        theta=factor,
    )


def _arm(line: Linear, theta: float, centre: float) -> Arm:
    variance = (
        line.outcome_variance
        + theta * theta * line.covariate_variance
        - 2 * theta * line.covariance
    )
    mean = line.outcome - theta * (line.covariate - centre)
    return Arm(n=line.n, mean=mean, variance=max(variance, 0.0))


def _mean(persons: JointMoments) -> Linear:
    return Linear(
        n=persons.n,
        outcome=persons.means[0],
        covariate=persons.means[1],
        outcome_variance=persons.column(0).variance,
        covariate_variance=persons.column(1).variance,
        covariance=persons.covariance(0, 1),
    )


def _ratio(persons: JointMoments) -> Linear | NotComputable:
    above, below, above_before, below_before = persons.means
    if persons.n < 2:
        return NotComputable(reason=f"{persons.n} persons, and two are needed")
    if below == 0 or below_before == 0:
        return NotComputable(reason="a denominator is zero")
    outcome, covariate = above / below, above_before / below_before
    weights = {
        "outcome": ((0, 1 / below), (1, -outcome / below)),
        "covariate": ((2, 1 / below_before), (3, -covariate / below_before)),
    }

    def shared(left: str, right: str) -> float:
        return sum(
            u * v * persons.covariance(i, j) for i, u in weights[left] for j, v in weights[right]
        )

    return Linear(
        n=persons.n,
        outcome=outcome,
        covariate=covariate,
        outcome_variance=max(shared("outcome", "outcome"), 0.0),
        covariate_variance=max(shared("covariate", "covariate"), 0.0),
        covariance=shared("outcome", "covariate"),
    )
