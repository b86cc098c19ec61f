"""Net promoter score: in points, never as a lift.

A score of 9 or 10 counts +100, of 0 to 6 counts -100, and what lies between counts 0; the mean is
the NPS. It may be zero or negative, so a percentage of it means nothing. The Mann-Whitney test
looks at the whole scale, and says whether the answers moved at all.
"""

import math
from collections.abc import Sequence

from analytics.arms import Arm
from analytics.means import welch_difference
from analytics.moments import Moments
from analytics.results import (
    Alternative,
    Effect,
    NotComputable,
    check_alpha,
    check_alternative,
    finished,
)
from analytics.tails import normal_critical, normal_tail


def nps_moments(promoters: int, passives: int, detractors: int) -> Moments:
    """Return the moments of +100, 0 and -100 from how many gave which.

    Raises:
        ValueError: a count is negative.

    >>> nps_moments(50, 30, 20).mean
    30.0
    """
    if min(promoters, passives, detractors) < 0:
        raise ValueError("there cannot be fewer than no answers")
    n = promoters + passives + detractors
    if n == 0:
        return Moments(n=0, mean=0.0, m2=0.0)
    total, squares = 100 * (promoters - detractors), 10_000 * (promoters + detractors)
    return Moments(n=n, mean=total / n, m2=(squares * n - total * total) / n)


def nps_of_scores(counts: Sequence[int]) -> Moments:
    """Return the same from how often each score from 0 to 10 was given.

    Raises:
        ValueError: there are not eleven counts, or one is negative.

    >>> nps_of_scores([0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5]).mean
    43.75
    """
    if len(counts) != 11:
        raise ValueError(f"scores go from 0 to 10: eleven counts, not {len(counts)}")
    return nps_moments(sum(counts[9:]), sum(counts[7:9]), sum(counts[:7]))


def nps_difference(
    a: Moments, b: Moments, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Effect | NotComputable:
    """Compare two NPS in points by Welch's t.

    Raises:
        ValueError: alpha or alternative is none.

    Source: Rocks 2016 (the NPS as the mean of three values).

    >>> e = nps_difference(nps_moments(50, 30, 20), nps_moments(60, 25, 15))
    >>> e.estimate, round(e.p, 4)
    (15.0, 0.1669)
    """
    return welch_difference(
        Arm.of_moments(a), Arm.of_moments(b), alpha=alpha, alternative=alternative
    )


def mann_whitney(
    a: Sequence[int],
    b: Sequence[int],
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Effect | NotComputable:
    """Ask whether answers on an ordered scale moved, from how often each was given.

    Args:
        a: how often the control gave each value of the scale, in its order.
        b: the same of the treatment.
        alpha: error of the interval.
        alternative: what is looked for.

    Returns:
        P(a treated person's answer is higher) + P(it is the same) / 2, of which 0.5 is no effect.
        Statistic and p: normal approximation, corrected for ties, without continuity correction.
        The interval does not suppose equality (Brunner & Munzel's variance).

    Raises:
        ValueError: alpha or alternative is none, or the scales differ.

    Source: Mann & Whitney 1947; `scipy.stats.mannwhitneyu(use_continuity=False)`; Brunner & Munzel
    2000, eq. 4.

    >>> e = mann_whitney([5, 3, 2], [2, 3, 5])
    >>> round(e.estimate, 3), round(e.p, 4)
    (0.695, 0.1181)
    """
    check_alpha(alpha)
    check_alternative(alternative)
    if len(a) != len(b):
        raise ValueError("both arms need counts of the same scale")
    if min([*a, *b], default=0) < 0:
        raise ValueError("there cannot be fewer than no answers")
    n_a, n_b = sum(a), sum(b)
    if n_a < 2 or n_b < 2:
        return NotComputable(reason="an arm has fewer than two answers")
    n = n_a + n_b
    ties = sum((x + y) ** 3 - (x + y) for x, y in zip(a, b, strict=True))
    variance = n_a * n_b / 12 * ((n + 1) - ties / (n * (n - 1)))
    if variance <= 0:
        return NotComputable(reason="everybody gave the same answer")
    wins = below = 0.0
    for x, y in zip(a, b, strict=True):
        wins += y * (below + x / 2)
        below += x
    estimate = wins / n_a / n_b
    z = (wins - n_a * n_b / 2) / math.sqrt(variance)
    tail = normal_tail(z, alternative)
    error = math.sqrt(_placement_variance(a, b) / n_b + _placement_variance(b, a) / n_a)
    half = normal_critical(alpha, alternative) * error
    return finished(
        Effect(
            method="mann-whitney",
            scale="probability",
            estimate=estimate,
            low=-math.inf if alternative == "less" else max(estimate - half, 0.0),
            high=math.inf if alternative == "greater" else min(estimate + half, 1.0),
            alpha=alpha,
            p=tail.p,
            log10_p=tail.log10_p,
            control=0.5,
            treatment=estimate,
            n_control=n_a,
            n_treatment=n_b,
            alternative=alternative,
            standard_error=error or None,
            statistic=z,
            null=0.5,
        )
    )


def _placement_variance(others: Sequence[int], own: Sequence[int]) -> float:
    """Return the variance, over one arm, of the share of the other arm that lies below."""
    n_other, n_own = sum(others), sum(own)
    below, places = 0.0, []
    for x, y in zip(others, own, strict=True):
        places.append((y, (below + x / 2) / n_other))
        below += x
    mean = sum(y * place for y, place in places) / n_own
    return sum(y * (place - mean) ** 2 for y, place in places) / (n_own - 1)
