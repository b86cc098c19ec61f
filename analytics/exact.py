"""Exact tests of shares, for where a cell is so small that no approximation holds."""

import math
from typing import cast

import numpy as np
from msgspec.structs import replace
from scipy import stats

from analytics.moments import Count
from analytics.proportions import nobody, uninformative
from analytics.results import (
    Alternative,
    Effect,
    NotComputable,
    Test,
    as_test,
    check_alpha,
    check_alternative,
)
from analytics.tails import Tail

SMALL_CELL = 5
"""Below this many successes or failures in an arm, the exact test judges."""

LARGEST = 400
"""Above this many persons in both arms Boschloo's test takes seconds to minutes."""


def needs_exact(a: Count, b: Count) -> bool:
    """Say whether a cell is below five, so that an exact test has to judge.

    >>> needs_exact(Count(n=40, successes=2), Count(n=40, successes=20))
    True
    """
    cells = (a.successes, a.n - a.successes, b.successes, b.n - b.successes)
    return min(cells) < SMALL_CELL


def exact_test(
    a: Count, b: Count, *, alternative: Alternative = "two-sided"
) -> Test | NotComputable:
    """Ask whether two shares differ by the exact test that can be had: Boschloo's, or Fisher's.

    Boschloo's is the stronger, but above 400 persons it takes seconds to minutes; Fisher's is exact
    as well, and errs on the safe side.

    Raises:
        ValueError: the alternative is none.

    >>> exact_test(Count(n=2000, successes=2), Count(n=2000, successes=11)).method
    'fisher'
    """
    test = boschloo_test if a.n + b.n <= LARGEST else fisher_test
    return test(a, b, alternative=alternative)


def boschloo_test(
    a: Count, b: Count, *, alternative: Alternative = "two-sided"
) -> Test | NotComputable:
    """Ask whether two shares differ by Boschloo's exact test: valid, and stronger than Fisher's.

    Raises:
        ValueError: the alternative is none.

    Source: Boschloo 1970; `scipy.stats.boschloo_exact`.

    >>> round(boschloo_test(Count(n=11, successes=3), Count(n=10, successes=8)).p, 5)
    0.02041
    """
    check_alternative(alternative)
    empty = uninformative(a, b)
    if empty is not None:
        return empty
    found = stats.boschloo_exact(_table(a, b), alternative=alternative)
    return _of("boschloo", float(found.statistic), float(found.pvalue))


def barnard_test(
    a: Count, b: Count, *, alternative: Alternative = "two-sided", pooled: bool = True
) -> Test | NotComputable:
    """Ask the same by Barnard's exact test with Wald's statistic.

    Args:
        a: control.
        b: treatment.
        alternative: what is looked for.
        pooled: whether the statistic pools the variance.

    Raises:
        ValueError: the alternative is none.

    Source: Barnard 1945; `scipy.stats.barnard_exact`.

    >>> round(barnard_test(Count(n=11, successes=3), Count(n=10, successes=8)).p, 5)
    0.02075
    """
    check_alternative(alternative)
    empty = uninformative(a, b)
    if empty is not None:
        return empty
    found = stats.barnard_exact(_table(a, b), alternative=alternative, pooled=pooled)
    return _of("barnard", float(found.statistic), float(found.pvalue))


def fisher_test(
    a: Count, b: Count, *, alternative: Alternative = "two-sided"
) -> Test | NotComputable:
    """Ask the same by Fisher's exact test; its statistic is the odds ratio.

    Raises:
        ValueError: the alternative is none.

    Source: Fisher 1935; `scipy.stats.fisher_exact`.

    >>> round(fisher_test(Count(n=11, successes=3), Count(n=10, successes=8)).p, 5)
    0.02997
    """
    check_alternative(alternative)
    empty = uninformative(a, b)
    if empty is not None:
        return empty
    found = stats.fisher_exact(_table(a, b), alternative=alternative)
    return _of("fisher", float(found.statistic), float(found.pvalue))


def clopper_pearson_interval(
    one: Count, *, alpha: float = 0.05
) -> tuple[float, float] | NotComputable:
    """Return the exact interval of a single share.

    Raises:
        ValueError: alpha is none.

    Source: Clopper & Pearson 1934.

    >>> low, high = clopper_pearson_interval(Count(n=10, successes=0))
    >>> low, round(high, 4)
    (0.0, 0.3085)
    """
    check_alpha(alpha)
    if one.n == 0:
        return NotComputable(reason="there is nobody")
    k, n = one.successes, one.n
    low = float(stats.beta.ppf(alpha / 2, k, n - k + 1)) if k else 0.0
    high = float(stats.beta.isf(alpha / 2, k + 1, n - k)) if k < n else 1.0
    return low, high


def with_exact_p(effect: Effect, a: Count, b: Count) -> Effect | NotComputable:
    """Return the effect with the p of the exact test in place of its own.

    >>> from analytics.proportions import newcombe_difference
    >>> a, b = Count(n=11, successes=3), Count(n=10, successes=8)
    >>> with_exact_p(newcombe_difference(a, b), a, b).method
    'newcombe, boschloo p'
    """
    if a.n == 0 or b.n == 0:
        return NotComputable(reason=nobody(a))
    test = exact_test(a, b, alternative=effect.alternative)
    if isinstance(test, NotComputable):
        return effect
    name = effect.method.partition(",")[0]
    return replace(effect, p=test.p, log10_p=test.log10_p, method=f"{name}, {test.method} p")


def _table(a: Count, b: Count) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    rows = [[b.successes, a.successes], [b.n - b.successes, a.n - a.successes]]
    return cast("np.ndarray[tuple[int, int], np.dtype[np.int64]]", np.asarray(rows, dtype=np.int64))


def _of(method: str, statistic: float, p: float) -> Test | NotComputable:
    if not math.isfinite(p) or p <= 0:
        return NotComputable(reason="p is below what the exact test can hold", method=method)
    shown = statistic if math.isfinite(statistic) else math.copysign(1e308, statistic)
    return as_test(method, shown, Tail(p=min(p, 1.0), log10_p=min(math.log10(p), 0.0)))
