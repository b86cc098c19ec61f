"""Synthetic persons, to try the statistics on: many experiments at once, as arrays.

A person has a skill that carries over from before the exposure to after it, completes or not, takes
a time that is log-normal, brings one or several triages whose costs resemble each other, and may
answer the question of the NPS. Whoever is treated differs by a `Treatment`.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from analytics.moments import JointMoments, Moments

Table = npt.NDArray[np.float64]
"""Experiments in rows, persons in columns."""


class Treatment(Struct, frozen=True, kw_only=True):
    """What the treatment does to the persons: factors, and points of share or of the scale."""

    completion: float = 0.0
    rare: float = 0.0
    minutes: float = 1.0
    promoters: float = 0.0
    cost: float = 1.0


NOTHING = Treatment()
"""The treatment of an A/A test."""


class Population(Struct, frozen=True, kw_only=True):
    """Where the persons come from."""

    completion: float = 0.6
    rare: float = 0.005
    minutes: float = 12.0
    spread: float = 0.8
    memory: float = 0.6
    promoters: float = 0.45
    detractors: float = 0.25
    more_triages: float = 1.2
    cost: float = 0.006
    likeness: float = 0.7

    def completions(
        self, rng: np.random.Generator, shape: tuple[int, int], treatment: Treatment = NOTHING
    ) -> npt.NDArray[np.int64]:
        """Return how many of the persons (columns) of each experiment (rows) complete.

        >>> rng = np.random.default_rng(1)
        >>> Population().completions(rng, (2, 1000)).shape
        (2,)
        """
        rounds, n = shape
        return rng.binomial(n, self.completion + treatment.completion, size=rounds)

    def rare_events(
        self, rng: np.random.Generator, shape: tuple[int, int], treatment: Treatment = NOTHING
    ) -> npt.NDArray[np.int64]:
        """Return how many persons of each experiment meet a rare event.

        >>> int(Population(rare=0.0).rare_events(np.random.default_rng(1), (1, 99))[0])
        0
        """
        rounds, n = shape
        return rng.binomial(n, self.rare + treatment.rare, size=rounds)

    def times(
        self, rng: np.random.Generator, shape: tuple[int, int], treatment: Treatment = NOTHING
    ) -> tuple[Table, Table]:
        """Return each person's minutes now and before; their logarithms correlate by `memory`.

        >>> now, before = Population().times(np.random.default_rng(1), (1, 9999))
        >>> round(float(np.corrcoef(np.log(now[0]), np.log(before[0]))[0, 1]), 1)
        0.6
        """
        first = rng.standard_normal(shape)
        second = self.memory * first + np.sqrt(1 - self.memory**2) * rng.standard_normal(shape)
        before = self.minutes * np.exp(self.spread * first)
        return treatment.minutes * self.minutes * np.exp(self.spread * second), before

    def answers(
        self, rng: np.random.Generator, shape: tuple[int, int], treatment: Treatment = NOTHING
    ) -> npt.NDArray[np.int64]:
        """Return how many promoters, passives and detractors each experiment has.

        >>> Population().answers(np.random.default_rng(1), (1, 100)).sum()
        np.int64(100)
        """
        rounds, n = shape
        up = self.promoters + treatment.promoters
        return rng.multinomial(n, [up, 1 - up - self.detractors, self.detractors], size=rounds)

    def costs(
        self, rng: np.random.Generator, shape: tuple[int, int], treatment: Treatment = NOTHING
    ) -> Mapping[str, Table]:
        """Return each person's cost and triages, now and before.

        The more triages a person brings, the dearer each is: `likeness` is how much of the spread
        of a cost is the person's own.

        >>> found = Population().costs(np.random.default_rng(1), (1, 5))
        >>> sorted(found)
        ['cost', 'cost_before', 'triages', 'triages_before']
        """
        person = rng.standard_normal(shape)
        own = np.exp(self.likeness * person)
        found = {}
        for name, factor in (("", treatment.cost), ("_before", 1.0)):
            triages = (1 + rng.poisson(self.more_triages * own)).astype(np.float64)
            noise = np.exp(0.5 * rng.standard_normal(shape) / np.sqrt(triages))
            found[f"triages{name}"] = triages
            found[f"cost{name}"] = factor * self.cost * triages * own * noise
        return found


def rows_of_moments(table: Table) -> list[Moments]:
    """Return the moments of each row.

    >>> rows_of_moments(np.array([[1.0, 3.0], [2.0, 2.0]]))[0].mean
    2.0
    """
    means = table.mean(axis=1)
    squares = ((table - means[:, None]) ** 2).sum(axis=1)
    return [
        Moments(n=table.shape[1], mean=float(mean), m2=float(m2))
        for mean, m2 in zip(means, squares, strict=True)
    ]


def rows_of_joint_moments(*tables: Table) -> list[JointMoments]:
    """Return the joint moments of each row over several tables.

    >>> rows_of_joint_moments(np.array([[1.0, 3.0]]), np.array([[2.0, 4.0]]))[0].means
    (2.0, 3.0)
    """
    stacked = np.stack(tables, axis=1)
    means = stacked.mean(axis=2)
    rest = stacked - means[:, :, None]
    products = rest @ rest.transpose(0, 2, 1)
    n = stacked.shape[2]
    return [
        JointMoments(
            n=n,
            means=tuple(float(one) for one in means[i]),
            products=tuple(tuple(float(one) for one in row) for row in products[i]),
        )
        for i in range(len(means))
    ]
