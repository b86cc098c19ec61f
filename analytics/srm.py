"""Sample ratio mismatch: do the arms have as many persons as they should?

A mismatch means that somebody was lost on one side only, and then no other figure can be trusted.
At the end chi-square judges, with p < .001; while the experiment runs the sequential test may be
looked at as often as one likes.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special, stats

from analytics.results import NotComputable, Test, as_test
from analytics.tails import Tail, chi_square_tail

THRESHOLD = 0.001
"""Below this p the sample ratio is taken to be wrong, and the experiment to be invalid."""

CONCENTRATION = 10_000.0
"""How many persons' worth the prior of the sequential test weighs; GrowthBook's default."""


def srm_chi_square(counts: Sequence[int], weights: Sequence[float]) -> Test | NotComputable:
    """Ask whether the arms have the shares they should have, by chi-square.

    Args:
        counts: persons in each arm.
        weights: what each arm should have, in any unit; arms of weight 0 are left out.

    Raises:
        ValueError: lengths differ, a count is negative, or no weight is above zero.

    Source: Pearson 1900; Fabijan et al. 2019.

    >>> round(srm_chi_square([330, 680], [1, 2]).p, 6)
    0.656324
    """
    seen, shares = _checked(counts, weights)
    n = sum(seen)
    if len(seen) < 2:
        return NotComputable(reason="fewer than two arms should have persons")
    if n == 0:
        return NotComputable(reason="nobody has been exposed yet")
    statistic = sum(
        (count - n * share) ** 2 / (n * share) for count, share in zip(seen, shares, strict=True)
    )
    df = len(seen) - 1
    return as_test("chi-square", statistic, chi_square_tail(statistic, df), df)


def srm_binomial(
    control: int, treatment: int, *, treatment_to_control_ratio: float = 1.0
) -> Test | NotComputable:
    """Ask the same of two arms by the exact binomial test; its statistic is the treatment's share.

    Raises:
        ValueError: a count is negative or the ratio is not above zero.

    Source: `scipy.stats.binomtest` (two-sided by likelihood); below 1e-300 the tail's own sum in
    logarithms, doubled.

    >>> round(srm_binomial(480, 560).p, 6)
    0.014259
    """
    if control < 0 or treatment < 0 or not treatment_to_control_ratio > 0:
        raise ValueError("counts must not be negative, and the ratio must be above zero")
    n = control + treatment
    if n == 0:
        return NotComputable(reason="nobody has been exposed yet")
    share = treatment_to_control_ratio / (1 + treatment_to_control_ratio)
    p = float(stats.binomtest(treatment, n, share).pvalue)
    if p > 1e-300:
        tail = Tail(p=min(p, 1.0), log10_p=min(math.log10(p), 0.0))
    else:
        log_p = _log_binomial_tail(treatment, n, share) + math.log(2)
        tail = Tail(p=math.exp(log_p), log10_p=log_p / math.log(10))
    return as_test("exact binomial", treatment / n, tail)


def srm_bayes_factor(
    counts: Sequence[int], weights: Sequence[float], *, concentration: float = CONCENTRATION
) -> float:
    """Return the natural log of the Bayes factor for a wrong ratio over the right one.

    Args:
        counts: persons in each arm so far.
        weights: what each arm should have, in any unit; arms of weight 0 are left out.
        concentration: how many persons' worth the Dirichlet prior around the right ratio weighs.

    Raises:
        ValueError: as in `srm_chi_square`, or the concentration is not above zero.

    Source: Lindon & Malek 2022, eq. 8: Dirichlet-multinomial over multinomial. All in log space.

    >>> round(srm_bayes_factor([480, 560], [1, 1]), 4)
    0.2404
    """
    if not concentration > 0:
        raise ValueError("the concentration must be above zero")
    seen, shares = _checked(counts, weights)
    prior = np.asarray(shares) * concentration
    x = np.asarray(seen, dtype=np.float64)
    marginal = special.gammaln(prior + x) - special.gammaln(prior)
    whole = special.gammaln(concentration + x.sum()) - special.gammaln(concentration)
    return float(marginal.sum() - whole - special.xlogy(x, shares).sum())


def srm_sequential(
    looks: Sequence[Sequence[int]],
    weights: Sequence[float],
    *,
    concentration: float = CONCENTRATION,
) -> Test | NotComputable:
    """Ask whether the ratio is wrong, looking as often as one likes.

    Args:
        looks: persons in each arm **so far**, at each look in its order.
        weights: what each arm should have, in any unit; arms of weight 0 are left out.
        concentration: as in `srm_bayes_factor`.

    Returns:
        The statistic is the greatest log Bayes factor so far; p = min(1, exp(-it)), which under
        the right ratio ever falls below alpha with probability alpha at most.

    Raises:
        ValueError: as in `srm_bayes_factor`.

    Source: Lindon & Malek 2022, theorem 2.

    >>> round(srm_sequential([[480, 560], [930, 1140]], [1, 1]).p, 6)
    0.176751
    """
    factors = [srm_bayes_factor(one, weights, concentration=concentration) for one in looks]
    if not factors or sum(looks[-1]) == 0:
        return NotComputable(reason="nobody has been exposed yet")
    greatest = max(0.0, *factors)
    tail = Tail(p=math.exp(-greatest), log10_p=-greatest / math.log(10))
    return as_test("dirichlet-multinomial", greatest, tail)


def _checked(counts: Sequence[int], weights: Sequence[float]) -> tuple[list[int], list[float]]:
    """Return counts and shares of the arms that should have anybody."""
    if len(counts) != len(weights):
        raise ValueError("each arm needs a count and a weight")
    if any(one < 0 for one in counts) or any(not one >= 0 for one in weights):
        raise ValueError("counts and weights must not be negative")
    kept = [(c, w) for c, w in zip(counts, weights, strict=True) if w > 0]
    total = sum(w for _, w in kept)
    if not (total > 0 and math.isfinite(total)):
        raise ValueError("some weight must be above zero")
    return [c for c, _ in kept], [w / total for _, w in kept]


def _log_binomial_tail(k: int, n: int, share: float) -> float:
    """Return ln P(X at k or further out); the terms fall geometrically, so few of them count."""
    outwards = 1 if k > n * share else -1
    last = n if outwards > 0 else 0
    reach = np.arange(k, k + outwards * (min(abs(last - k), 20_000) + 1), outwards)
    return float(special.logsumexp(stats.binom.logpmf(reach, n, share)))
