"""A metric as the report shows it: one p for difference and lift, second looks, the sequence."""

import math
import subprocess
import sys

import msgspec
import pytest
from scipy import stats

from analytics import metrics
from analytics.arms import Arm
from analytics.bayes import NormalPrior, Posterior
from analytics.moments import Count, JointMoments, Moments
from analytics.people import Population, rows_of_joint_moments, rows_of_moments
from analytics.quantiles import Quantile
from analytics.ratios import ratio_arm
from analytics.results import Effect, NotComputable

PLAN = metrics.Plan(planned_n=2000, prior=NormalPrior(mean=0.0, variance=0.04))


def _effect(found: Effect | NotComputable | None) -> Effect:
    assert isinstance(found, Effect)
    return found


def test_the_lift_has_the_p_of_the_difference() -> None:
    """One metric has one p, that of the absolute test, wherever it is shown."""
    for found in (
        metrics.analyse_share(Count(n=900, successes=500), Count(n=900, successes=560), PLAN),
        metrics.analyse_share(Count(n=30, successes=2), Count(n=30, successes=9), PLAN),
        metrics.analyse_mean(
            Moments(n=500, mean=60.0, m2=4.5e5), Moments(n=500, mean=55.0, m2=4e5), PLAN
        ),
        metrics.analyse_quantile(
            Quantile(n=9000, q=0.5, estimate=10.0, lower=9.7, upper=10.3),
            Quantile(n=9000, q=0.5, estimate=9.0, lower=8.8, upper=9.2),
            PLAN,
        ),
    ):
        assert _effect(found.lift).p == _effect(found.difference).p
        assert isinstance(found.sequence, Effect)
        assert isinstance(found.posterior, Posterior)


def test_a_small_cell_is_judged_exactly() -> None:
    """Below five in a cell the p is Boschloo's, and the interval stays Newcombe's."""
    found = metrics.analyse_share(Count(n=30, successes=2), Count(n=30, successes=9), PLAN)
    assert _effect(found.difference).method == "newcombe, boschloo p"


def test_the_time_has_a_second_look_and_what_was_known_before() -> None:
    """CUPED judges, the plain difference is kept, and geometric means look a second time."""
    import numpy as np

    rng = np.random.default_rng(3)
    (now_a, was_a), (now_b, was_b) = (Population().times(rng, (1, 800)) for _ in range(2))
    found = metrics.analyse_mean(
        rows_of_moments(now_a)[0],
        rows_of_moments(now_b)[0],
        PLAN,
        logs=(rows_of_moments(np.log(now_a))[0], rows_of_moments(np.log(now_b))[0]),
        joint=(rows_of_joint_moments(now_a, was_a)[0], rows_of_joint_moments(now_b, was_b)[0]),
    )
    assert found.variance_kept is not None
    assert found.variance_kept < 0.9
    adjusted, plain = _effect(found.difference), _effect(found.unadjusted)
    assert adjusted.standard_error is not None
    assert plain.standard_error is not None
    assert adjusted.standard_error < plain.standard_error
    assert _effect(found.second_look).scale == "ratio"


def test_costs_are_adjusted_only_where_there_was_a_before() -> None:
    """Nobody before the exposure: the delta method judges alone."""
    a = JointMoments.of([2.0, 4.0, 9.0], [1.0, 2.0, 3.0], [0.0] * 3, [0.0] * 3)
    b = JointMoments.of([3.0, 4.0, 8.0], [1.0, 1.0, 3.0], [0.0] * 3, [0.0] * 3)
    found = metrics.analyse_ratio(a, b, PLAN)
    assert isinstance(found.difference, Effect)
    assert found.unadjusted is None
    none = JointMoments.of([0.0] * 3, [0.0] * 3)
    assert isinstance(metrics.analyse_ratio(none, none, PLAN).difference, NotComputable)


def test_a_known_zero_need_not_vary() -> None:
    """What costs nothing by design is a constant: the other arm's own error is the whole error."""
    free = JointMoments.of([0.0] * 4, [1.0, 2.0, 1.0, 1.0])
    paid = JointMoments.of([3.0, 4.0, 9.0, 1.0], [1.0, 1.0, 3.0, 1.0])
    refused = metrics.analyse_ratio(free, paid, PLAN).difference
    assert isinstance(refused, NotComputable)
    assert refused.reason == "the control does not vary"
    found = metrics.analyse_ratio(free, paid, PLAN, zero_is_known=True)
    arm = ratio_arm(paid)
    assert isinstance(arm, Arm)
    assert isinstance(found.difference, Effect)
    assert found.difference.estimate == arm.mean
    assert found.difference.standard_error == pytest.approx(math.sqrt(arm.variance / arm.n))
    alone = stats.t.interval(0.95, arm.n - 1, arm.mean, math.sqrt(arm.variance / arm.n))
    assert (found.difference.low, found.difference.high) == pytest.approx(alone)
    assert isinstance(found.sequence, Effect)
    assert isinstance(found.lift, NotComputable)
    both = metrics.analyse_ratio(free, free, PLAN, zero_is_known=True).difference
    assert isinstance(both, NotComputable)


def test_the_nps_has_no_lift() -> None:
    """A percentage of something that may be zero is refused in words."""
    found = metrics.analyse_nps([1] * 11, [2] * 11, PLAN)
    assert isinstance(found.lift, NotComputable)
    assert "means nothing" in found.lift.reason
    assert _effect(found.second_look).scale == "probability"


def test_every_analysis_survives_json() -> None:
    """Effects and reasons are values: what is written is what is read."""
    found = metrics.analyse_share(Count(n=900, successes=500), Count(n=900, successes=0), PLAN)
    nothing = metrics.analyse_share(Count(n=0, successes=0), Count(n=9, successes=3), PLAN)
    for one in (found, nothing):
        assert msgspec.json.decode(msgspec.json.encode(one), type=metrics.Analysis) == one


def test_primaries_are_under_holm_and_the_rest_under_bh() -> None:
    """Two arms and two primaries make a family of four; the rest is its own."""
    arms = {"v2": Count(n=900, successes=560), "v3": Count(n=900, successes=500)}
    control = Count(n=900, successes=500)
    found = metrics.against_control(control, arms, lambda a, b: metrics.analyse_share(a, b, PLAN))
    results = {
        (name, arm): one.difference
        for arm, one in found.items()
        for name in ("completion", "accuracy", "other")
    }
    adjusted = metrics.adjusted_p_values(results, ["completion", "accuracy"])
    p = _effect(found["v2"].difference).p
    assert adjusted["completion", "v2"] == pytest.approx(4 * p)
    assert adjusted["other", "v2"] == pytest.approx(2 * p)


def test_the_api_loads_no_statistics() -> None:
    """Statsmodels takes seconds to import; the API process never does."""
    script = (
        "import sys, app.main; "
        "sys.exit(any(one in sys.modules for one in ('statsmodels', 'analytics.metrics')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_statsmodels_is_loaded_only_where_it_is_asked() -> None:
    """Analysing a metric takes scipy alone."""
    script = "import sys, analytics.metrics; sys.exit('statsmodels' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
