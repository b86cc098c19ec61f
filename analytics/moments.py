"""Aggregates: counts, means and centred second moments, which merge and subtract.

Sums of squares are never kept: with a mean of 1e9 and a deviation of 1 they have no digits left
where the variance would be. A warehouse gives `count`, `avg`, `var_pop` and `covar_pop`; here they
become moments, and moments of parts become moments of the whole.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from msgspec import Struct


class Count(Struct, frozen=True, kw_only=True):
    """How many persons, and how many of them did it.

    Raises:
        ValueError: there are fewer than no persons, or more successes than persons.

    >>> Count(n=10, successes=3).rate
    0.3
    """

    n: int
    successes: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.n:
            raise ValueError(f"{self.successes} of {self.n} is no count of successes")

    @property
    def rate(self) -> float:
        """Share of successes; 0 where there is nobody."""
        return self.successes / self.n if self.n else 0.0

    def merge(self, other: "Count") -> "Count":
        """Return the count of both together."""
        return Count(n=self.n + other.n, successes=self.successes + other.successes)

    def subtract(self, part: "Count") -> "Count":
        """Return the count without a part of it."""
        return Count(n=self.n - part.n, successes=self.successes - part.successes)


class Moments(Struct, frozen=True, kw_only=True):
    """Count, mean and sum of squared deviations from the mean, of one value per person.

    Raises:
        ValueError: fewer than no persons, or a negative sum of squares.

    >>> m = Moments.of([1.0, 2.0, 4.0])
    >>> m.n, round(m.mean, 4), round(m.variance, 4)
    (3, 2.3333, 2.3333)
    """

    n: int
    mean: float
    m2: float

    def __post_init__(self) -> None:
        if self.n < 0 or self.m2 < 0:
            raise ValueError(f"no moments: n={self.n}, m2={self.m2}")

    @property
    def variance(self) -> float:
        """Unbiased variance of one value; 0 where there are fewer than two."""
        return self.m2 / (self.n - 1) if self.n > 1 else 0.0

    @classmethod
    def of(cls, values: Sequence[float] | npt.NDArray[np.float64]) -> "Moments":
        """Return the moments of values, in two passes."""
        array = np.asarray(values, dtype=np.float64)
        if array.size == 0:
            return cls(n=0, mean=0.0, m2=0.0)
        mean = float(array.mean())
        rest = array - mean
        # What rounding left of the mean is taken back (Chan, Golub & LeVeque 1983, eq. 1.7).
        m2 = float(rest @ rest) - float(rest.sum()) ** 2 / array.size
        return cls(n=int(array.size), mean=mean, m2=max(m2, 0.0))

    @classmethod
    def from_sums(cls, n: int, total: float, squares: float) -> "Moments":
        """Return the moments behind a sum and a sum of squares that somebody else kept.

        The subtraction is exact (rational numbers), so nothing is lost but what the sums had lost.

        >>> Moments.from_sums(3, 7.0, 21.0).variance
        2.3333333333333335
        """
        if n <= 0:
            return cls(n=n, mean=0.0, m2=0.0)
        m2 = Fraction(squares) - Fraction(total) ** 2 / n
        return cls(n=n, mean=total / n, m2=max(float(m2), 0.0))

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of both together.

        Source: Chan, Golub & LeVeque 1983, eq. 2.1.

        >>> Moments.of([1.0, 2.0]).merge(Moments.of([4.0])).m2 == Moments.of([1.0, 2.0, 4.0]).m2
        True
        """
        n = self.n + other.n
        if not self.n or not other.n:
            return self if self.n else other
        gap = other.mean - self.mean
        return Moments(
            n=n,
            mean=self.mean + gap * (other.n / n),
            m2=self.m2 + other.m2 + gap * gap * (self.n * other.n / n),
        )

    def subtract(self, part: "Moments") -> "Moments":
        """Return the moments without a part that was merged before.

        >>> whole = Moments.of([1.0, 2.0, 4.0])
        >>> round(whole.subtract(Moments.of([4.0])).mean, 9)
        1.5
        """
        n = self.n - part.n
        if n <= 0 or not part.n:
            return self if not part.n else Moments(n=n, mean=0.0, m2=0.0)
        mean = self.mean + (self.mean - part.mean) * (part.n / n)
        gap = part.mean - mean
        return Moments(
            n=n,
            mean=mean,
            m2=max(self.m2 - part.m2 - gap * gap * (n * part.n / self.n), 0.0),
        )


class JointMoments(Struct, frozen=True, kw_only=True):
    """Count, means and centred sums of products of several values of the same persons.

    `means` has k entries and `products` is the k x k matrix of the sums of
    (x_i - mean_i) * (x_j - mean_j).

    Raises:
        ValueError: fewer than no persons, or a matrix that does not fit the means.

    >>> j = JointMoments.of([1.0, 2.0, 4.0], [2.0, 4.0, 8.0])
    >>> round(j.covariance(0, 1), 4), round(j.column(1).variance, 4)
    (4.6667, 9.3333)
    """

    n: int
    means: tuple[float, ...]
    products: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        k = len(self.means)
        if self.n < 0 or len(self.products) != k or any(len(row) != k for row in self.products):
            raise ValueError("joint moments need one row and one column for each mean")

    @classmethod
    def of(cls, *columns: Sequence[float] | npt.NDArray[np.float64]) -> "JointMoments":
        """Return the joint moments of columns of equal length, in two passes."""
        matrix = np.asarray(columns, dtype=np.float64)
        k, n = matrix.shape
        if n == 0:
            return cls(n=0, means=(0.0,) * k, products=((0.0,) * k,) * k)
        means = matrix.mean(axis=1)
        rest = matrix - means[:, None]
        left = rest.sum(axis=1)
        products = rest @ rest.T - np.outer(left, left) / n
        return cls(
            n=n,
            means=tuple(float(one) for one in means),
            products=tuple(tuple(float(one) for one in row) for row in products),
        )

    @classmethod
    def from_sums(
        cls, n: int, totals: Sequence[float], products: Sequence[Sequence[float]]
    ) -> "JointMoments":
        """Return the joint moments behind sums and sums of products that somebody else kept.

        >>> JointMoments.from_sums(3, [7.0, 14.0], [[21.0, 42.0], [42.0, 84.0]]).covariance(0, 1)
        4.666666666666667
        """
        if n <= 0:
            k = len(totals)
            return cls(n=n, means=(0.0,) * k, products=((0.0,) * k,) * k)
        exact = [Fraction(one) for one in totals]
        centred = tuple(
            tuple(
                float(Fraction(product) - exact[i] * exact[j] / n) for j, product in enumerate(row)
            )
            for i, row in enumerate(products)
        )
        return cls(n=n, means=tuple(one / n for one in totals), products=centred)

    def column(self, i: int) -> Moments:
        """Return the moments of one value alone."""
        return Moments(n=self.n, mean=self.means[i], m2=max(self.products[i][i], 0.0))

    def covariance(self, i: int, j: int) -> float:
        """Return the unbiased covariance of two values; 0 where there are fewer than two."""
        return self.products[i][j] / (self.n - 1) if self.n > 1 else 0.0

    def merge(self, other: "JointMoments") -> "JointMoments":
        """Return the joint moments of both together.

        Source: Chan, Golub & LeVeque 1983, eq. 2.1, for each pair.

        >>> a, b = JointMoments.of([1.0, 2.0], [3.0, 5.0]), JointMoments.of([4.0], [0.0])
        >>> [round(one, 9) for one in a.merge(b).means]
        [2.333333333, 2.666666667]
        """
        if not self.n or not other.n:
            return self if self.n else other
        n = self.n + other.n
        gaps = [b - a for a, b in zip(self.means, other.means, strict=True)]
        weight = self.n * other.n / n
        return JointMoments(
            n=n,
            means=tuple(a + gap * (other.n / n) for a, gap in zip(self.means, gaps, strict=True)),
            products=tuple(
                tuple(
                    self.products[i][j] + other.products[i][j] + gaps[i] * gaps[j] * weight
                    for j in range(len(gaps))
                )
                for i in range(len(gaps))
            ),
        )

    def subtract(self, part: "JointMoments") -> "JointMoments":
        """Return the joint moments without a part that was merged before.

        >>> a, b = JointMoments.of([1.0, 2.0], [3.0, 5.0]), JointMoments.of([4.0], [0.0])
        >>> [round(one, 9) for one in a.merge(b).subtract(b).means]
        [1.5, 4.0]
        """
        n, k = self.n - part.n, len(self.means)
        if n <= 0 or not part.n:
            nothing = JointMoments(n=n, means=(0.0,) * k, products=((0.0,) * k,) * k)
            return self if not part.n else nothing
        means = tuple(
            a + (a - b) * (part.n / n) for a, b in zip(self.means, part.means, strict=True)
        )
        gaps = [b - a for a, b in zip(means, part.means, strict=True)]
        weight = n * part.n / self.n
        return JointMoments(
            n=n,
            means=means,
            products=tuple(
                tuple(
                    self.products[i][j] - part.products[i][j] - gaps[i] * gaps[j] * weight
                    for j in range(k)
                )
                for i in range(k)
            ),
        )
