"""Multiplicity, power, posterior, slices, novelty, and the verdict."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analytics import bayes, multiplicity, noninferiority, novelty, outlook, power, slices, verdict
from analytics.arms import Arm
from analytics.lifts import delta_lift
from analytics.means import welch_difference, z_difference
from analytics.moments import Count
from analytics.results import Effect, NotComputable
from analytics.sequential import sequence_of
from analytics.srm import srm_chi_square

NOTHING = NotComputable(reason="nobody yet")


def _effect(found: Effect | NotComputable) -> Effect:
    assert isinstance(found, Effect)
    return found


@settings(max_examples=25)  # every call of statsmodels collects the garbage of the process
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_and_bh_are_statsmodels(p_values: list[float]) -> None:
    """By hand and by statsmodels are the same, ties and zeros included."""
    for method, theirs in (("holm", "holm"), ("bh", "fdr_bh")):
        ours = multiplicity.adjust(p_values, method)  # type: ignore[arg-type]
        expected = multipletests(p_values, method=theirs)[1]
        assert ours.adjusted == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_what_could_not_be_computed_stays_in_the_family() -> None:
    """A metric without a result does not make the others easier to win."""
    fine = z_difference(Arm(n=99, mean=1, variance=1.0), Arm(n=99, mean=1.32, variance=1.0))
    alone = multiplicity.adjusted_family({"a": fine})
    beside = multiplicity.adjusted_family({"a": fine, "b": NOTHING})
    assert alone["a"] is not None
    assert beside == {"a": pytest.approx(2 * alone["a"]), "b": None}
    with pytest.raises(ValueError, match="unknown"):
        multiplicity.adjust([0.1], "none")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="between 0 and 1"):
        multiplicity.holm([float("nan")])


@given(st.floats(0.05, 2), st.floats(0.5, 0.99), st.floats(0.001, 0.2), st.floats(0.25, 4))
def test_a_sample_size_has_the_power_it_was_asked_for(
    d: float, asked: float, alpha: float, ratio: float
) -> None:
    """Planning and checking the plan agree."""
    n = power.t_sample_size(delta=d, power=asked, alpha=alpha, ratio=ratio)
    assert not isinstance(n, NotComputable)
    if n * (1 + ratio) > 3:
        assert power.t_power(n, delta=d, alpha=alpha, ratio=ratio) >= asked - 1e-6
    found = power.z_sample_size(variance=1.0, delta=d, power=asked, alpha=alpha, ratio=ratio)
    assert isinstance(found, power.SampleSize)
    error = math.sqrt(1 / found.exact_control + 1 / (found.exact_control * ratio))
    detectable = power.smallest_detectable(error, power=asked, alpha=alpha)
    assert detectable == pytest.approx(d, rel=1e-9)


def test_impossible_plans_are_refused_with_a_reason() -> None:
    """No effect takes no number of persons; wrong arguments are mistakes."""
    assert isinstance(power.t_sample_size(delta=0), NotComputable)
    assert isinstance(power.z_sample_size(variance=0.0, delta=1), NotComputable)
    assert isinstance(power.z_sample_size(variance=1.0, delta=1e-9), NotComputable)
    assert isinstance(power.share_sample_size(baseline=0.9, delta=0.2), NotComputable)
    with pytest.raises(ValueError, match="power"):
        power.z_sample_size(variance=1.0, delta=1.0, power=1.0)


def test_the_outlook_ends_where_the_power_is_reached() -> None:
    """With the persons that are said to be missing, the power is the one asked for."""
    a, b = Arm(n=1000, mean=0.1, variance=0.09), Arm(n=1000, mean=0.13, variance=0.1131)
    for planned in (None, 40_000.0):
        now = outlook.outlook(delta_lift(a, b), target=0.1, planned_n=planned)
        assert isinstance(now, outlook.Outlook)
        grown = 1 + now.additional_users / 2000
        later = outlook.outlook(
            delta_lift(
                Arm(n=round(1000 * grown), mean=0.1, variance=0.09),
                Arm(n=round(1000 * grown), mean=0.13, variance=0.1131),
            ),
            target=0.1,
            planned_n=planned,
        )
        assert isinstance(later, outlook.Outlook)
        assert later.power_now == pytest.approx(0.8, abs=1e-3)
        assert later.detectable_now == pytest.approx(0.1, rel=1e-2)
    assert outlook.outlook(NOTHING, target=0.1) is NOTHING
    assert isinstance(outlook.days_left(10, 0), NotComputable)
    assert outlook.days_left(0, 0) == 0


def test_the_posterior_is_what_drawing_from_it_shows() -> None:
    """Chance to win and expected losses agree with a million draws."""
    effect = delta_lift(
        Arm(n=1000, mean=0.1, variance=0.09), Arm(n=1000, mean=0.13, variance=0.1131)
    )
    prior = bayes.NormalPrior(mean=0.0, variance=0.01)
    found = bayes.posterior(effect, prior=prior)
    assert isinstance(found, bayes.Posterior)
    draws = np.random.default_rng(5).normal(found.estimate, found.standard_deviation, 1_000_000)
    assert found.chance_to_win == pytest.approx((draws > 0).mean(), abs=2e-3)
    assert found.risk_control == pytest.approx(np.maximum(draws, 0).mean(), rel=1e-2)
    assert found.risk_treatment == pytest.approx(np.maximum(-draws, 0).mean(), rel=3e-2)
    assert abs(found.estimate) < abs(_effect(effect).estimate)
    mirrored = bayes.posterior(effect, prior=prior, better="decrease")
    assert isinstance(mirrored, bayes.Posterior)
    assert mirrored.chance_to_win == pytest.approx(1 - found.chance_to_win)


@pytest.mark.parametrize("prior", [(1.0, 1.0), (2.5, 3.5)])
def test_the_beta_posterior_is_what_drawing_from_it_shows(prior: tuple[float, float]) -> None:
    """Whole and broken parameters agree with a million draws."""
    rng = np.random.default_rng(6)
    found = bayes.beta_binomial(
        Count(n=20, successes=3),
        Count(n=22, successes=9),
        prior_alpha=prior[0],
        prior_beta=prior[1],
    )
    a = rng.beta(prior[0] + 3, prior[1] + 17, 1_000_000)
    b = rng.beta(prior[0] + 9, prior[1] + 13, 1_000_000)
    assert found.prob_b_better == pytest.approx((b > a).mean(), abs=2e-3)
    assert found.risk_control == pytest.approx(np.maximum(b - a, 0).mean(), rel=1e-2)
    assert found.risk_treatment == pytest.approx(np.maximum(a - b, 0).mean(), rel=3e-2)


def test_interaction_of_two_slices_is_the_squared_z_of_their_difference() -> None:
    """Cochran's Q of two is a z test of the difference of the differences."""
    base = Arm(n=500, mean=5.0, variance=4.0)
    one = _effect(z_difference(base, Arm(n=400, mean=5.1, variance=4.0)))
    two = _effect(z_difference(base, Arm(n=700, mean=5.6, variance=5.0)))
    found = slices.interaction([one, two, NOTHING])
    assert not isinstance(found, NotComputable)
    assert one.standard_error is not None
    assert two.standard_error is not None
    z = (two.estimate - one.estimate) / math.hypot(one.standard_error, two.standard_error)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)


def test_simpsons_paradox_is_seen_through() -> None:
    """Where arms hold different mixtures, the stratified effect has the sign of its strata."""
    easy = Arm(n=900, mean=10.0, variance=1.0), Arm(n=100, mean=11.0, variance=1.0)
    hard = Arm(n=100, mean=2.0, variance=1.0), Arm(n=900, mean=3.0, variance=1.0)
    found = _effect(slices.stratified_difference([easy, hard]))
    assert found.estimate == pytest.approx(1.0)
    crude = _effect(
        welch_difference(Arm(n=1000, mean=9.2, variance=7), Arm(n=1000, mean=3.8, variance=7))
    )
    within = [welch_difference(*easy), welch_difference(*hard)]
    assert slices.reverses(crude, within)
    assert not slices.reverses(found, within)
    assert isinstance(slices.stratified_difference([]), NotComputable)


def test_strata_without_both_arms_say_nothing() -> None:
    """Mantel and Haenszel need persons on both sides, and odds that are odds."""
    empty = Count(n=0, successes=0), Count(n=9, successes=3)
    assert isinstance(slices.mantel_haenszel({"x": empty}), NotComputable)
    sure = Count(n=9, successes=9), Count(n=9, successes=9)
    assert isinstance(slices.mantel_haenszel([sure]), NotComputable)


def test_a_fading_effect_is_called_novelty_and_a_steady_one_is_not() -> None:
    """The trend over the days since exposure tells a novelty from an improvement."""

    def day(gain: float) -> Effect | NotComputable:
        a = Arm(n=4000, mean=5.0, variance=1.0)
        return z_difference(a, Arm(n=4000, mean=5.0 + gain, variance=1.0))

    fading = novelty.novelty({i: day(0.5 - 0.06 * i) for i in range(8)})
    steady = novelty.novelty({i: day(0.2) for i in range(8)})
    assert isinstance(fading, novelty.Novelty)
    assert isinstance(steady, novelty.Novelty)
    assert fading.fades
    assert not steady.fades
    assert fading.slope == pytest.approx(-0.06)
    assert isinstance(novelty.novelty({0: day(0.1), 1: NOTHING}), NotComputable)


def test_non_inferiority_and_equivalence_ask_one_side_each() -> None:
    """P is that of the one-sided test against the margin; wrong margins are refused."""
    a, b = Arm(n=500, mean=60.0, variance=900.0), Arm(n=500, mean=61.0, variance=900.0)
    found = _effect(noninferiority.non_inferior_difference(a, b, margin=5, better="decrease"))
    t = (1.0 - 5.0) / math.sqrt(900 / 500 * 2)
    assert found.p == pytest.approx(stats.t.cdf(t, 998), rel=1e-9)
    with pytest.raises(ValueError, match="margin"):
        noninferiority.non_inferior_lift(a, b, margin=-1)
    with pytest.raises(ValueError, match="below"):
        noninferiority.equivalent_means(a, b, low=1, high=0)


# The verdict

HEALTHY = verdict.Health(sample_ratio=srm_chi_square([5000, 5020], [1, 1]), persons=10_020)


def _primary(gain: float, p: float = 0.001, **more: Any) -> verdict.Primary:
    effect = z_difference(
        Arm(n=5000, mean=0.6, variance=0.24), Arm(n=5000, mean=0.6 + gain, variance=0.24)
    )
    return verdict.Primary(name="completion", effect=effect, adjusted_p=p, **more)


def _guardrail(change: float, margin: float = 1.0) -> verdict.Guardrail:
    a = Arm(n=5000, mean=12.0, variance=100.0)
    b = Arm(n=5000, mean=12.0 + change, variance=100.0)
    return verdict.Guardrail(
        name="triage time",
        sequence=sequence_of(z_difference(a, b), planned_n=10_000),
        non_inferior=noninferiority.non_inferior_difference(a, b, margin=margin, better="decrease"),
        margin=margin,
        better="decrease",
    )


def _decided(*primaries: verdict.Primary, **more: Any) -> str:
    asked: dict[str, Any] = {"days": 14.0, "guardrails": (), "health": HEALTHY} | more
    health, guardrails = asked.pop("health"), asked.pop("guardrails")
    return verdict.judge(health, primaries, guardrails, **asked).decision


def test_bad_data_come_before_everything() -> None:
    """A wrong ratio, or persons in several variants, make even a clear win invalid."""
    wrong = verdict.Health(sample_ratio=srm_chi_square([5000, 5600], [1, 1]), persons=10_600)
    mixed = verdict.Health(
        sample_ratio=HEALTHY.sample_ratio, persons=10_020, persons_in_several=101
    )
    assert _decided(_primary(0.05), health=wrong) == "invalid"
    assert _decided(_primary(0.05), health=mixed) == "invalid"


def test_harm_comes_before_a_win() -> None:
    """A guardrail wholly beyond its margin, or a primary that lost, rolls back."""
    assert _decided(_primary(0.05), guardrails=[_guardrail(3.0)]) == "roll back"
    assert _decided(_primary(-0.05), _primary(0.05)) == "roll back"
    assert _decided(_primary(0.05, better="decrease")) == "roll back"


def test_a_win_ships_after_a_week_with_every_guardrail_safe() -> None:
    """Holm, a full week, and non-inferiority: all three, or it goes on."""
    safe, unsure = _guardrail(0.0), _guardrail(0.8)
    assert _decided(_primary(0.05), guardrails=[safe]) == "ship"
    assert _decided(_primary(0.05), guardrails=[unsure]) == "keep running"
    assert _decided(_primary(0.05), guardrails=[safe], days=6.0) == "keep running"
    assert _decided(_primary(0.05, p=0.06), guardrails=[safe]) == "keep running"
    blind = verdict.Guardrail(name="cost", sequence=NOTHING, non_inferior=NOTHING, margin=1.0)
    assert _decided(_primary(0.05), guardrails=[blind]) == "keep running"


def test_an_effect_below_what_matters_stops() -> None:
    """An interval within the smallest effect ends it; one that reaches beyond goes on."""
    assert _decided(_primary(0.0, p=1.0, smallest_effect=0.05)) == "stop, no effect"
    assert _decided(_primary(0.0, p=1.0, smallest_effect=0.01)) == "keep running"
    assert _decided(_primary(0.0, p=1.0)) == "keep running"


def test_going_on_says_for_how_long() -> None:
    """The estimate is what is missing at the pace so far, and at least the rest of the week."""
    missing = _primary(0.01, p=0.4, additional_users=9000.0)
    found = verdict.judge(HEALTHY, [missing], days=14, users_per_day=1000)
    assert (found.decision, found.days_left) == ("keep running", 9.0)
    early = verdict.judge(HEALTHY, [_primary(0.05)], days=5, users_per_day=1000)
    assert (early.decision, early.days_left) == ("keep running", 2.0)
    blind = verdict.Primary(name="nps", effect=NOTHING, adjusted_p=None)
    assert verdict.judge(HEALTHY, [blind], days=9).reasons == ("nps cannot be judged: nobody yet",)


def test_a_verdict_without_a_question_is_refused() -> None:
    """No primary, no verdict; negative margins and days are mistakes."""
    with pytest.raises(ValueError, match="primary"):
        verdict.judge(HEALTHY, [], days=3)
    with pytest.raises(ValueError, match="days"):
        verdict.judge(HEALTHY, [_primary(0.1)], days=-1)
    with pytest.raises(ValueError, match="smallest"):
        verdict.judge(HEALTHY, [_primary(0.1, smallest_effect=0.0)], days=1)
