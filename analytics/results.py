"""What every analysis returns: an effect with its interval and p together, or why there is none.

A result is either an `Effect` (or a `Test`, where there is no effect to speak of) or a
`NotComputable`. There is no third way: no NaN, no exception for what data may look like. Wrong
arguments (alpha of 2, fewer persons than none) are mistakes of the caller and raise `ValueError`.
"""

import math
from typing import Literal

from msgspec import Struct

from analytics.tails import Tail

Alternative = Literal["two-sided", "greater", "less"]
"""What is looked for: any difference, treatment above control, or treatment below control."""

Scale = Literal["difference", "lift", "ratio", "odds ratio", "probability"]
"""What an estimate means: b - a, (b - a) / |a|, b / a, odds of b over a, or P(b > a)."""


class NotComputable(Struct, frozen=True, kw_only=True, tag="not computable"):
    """Nothing can be said, and why.

    >>> NotComputable(reason="neither arm varies").reason
    'neither arm varies'
    """

    reason: str
    method: str = ""


class Effect(Struct, frozen=True, kw_only=True, tag="effect"):
    """An effect of the treatment: estimate, interval and p, which belong together.

    `low` or `high` of a one-sided interval is infinite (JSON shows null). `p` may be 0.0 where it
    is below 1e-308; `log10_p` then still tells how small.
    """

    method: str
    scale: Scale
    estimate: float
    low: float
    high: float
    alpha: float
    p: float
    log10_p: float
    control: float
    treatment: float
    n_control: int
    n_treatment: int
    alternative: Alternative = "two-sided"
    standard_error: float | None = None
    statistic: float | None = None
    df: float | None = None
    null: float = 0.0

    @property
    def n(self) -> int:
        """How many units both arms have together."""
        return self.n_control + self.n_treatment

    @property
    def significant(self) -> bool:
        """Whether p is below alpha."""
        return self.p < self.alpha


class Test(Struct, frozen=True, kw_only=True, tag="test"):
    """A test without an effect: its statistic and p."""

    __test__ = False  # pytest would take the name for a test case

    method: str
    statistic: float
    p: float
    log10_p: float
    df: float | None = None


def finished(effect: Effect) -> Effect | NotComputable:
    """Return the effect if all its numbers are numbers, else say that they overflowed.

    >>> from msgspec.structs import replace
    >>> e = Effect(method="m", scale="difference", estimate=1.0, low=0.0, high=2.0, alpha=0.05,
    ...            p=0.05, log10_p=-1.3, control=1.0, treatment=2.0, n_control=9, n_treatment=9)
    >>> finished(e) is e
    True
    >>> finished(replace(e, low=float("nan"))).reason
    'the numbers are too large or too small to compute with'
    """
    figures = (effect.estimate, effect.p, effect.log10_p, effect.control, effect.treatment)
    sound = all(math.isfinite(one) for one in figures)
    if sound and effect.low <= effect.high and _bounded(effect):
        return effect
    return NotComputable(
        reason="the numbers are too large or too small to compute with", method=effect.method
    )


def _bounded(effect: Effect) -> bool:
    """Say whether the interval is open only where its alternative leaves it open."""
    low, high = math.isfinite(effect.low), math.isfinite(effect.high)
    match effect.alternative:
        case "greater":
            return low
        case "less":
            return high
        case _:
            # A ratio over no success at all has no upper end, and that is its interval.
            return low and (high or effect.scale in {"ratio", "odds ratio", "lift"})


def as_test(method: str, statistic: float, tail: Tail, df: float | None = None) -> Test:
    """Return a test from its statistic and tail.

    >>> as_test("chi-square", 3.84, Tail(p=0.05, log10_p=-1.30103), 1).p
    0.05
    """
    return Test(method=method, statistic=statistic, p=tail.p, log10_p=tail.log10_p, df=df)


def check_alpha(alpha: float) -> None:
    """Raise unless alpha is a level.

    >>> check_alpha(0.05)

    Raises:
        ValueError: it is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")


def check_alternative(alternative: Alternative) -> None:
    """Raise unless it is a known alternative.

    >>> check_alternative("less")

    Raises:
        ValueError: it is not one of the three.
    """
    if alternative not in {"two-sided", "greater", "less"}:
        raise ValueError(f"alternative must be two-sided, greater or less, not {alternative!r}")
