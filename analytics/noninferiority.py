"""Non-inferiority: is the treatment at worst a margin worse? And equivalence: within two margins?

The question has one side. A metric that should rise must not fall by more than the margin, one that
should fall must not rise by more.
"""

from typing import Literal

from analytics.arms import Arm, Reference, difference_of, too_thin
from analytics.lifts import delta_lift
from analytics.moments import Count
from analytics.proportions import nobody
from analytics.results import Alternative, Effect, NotComputable, Test

Direction = Literal["increase", "decrease"]
"""Which way a metric gets better."""


def non_inferior_difference(
    a: Arm,
    b: Arm,
    *,
    margin: float,
    better: Direction = "increase",
    alpha: float = 0.05,
    reference: Reference = "welch",
) -> Effect | NotComputable:
    """Ask whether the treatment is less than an absolute margin worse.

    Args:
        a: control.
        b: treatment.
        margin: how much worse is still acceptable, 0 or more, in the metric's unit.
        better: which way the metric gets better.
        alpha: one-sided error.
        reference: which distribution judges.

    Returns:
        The difference with its one-sided interval; p small means: not worse by the margin.

    Raises:
        ValueError: the margin is negative or alpha is none.

    Source: Schuirmann 1987 (one of the two one-sided tests).

    >>> a, b = Arm(n=500, mean=60.0, variance=900.0), Arm(n=500, mean=61.0, variance=900.0)
    >>> e = non_inferior_difference(a, b, margin=6.0, better="decrease")
    >>> round(e.high, 3), round(e.p, 5)
    (4.124, 0.00427)
    """
    alternative, null = _question(margin, better)
    return difference_of(a, b, reference, alpha, alternative, null)


def non_inferior_lift(
    a: Arm,
    b: Arm,
    *,
    margin: float,
    better: Direction = "increase",
    alpha: float = 0.05,
    reference: Reference = "welch",
) -> Effect | NotComputable:
    """Ask whether the lift is above -margin (or below +margin), by the delta method.

    Arguments as in `non_inferior_difference`; the margin is a share of the control's mean. With a
    margin of 0 it is the one-sided test of superiority.

    Raises:
        ValueError: the margin is negative or alpha is none.

    Source: gbstats `OneSidedTreatmentGreaterTTest`.

    >>> from analytics.moments import Count
    >>> a, b = Count(n=8000, successes=4960), Count(n=8000, successes=4880)
    >>> e = non_inferior_lift(Arm.of_count(a), Arm.of_count(b), margin=0.0)
    >>> round(e.low, 6), e.high, round(e.p, 6)
    (-0.036377, inf, 0.904943)
    """
    alternative, null = _question(margin, better)
    return delta_lift(a, b, alpha=alpha, alternative=alternative, null=null, reference=reference)


def non_inferior_fixed_margin(
    a: Arm,
    b: Arm,
    *,
    margin: float,
    better: Direction = "increase",
    alpha: float = 0.05,
    reference: Reference = "normal",
) -> Effect | NotComputable:
    """Ask the same of the difference, with a margin that is a share of the control's mean as seen.

    Arguments as in `non_inferior_lift`. The control's mean is taken as if it were known, which is
    Confidence's way; `non_inferior_lift` takes its uncertainty into account.

    Raises:
        ValueError: the margin is negative or alpha is none.

    Source: spotify-confidence, `margin_relative`.

    >>> a, b = Arm(n=120, mean=58.7, variance=1551.0), Arm(n=120, mean=62.1, variance=1855.0)
    >>> e = non_inferior_fixed_margin(a, b, margin=0.1, better="decrease")
    >>> round(e.high, 3), round(e.p, 4)
    (12.163, 0.3215)
    """
    alternative, null = _question(margin, better)
    return difference_of(a, b, reference, alpha, alternative, null * abs(a.mean))


def equivalent_shares(a: Count, b: Count, *, low: float, high: float) -> Test | NotComputable:
    """Ask whether two shares differ by something between low and high: two one-sided tests.

    Args:
        a: control.
        b: treatment.
        low: least difference that counts as the same, below high.
        high: greatest difference that does.

    Raises:
        ValueError: low is not below high.

    Source: Schuirmann 1987; statsmodels `tost_proportions_2indep(method="wald")`.

    >>> a, b = Count(n=8000, successes=4960), Count(n=8000, successes=4880)
    >>> round(equivalent_shares(a, b, low=-0.03, high=0.03).p, 6)
    0.004666
    """
    if a.n == 0 or b.n == 0:
        return NotComputable(reason=nobody(a))
    return _both_sides(Arm.of_count(a), Arm.of_count(b), low, high, "normal")


def equivalent_means(
    a: Arm, b: Arm, *, low: float, high: float, reference: Reference = "welch"
) -> Test | NotComputable:
    """Ask whether two means differ by something between low and high; as `equivalent_shares`.

    Raises:
        ValueError: low is not below high.

    >>> a, b = Arm(n=500, mean=60.0, variance=900.0), Arm(n=500, mean=61.0, variance=900.0)
    >>> round(equivalent_means(a, b, low=-6.0, high=6.0).p, 5)
    0.00427
    """
    return _both_sides(a, b, low, high, reference)


def _both_sides(
    a: Arm, b: Arm, low: float, high: float, reference: Reference
) -> Test | NotComputable:
    if not low < high:
        raise ValueError("the lower margin must be below the upper one")
    thin = too_thin(a, b)
    if thin is not None:
        return thin
    above = difference_of(a, b, reference, 0.05, "greater", low)
    below = difference_of(a, b, reference, 0.05, "less", high)
    if isinstance(above, NotComputable):
        return above
    if isinstance(below, NotComputable):
        return below
    weaker = max(above, below, key=lambda one: one.log10_p)
    return Test(
        method="two one-sided tests",
        statistic=weaker.statistic or 0.0,
        p=weaker.p,
        log10_p=weaker.log10_p,
        df=weaker.df,
    )


def _question(margin: float, better: Direction) -> tuple[Alternative, float]:
    if not margin >= 0:
        raise ValueError(f"a margin is how much worse is acceptable, 0 or more, not {margin}")
    if better not in {"increase", "decrease"}:
        raise ValueError(f"better is an increase or a decrease, not {better!r}")
    return ("greater", -margin) if better == "increase" else ("less", margin)
