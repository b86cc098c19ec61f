"""Looking often: sequences, the running sample ratio, planned looks."""

import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analytics import group_sequential, sequential, srm
from analytics.arms import Arm
from analytics.means import welch_difference
from analytics.moments import Moments
from analytics.results import Effect, NotComputable, Test

arms = st.builds(
    Arm, n=st.integers(10, 10**7), mean=st.floats(-50, 50), variance=st.floats(0.01, 1e4)
)


@given(
    arms,
    arms,
    st.sampled_from(["two-sided", "greater", "less"]),
    st.sampled_from([0.01, 0.05, 0.2]),
    st.floats(10, 1e7),
)
def test_the_sequence_and_its_p_never_disagree(
    a: Arm, b: Arm, alternative: Any, alpha: float, planned: float
) -> None:
    """Zero lies outside the sequence exactly where its p is below alpha."""
    found = sequential.sequence_of(
        welch_difference(a, b), planned_n=planned, alpha=alpha, alternative=alternative
    )
    assert isinstance(found, Effect)
    assert 0 <= found.p <= 1
    if abs(found.p / alpha - 1) > 1e-6:
        assert (found.p < alpha) == (not found.low <= 0 <= found.high)


@given(arms, arms)
def test_a_sequence_is_wider_than_the_interval_of_one_look(a: Arm, b: Arm) -> None:
    """Being allowed to look at all times has its price."""
    fixed = welch_difference(
        Arm(n=a.n + 100, mean=a.mean, variance=a.variance),
        Arm(n=b.n + 100, mean=b.mean, variance=b.variance),
    )
    running = sequential.sequence_of(fixed, planned_n=1000)
    assert isinstance(fixed, Effect)
    assert isinstance(running, Effect)
    assert running.low < fixed.low
    assert running.high > fixed.high


def test_a_sequence_is_narrowest_around_its_plan() -> None:
    """Tuned to a thousand, it is narrower there than one tuned to ten or a million."""
    widths = {
        planned: sequential.sequence_half_width(1000, 1.0, planned_n=planned)
        for planned in (10, 1000, 1_000_000)
    }
    assert widths[1000] == min(widths.values())


def test_the_exact_tuning_solves_lamberts_equation() -> None:
    """The exact rho minimises the width at the planned n; the approximation is close."""
    exact = sequential.mixture_rho(5000, exact=True)

    def width(rho: float) -> float:
        grown = 5000 * rho * rho
        return (grown + 1) / grown * math.log(math.sqrt(grown + 1) / 0.05)

    assert width(exact) < min(width(exact * 1.01), width(exact * 0.99))
    assert sequential.mixture_rho(5000) == pytest.approx(exact, rel=0.03)


def test_what_has_no_error_has_no_sequence() -> None:
    """Nothing in, nothing out; a single value has no sequence; wrong plans are refused."""
    nothing = NotComputable(reason="nobody yet")
    assert sequential.sequence_of(nothing, planned_n=10) is nothing
    assert isinstance(sequential.mean_sequence(Moments.of([1.0]), planned_n=10), NotComputable)
    with pytest.raises(ValueError, match="planned n"):
        sequential.sequence_of(nothing, planned_n=0)


def test_one_planned_look_is_the_usual_limit() -> None:
    """With a single look all alpha is spent there, whatever the spending."""
    for spending in get_args(group_sequential.Spending):
        (z,) = group_sequential.group_sequential_bounds([1.0], spending=spending)
        assert z == pytest.approx(1.959964, abs=1e-5)


def test_obrien_flemings_bounds_are_the_published_ones() -> None:
    """Five equal looks: 4.877, 3.357, 2.680, 2.290, 2.031 (Lan and DeMets's spending)."""
    bounds = group_sequential.group_sequential_bounds(
        [0.2, 0.4, 0.6, 0.8, 1.0], spending="o'brien-fleming"
    )
    assert bounds == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031], abs=2e-3)
    with pytest.raises(ValueError, match="rise"):
        group_sequential.group_sequential_bounds([0.5, 0.5])


def test_the_sample_ratio_is_scipys_chi_square_and_binomial() -> None:
    """Both tests of the ratio agree with scipy; arms that should be empty are left out."""
    found = srm.srm_chi_square([480, 560, 3], [1, 1, 0])
    assert isinstance(found, Test)
    assert found.p == pytest.approx(stats.chisquare([480, 560]).pvalue, rel=1e-10)
    far = srm.srm_binomial(400_000, 600_000)
    assert isinstance(far, Test)
    assert far.log10_p == pytest.approx(-8744.7, abs=5)
    assert isinstance(srm.srm_chi_square([0, 0], [1, 1]), NotComputable)
    with pytest.raises(ValueError, match="count and a weight"):
        srm.srm_chi_square([1, 2], [1])


def test_a_billion_persons_do_not_overflow_the_bayes_factor() -> None:
    """The Bayes factor lives in logarithms: a wrong ratio of a billion has p far below floats."""
    found = srm.srm_sequential([[499_000_000, 501_000_000]], [1, 1])
    assert isinstance(found, Test)
    assert found.log10_p < -800
    right = srm.srm_sequential([[500_000_000, 500_000_000]], [1, 1])
    assert isinstance(right, Test)
    assert right.p == 1.0


def test_the_running_p_only_falls() -> None:
    """Evidence once found is not lost at a later look."""
    early = srm.srm_sequential([[900, 1200]], [1, 1])
    later = srm.srm_sequential([[900, 1200], [5_000, 5_000]], [1, 1])
    assert isinstance(early, Test)
    assert isinstance(later, Test)
    assert later.p == early.p
