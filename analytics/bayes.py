"""The Bayesian view: chance to win, and what is lost if the choice was wrong.

The posterior of an effect is normal: the estimate and its standard error, drawn towards a normal
prior if there is one. For shares of few persons there is the exact beta posterior as well. Neither
holds its error when one looks again and again; the sequence does.
"""

import math
from typing import Any, Literal

import numpy as np
from msgspec import Struct
from scipy import integrate, special, stats

from analytics.moments import Count
from analytics.noninferiority import Direction
from analytics.results import Effect, NotComputable, Scale, check_alpha
from analytics.tails import normal_critical


class NormalPrior(Struct, frozen=True, kw_only=True):
    """What is known of effects beforehand: on which scale they lie, where and how wide.

    Raises:
        ValueError: the variance is not above zero.
    """

    mean: float = 0.0
    variance: float = 0.09
    scale: Literal["lift", "difference"] = "lift"

    def __post_init__(self) -> None:
        if not self.variance > 0:
            raise ValueError("a prior's variance must be above zero")


class Posterior(Struct, frozen=True, kw_only=True, tag="posterior"):
    """What to believe of an effect now.

    `chance_to_win` is the probability that the treatment is better. `risk_treatment` is the
    expected loss, on the effect's scale, if the treatment is taken; `risk_control` if it is not.
    """

    scale: Scale
    estimate: float
    standard_deviation: float
    low: float
    high: float
    alpha: float
    chance_to_win: float
    risk_control: float
    risk_treatment: float


def posterior(
    effect: Effect | NotComputable,
    *,
    prior: NormalPrior | None = None,
    better: Direction = "increase",
    alpha: float = 0.05,
) -> Posterior | NotComputable:
    """Return the normal posterior of a difference or lift.

    Args:
        effect: as estimated, with a standard error; a lift best by `delta_lift`.
        prior: None is flat. A prior on the other scale is carried over by the control's mean.
        better: which way the metric gets better.
        alpha: error of the credible interval.

    Raises:
        ValueError: alpha is none.

    Source: Gelman et al. 2013, eq. 2.11; expected loss by Stucchio 2015, as mean of a truncated
    normal; gbstats `EffectBayesianABTest`.

    >>> from analytics.arms import Arm
    >>> from analytics.lifts import delta_lift
    >>> a, b = Arm(n=1000, mean=0.1, variance=0.09), Arm(n=1000, mean=0.13, variance=0.1131)
    >>> found = posterior(delta_lift(a, b))
    >>> round(found.chance_to_win, 5), round(found.risk_treatment, 5)
    (0.96728, 0.00209)
    """
    check_alpha(alpha)
    if isinstance(effect, NotComputable):
        return effect
    error = effect.standard_error
    if effect.scale not in {"difference", "lift"} or error is None or error <= 0:
        return NotComputable(reason="a posterior needs a difference or lift with its error")
    mean, variance = effect.estimate, error * error
    if prior is not None:
        base = abs(effect.control)
        if prior.scale != effect.scale and base == 0:
            return NotComputable(reason="the control's mean is zero, so no prior carries over")
        factor = 1.0
        if prior.scale != effect.scale:
            factor = base if effect.scale == "difference" else 1 / base
        known, spread = prior.mean * factor, prior.variance * factor * factor
        precision = 1 / variance + 1 / spread
        mean = (mean / variance + known / spread) / precision
        variance = 1 / precision
    sd = math.sqrt(variance)
    if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0):
        return NotComputable(reason="the numbers are too large or too small to compute with")
    z = mean / sd
    # E[max(x, 0)] and E[max(-x, 0)] of a normal x
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    gain = sd * max(density + z * float(special.ndtr(z)), 0.0)
    loss = sd * max(density - z * float(special.ndtr(-z)), 0.0)
    if better == "decrease":
        gain, loss = loss, gain
    half = normal_critical(alpha, "two-sided") * sd
    return Posterior(
        scale=effect.scale,
        estimate=mean,
        standard_deviation=sd,
        low=mean - half,
        high=mean + half,
        alpha=alpha,
        chance_to_win=float(special.ndtr(z if better == "increase" else -z)),
        risk_control=gain,
        risk_treatment=loss,
    )


class BetaPosterior(Struct, frozen=True, kw_only=True, tag="beta posterior"):
    """Exact posterior of two shares: who is better, and what a wrong choice loses, in share."""

    prob_b_better: float
    risk_control: float
    risk_treatment: float


def beta_binomial(
    a: Count, b: Count, *, prior_alpha: float = 1.0, prior_beta: float = 1.0
) -> BetaPosterior:
    """Return the exact posterior of two shares under a beta prior.

    Args:
        a: control.
        b: treatment.
        prior_alpha: successes seen before, so to speak; 1 and 1 are uniform.
        prior_beta: failures seen before.

    Raises:
        ValueError: a prior parameter is not above zero.

    Source: Miller 2015, eq. 6, summed in logarithms; by quadrature where no parameter is a whole
    number. Expected loss by Stucchio 2015, eq. 4.

    >>> found = beta_binomial(Count(n=20, successes=3), Count(n=22, successes=9))
    >>> round(found.prob_b_better, 9)
    0.964652543
    """
    if not (prior_alpha > 0 and prior_beta > 0):
        raise ValueError("both parameters of a beta prior must be above zero")
    a1, a2 = prior_alpha + a.successes, prior_beta + a.n - a.successes
    b1, b2 = prior_alpha + b.successes, prior_beta + b.n - b.successes
    mean_a, mean_b = a1 / (a1 + a2), b1 / (b1 + b2)
    # E[(B - A)+] = E[B] P(B' > A) - E[A] P(B > A'), where primes have one success more
    gain = mean_b * _beats(a1, a2, b1 + 1, b2) - mean_a * _beats(a1 + 1, a2, b1, b2)
    loss = mean_a * _beats(b1, b2, a1 + 1, a2) - mean_b * _beats(b1 + 1, b2, a1, a2)
    return BetaPosterior(
        prob_b_better=_beats(a1, a2, b1, b2),
        risk_control=max(gain, 0.0),
        risk_treatment=max(loss, 0.0),
    )


def _beats(a1: float, a2: float, b1: float, b2: float) -> float:
    """Return P(B > A) of two beta variables.

    The sum runs over whichever parameter is a whole number; the smallest gives the shortest sum.
    """
    whole = [one for one in (b1, a1, a2, b2) if float(one).is_integer() and one < 5e6]
    if whole:
        shortest = min(whole)
        if shortest == b1:
            value = _sum(a1, a2, b1, b2)
        elif shortest == a2:
            value = _sum(b2, b1, a2, a1)
        elif shortest == a1:
            value = 1 - _sum(b1, b2, a1, a2)
        else:
            value = 1 - _sum(a2, a1, b2, b1)
        return min(max(value, 0.0), 1.0)
    low = float(special.betaincinv(b1, b2, 1e-15))
    high = float(special.betainccinv(b1, b2, 1e-15))
    quad: Any = integrate.quad
    value, _ = quad(
        lambda x: float(stats.beta.pdf(x, b1, b2) * special.betainc(a1, a2, x)),
        low,
        high,
        limit=500,
        epsabs=1e-12,
    )
    return min(max(float(value), 0.0), 1.0)


def _sum(a1: float, a2: float, b1: float, b2: float) -> float:
    i = np.arange(int(b1), dtype=np.float64)
    logs = (
        special.betaln(a1 + i, a2 + b2)
        - np.log(b2 + i)
        - special.betaln(1 + i, b2)
        - special.betaln(a1, a2)
    )
    return float(np.exp(special.logsumexp(logs)))
