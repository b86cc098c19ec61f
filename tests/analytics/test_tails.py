"""Tails against forty digits."""

import math
from typing import Any

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.tails import (
    chi_square_tail,
    normal_critical,
    normal_tail,
    student_critical,
    student_tail,
)


def _agrees(p: float, log10_p: float, exact: Any) -> None:
    log = float(mpmath.log10(exact))
    assert log10_p == pytest.approx(log, rel=1e-9, abs=1e-12)
    if exact > 1e-300:
        assert p == pytest.approx(float(exact), rel=1e-9)


@pytest.mark.parametrize("z", [0.1, 1.0, 5.0, 9.136, 37.0, 40.0, 1e3, 1e6])
def test_the_normal_tail_keeps_its_digits_however_far_out(z: float) -> None:
    """P down to 1e-300, and its logarithm beyond, agree with forty digits."""
    with mpmath.workdps(40):
        exact = mpmath.erfc(mpmath.mpf(z) / mpmath.sqrt(2))
    tail = normal_tail(z, "two-sided")
    _agrees(tail.p, tail.log10_p, exact)


@pytest.mark.parametrize("df", [1.0, 1.7, 30.5, 200.0, 1e4])
@pytest.mark.parametrize("t", [1e-8, 0.3, 1.9, 9.0, 37.0, 60.0, 400.0, 1e5, 1e170])
def test_students_tail_keeps_its_digits_however_far_out(t: float, df: float) -> None:
    """P down to 1e-300, and its logarithm beyond, agree with fifty digits."""
    with mpmath.workdps(50):
        a, x = mpmath.mpf(df), mpmath.mpf(t)
        exact = mpmath.betainc(a / 2, mpmath.mpf(1) / 2, 0, a / (a + x * x), regularized=True)
    tail = student_tail(t, df, "two-sided")
    _agrees(tail.p, tail.log10_p, exact)


@pytest.mark.parametrize("df", [1.0, 3.0, 100.0])
@pytest.mark.parametrize("x", [0.1, 3.0, 700.0, 1400.0, 1e5])
def test_the_chi_square_tail_keeps_its_digits_however_far_out(x: float, df: float) -> None:
    """P down to 1e-300, and its logarithm beyond, agree with forty digits."""
    with mpmath.workdps(40):
        exact = mpmath.gammainc(mpmath.mpf(df) / 2, mpmath.mpf(x) / 2, mpmath.inf, regularized=True)
    tail = chi_square_tail(x, df)
    _agrees(tail.p, tail.log10_p, exact)


@given(st.floats(-1e6, 1e6), st.floats(1, 1e10))
def test_both_sides_of_a_tail_are_one(t: float, df: float) -> None:
    """What lies above and what lies below make one, and neither is NaN."""
    above, below = student_tail(t, df, "greater"), student_tail(t, df, "less")
    assert above.p + below.p == pytest.approx(1.0, abs=1e-12)
    assert student_tail(t, df, "two-sided").p == pytest.approx(2 * min(above.p, below.p), rel=1e-9)
    assert math.isfinite(above.log10_p)
    assert math.isfinite(below.log10_p)


@given(st.floats(1e-9, 0.5), st.floats(1, 1e9))
def test_the_critical_value_has_the_p_it_was_asked_for(alpha: float, df: float) -> None:
    """An interval at alpha ends where p is alpha."""
    assert normal_tail(normal_critical(alpha, "two-sided"), "two-sided").p == pytest.approx(
        alpha, rel=1e-7
    )
    assert student_tail(student_critical(alpha, df, "greater"), df, "greater").p == pytest.approx(
        alpha, rel=1e-6
    )
