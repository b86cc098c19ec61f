"""Means of two arms, against other implementations and against themselves mirrored and moved."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from analytics import arms, lifts, means
from analytics.arms import Arm
from analytics.moments import Moments
from analytics.results import Effect, NotComputable

RNG = np.random.default_rng(7)
A, B = RNG.lognormal(3, 1, 90), RNG.lognormal(3.2, 1, 120)

real_arms = st.builds(
    Arm,
    n=st.integers(2, 10**9),
    mean=st.floats(-1e6, 1e6),
    variance=st.floats(1e-6, 1e9),
)
wild_arms = st.builds(
    Arm,
    n=st.integers(0, 10**12),
    mean=st.floats(allow_nan=True, allow_infinity=True),
    variance=st.floats(0, allow_infinity=True),
)


def _arm(values: Any) -> Arm:
    return Arm.of_moments(Moments.of(values))


def _effect(found: Effect | NotComputable) -> Effect:
    assert isinstance(found, Effect)
    return found


def test_it_is_statsmodels_compare_means() -> None:
    """Welch, Student and z give what statsmodels computes from the values."""
    compare = CompareMeans(DescrStatsW(B), DescrStatsW(A))
    for ours, (statistic, p, *df), interval in (
        (
            _effect(means.welch_difference(_arm(A), _arm(B))),
            compare.ttest_ind(usevar="unequal"),
            compare.tconfint_diff(usevar="unequal"),
        ),
        (
            _effect(means.student_difference(_arm(A), _arm(B))),
            compare.ttest_ind(usevar="pooled"),
            compare.tconfint_diff(usevar="pooled"),
        ),
        (
            _effect(means.z_difference(_arm(A), _arm(B))),
            compare.ztest_ind(usevar="unequal"),
            compare.zconfint_diff(usevar="unequal"),
        ),
    ):
        assert ours.statistic == pytest.approx(statistic, rel=1e-10)
        assert ours.p == pytest.approx(p, rel=1e-10)
        assert (ours.low, ours.high) == pytest.approx(interval, rel=1e-10)
        if df:
            assert ours.df == pytest.approx(df[0], rel=1e-10)


@pytest.mark.parametrize("alternative", ["greater", "less"])
def test_one_sided_is_scipys(alternative: Any) -> None:
    """One side, interval included, is scipy's."""
    other = stats.ttest_ind(B, A, equal_var=False, alternative=alternative)
    ours = _effect(means.welch_difference(_arm(A), _arm(B), alternative=alternative))
    interval = other.confidence_interval(0.95)
    assert ours.p == pytest.approx(other.pvalue, rel=1e-10)
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high), rel=1e-10)


def test_several_arms_are_one_way_anova_without_equal_variances() -> None:
    """Welch's ANOVA is statsmodels', and of two arms the square of Welch's t."""
    from statsmodels.stats.oneway import anova_oneway

    c = RNG.lognormal(3.1, 0.5, 60)
    other = anova_oneway([A, B, c], use_var="unequal")
    ours = means.welch_anova([_arm(A), _arm(B), _arm(c)])
    assert not isinstance(ours, NotComputable)
    assert ours.p == pytest.approx(other.pvalue, rel=1e-9)
    two = means.welch_anova([_arm(A), _arm(B)])
    t = _effect(means.welch_difference(_arm(A), _arm(B)))
    assert not isinstance(two, NotComputable)
    assert two.p == pytest.approx(t.p, rel=1e-9)
    assert isinstance(means.welch_anova([_arm(A)]), NotComputable)


@given(real_arms, real_arms)
def test_changing_places_changes_the_sign_alone(a: Arm, b: Arm) -> None:
    """The mirror image of a comparison has the same p and the mirrored interval."""
    one, other = means.welch_difference(a, b), means.welch_difference(b, a)
    assert isinstance(one, Effect) == isinstance(other, Effect)
    if isinstance(one, Effect) and isinstance(other, Effect):
        assert one.log10_p == pytest.approx(other.log10_p, rel=1e-9, abs=1e-12)
        assert (one.low, one.high) == (-other.high, -other.low)


@given(real_arms, real_arms, st.sampled_from([0.001, 0.05, 0.3]))
def test_the_interval_and_p_never_disagree(a: Arm, b: Arm, alpha: float) -> None:
    """Zero lies outside the interval exactly where p is below alpha."""
    found = means.welch_difference(a, b, alpha=alpha)
    if isinstance(found, Effect) and abs(found.p / alpha - 1) > 1e-6:
        assert (found.p < alpha) == (not found.low <= 0 <= found.high)


@given(real_arms, real_arms, st.floats(0.001, 1000))
def test_another_unit_changes_no_p(a: Arm, b: Arm, unit: float) -> None:
    """Minutes or seconds: the lift, its interval and p stay."""
    assume(min(abs(a.mean), abs(b.mean)) > 1e-3)

    def scaled(arm: Arm) -> Arm:
        return Arm(n=arm.n, mean=arm.mean * unit, variance=arm.variance * unit * unit)

    one, other = lifts.delta_lift(a, b), lifts.delta_lift(scaled(a), scaled(b))
    if isinstance(one, Effect) and isinstance(other, Effect):
        assert one.estimate == pytest.approx(other.estimate, rel=1e-9, abs=1e-9)
        assert one.log10_p == pytest.approx(other.log10_p, rel=1e-6, abs=1e-9)


@given(wild_arms, wild_arms)
def test_extremes_give_numbers_or_a_reason(a: Arm, b: Arm) -> None:
    """Nothing is ever NaN, and no data raise."""
    for compare in (
        means.welch_difference,
        means.student_difference,
        means.z_difference,
        lifts.delta_lift,
        lifts.log_lift,
    ):
        found = compare(a, b)
        if isinstance(found, NotComputable):
            assert found.reason
        else:
            assert all(
                math.isfinite(one) for one in (found.estimate, found.low, found.p, found.log10_p)
            )
            assert 0 <= found.p <= 1
            assert found.low <= found.high


def test_the_lift_on_the_log_scale_never_falls_below_minus_one() -> None:
    """However noisy the arms, nothing can fall by more than all of it."""
    found = _effect(lifts.log_lift(Arm(n=9, mean=1, variance=9), Arm(n=9, mean=0.1, variance=9)))
    assert found.low > -1
    assert isinstance(
        lifts.log_lift(Arm(n=9, mean=-1, variance=9), Arm(n=9, mean=1, variance=9)), NotComputable
    )


def test_geometric_means_are_welch_on_logarithms() -> None:
    """The ratio of geometric means has the p of Welch on the logarithms."""
    found = _effect(means.geometric_mean_ratio(Moments.of(np.log(A)), Moments.of(np.log(B))))
    other = stats.ttest_ind(np.log(B), np.log(A), equal_var=False)
    assert found.p == pytest.approx(other.pvalue, rel=1e-10)
    assert found.estimate == pytest.approx(stats.gmean(B) / stats.gmean(A), rel=1e-10)


def test_a_wrong_argument_is_said_at_once() -> None:
    """Alpha of two and an unknown alternative are mistakes of the caller."""
    one = Arm(n=9, mean=1.0, variance=1.0)
    with pytest.raises(ValueError, match="alpha"):
        means.welch_difference(one, one, alpha=2.0)
    with pytest.raises(ValueError, match="alternative"):
        means.welch_difference(one, one, alternative="up")  # type: ignore[arg-type]


def test_what_cannot_be_compared_says_which_arm_and_why() -> None:
    """One person, no variance, no baseline: each has its own reason."""
    fine = Arm(n=9, mean=1.0, variance=1.0)
    reasons = [
        means.welch_difference(Arm(n=1, mean=1.0, variance=0.0), fine),
        means.welch_difference(fine, Arm(n=9, mean=1.0, variance=0.0)),
        lifts.delta_lift(Arm(n=9, mean=0.0, variance=1.0), fine),
    ]
    assert [one.reason for one in reasons if isinstance(one, NotComputable)] == [
        "the control has 1 units, and two are needed",
        "the treatment does not vary",
        "the control's mean is zero, so there is no lift over it",
    ]
    assert arms.too_thin(fine, fine) is None
