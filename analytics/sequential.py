"""Confidence sequences: intervals that hold at every look, so that looking early costs nothing.

A sequence is wider than the interval of a fixed plan, and covers the truth at all times at once
with probability 1 - alpha (asymptotically). It is narrowest, relatively, around the planned n.

Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2021 (arXiv:2103.06476v7).
"""

import math

from msgspec.structs import replace
from scipy import special

from analytics.moments import Moments
from analytics.results import Alternative, Effect, NotComputable, check_alpha, finished

_LN10 = math.log(10)


def mixture_rho(
    planned_n: float, *, alpha: float = 0.05, one_sided: bool = False, exact: bool = False
) -> float:
    """Return the parameter that makes the sequence narrowest at the planned n.

    Args:
        planned_n: persons of both arms together when the experiment is to be decided.
        alpha: error of the sequence.
        one_sided: tunes at 2 alpha, as the one-sided sequence asks for.
        exact: by Lambert's W instead of its approximation; the difference is a few per mille.

    Raises:
        ValueError: alpha is none (2 alpha, if one-sided) or planned_n is not above zero.

    Source: Waudby-Smith et al. 2021, eq. 161 (approximate; GrowthBook) and section B.2 (exact;
    confseq's `best_rho2_exact`).

    >>> round(mixture_rho(5000), 6), round(mixture_rho(5000, exact=True), 6)
    (0.03984, 0.040526)
    """
    check_alpha(alpha)
    level = 2 * alpha if one_sided else alpha
    check_alpha(level)
    if not (planned_n > 0 and math.isfinite(planned_n)):
        raise ValueError(f"the planned n must be above zero, not {planned_n}")
    twice = -2 * math.log(level)
    if exact:
        lambert = special.lambertw(-level * level * math.exp(-1), -1).real
        return math.sqrt((-float(lambert) - 1) / planned_n)
    return math.sqrt((twice + math.log(twice + 1)) / planned_n)


def sequence_of(
    effect: Effect | NotComputable,
    *,
    planned_n: float,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    exact_rho: bool = False,
) -> Effect | NotComputable:
    """Turn an effect into its anytime-valid counterpart at this look.

    Args:
        effect: anything with an estimate and a standard error: a difference or a lift of a mean, a
            share, a ratio, a quantile, adjusted or not.
        planned_n: units of both arms together when the experiment is to be decided.
        alpha: error of the sequence.
        alternative: two-sided, or the side that is looked for.
        exact_rho: see `mixture_rho`.

    Returns:
        The same estimate with the interval and the p that hold at every look.

    Raises:
        ValueError: alpha, alternative or planned_n is none.

    Source: Waudby-Smith et al. 2021: interval eq. 9, p eq. 155; one-sided eq. 134, whose p is the
    level at which the interval ends at the null.

    >>> from analytics.arms import Arm
    >>> from analytics.lifts import delta_lift
    >>> a, b = Arm(n=1000, mean=0.1, variance=0.09), Arm(n=1000, mean=0.13, variance=0.1131)
    >>> e = sequence_of(delta_lift(a, b), planned_n=500)
    >>> round(e.low, 4), round(e.high, 4), e.p
    (-0.2092, 0.8092, 1.0)
    """
    rho = mixture_rho(planned_n, alpha=alpha, one_sided=alternative != "two-sided", exact=exact_rho)
    if isinstance(effect, NotComputable):
        return effect
    if effect.standard_error is None:
        return NotComputable(reason="without a standard error there is no sequence")
    if alternative not in {"two-sided", "greater", "less"}:
        raise ValueError(f"alternative must be two-sided, greater or less, not {alternative!r}")
    grown = effect.n * rho * rho
    reach = _reach(grown, alpha, alternative)
    half = reach * effect.standard_error
    statistic = (effect.estimate - effect.null) / effect.standard_error
    log_p = _log_p(grown, statistic, alternative)
    return finished(
        replace(
            effect,
            method=f"confidence sequence, {effect.method}",
            low=-math.inf if alternative == "less" else effect.estimate - half,
            high=math.inf if alternative == "greater" else effect.estimate + half,
            alpha=alpha,
            alternative=alternative,
            p=math.exp(log_p),
            log10_p=log_p / _LN10,
            statistic=statistic,
            df=None,
        )
    )


def mean_sequence(
    moments: Moments, *, planned_n: float, alpha: float = 0.05, exact_rho: bool = True
) -> tuple[float, float] | NotComputable:
    """Return the confidence sequence of a single mean at this look.

    Args:
        moments: of what has been seen so far.
        planned_n: when it should be narrowest.
        alpha: error of the sequence.
        exact_rho: see `mixture_rho`; confseq takes it exactly.

    Raises:
        ValueError: alpha or planned_n is none.

    Source: Waudby-Smith et al. 2021, theorem 2.2.

    >>> low, high = mean_sequence(Moments.of([1.0, 2.0, 4.0, 3.0]), planned_n=4)
    >>> round(low, 3), round(high, 3)
    (0.541, 4.459)
    """
    rho = mixture_rho(planned_n, alpha=alpha, exact=exact_rho)
    if moments.n < 2 or moments.variance <= 0:
        return NotComputable(reason="fewer than two different values")
    half = _reach(moments.n * rho * rho, alpha, "two-sided") * math.sqrt(
        moments.variance / moments.n
    )
    return moments.mean - half, moments.mean + half


def sequence_half_width(
    n: float, standard_error: float, *, planned_n: float, alpha: float = 0.05
) -> float:
    """Return half the width of the two-sided sequence at n.

    Raises:
        ValueError: alpha or planned_n is none.

    >>> round(sequence_half_width(1000, 0.5, planned_n=1000), 4)
    1.5176
    """
    rho = mixture_rho(planned_n, alpha=alpha)
    return _reach(n * rho * rho, alpha, "two-sided") * standard_error


def _reach(grown: float, alpha: float, alternative: Alternative) -> float:
    """Return how many standard errors the sequence reaches; grown is n rho^2."""
    root = math.sqrt(grown + 1)
    both = alternative == "two-sided"
    level = math.log(root / alpha) if both else math.log1p(root / (2 * alpha))
    return math.sqrt(2 * (grown + 1) / grown * level)


def _log_p(grown: float, statistic: float, alternative: Alternative) -> float:
    """Return ln p: the log of the level at which the interval would end at the null."""
    energy = grown / (grown + 1) * statistic * statistic / 2
    log_root = math.log(grown + 1) / 2
    if alternative == "two-sided":
        return min(log_root - energy, 0.0)
    if (statistic > 0) != (alternative == "greater") or energy == 0:
        return 0.0
    log_excess = energy + math.log(-math.expm1(-energy))  # ln(e^energy - 1)
    return min(log_root - math.log(2) - log_excess, 0.0)
