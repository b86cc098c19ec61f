"""Several questions at once: p values adjusted so that the family keeps its error.

Primaries times arms are one family under Holm (no false win with probability 1 - alpha); everything
else is shown under Benjamini and Hochberg (few false ones among those called found).
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from analytics.results import Effect, NotComputable, Test, check_alpha

Correction = Literal["holm", "hochberg", "hommel", "bonferroni", "sidak", "holm-sidak", "bh", "by"]
"""Which procedure; bh and by bound the false discovery rate, the others the family's error."""

_STATSMODELS = {
    "holm": "holm",
    "hochberg": "simes-hochberg",
    "hommel": "hommel",
    "bonferroni": "bonferroni",
    "sidak": "sidak",
    "holm-sidak": "holm-sidak",
    "bh": "fdr_bh",
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

    Source: `statsmodels.stats.multitest.multipletests`.

    >>> adjust([0.01, 0.04, 0.03], "holm").adjusted
    (0.03, 0.06, 0.06)
    """
    check_alpha(alpha)
    if method not in _STATSMODELS:
        raise ValueError(f"unknown procedure {method!r}: one of {', '.join(_STATSMODELS)}")
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError("p values lie between 0 and 1")
    if not p_values:
        return Adjusted(method=method, adjusted=(), reject=(), alpha=alpha)
    from statsmodels.stats.multitest import multipletests

    reject, adjusted, _, _ = multipletests(p_values, alpha=alpha, method=_STATSMODELS[method])
    return Adjusted(
        method=method,
        adjusted=tuple(float(one) for one in adjusted),
        reject=tuple(bool(one) for one in reject),
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
