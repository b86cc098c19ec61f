"""Moments merge and subtract as if their values had been put together and taken apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.moments import Count, JointMoments, Moments

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)
pairs = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=30)


def _joint(rows: list[tuple[float, float]]) -> JointMoments:
    return JointMoments.of([x for x, _ in rows], [y for _, y in rows])


@given(values, values)
def test_merging_is_concatenating(one: list[float], other: list[float]) -> None:
    """The moments of both together are those of all values."""
    merged, whole = Moments.of(one).merge(Moments.of(other)), Moments.of(one + other)
    assert merged.n == whole.n
    assert merged.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-6)
    assert merged.m2 == pytest.approx(whole.m2, rel=1e-9, abs=1e-2)


@given(pairs, pairs)
def test_joint_merging_is_concatenating_and_subtracting_undoes_it(
    one: list[tuple[float, float]], other: list[tuple[float, float]]
) -> None:
    """Covariances of both together are those of all values, and come apart again."""
    a, b, whole = _joint(one), _joint(other), _joint(one + other)
    merged = a.merge(b)
    back = merged.subtract(b)
    for i in (0, 1):
        for j in (0, 1):
            assert merged.products[i][j] == pytest.approx(whole.products[i][j], rel=1e-9, abs=1e-1)
            assert back.products[i][j] == pytest.approx(a.products[i][j], rel=1e-6, abs=10)


@given(values, values)
def test_subtracting_undoes_merging(one: list[float], other: list[float]) -> None:
    """What was merged comes apart again."""
    back = Moments.of(one).merge(Moments.of(other)).subtract(Moments.of(other))
    assert back.n == len(one)
    assert back.mean == pytest.approx(Moments.of(one).mean, rel=1e-6, abs=1e-3)


def test_a_large_mean_does_not_eat_the_variance() -> None:
    """With a mean of 1e9 and a deviation of 1, a sum of squares has no digits left; moments do."""
    rng = np.random.default_rng(1)
    small = rng.standard_normal(10_000)
    shifted = Moments.of(small[:5_000] + 1e9).merge(Moments.of(small[5_000:] + 1e9))
    assert shifted.variance == pytest.approx(Moments.of(small).variance, rel=1e-6)
    squares = float(((small + 1e9) ** 2).sum()) - float((small + 1e9).sum()) ** 2 / 10_000
    assert abs(squares / 9_999 - 1) > 0.1


def test_sums_of_others_become_the_same_moments() -> None:
    """Sums and sums of squares are taken over without further loss."""
    found = Moments.from_sums(4, 10.0, 30.0)
    assert (found.mean, found.m2) == (2.5, 5.0)
    joint = JointMoments.from_sums(3, [6.0, 9.0], [[14.0, 21.0], [21.0, 35.0]])
    assert joint.products == ((2.0, 3.0), (3.0, 8.0))
    assert Moments.from_sums(0, 0.0, 0.0).variance == 0


def test_nobody_is_neutral() -> None:
    """Merging with nobody changes nothing, and taking everybody leaves nobody."""
    some, none = Moments.of([1.0, 2.0]), Moments.of([])
    assert some.merge(none) == some == none.merge(some)
    assert some.subtract(some).n == 0
    joint, nothing = JointMoments.of([1.0, 2.0], [2.0, 5.0]), JointMoments.of([], [])
    assert joint.merge(nothing) == joint == nothing.merge(joint)
    assert joint.subtract(joint).n == 0
    assert joint.subtract(nothing) == joint


def test_counts_add_up() -> None:
    """Counts merge, come apart, and have a rate even of nobody."""
    whole = Count(n=3, successes=1).merge(Count(n=2, successes=2))
    assert whole == Count(n=5, successes=3)
    assert whole.subtract(Count(n=2, successes=2)) == Count(n=3, successes=1)
    assert Count(n=0, successes=0).rate == 0


def test_impossible_counts_and_moments_are_refused() -> None:
    """What cannot be counted is a mistake of the caller."""
    with pytest.raises(ValueError, match="no count"):
        Count(n=1, successes=2)
    with pytest.raises(ValueError, match="no moments"):
        Moments(n=1, mean=0.0, m2=-1.0)
    with pytest.raises(ValueError, match="one row"):
        JointMoments(n=1, means=(0.0,), products=())
