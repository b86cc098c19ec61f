"""One metric of two arms, analysed the way the report shows it.

Each function puts together what belongs together: the difference, whose p is *the* p; the lift with
its interval and that same p; a second look that does not depend on the same assumptions; the
sequence that may be looked at every day; and the posterior.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from analytics.arms import Arm
from analytics.bayes import NormalPrior, Posterior, posterior
from analytics.cuped import adjusted_means, adjusted_ratios, cuped_difference
from analytics.exact import needs_exact, with_exact_p
from analytics.lifts import delta_lift, log_lift
from analytics.means import geometric_mean_ratio, welch_difference
from analytics.moments import Count, JointMoments, Moments
from analytics.multiplicity import adjusted_family
from analytics.noninferiority import Direction
from analytics.nps import mann_whitney, nps_difference, nps_of_scores
from analytics.proportions import newcombe_difference
from analytics.quantiles import Quantile, quantile_difference, quantile_lift
from analytics.ratios import ratio_arms
from analytics.results import Effect, NotComputable, check_alpha
from analytics.score_intervals import miettinen_nurminen_lift
from analytics.sequential import sequence_of


class Plan(Struct, frozen=True, kw_only=True):
    """What was settled before the experiment, and shapes every analysis of a metric.

    Raises:
        ValueError: alpha or planned_n is none.
    """

    planned_n: float
    alpha: float = 0.05
    better: Direction = "increase"
    prior: NormalPrior | None = None

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if not (self.planned_n > 0 and math.isfinite(self.planned_n)):
            raise ValueError(f"the planned n must be above zero, not {self.planned_n}")


class Analysis(Struct, frozen=True, kw_only=True):
    """A metric of two arms, from all the sides that a report shows."""

    difference: Effect | NotComputable
    lift: Effect | NotComputable
    sequence: Effect | NotComputable
    posterior: Posterior | NotComputable
    second_look: Effect | NotComputable | None = None
    unadjusted: Effect | NotComputable | None = None
    variance_kept: float | None = None


def analyse_share(a: Count, b: Count, plan: Plan) -> Analysis:
    """Analyse what a person does or does not: completion, one classification per person.

    Score p (an exact one where a cell is below five), Newcombe's interval of
    the difference, Miettinen and Nurminen's of the lift.

    >>> a, b = Count(n=1000, successes=600), Count(n=1000, successes=650)
    >>> found = analyse_share(a, b, Plan(planned_n=2000))
    >>> round(found.difference.estimate, 3), round(found.difference.p, 4)
    (0.05, 0.021)
    """
    difference = newcombe_difference(a, b, alpha=plan.alpha)
    lift = miettinen_nurminen_lift(a, b, alpha=plan.alpha)
    if isinstance(difference, Effect) and needs_exact(a, b):
        difference = with_exact_p(difference, a, b)
    return _complete(difference, lift, plan)


def analyse_mean(
    a: Moments,
    b: Moments,
    plan: Plan,
    *,
    logs: tuple[Moments, Moments] | None = None,
    joint: tuple[JointMoments, JointMoments] | None = None,
) -> Analysis:
    """Analyse a mean per person: the triage time.

    Args:
        a: control.
        b: treatment.
        plan: what was settled before.
        logs: moments of the logarithms, for the geometric-mean ratio as second look.
        joint: joint moments of (value, its covariate before the exposure): then CUPED judges, and
            the plain difference is kept as `unadjusted`.

    >>> a, b = Moments(n=500, mean=60.0, m2=450_000.0), Moments(n=500, mean=55.0, m2=400_000.0)
    >>> found = analyse_mean(a, b, Plan(planned_n=1000, better="decrease"))
    >>> round(found.difference.p, 4), round(found.lift.estimate, 4)
    (0.0069, -0.0833)
    """
    arms = Arm.of_moments(a), Arm.of_moments(b)
    second = geometric_mean_ratio(*logs, alpha=plan.alpha) if logs else None
    plain = welch_difference(*arms, alpha=plan.alpha)
    if joint is None:
        return _complete(plain, _lift(*arms, plan.alpha), plan, second_look=second)
    adjusted = adjusted_means(*joint)
    if isinstance(adjusted, NotComputable):
        return _complete(plain, _lift(*arms, plan.alpha), plan, second_look=second)
    return _complete(
        cuped_difference(adjusted, alpha=plan.alpha),
        _lift(adjusted.a, adjusted.b, plan.alpha),
        plan,
        second_look=second,
        unadjusted=plain,
        variance_kept=adjusted.variance_kept,
    )


def analyse_ratio(
    a: JointMoments, b: JointMoments, plan: Plan, *, zero_is_known: bool = False
) -> Analysis:
    """Analyse a ratio of sums with the person as unit: cost per triage, accuracy over several.

    With two columns (numerator, denominator) by the delta method; with four (the same before the
    exposure) CUPED judges, unless nobody was there before, and the plain difference is kept as
    `unadjusted`. With `zero_is_known` an arm in which nobody has anything is taken as a constant,
    such as what models cost where none is asked.

    >>> a = JointMoments.of([2.0, 4.0, 9.0, 1.0], [1.0, 2.0, 3.0, 1.0])
    >>> b = JointMoments.of([3.0, 4.0, 9.0, 1.0], [1.0, 1.0, 3.0, 1.0])
    >>> round(analyse_ratio(a, b, Plan(planned_n=8)).difference.estimate, 4)
    0.5476
    """
    arms = ratio_arms(a, b, zero_is_known=zero_is_known)
    if isinstance(arms, NotComputable):
        return _complete(arms, arms, plan)
    plain = welch_difference(*arms, alpha=plan.alpha)
    is_known = any(one.known for one in arms)
    if len(a.means) == 4 and len(b.means) == 4 and not is_known:
        adjusted = adjusted_ratios(a, b)
        if not isinstance(adjusted, NotComputable):
            return _complete(
                cuped_difference(adjusted, alpha=plan.alpha),
                _lift(adjusted.a, adjusted.b, plan.alpha),
                plan,
                unadjusted=plain,
                variance_kept=adjusted.variance_kept,
            )
    return _complete(plain, _lift(*arms, plan.alpha), plan)


def analyse_nps(a: Sequence[int], b: Sequence[int], plan: Plan) -> Analysis:
    """Analyse the NPS from how often each score from 0 to 10 was given.

    In points only; Mann-Whitney over the whole scale is the second look.

    >>> found = analyse_nps([1] * 7 + [5, 5, 10, 10], [1] * 7 + [5, 5, 20, 20], Plan(planned_n=200))
    >>> round(found.difference.estimate, 2), found.lift.reason
    (22.76, 'a lift of the NPS means nothing: it may be zero or negative')
    """
    return _complete(
        nps_difference(nps_of_scores(a), nps_of_scores(b), alpha=plan.alpha),
        NotComputable(reason="a lift of the NPS means nothing: it may be zero or negative"),
        plan,
        second_look=mann_whitney(a, b, alpha=plan.alpha),
    )


def analyse_quantile(a: Quantile, b: Quantile, plan: Plan) -> Analysis:
    """Analyse a quantile: p50, p90, p99 of the triage time.

    >>> a = Quantile(n=12000, q=0.9, estimate=152.4, lower=148.9, upper=156.3)
    >>> b = Quantile(n=11800, q=0.9, estimate=141.7, lower=138.6, upper=145.2)
    >>> round(analyse_quantile(a, b, Plan(planned_n=20_000)).difference.p, 7)
    2.34e-05
    """
    return _complete(
        quantile_difference(a, b, alpha=plan.alpha), quantile_lift(a, b, alpha=plan.alpha), plan
    )


Value = TypeVar("Value")


def against_control(
    control: Value,
    treatments: Mapping[str, Value],
    analyse: Callable[[Value, Value], Analysis],
) -> dict[str, Analysis]:
    """Analyse every treatment arm against the control.

    >>> arms = {"v2": Count(n=100, successes=50), "v3": Count(n=100, successes=70)}
    >>> plan = Plan(planned_n=300)
    >>> found = against_control(
    ...     Count(n=100, successes=40), arms, lambda a, b: analyse_share(a, b, plan)
    ... )
    >>> [(name, round(one.difference.p, 5)) for name, one in found.items()]
    [('v2', 0.15625), ('v3', 2e-05)]
    """
    return {name: analyse(control, one) for name, one in treatments.items()}


def adjusted_p_values(
    results: Mapping[tuple[str, str], Effect | NotComputable],
    primaries: Sequence[str],
    *,
    alpha: float = 0.05,
) -> dict[tuple[str, str], float | None]:
    """Adjust the p values of an experiment: Holm on primaries x arms, BH on the rest.

    Args:
        results: by (metric, arm).
        primaries: names of the primary metrics.
        alpha: error of the primaries, false discovery rate of the rest.

    Raises:
        ValueError: alpha is none.

    >>> nothing = NotComputable(reason="nobody yet")
    >>> adjusted_p_values({("completion", "v2"): nothing}, ["completion"])
    {('completion', 'v2'): None}
    """
    adjusted: dict[tuple[str, str], float | None] = {}
    for primary in (True, False):
        family = {key: one for key, one in results.items() if (key[0] in primaries) == primary}
        names = {str(i): key for i, key in enumerate(family)}
        found = adjusted_family(
            {name: family[key] for name, key in names.items()},
            "holm" if primary else "bh",
            alpha=alpha,
        )
        adjusted.update({names[name]: p for name, p in found.items()})
    return {key: adjusted[key] for key in results}


def _lift(a: Arm, b: Arm, alpha: float) -> Effect | NotComputable:
    """Return the lift on the log scale, or where a mean is not positive by the delta method."""
    if a.mean > 0 and b.mean > 0:
        return log_lift(a, b, alpha=alpha)
    return delta_lift(a, b, alpha=alpha)


def _complete(
    difference: Effect | NotComputable,
    lift: Effect | NotComputable,
    plan: Plan,
    *,
    second_look: Effect | NotComputable | None = None,
    unadjusted: Effect | NotComputable | None = None,
    variance_kept: float | None = None,
) -> Analysis:
    """Put an analysis together; the lift gets the p of the difference, the absolute test."""
    if isinstance(lift, Effect) and isinstance(difference, Effect):
        lift = replace(lift, p=difference.p, log10_p=difference.log10_p)
    elif isinstance(difference, NotComputable):
        lift = difference
    return Analysis(
        difference=difference,
        lift=lift,
        sequence=sequence_of(difference, planned_n=plan.planned_n, alpha=plan.alpha),
        posterior=posterior(difference, prior=plan.prior, better=plan.better, alpha=plan.alpha),
        second_look=second_look,
        unadjusted=unadjusted,
        variance_kept=variance_kept,
    )
