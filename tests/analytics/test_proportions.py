"""Shares of two arms: tests, intervals and exact tests."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats import proportion

from analytics import exact, proportions, score_intervals
from analytics.moments import Count
from analytics.results import Effect, NotComputable, Test


@st.composite
def counts(draw: st.DrawFn, most: int = 10**6) -> Count:
    """Draw how many persons, and how many of them did it."""
    n = draw(st.integers(0, most))
    return Count(n=n, successes=draw(st.integers(0, n)))


A, B = Count(n=200, successes=37), Count(n=170, successes=52)


def _effect(found: Effect | NotComputable) -> Effect:
    assert isinstance(found, Effect)
    return found


def _test(found: Test | NotComputable) -> Test:
    assert isinstance(found, Test)
    return found


@pytest.mark.parametrize(("asked", "theirs"), [("two-sided", "two-sided"), ("greater", "larger")])
def test_the_score_test_is_statsmodels(asked: Any, theirs: str) -> None:
    """The p of the score test is that of statsmodels, correction included."""
    other = proportion.test_proportions_2indep(
        B.successes, B.n, A.successes, A.n, method="score", alternative=theirs
    )
    assert _test(proportions.score_test(A, B, alternative=asked)).p == pytest.approx(
        other.pvalue, rel=1e-10
    )


def test_the_intervals_are_statsmodels() -> None:
    """Newcombe, Agresti-Caffo, Wilson, Clopper-Pearson and the ratio's score interval agree."""
    newcombe = _effect(proportions.newcombe_difference(A, B))
    assert (newcombe.low, newcombe.high) == pytest.approx(
        proportion.confint_proportions_2indep(52, 170, 37, 200, method="newcomb"), rel=1e-9
    )
    caffo = _effect(proportions.agresti_caffo_difference(A, B))
    assert (caffo.low, caffo.high) == pytest.approx(
        proportion.confint_proportions_2indep(52, 170, 37, 200, method="agresti-caffo"), rel=1e-9
    )
    assert proportions.wilson_interval(A) == pytest.approx(
        proportion.proportion_confint(37, 200, method="wilson"), rel=1e-9
    )
    assert exact.clopper_pearson_interval(A) == pytest.approx(
        proportion.proportion_confint(37, 200, method="beta"), rel=1e-9
    )
    ratio = _effect(score_intervals.miettinen_nurminen_ratio(A, B))
    assert (ratio.low, ratio.high) == pytest.approx(
        proportion.confint_proportions_2indep(52, 170, 37, 200, method="score", compare="ratio"),
        rel=1e-5,
    )


@pytest.mark.parametrize("correction", [True, False])
def test_chi_square_and_likelihood_ratio_are_scipys(correction: bool) -> None:
    """The pooled z squared is Pearson's chi-square, and G is scipy's log-likelihood."""
    table = [[37, 163], [52, 118]]
    pearson = stats.chi2_contingency(table, correction=correction)
    g = stats.chi2_contingency(table, correction=correction, lambda_="log-likelihood")
    assert _test(proportions.pooled_z_test(A, B, correction=correction)).p == pytest.approx(
        pearson.pvalue, rel=1e-10
    )
    assert _test(proportions.likelihood_ratio_test(A, B, correction=correction)).p == pytest.approx(
        g.pvalue, rel=1e-9
    )
    assert _test(proportions.chi_square_of_shares([A, B])).p == pytest.approx(
        stats.chi2_contingency(table, correction=False).pvalue, rel=1e-10
    )


@settings(max_examples=60)
@given(counts(2000), counts(2000), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_score_intervals_end_where_the_score_test_rejects(
    a: Count, b: Count, alpha: float
) -> None:
    """No value within is rejected: zero (or one) lies inside exactly where p is above alpha."""
    for found, null in (
        (score_intervals.miettinen_nurminen_difference(a, b, alpha=alpha), 0.0),
        (score_intervals.miettinen_nurminen_ratio(a, b, alpha=alpha), 1.0),
    ):
        if isinstance(found, Effect):
            assert found.low <= found.estimate + 1e-12
            assert found.estimate <= found.high + 1e-12
            if abs(found.p / alpha - 1) > 1e-6:
                assert (found.p < alpha) == (not found.low <= null <= found.high)


@settings(max_examples=60)
@given(counts(2000), counts(2000))
def test_intervals_of_a_difference_are_mirror_images(a: Count, b: Count) -> None:
    """When the arms change places the interval changes its sign and nothing else."""
    for interval in (
        proportions.newcombe_difference,
        score_intervals.miettinen_nurminen_difference,
    ):
        one, other = interval(a, b), interval(b, a)
        if isinstance(one, Effect) and isinstance(other, Effect):
            assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)


def test_the_cubic_gives_the_likeliest_shares() -> None:
    """At a given difference the shares are those of greatest likelihood; statsmodels' are not."""
    a, b, delta = Count(n=1000, successes=100), Count(n=1000, successes=130), 0.058

    def unlikely(p: float) -> float:
        q = p + delta
        return -float(stats.binom.logpmf(100, 1000, p) + stats.binom.logpmf(130, 1000, q))

    best = optimize.minimize_scalar(
        unlikely, bounds=(1e-6, 1 - delta - 1e-6), method="bounded", options={"xatol": 1e-12}
    )
    ours, _ = score_intervals._shares_at_difference(a, b, delta)
    assert ours == pytest.approx(best.x, abs=1e-6)
    theirs = proportion.score_test_proportions_2indep(
        130, 1000, 100, 1000, value=delta, return_results=True
    )
    assert abs(theirs.prop2_null - best.x) > 1e-4


@given(counts(10**9), counts(10**9))
def test_any_counts_give_numbers_or_a_reason(a: Count, b: Count) -> None:
    """Empty arms, all, none: never NaN and never an exception."""
    for interval in (
        proportions.newcombe_difference,
        proportions.agresti_caffo_difference,
        proportions.wald_difference,
        score_intervals.miettinen_nurminen_difference,
        score_intervals.miettinen_nurminen_lift,
    ):
        found = interval(a, b)
        if isinstance(found, Effect):
            assert math.isfinite(found.low)
            assert not math.isnan(found.high)
            assert 0 <= found.p <= 1
        else:
            assert found.reason


def test_an_empty_cell_still_has_its_interval() -> None:
    """Nobody of nobody: the difference has an interval, the ratio to nothing has none."""
    none, some = Count(n=30, successes=0), Count(n=30, successes=6)
    assert isinstance(proportions.newcombe_difference(none, some), Effect)
    assert isinstance(score_intervals.miettinen_nurminen_difference(none, some), Effect)
    assert isinstance(score_intervals.miettinen_nurminen_ratio(none, some), NotComputable)
    assert _effect(score_intervals.miettinen_nurminen_ratio(some, none)).low == 0
    assert isinstance(proportions.score_test(none, none), NotComputable)
    assert isinstance(score_intervals.statsmodels_score_difference(none, some), NotComputable)


def test_exact_tests_are_scipys() -> None:
    """Boschloo, Barnard and Fisher are scipy's on the table of treatment and control."""
    a, b = Count(n=14, successes=3), Count(n=12, successes=8)
    table = np.array([[8, 3], [4, 11]])
    assert _test(exact.boschloo_test(a, b)).p == pytest.approx(
        stats.boschloo_exact(table).pvalue, rel=1e-9
    )
    assert _test(exact.barnard_test(a, b, alternative="greater")).p == pytest.approx(
        stats.barnard_exact(table, alternative="greater").pvalue, rel=1e-9
    )
    assert _test(exact.fisher_test(a, b)).p == pytest.approx(
        stats.fisher_exact(table).pvalue, rel=1e-9
    )


def test_a_small_cell_is_judged_exactly_and_large_arms_by_fisher() -> None:
    """Below five in a cell the exact test judges, whichever can be had in time."""
    assert exact.needs_exact(Count(n=40, successes=2), Count(n=40, successes=9))
    assert not exact.needs_exact(Count(n=40, successes=5), Count(n=40, successes=9))
    small = exact.exact_test(Count(n=40, successes=2), Count(n=40, successes=9))
    large = exact.exact_test(Count(n=4000, successes=2), Count(n=4000, successes=9))
    assert _test(small).method == "boschloo"
    assert _test(large).method == "fisher"
