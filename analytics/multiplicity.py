"""Several questions at once: p values adjusted so that the family keeps its error.

Primaries times arms are one family under Holm (no false win with probability 1 - alpha); everything
else is shown under Benjamini and Hochberg (few false ones among those called found).
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Literal, get_args

from msgspec import Struct

from analytics.results import Effect, NotComputable, Test, check_alpha

Correction = Literal["holm", "hochberg", "hommel", "bonferroni", "sidak", "holm-sidak", "bh", "by"]
"""Which procedure; bh and by bound the false discovery rate, the others the family's error."""

_STATSMODELS = {
    "hochberg": "simes-hochberg",
    "hommel": "hommel",
    "bonferroni": "bonferroni",
    "sidak": "sidak",
    "holm-sidak": "holm-sidak",
    "by": "fdr_by",
}


class Adjusted(Struct, frozen=True, kw_only=True):
    """Adjusted p values in the order of the questions, and which are rejected at alpha."""

    method: Correction
    adjusted: tuple[float, ...]
    reject: tuple[bool, ...]
    alpha: float


def adjust(p_values: Sequence[float], method: Correction, *, alpha: float = 0.05) -> Adjusted:
    """Adjust p values by a named procedure.

    Args:
        p_values: one for each question, between 0 and 1.
        method: the procedure.
        alpha: the family's error, or the false discovery rate.

    Raises:
        ValueError: a p is none, or alpha or the method is unknown.

    Source: `statsmodels.stats.multitest.multipletests`; Holm and BH are the same by hand, because
    every call of statsmodels collects all garbage of the process, which takes a tenth of a second.

    >>> adjust([0.01, 0.04, 0.03], "holm").adjusted
    (0.03, 0.06, 0.06)
    """
    check_alpha(alpha)
    if method not in get_args(Correction):
        raise ValueError(f"unknown procedure {method!r}: one of {', '.join(get_args(Correction))}")
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError("p values lie between 0 and 1")
    if not p_values:
        return Adjusted(method=method, adjusted=(), reject=(), alpha=alpha)
    if method == "holm":
        found = _holm(p_values)
    elif method == "bh":
        found = _benjamini_hochberg(p_values)
    else:
        from statsmodels.stats.multitest import multipletests

        found = multipletests(p_values, alpha=alpha, method=_STATSMODELS[method])[1]
    adjusted = tuple(float(one) for one in found)
    return Adjusted(
        method=method,
        adjusted=adjusted,
        reject=tuple(one <= alpha for one in adjusted),
        alpha=alpha,
    )


def holm(p_values: Sequence[float], *, alpha: float = 0.05) -> Adjusted:
    """Adjust by Holm's step-down procedure.

    Raises:
        ValueError: a p or alpha is none.

    Source: Holm 1979.

    >>> holm([0.03]).adjusted
    (0.03,)
    """
    return adjust(p_values, "holm", alpha=alpha)


def benjamini_hochberg(p_values: Sequence[float], *, alpha: float = 0.05) -> Adjusted:
    """Adjust by Benjamini and Hochberg's procedure.

    Raises:
        ValueError: a p or alpha is none.

    Source: Benjamini & Hochberg 1995.

    >>> benjamini_hochberg([1.0, 0.04, 0.04, 0.001, 0.5]).reject
    (False, False, False, True, False)
    """
    return adjust(p_values, "bh", alpha=alpha)


def adjusted_family(
    results: Mapping[str, Effect | Test | NotComputable],
    method: Correction = "holm",
    *,
    alpha: float = 0.05,
) -> dict[str, float | None]:
    """Adjust a family of results by name.

    What could not be computed stays in the family with p = 1, so that the others are not judged
    more kindly for it; its own adjusted p is None.

    Raises:
        ValueError: alpha or the method is unknown.

    >>> adjusted_family({"completion": NotComputable(reason="nobody yet")})
    {'completion': None}
    """
    p_values = [1.0 if isinstance(one, NotComputable) else one.p for one in results.values()]
    adjusted = adjust(p_values, method, alpha=alpha).adjusted
    return {
        name: None if isinstance(one, NotComputable) else p
        for (name, one), p in zip(results.items(), adjusted, strict=True)
    }


def _holm(p_values: Sequence[float]) -> list[float]:
    m = len(p_values)
    order = sorted(range(m), key=p_values.__getitem__)
    steps = accumulate((min((m - i) * p_values[j], 1.0) for i, j in enumerate(order)), max)
    return _in_order(order, list(steps))


def _benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    m = len(p_values)
    order = sorted(range(m), key=p_values.__getitem__, reverse=True)
    steps = accumulate((min(m * p_values[j] / (m - i), 1.0) for i, j in enumerate(order)), min)
    return _in_order(order, list(steps))


def _in_order(order: Sequence[int], values: Sequence[float]) -> list[float]:
    found = [0.0] * len(order)
    for j, value in zip(order, values, strict=True):
        found[j] = value
    return found
