"""Group-sequential bounds: a few planned looks that spend alpha between them.

For those who look at fixed times. Who looks whenever they like takes `analytics.sequential`.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from analytics.results import check_alpha

Spending = Literal["power", "o'brien-fleming", "pocock"]
"""How alpha is spent over the information: alpha * t^rho, or Lan and DeMets's two shapes."""


def group_sequential_bounds(
    information: Sequence[float],
    *,
    alpha: float = 0.05,
    spending: Spending = "power",
    rho: float = 2.0,
    two_sided: bool = True,
) -> list[float]:
    """Return the z that each look must reach.

    Args:
        information: share of the planned information at each look, rising, the last at most 1.
        alpha: error of all looks together.
        spending: how it is spent.
        rho: exponent of the power family.
        two_sided: whether each side spends half of alpha; bounds are symmetric.

    Raises:
        ValueError: alpha or the information is none, or rho is not above zero.

    Source: Lan & DeMets 1983; Kim & DeMets 1987 (power family); recursive integration by Armitage,
    McPherson & Rowe 1969. R's `ldbounds` with `iuse=3, phi=2`.

    >>> [round(z, 4) for z in group_sequential_bounds([0.5, 1.0])]
    [2.4977, 2.0183]
    """
    check_alpha(alpha)
    times = [float(one) for one in information]
    if not times or times[0] <= 0 or times[-1] > 1:
        raise ValueError("information must be shares between 0 and 1")
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError("information must rise from look to look")
    if not rho > 0:
        raise ValueError("rho must be above zero")
    level = alpha / 2 if two_sided else alpha
    bounds: list[float] = []
    spent = 0.0
    nodes: npt.NDArray[np.float64] = np.zeros(1)
    density: npt.NDArray[np.float64] = np.ones(1)
    before = 0.0
    for time in times:
        due = _spent(time, level, spending, rho)
        step = math.sqrt(time - before)
        z = _bound(nodes, density, step, math.sqrt(time), due - spent)
        bounds.append(z)
        edge = z * math.sqrt(time)
        low = -edge if two_sided else -9.0 * math.sqrt(time)
        if time < times[-1]:
            nodes, density = _carried(nodes, density, step, low, edge)
        spent, before = due, time
    return bounds


def _spent(time: float, level: float, spending: Spending, rho: float) -> float:
    """Return the error that one side has spent by then."""
    match spending:
        case "power":
            return level * math.pow(time, rho)
        case "o'brien-fleming":
            return 2 * float(special.ndtr(float(special.ndtri(level / 2)) / math.sqrt(time)))
        case "pocock":
            return level * math.log(1 + (math.e - 1) * time)
        case _:
            raise ValueError(f"spending must be power, o'brien-fleming or pocock: {spending!r}")


def _bound(
    nodes: npt.NDArray[np.float64],
    density: npt.NDArray[np.float64],
    step: float,
    root: float,
    error: float,
) -> float:
    """Return the z above which exactly this much of what went on so far now stops."""
    if error <= 0:
        return math.inf

    def excess(z: float) -> float:
        return float((density * special.ndtr((nodes - z * root) / step)).sum()) - error

    crossing: Callable[[float], float] = excess
    if crossing(-8.0) <= 0:
        return -8.0
    return float(optimize.brentq(crossing, -8.0, 20.0, xtol=1e-12))


@lru_cache(maxsize=1)
def _rule() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the points and weights of the quadrature, which take a while to find."""
    points, weights = np.polynomial.legendre.leggauss(200)
    return points, weights


def _carried(
    nodes: npt.NDArray[np.float64],
    density: npt.NDArray[np.float64],
    step: float,
    low: float,
    high: float,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the weighted density of the score among those that go on."""
    high = min(high, 9.0)
    low = max(low, -9.0)
    points, weights = _rule()
    there = low + (high - low) * (points + 1) / 2
    gaps = (there[:, None] - nodes[None, :]) / step
    kernel = np.exp(-0.5 * gaps * gaps) / (step * math.sqrt(2 * math.pi))
    return there, (kernel @ density) * weights * (high - low) / 2
