"""Published and independently computed values, case by case.

The file of cases is not part of the project; its path is found beside the project, or told by
TRIAGE_STATISTICS_CASES.
"""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analytics import (
    arms,
    bayes,
    cuped,
    exact,
    group_sequential,
    lifts,
    means,
    multiplicity,
    noninferiority,
    nps,
    outlook,
    power,
    proportions,
    quantiles,
    ratios,
    score_intervals,
    sequential,
    slices,
    srm,
)
from analytics.moments import Count, JointMoments, Moments
from analytics.results import Effect, NotComputable, Test

pytestmark = pytest.mark.reference_data

Case = dict[str, Any]

_BESIDE = Path(__file__).parents[2] / ".." / "shared" / "data" / "statistics_reference_cases.json"
CASES = Path(os.environ.get("TRIAGE_STATISTICS_CASES", _BESIDE))


def _cases() -> list[Case]:
    if not CASES.is_file():
        return []
    found: list[Case] = json.loads(CASES.read_text())["cases"]
    return found


def _count(one: Case) -> Count:
    return Count(n=one["n"], successes=one["successes"])


def _moments(one: Case) -> Moments:
    if "raw" in one:
        return Moments.of(one["raw"])
    return Moments.from_sums(one["n"], one["sum"], one["sum_squares"])


def _arm(one: Case) -> arms.Arm:
    return (
        arms.Arm.of_count(_count(one)) if "successes" in one else arms.Arm.of_moments(_moments(one))
    )


def _joint(one: Case) -> JointMoments:
    if "numerator_sum_squares" in one:
        return JointMoments.from_sums(
            one["n"],
            [one["numerator_sum"], one["denominator_sum"]],
            [
                [one["numerator_sum_squares"], one["product_sum"]],
                [one["product_sum"], one["denominator_sum_squares"]],
            ],
        )
    if "numerator_sum" in one:  # sums alone: nothing came of anybody
        return JointMoments(
            n=one["n"],
            means=(one["numerator_sum"] / one["n"], one["denominator_sum"] / one["n"]),
            products=((0.0, 0.0), (0.0, 0.0)),
        )
    keys = [k for k in ("numerator", "denominator", "numerator_pre", "denominator_pre") if k in one]
    return JointMoments.of(*([one[k] for k in keys] or [one["post"], one["pre"]]))


def _two(inputs: Case, of: Callable[[Case], Any]) -> tuple[Any, Any]:
    return of(inputs["a"]), of(inputs["b"])


def _shown(effect: Effect | NotComputable) -> Case | None:
    if isinstance(effect, NotComputable):
        return None
    return {
        "estimate": effect.estimate,
        "difference": effect.estimate,
        "standard_error": effect.standard_error,
        "ci_low": effect.low,
        "ci_high": effect.high,
        "p_value": effect.p,
        "log10_p": effect.log10_p,
        "statistic": effect.statistic,
        "df": effect.df,
        "control": effect.control,
        "treatment": effect.treatment,
    }


def _tested(test: Test | NotComputable) -> Case | None:
    if isinstance(test, NotComputable):
        return None
    return {"statistic": test.statistic, "df": test.df, "p_value": test.p, "log10_p": test.log10_p}


def _with_lift(difference: Effect | NotComputable, lift: Effect | NotComputable) -> Case:
    shown, up = _shown(difference), _shown(lift)
    assert shown is not None
    assert up is not None
    return shown | {
        "lift": up["estimate"],
        "lift_ci_low": up["ci_low"],
        "lift_ci_high": up["ci_high"],
    }


def _welch(inputs: Case) -> Case | None:
    a, b = _two(inputs, _arm)
    compare = (
        lifts.delta_lift if inputs.get("difference_type") == "relative" else means.welch_difference
    )
    return _shown(compare(a, b, alpha=inputs.get("alpha", 0.05)))


def _welch_99(inputs: Case) -> Case:
    a, b = _two(inputs, _arm)
    return _with_lift(means.welch_difference(a, b, alpha=0.01), lifts.log_lift(a, b, alpha=0.01))


def _wald(inputs: Case) -> Case | None:
    return _shown(proportions.wald_difference(*_two(inputs, _count)))


def _cuped_ratio(inputs: Case) -> Case | None:
    adjusted = cuped.adjusted_ratios(*_two(inputs, _joint))
    if inputs["difference_type"] == "relative":
        return _shown(cuped.cuped_delta_lift(adjusted, alpha=inputs["alpha"], of_ratio=True))
    return _shown(cuped.cuped_difference(adjusted, alpha=inputs["alpha"]))


def _cuped_mean(inputs: Case) -> Case:
    adjusted = cuped.adjusted_means(*_two(inputs, _joint))
    return _with_lift(cuped.cuped_difference(adjusted), cuped.cuped_lift(adjusted))


def _ratio(inputs: Case) -> Case | None:
    if "same_as" in inputs["b"]:  # the case is about the control alone
        inputs = inputs | {"b": {"numerator": [1.0, 3.0, 4.0], "denominator": [1, 2, 2]}}
    a, b = _two(inputs, _joint)
    return _shown(ratios.ratio_difference(a, b, alpha=inputs["alpha"]))


def _quantile(inputs: Case) -> Case | None:
    def of(one: Case) -> quantiles.Quantile:
        return quantiles.Quantile(
            n=one["n"],
            n_star=one["n_star"],
            q=one["nu"],
            estimate=one["quantile_hat"],
            lower=one["quantile_lower"],
            upper=one["quantile_upper"],
        )

    return _shown(quantiles.quantile_difference(*_two(inputs, of), alpha=inputs["alpha"]))


def _sequence(inputs: Case) -> Case | None:
    a, b = _two(inputs, _arm)
    relative = inputs["difference_type"] == "relative"
    effect = lifts.delta_lift(a, b) if relative else means.welch_difference(a, b)
    return _shown(
        sequential.sequence_of(
            effect, planned_n=inputs["sequential_tuning_parameter"], alpha=inputs["alpha"]
        )
    )


def _noninferior(inputs: Case) -> Case | None:
    a, b = _two(inputs, _arm)
    better: noninferiority.Direction = (
        "increase" if inputs["alternative"] == "greater" else "decrease"
    )
    return _shown(
        noninferiority.non_inferior_lift(
            a, b, margin=abs(inputs["margin_lift"]), better=better, alpha=inputs["alpha"]
        )
    )


def _noninferior_fixed(inputs: Case) -> Case | None:
    return _shown(
        noninferiority.non_inferior_fixed_margin(
            *_two(inputs, _arm),
            margin=inputs["margin_relative"],
            better=inputs["preferred"],
            alpha=inputs["alpha"],
        )
    )


def _posterior(inputs: Case) -> Case | None:
    found = bayes.posterior(lifts.delta_lift(*_two(inputs, _arm)))
    return None if isinstance(found, NotComputable) else {"chance_to_win": found.chance_to_win}


def _outlook(inputs: Case) -> Case:
    found = outlook.outlook(
        lifts.delta_lift(*_two(inputs, _arm)),
        target=inputs["target_mde"],
        power=inputs["target_power"],
        alpha=inputs["alpha"],
    )
    assert isinstance(found, outlook.Outlook)
    return {"power_now": found.power_now, "additional_users": found.additional_users}


def _nps(inputs: Case) -> Case:
    def of(one: Case) -> Moments:
        return nps.nps_of_scores([one["scores"].count(score) for score in range(11)])

    a, b = _two(inputs, of)
    lift = lifts.log_lift(arms.Arm.of_moments(a), arms.Arm.of_moments(b))
    return _with_lift(nps.nps_difference(a, b), lift)


def _likelihood(inputs: Case) -> Case:
    a, b = _two(inputs, _count)
    test = proportions.likelihood_ratio_test(a, b, correction=inputs["correction"])
    assert isinstance(test, Test)
    return {"estimate": b.rate - a.rate, "p_value": test.p}


def _adjust(method: multiplicity.Correction) -> Callable[[Case], Case]:
    def run(inputs: Case) -> Case:
        found = multiplicity.adjust(inputs["p_values"], method, alpha=inputs["alpha"])
        return {"adjusted": list(found.adjusted), "reject": list(found.reject)}

    return run


def _z_sample_size(inputs: Case) -> Case:
    found = power.z_sample_size(
        variance=inputs["variance"],
        delta=inputs["absolute_mde"],
        alpha=inputs["alpha"],
        power=inputs["power"],
    )
    assert isinstance(found, power.SampleSize)
    return {
        "result": [
            found.total,
            [found.control, found.treatment],
            [found.control / found.total, found.treatment / found.total],
        ]
    }


def _t_sample_size(inputs: Case) -> Case:
    delta = inputs["d"] if "d" in inputs else inputs["delta"]
    return {
        "n_per_arm": power.t_sample_size(
            delta=delta, sd=inputs.get("sd", 1.0), power=inputs["power"], alpha=inputs["alpha"]
        )
    }


def _interval(found: tuple[float, float] | NotComputable) -> Case | None:
    if isinstance(found, NotComputable):
        return None
    return {"ci_low": found[0], "ci_high": found[1]}


def _simpson(inputs: Case) -> Case:
    def strata(arm: Case) -> list[Count]:
        return [Count(n=n, successes=s) for n, s in zip(arm["n"], arm["successes"], strict=True)]

    found = slices.mantel_haenszel(list(zip(*_two(inputs, strata), strict=True)))
    assert isinstance(found, slices.Pooled)
    assert isinstance(found.crude, Effect)
    return {
        "crude_diff": found.crude.estimate,
        "stratum_diffs": [one.estimate for one in found.strata if isinstance(one, Effect)],
        "mh_odds_ratio": found.odds_ratio,
        "mh_p": found.p,
        "reversal": found.reversal,
    }


def _server_cost(inputs: Case) -> Case:
    lift = _shown(ratios.ratio_delta_lift(*_two(inputs, _joint), alpha=inputs["alpha"]))
    assert lift is not None
    return {
        "lift": lift["estimate"],
        "lift_ci_low": lift["ci_low"],
        "lift_ci_high": lift["ci_high"],
        "p_value": lift["p_value"],
    }


METHODS: dict[str, Callable[[Case], Case | None]] = {
    "wald_unpooled_var_p(1-p)/n_welch_df_delta_lift": _welch,
    "wald_unpooled_var_p(1-p)/n_welch_df": _welch,
    "welch_t_delta_lift": _welch,
    "welch_t": _welch,
    "welch_t_99pct": _welch_99,
    "wald_unpooled_z": _wald,
    "ratio_cuped_delta_method": _cuped_ratio,
    "cuped_pooled_theta_centered + log_ratio_lift_ci": _cuped_mean,
    "ratio_of_sums_delta_method_cluster_user": _ratio,
    "order_statistic_ci_variance_deng2018": _quantile,
    "asymptotic_confidence_sequence_waudby_smith_eq9": _sequence,
    "one_sided_t_on_lift_delta_vs_margin": _noninferior,
    "z_unpooled_one_sided_vs_relative_margin_of_control_mean_treated_as_fixed": _noninferior_fixed,
    "gaussian_posterior_chance_to_win_and_risk": _posterior,
    "chi_square_goodness_of_fit": lambda i: _tested(srm.srm_chi_square(i["counts"], i["weights"])),
    "exact_binomial": lambda i: _tested(
        srm.srm_binomial(*i["counts"], treatment_to_control_ratio=i["treatment_to_control_ratio"])
    ),
    "power_at_target_mde_from_observed_se": _outlook,
    "nps_as_mean_of_+-100_welch": _nps,
    "proportion_test_log-likelihood": _likelihood,
    **{
        name: _adjust(name)
        for name in ("bh", "by", "holm", "hommel", "bonferroni", "hochberg", "sidak")
    },
    "group_sequential_lan_demets_power_family_rho2_two_sided_z_bounds": lambda i: {
        "z_bounds": group_sequential.group_sequential_bounds(
            i["information"], alpha=i["alpha"], rho=i["rho"]
        )
    },
    "z_sample_size_total_and_per_arm": _z_sample_size,
    "two_sample_t_sample_size": _t_sample_size,
    "newcombe_hybrid_score_ci_no_cc": lambda i: _shown(
        proportions.newcombe_difference(*_two(i, _count), alpha=i["alpha"])
    ),
    # The case's digits are those of statsmodels, whose cubic is slightly wrong.
    "miettinen_nurminen_score_ci_diff": lambda i: _shown(
        score_intervals.statsmodels_score_difference(*_two(i, _count), alpha=i["alpha"])
    ),
    "miettinen_nurminen_score_ci_ratio": lambda i: _shown(
        score_intervals.miettinen_nurminen_ratio(*_two(i, _count), alpha=i["alpha"])
    ),
    "tost_wald_diff": lambda i: _tested(
        noninferiority.equivalent_shares(*_two(i, _count), low=i["low"], high=i["upp"])
    ),
    "k_sample_chi_square": lambda i: _tested(
        proportions.chi_square_of_shares(
            [Count(n=n, successes=s) for n, s in zip(i["n"], i["successes"], strict=True)]
        )
    ),
    "boschloo_exact": lambda i: _tested(exact.boschloo_test(*_two(i, _count))),
    "wilson_one_sample_ci": lambda i: _interval(
        proportions.wilson_interval(_count(i), alpha=i["alpha"])
    ),
    "binomial_order_statistic_ci": lambda i: _interval(
        quantiles.order_statistic_interval(i["raw"], i["quantile"], alpha=i["alpha"])
    ),
    "beta_binomial_uniform_prior_prob_b_gt_a": lambda i: {
        "prob_b_better": bayes.beta_binomial(*_two(i, _count)).prob_b_better
    },
    "mantel_haenszel_pooled_vs_crude": _simpson,
    "relative lift, frequentist engine": _server_cost,
}


def _agrees(name: str, found: Any, expected: Any, tolerance: Case) -> None:
    if isinstance(expected, list):
        assert len(found) == len(expected), name
        for one, other in zip(found, expected, strict=True):
            _agrees(name, one, other, tolerance)
    elif isinstance(expected, str):
        assert found == float(expected), name
    elif isinstance(expected, bool):
        assert found is expected, name
    else:
        assert math.isfinite(found), name
        assert found == pytest.approx(expected, rel=tolerance["rel"], abs=tolerance["abs"]), name


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_a_published_value_is_met_within_its_tolerance(case: Case) -> None:
    """Every value a source gives is met; what a source refuses to compute is refused."""
    found = METHODS[case["method"]](case["inputs"])
    if case["expected"] is None:
        assert found is None
        return
    assert found is not None
    for name, expected in case["expected"].items():
        if expected is not None:  # the source gives no such value for this method
            _agrees(name, found[name], expected, case["tolerance"])


def test_there_are_cases() -> None:
    """The published values are there to be compared with."""
    if not CASES.is_file():
        pytest.skip("the file of reference cases is not beside the project")
    assert len(_cases()) >= 50
