"""Ratios, CUPED and quantiles: what persons bring is never taken for independent."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.tools import add_constant

from analytics import cuped, nps, quantiles, ratios
from analytics.moments import JointMoments, Moments
from analytics.people import Population, rows_of_joint_moments, rows_of_moments
from analytics.results import Effect, NotComputable

RNG = np.random.default_rng(11)
PEOPLE = Population()


def _effect(found: Effect | NotComputable) -> Effect:
    assert isinstance(found, Effect)
    return found


def _costs(n: int, *names: str) -> JointMoments:
    found = PEOPLE.costs(RNG, (1, n))
    return JointMoments.of(*(found[name][0] for name in names))


def test_the_delta_method_is_ols_with_clustered_errors() -> None:
    """Cost per triage agrees with a regression of triages whose errors are clustered by person."""
    rows, sides, persons, arms = [], [], [], []
    for side in (0, 1):
        triages = 1 + RNG.poisson(2.0, 300)
        own = np.exp(RNG.standard_normal(300))
        cost = [own[i] * np.exp(0.3 * RNG.standard_normal(k)) for i, k in enumerate(triages)]
        rows.append(np.concatenate(cost))
        sides.append(np.full(int(triages.sum()), side))
        persons.append(np.repeat(np.arange(300) + 300 * side, triages))
        arms.append(JointMoments.of([float(one.sum()) for one in cost], triages.astype(float)))
    fit = OLS(np.concatenate(rows), add_constant(np.concatenate(sides))).fit(
        cov_type="cluster",
        cov_kwds={"groups": np.concatenate(persons), "use_correction": False},
    )
    ours = _effect(ratios.ratio_difference(*arms))
    assert ours.estimate == pytest.approx(fit.params[1], rel=1e-9)
    # They divide by n, we by n - 1.
    assert ours.standard_error == pytest.approx(fit.bse[1] * math.sqrt(300 / 299), rel=1e-9)


def test_a_ratio_without_a_denominator_is_refused() -> None:
    """No triages, no cost per triage; one person, no variance."""
    none = JointMoments.of([0.0, 0.0], [0.0, 0.0])
    some = JointMoments.of([1.0, 2.0], [1.0, 1.0])
    for compare in (ratios.ratio_difference, ratios.ratio_lift, ratios.ratio_delta_lift):
        found = compare(some, none)
        assert isinstance(found, NotComputable)
        assert found.reason == "treatment: the denominator is zero"
    assert isinstance(ratios.ratio_arm(JointMoments.of([1.0], [1.0])), NotComputable)


def test_cuped_is_a_regression_on_the_covariate() -> None:
    """The adjusted difference is close to that of a regression, and its error is smaller."""
    a, b = (PEOPLE.times(RNG, (1, 4000)) for _ in range(2))
    adjusted = cuped.adjusted_means(
        rows_of_joint_moments(*a)[0], rows_of_joint_moments(*b)[0], theta="within"
    )
    ours = _effect(cuped.cuped_difference(adjusted))
    side = np.repeat([0.0, 1.0], 4000)
    before = np.concatenate([a[1][0], b[1][0]])
    fit = OLS(
        np.concatenate([a[0][0], b[0][0]]), add_constant(np.column_stack([side, before]))
    ).fit()
    assert ours.estimate == pytest.approx(fit.params[1], rel=1e-6)
    assert ours.standard_error == pytest.approx(fit.bse[1], rel=0.05)
    assert isinstance(adjusted, cuped.Adjusted)
    correlation = np.corrcoef(np.concatenate([a[0][0], b[0][0]]), before)[0, 1]
    assert adjusted.variance_kept == pytest.approx(1 - correlation**2, rel=0.05)


def test_a_covariate_that_says_nothing_changes_nothing() -> None:
    """A constant covariate leaves the difference as it is."""
    a = JointMoments.of([3.0, 5.0, 8.0], [1.0, 1.0, 1.0])
    b = JointMoments.of([4.0, 7.0, 9.0], [1.0, 1.0, 1.0])
    adjusted = cuped.adjusted_means(a, b)
    assert isinstance(adjusted, cuped.Adjusted)
    assert (adjusted.theta, adjusted.variance_kept) == (0.0, 1.0)
    assert adjusted.b.mean - adjusted.a.mean == pytest.approx(20 / 3 - 16 / 3)


def test_adjusted_ratios_vary_less() -> None:
    """What a person cost before narrows what a triage costs now."""
    names = ("cost", "triages", "cost_before", "triages_before")
    adjusted = cuped.adjusted_ratios(_costs(3000, *names), _costs(3000, *names))
    assert isinstance(adjusted, cuped.Adjusted)
    assert adjusted.variance_kept < 0.95
    assert isinstance(cuped.cuped_difference(adjusted), Effect)
    assert isinstance(cuped.cuped_lift(adjusted), Effect)
    assert isinstance(cuped.cuped_delta_lift(adjusted, of_ratio=True), Effect)


def test_a_quantile_of_too_few_values_is_refused() -> None:
    """A p99 of fifty values is no p99."""
    few = quantiles.Quantile(n=50, q=0.99, estimate=9.0, lower=8.0, upper=10.0)
    assert isinstance(quantiles.quantile_difference(few, few), NotComputable)
    assert isinstance(quantiles.quantile_ranks(50, 0.99), NotComputable)
    flat = quantiles.Quantile(n=5000, q=0.5, estimate=9.0, lower=9.0, upper=9.0)
    assert isinstance(quantiles.quantile_lift(flat, flat), NotComputable)
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantiles.Quantile(n=50, q=1.0, estimate=9.0, lower=8.0, upper=10.0)
    with pytest.raises(ValueError, match="cannot be compared"):
        quantiles.quantile_lift(flat, few)


def test_the_standard_error_of_a_quantile_is_that_of_its_sampling() -> None:
    """Order statistics tell the spread that many samples of the same size show."""
    medians, errors = [], []
    for _ in range(400):
        values = np.sort(RNG.exponential(size=900))
        ranks = quantiles.quantile_ranks(900, 0.5)
        assert isinstance(ranks, quantiles.Ranks)
        low, middle, high = np.quantile(values, [ranks.lower, 0.5, ranks.upper])
        arm = quantiles.quantile_arm(
            quantiles.Quantile(n=900, q=0.5, estimate=middle, lower=low, upper=high)
        )
        assert not isinstance(arm, NotComputable)
        medians.append(middle)
        errors.append(math.sqrt(arm.squared_error))
    assert np.mean(errors) == pytest.approx(np.std(medians), rel=0.12)


def test_clusters_widen_a_quantile() -> None:
    """Where every person brings the same value four times, the variance is four times as large."""
    once = JointMoments.of([1.0] * 50 + [0.0] * 50, [1.0] * 100)
    four = JointMoments.of([4.0] * 50 + [0.0] * 50, [4.0] * 100)
    assert quantiles.design_effect(once, 0.5) == pytest.approx(100 / 99)
    assert quantiles.design_effect(four, 0.5) == pytest.approx(400 / 99)


@pytest.mark.parametrize(("n", "q"), [(40, 0.5), (200, 0.9), (1000, 0.25)])
def test_exact_ranks_are_scipys(n: int, q: float) -> None:
    """The exact interval of independent values is scipy's quantile test turned round."""
    values = RNG.exponential(size=n)
    test: Any = stats.quantile_test(values, q=0, p=q)
    other = test.confidence_interval(0.95)
    assert quantiles.order_statistic_interval(list(values), q) == (other.low, other.high)


@given(st.lists(st.integers(0, 10), min_size=3, max_size=60), st.data())
def test_mann_whitney_from_counts_is_scipys_from_answers(a: list[int], data: st.DataObject) -> None:
    """Counting answers loses nothing: ties, p and the probability agree with scipy."""
    b = data.draw(st.lists(st.integers(0, 10), min_size=3, max_size=60))
    ours = nps.mann_whitney([a.count(i) for i in range(11)], [b.count(i) for i in range(11)])
    if len({*a, *b}) == 1:
        assert isinstance(ours, NotComputable)
        return
    other = stats.mannwhitneyu(b, a, use_continuity=False, method="asymptotic")
    assert _effect(ours).p == pytest.approx(other.pvalue, rel=1e-9)
    assert _effect(ours).estimate == pytest.approx(other.statistic / len(a) / len(b))


def test_nps_counts_are_the_moments_of_the_scores() -> None:
    """Promoters less detractors, in points, with the variance of +100, 0 and -100."""
    counts = [1, 0, 2, 0, 0, 3, 1, 5, 6, 7, 9]
    scores = [100.0] * 16 + [0.0] * 11 + [-100.0] * 7
    found, expected = nps.nps_of_scores(counts), Moments.of(scores)
    assert found.n == expected.n
    assert found.mean == pytest.approx(expected.mean)
    assert found.m2 == pytest.approx(expected.m2)
    with pytest.raises(ValueError, match="eleven"):
        nps.nps_of_scores([1, 2])


def test_rows_of_a_table_are_its_experiments() -> None:
    """Drawing many experiments at once gives the moments of each."""
    table = RNG.standard_normal((3, 50))
    other = RNG.standard_normal((3, 50))
    assert rows_of_moments(table)[1].m2 == pytest.approx(Moments.of(table[1]).m2)
    joint = rows_of_joint_moments(table, other)[2]
    assert joint.covariance(0, 1) == pytest.approx(
        JointMoments.of(table[2], other[2]).covariance(0, 1)
    )
