"""Ratios of sums with the person as the unit: cost per triage, accuracy over several triages.

One person brings several triages, and they resemble each other. Counting triages as if they were
independent gave 26 % false positives in simulation; the delta method over persons gives 5 %.
"""

from msgspec.structs import replace

from analytics.arms import Arm
from analytics.lifts import delta_lift, log_lift
from analytics.means import welch_difference
from analytics.moments import JointMoments
from analytics.results import Alternative, Effect, NotComputable, check_alpha, check_alternative


def ratio_arm(
    persons: JointMoments, numerator: int = 0, denominator: int = 1
) -> Arm | NotComputable:
    """Return the arm of a ratio of sums, linearised over persons.

    Args:
        persons: joint moments of what each person brings to both sums.
        numerator: column of the numerator.
        denominator: column of the denominator.

    Source: delta method, Deng, Knoblich & Lu 2018, eq. 3:
    var(x)/m_y^2 - 2 m_x cov/m_y^3 + m_x^2 var(y)/m_y^4.

    >>> arm = ratio_arm(JointMoments.of([2.0, 4.0, 9.0], [1.0, 2.0, 3.0]))
    >>> round(arm.mean, 4), round(arm.variance, 4)
    (2.5, 0.4375)
    """
    below = persons.means[denominator]
    if persons.n < 2:
        return NotComputable(reason=f"{persons.n} persons, and two are needed")
    if below == 0:
        return NotComputable(reason="the denominator is zero")
    above = persons.means[numerator]
    ratio = above / below
    variance = (
        persons.column(numerator).variance
        - 2 * ratio * persons.covariance(numerator, denominator)
        + ratio * ratio * persons.column(denominator).variance
    ) / (below * below)
    return Arm(n=persons.n, mean=ratio, variance=max(variance, 0.0))


def ratio_difference(
    a: JointMoments,
    b: JointMoments,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    null: float = 0.0,
) -> Effect | NotComputable:
    """Compare two ratios of sums (columns 0 and 1) by Welch's t over persons.

    Raises:
        ValueError: alpha or alternative is none.

    Source: Deng, Knoblich & Lu 2018, section 3.

    >>> a = JointMoments.of([2.0, 4.0, 9.0, 1.0], [1.0, 2.0, 3.0, 1.0])
    >>> b = JointMoments.of([3.0, 4.0, 9.0, 1.0], [1.0, 1.0, 3.0, 1.0])
    >>> round(ratio_difference(a, b).estimate, 4)
    0.5476
    """
    check_alpha(alpha)
    check_alternative(alternative)
    arms = ratio_arms(a, b)
    if isinstance(arms, NotComputable):
        return arms
    return welch_difference(*arms, alpha=alpha, alternative=alternative, null=null)


def ratio_lift(
    a: JointMoments,
    b: JointMoments,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Effect | NotComputable:
    """Estimate the lift of a ratio of sums: interval on the log scale, p of the difference.

    Raises:
        ValueError: alpha or alternative is none.

    >>> a = JointMoments.of([2.0, 4.0, 9.0, 1.0], [1.0, 2.0, 3.0, 1.0])
    >>> b = JointMoments.of([3.0, 4.0, 9.0, 1.0], [1.0, 1.0, 3.0, 1.0])
    >>> round(ratio_lift(a, b).estimate, 4)
    0.2396
    """
    check_alpha(alpha)
    check_alternative(alternative)
    arms = ratio_arms(a, b)
    if isinstance(arms, NotComputable):
        return arms
    return log_lift(*arms, alpha=alpha, alternative=alternative)


def ratio_delta_lift(
    a: JointMoments,
    b: JointMoments,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Effect | NotComputable:
    """Estimate the same lift with GrowthBook's symmetric interval and its own p.

    Raises:
        ValueError: alpha or alternative is none.

    >>> a = JointMoments.of([2.0, 4.0, 9.0, 1.0], [1.0, 2.0, 3.0, 1.0])
    >>> b = JointMoments.of([3.0, 4.0, 9.0, 1.0], [1.0, 1.0, 3.0, 1.0])
    >>> round(ratio_delta_lift(a, b).p, 4)
    0.4518
    """
    check_alpha(alpha)
    check_alternative(alternative)
    arms = ratio_arms(a, b)
    if isinstance(arms, NotComputable):
        return arms
    return delta_lift(*arms, alpha=alpha, alternative=alternative)


def ratio_arms(
    a: JointMoments, b: JointMoments, *, zero_is_known: bool = False
) -> tuple[Arm, Arm] | NotComputable:
    """Return both arms, or which of them has no ratio.

    With `zero_is_known` an arm that has nothing above the line has so by design: it is compared
    with as a constant.

    >>> empty = JointMoments.of([0.0, 0.0], [0.0, 0.0])
    >>> ratio_arms(empty, empty).reason
    'control: the denominator is zero'
    """
    arms = []
    for name, persons in (("control", a), ("treatment", b)):
        arm = ratio_arm(persons)
        if isinstance(arm, NotComputable):
            return NotComputable(reason=f"{name}: {arm.reason}")
        known = zero_is_known and arm.mean == arm.variance == 0
        arms.append(replace(arm, known=known))
    return arms[0], arms[1]
