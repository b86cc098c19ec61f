"""Logistic regression with an L2 penalty over sparse features, as teaching needs it.

Both problems are convex and have one solution, which is sought with L-BFGS. Only whoever teaches
imports this module: it needs numpy and scipy.
"""

import math
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import optimize
from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
minimize: Any = optimize.minimize  # its overloads do not know that `jac=True` returns both
_TOLERANCE = 0.05
"""Of the slope; the sums over thousands of stories that are sought have far larger ones."""
_ROUNDS = 3_000


class Vocabulary(Struct, frozen=True):
    """The features that count, in their order, and how long each makes a text's vector."""

    numbers: dict[str, int]
    squares: tuple[int, ...]
    """The squared value of each feature, in steps."""
    step: float

    def values(self) -> Floats:
        """Return the value of each feature."""
        values: Floats = np.sqrt(np.array(self.squares, float) * self.step)
        return values


class Fitted(Struct, frozen=True):
    """Weights by feature and output, and a constant for each output."""

    weights: Floats
    constants: Floats

    def scores(self, rows: Any) -> Floats:
        """Return the score of every text for every output."""
        scores: Floats = rows @ self.weights + self.constants
        return scores


def vocabulary(texts: Sequence[AbstractSet[str]], least: int, step: float) -> Vocabulary:
    """Return the features of at least so many texts; rare ones have a larger value.

    The squared value is the inverse document frequency, log((n + 1) / (df + 1)), rounded to whole
    steps of at least 1 and at most 255.
    """
    counted = Counter(feature for text in texts for feature in text)
    kept = sorted(feature for feature, count in counted.items() if count >= least)
    squares = (math.log((len(texts) + 1) / (counted[one] + 1)) / step for one in kept)
    return Vocabulary(
        {feature: number for number, feature in enumerate(kept)},
        tuple(min(255, max(1, round(one))) for one in squares),
        step,
    )


def matrix(texts: Sequence[AbstractSet[str]], known: Vocabulary) -> Any:
    """Return texts as rows of length 1; what the vocabulary does not have is left out."""
    values = known.values()
    columns: list[int] = []
    ends = [0]
    data: list[Floats] = []
    for text in texts:
        mine = sorted(known.numbers[one] for one in text if one in known.numbers)
        row = values[mine]
        data.append(row / (math.sqrt(float(np.sum(row * row))) or 1.0))
        columns += mine
        ends.append(len(columns))
    cells = np.concatenate(data) if data else np.zeros(0)
    return csr_matrix((cells, columns, ends), shape=(len(texts), len(values)))


def fit_each(rows: Any, wanted: Floats, strength: float) -> Fitted:
    """Fit every output by itself: is it so or not?

    Rare outputs weigh more: what is so counts by the square root of the odds against it.

    Args:
        rows: texts by features.
        wanted: texts by outputs, 1 where it is so and 0 where it is not.
        strength: the inverse of the penalty.
    """
    sign = 2 * wanted - 1
    so = np.maximum(1.0, wanted.sum(axis=0))
    counts = np.where(wanted > 0, np.sqrt(np.maximum(1.0, (len(wanted) - so) / so)), 1.0)

    def loss(scores: Floats) -> tuple[float, Floats]:
        margin = scores * sign
        return (
            float(np.sum(counts * np.logaddexp(0, -margin))),
            -counts * sign * np.exp(-np.logaddexp(0, margin)),
        )

    return _fit(rows, wanted.shape[1], loss, strength)


def fit_one_of(rows: Any, wanted: Floats, strength: float) -> Fitted:
    """Fit which one of the outputs it is; `wanted` gives each text's probabilities."""

    def loss(scores: Floats) -> tuple[float, Floats]:
        top = scores.max(axis=1, keepdims=True)
        total = top + np.log(np.sum(np.exp(scores - top), axis=1, keepdims=True))
        likely = scores - total
        return -float(np.sum(wanted * likely)), np.exp(likely) - wanted

    return _fit(rows, wanted.shape[1], loss, strength)


def platt(scores: Floats, wanted: Floats) -> tuple[float, float]:
    """Return slope and shift that turn scores into log odds (Platt 1999), drawn to 1 and 0.

    >>> slope, shift = platt(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    >>> slope > 0
    True
    """

    def loss(at: Floats) -> float:
        margin = (at[0] * scores + at[1]) * (2 * wanted - 1)
        return float(np.sum(np.logaddexp(0, -margin)) + (at[0] - 1) ** 2 + 0.1 * at[1] ** 2)

    slope, shift = _simplex(loss, (1.0, 0.0))
    return max(slope, 0.05), shift


def shares(one: Floats, other: Floats, wanted: Floats) -> tuple[float, float]:
    """Return how much two sets of logits count in the likeliest sum of both."""

    def loss(at: Floats) -> float:
        scores = at[0] * one + at[1] * other
        top = scores.max(axis=1, keepdims=True)
        total = top + np.log(np.sum(np.exp(scores - top), axis=1, keepdims=True))
        return -float(np.sum(wanted * (scores - total)))

    first, second = _simplex(loss, (0.5, 0.5))
    return max(first, 0.0), max(second, 0.0)


def _simplex(loss: Any, begin: tuple[float, float]) -> tuple[float, float]:
    options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2_000}
    found = minimize(loss, np.array(begin), method="Nelder-Mead", options=options)
    return float(found.x[0]), float(found.x[1])


def _fit(rows: Any, outputs: int, loss: Any, strength: float) -> Fitted:
    # Features that no text has keep a weight of 0 and need not be sought.
    every = np.bincount(rows.indices, minlength=rows.shape[1])
    used = np.flatnonzero(every)
    rows = rows[:, used]
    features = len(used)
    turned = rows.T.tocsr()

    def whole(flat: Floats) -> tuple[float, Floats]:
        both = flat.reshape(features + 1, outputs)
        value, slope = loss(rows @ both[:-1] + both[-1])
        penalty = 0.5 * float(np.sum(both[:-1] ** 2)) / strength
        down = turned @ slope + both[:-1] / strength
        return value + penalty, np.vstack([down, slope.sum(axis=0)]).ravel()

    options = {"maxiter": _ROUNDS, "maxfun": 2 * _ROUNDS, "ftol": 0, "gtol": _TOLERANCE}
    begin = np.zeros((features + 1) * outputs)
    found = minimize(whole, begin, jac=True, method="L-BFGS-B", options=options)
    both = found.x.reshape(features + 1, outputs)
    weights = np.zeros((len(every), outputs))
    weights[used] = both[:-1]
    return Fitted(weights, both[-1])
