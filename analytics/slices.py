"""Slices of people: does the effect differ between them, and what is it when they are put together?

A slice must be known before the exposure (device, first visit, matter). Slicing by what the
treatment itself changes compares different people.
"""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from analytics.arms import Arm, Spread, judged, too_thin
from analytics.moments import Count
from analytics.proportions import newcombe_difference
from analytics.results import (
    Alternative,
    Effect,
    NotComputable,
    Test,
    as_test,
    check_alpha,
    check_alternative,
)
from analytics.tails import chi_square_tail


def interaction(effects: Sequence[Effect | NotComputable]) -> Test | NotComputable:
    """Ask whether the effect differs between independent slices.

    Args:
        effects: one for each slice, on one scale, with standard errors; slices without an effect
            are left out.

    Source: Cochran 1954: Q, the inverse-variance weighted squares, against chi-square with k - 1
    degrees of freedom. Of two slices it is the squared z of their difference.

    >>> from analytics.means import z_difference
    >>> one = z_difference(Arm(n=99, mean=1.0, variance=1.0), Arm(n=99, mean=1.1, variance=1.0))
    >>> two = z_difference(Arm(n=99, mean=1.0, variance=1.0), Arm(n=99, mean=1.6, variance=1.0))
    >>> round(interaction([one, two]).p, 5)
    0.01287
    """
    known = [
        (one.estimate, one.standard_error)
        for one in effects
        if isinstance(one, Effect) and one.standard_error
    ]
    if len(known) < 2:
        return NotComputable(reason="fewer than two slices have an effect with its error")
    weights = [1 / (error * error) for _, error in known]
    total = sum(weights)
    mean = sum(w * estimate for w, (estimate, _) in zip(weights, known, strict=True)) / total
    q = sum(w * (estimate - mean) ** 2 for w, (estimate, _) in zip(weights, known, strict=True))
    if not math.isfinite(q):
        return NotComputable(reason="the numbers are too large or too small to compute with")
    return as_test("interaction", q, chi_square_tail(q, len(known) - 1), len(known) - 1)


def stratified_difference(
    strata: Sequence[tuple[Arm, Arm]],
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Effect | NotComputable:
    """Estimate the difference within strata, weighted by how many persons each has.

    Args:
        strata: (control, treatment) of each; all must be computable, since leaving one out would
            answer for other people.
        alpha: error of the interval.
        alternative: what is looked for.

    Returns:
        The post-stratified difference; `control` and `treatment` are the weighted means.

    Raises:
        ValueError: alpha or alternative is none.

    Source: Miratrix, Sekhon & Yu 2013, eq. 3; degrees of freedom by Satterthwaite.

    >>> one = Arm(n=90, mean=1.0, variance=1.0), Arm(n=10, mean=2.0, variance=1.0)
    >>> two = Arm(n=10, mean=5.0, variance=1.0), Arm(n=90, mean=6.0, variance=1.0)
    >>> stratified_difference([one, two]).estimate
    1.0
    """
    check_alpha(alpha)
    check_alternative(alternative)
    if not strata:
        return NotComputable(reason="there are no strata")
    for a, b in strata:
        thin = too_thin(a, b)
        if thin is not None:
            return NotComputable(reason=f"in a stratum {thin.reason}")
    n = sum(a.n + b.n for a, b in strata)
    shares = [(a.n + b.n) / n for a, b in strata]
    parts = [
        (w * w * arm.squared_error, arm.n)
        for w, pair in zip(shares, strata, strict=True)
        for arm in pair
    ]
    variance = sum(part for part, _ in parts)
    if not (variance > 0 and math.isfinite(variance)):
        return NotComputable(reason="the numbers are too large or too small to compute with")
    df = 1 / sum((part / variance) ** 2 / (size - 1) for part, size in parts)
    control, treatment = (
        Arm(
            n=sum(pair[side].n for pair in strata),
            mean=sum(w * pair[side].mean for w, pair in zip(shares, strata, strict=True)),
            variance=0.0,
        )
        for side in (0, 1)
    )
    estimate = sum(w * (b.mean - a.mean) for w, (a, b) in zip(shares, strata, strict=True))
    spread = Spread(standard_error=math.sqrt(variance), df=df)
    return judged(
        "post-stratified", "difference", estimate, spread, control, treatment, alpha, alternative
    )


class Pooled(Struct, frozen=True, kw_only=True, tag="pooled"):
    """Shares put together over strata, beside what they look like without.

    `reversal` is Simpson's paradox: within every stratum the effect has one sign, and the crude
    one has the other. Then the arms hold different mixtures of people, and the crude is wrong.
    """

    crude: Effect | NotComputable
    strata: tuple[Effect | NotComputable, ...]
    odds_ratio: float
    log_odds_low: float
    log_odds_high: float
    p: float
    log10_p: float
    homogeneity_p: float | None
    reversal: bool


def mantel_haenszel(
    strata: Sequence[tuple[Count, Count]] | Mapping[str, tuple[Count, Count]],
    *,
    alpha: float = 0.05,
) -> Pooled | NotComputable:
    """Put shares together over strata, and compare with the crude difference.

    Args:
        strata: (control, treatment) of each.
        alpha: error of the intervals.

    Returns:
        Mantel and Haenszel's odds ratio (treatment over control) with the interval of its log
        (Robins, Breslow & Greenland), the p of their test without continuity correction, the p of
        Breslow and Day's test that all strata have the same odds ratio (None where it cannot be
        said), and whether the crude difference is reversed.

    Raises:
        ValueError: alpha is none.

    Source: Mantel & Haenszel 1959; `statsmodels.stats.contingency_tables.StratifiedTable`.

    >>> small = Count(n=270, successes=234), Count(n=87, successes=81)
    >>> large = Count(n=80, successes=55), Count(n=263, successes=192)
    >>> found = mantel_haenszel([small, large])
    >>> round(found.odds_ratio, 6), round(found.p, 6), found.reversal
    (1.446847, 0.118741, True)
    """
    check_alpha(alpha)
    pairs = list(strata.values() if isinstance(strata, Mapping) else strata)
    kept = [(a, b) for a, b in pairs if a.n and b.n]
    if not kept:
        return NotComputable(reason="no stratum has persons in both arms")
    across = sum(b.successes * (a.n - a.successes) / (a.n + b.n) for a, b in kept)
    against = sum(a.successes * (b.n - b.successes) / (a.n + b.n) for a, b in kept)
    if across == 0 or against == 0:
        return NotComputable(reason="the odds of an arm are zero or infinite in every stratum")
    import numpy as np
    from statsmodels.stats.contingency_tables import StratifiedTable

    cells = np.asarray(
        [[[b.successes, b.n - b.successes], [a.successes, a.n - a.successes]] for a, b in kept],
        dtype=np.float64,
    )
    table = StratifiedTable(np.moveaxis(cells, 0, -1))
    test = table.test_null_odds(correction=False)
    low, high = table.logodds_pooled_confint(alpha=alpha)
    tail = chi_square_tail(float(test.statistic), 1)
    crude_a, crude_b = kept[0]
    for a, b in kept[1:]:
        crude_a, crude_b = crude_a.merge(a), crude_b.merge(b)
    crude = newcombe_difference(crude_a, crude_b, alpha=alpha)
    within = tuple(newcombe_difference(a, b, alpha=alpha) for a, b in kept)
    return Pooled(
        crude=crude,
        strata=within,
        odds_ratio=across / against,
        log_odds_low=float(low),
        log_odds_high=float(high),
        p=tail.p,
        log10_p=tail.log10_p,
        homogeneity_p=_homogeneity(table, kept),
        reversal=reverses(crude, within),
    )


def reverses(crude: Effect | NotComputable, within: Sequence[Effect | NotComputable]) -> bool:
    """Say whether all strata point one way and the crude effect the other: Simpson's paradox.

    >>> reverses(NotComputable(reason="nobody"), [])
    False
    """
    if isinstance(crude, NotComputable) or len(within) < 2:
        return False
    signs = [one.estimate for one in within if isinstance(one, Effect)]
    if len(signs) < len(within):
        return False
    up, down = all(one > 0 for one in signs), all(one < 0 for one in signs)
    return (up and crude.estimate < 0) or (down and crude.estimate > 0)


def _homogeneity(table: object, kept: Sequence[tuple[Count, Count]]) -> float | None:
    """Return Breslow and Day's p where every stratum has something to say."""
    informative = all(
        0 < a.successes + b.successes < a.n + b.n and a.n > 0 and b.n > 0 for a, b in kept
    )
    if len(kept) < 2 or not informative:
        return None
    p = float(table.test_equal_odds().pvalue)  # type: ignore[attr-defined]
    return p if math.isfinite(p) else None
