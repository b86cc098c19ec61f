"""What is simulated: each scenario draws experiments and counts those that say yes.

An A/A scenario treats both arms alike, so that every yes is false. An A/B scenario plants an effect
of which the plan says that it will be found with a power of 80 %. A contrast is a rule that others
use and that this project does not, to show why.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import starmap
from typing import Literal

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from analytics.arms import Arm
from analytics.cuped import adjusted_means, adjusted_ratios, cuped_difference
from analytics.exact import exact_test, needs_exact
from analytics.means import geometric_mean_ratio, welch_difference
from analytics.moments import Count, Moments
from analytics.multiplicity import holm
from analytics.noninferiority import non_inferior_difference
from analytics.nps import mann_whitney, nps_moments
from analytics.people import (
    NOTHING,
    Population,
    Table,
    Treatment,
    rows_of_joint_moments,
    rows_of_moments,
)
from analytics.power import SampleSize, share_sample_size, z_sample_size
from analytics.proportions import score_test
from analytics.quantiles import Quantile, quantile_difference, quantile_ranks
from analytics.ratios import ratio_difference
from analytics.results import Effect, NotComputable, Test
from analytics.sequential import sequence_of
from analytics.srm import THRESHOLD, srm_chi_square, srm_sequential

ALPHA = 0.05
LOOKS = 100
_PEOPLE = Population()
_ERROR = (0.045, 0.055)


class Scenario(Struct, frozen=True, kw_only=True):
    """A name, what kind it is, where its rate should lie, and how to count.

    `hits` takes a generator and how many experiments to draw, and returns how many said yes.
    """

    name: str
    kind: Literal["A/A", "A/B", "contrast"]
    target: tuple[float, float]
    hits: Callable[[np.random.Generator, int], int]


def scenario(name: str) -> Scenario:
    """Return a scenario by its name.

    Raises:
        KeyError: there is none of that name.

    >>> scenario("completion, score test").kind
    'A/A'
    """
    return {one.name: one for one in SCENARIOS}[name]


def _yes(results: Iterable[Effect | Test | NotComputable], alpha: float = ALPHA) -> int:
    return sum(not isinstance(one, NotComputable) and one.p < alpha for one in results)


def _counts(n: int, successes: npt.NDArray[np.int64]) -> list[Count]:
    return [Count(n=n, successes=int(one)) for one in successes]


def _completion(rng: np.random.Generator, rounds: int) -> int:
    a = _counts(500, _PEOPLE.completions(rng, (rounds, 500)))
    b = _counts(500, _PEOPLE.completions(rng, (rounds, 500)))
    return _yes(map(score_test, a, b))


@lru_cache(maxsize=4096)
def _exact(a: Count, b: Count) -> Test | NotComputable:
    return exact_test(a, b)


def _rare(n: int) -> Callable[[np.random.Generator, int], int]:
    def hits(rng: np.random.Generator, rounds: int) -> int:
        a = _counts(n, _PEOPLE.rare_events(rng, (rounds, n)))
        b = _counts(n, _PEOPLE.rare_events(rng, (rounds, n)))
        return _yes(
            _exact(x, y) if needs_exact(x, y) else score_test(x, y)
            for x, y in zip(a, b, strict=True)
        )

    return hits


def _time(rng: np.random.Generator, rounds: int, treatment: Treatment = NOTHING) -> int:
    a, _ = _PEOPLE.times(rng, (rounds, 400))
    b, _ = _PEOPLE.times(rng, (rounds, 400), treatment)
    return _yes(map(welch_difference, _arms(a), _arms(b)))


def _time_cuped(rng: np.random.Generator, rounds: int) -> int:
    a = rows_of_joint_moments(*_PEOPLE.times(rng, (rounds, 400)))
    b = rows_of_joint_moments(*_PEOPLE.times(rng, (rounds, 400)))
    return _yes(map(cuped_difference, map(adjusted_means, a, b)))


def _time_geometric(rng: np.random.Generator, rounds: int) -> int:
    a, _ = _PEOPLE.times(rng, (rounds, 400))
    b, _ = _PEOPLE.times(rng, (rounds, 400))
    return _yes(map(geometric_mean_ratio, rows_of_moments(np.log(a)), rows_of_moments(np.log(b))))


def _nps(rng: np.random.Generator, rounds: int) -> int:
    a = [nps_moments(*map(int, one)) for one in _PEOPLE.answers(rng, (rounds, 300))]
    b = [nps_moments(*map(int, one)) for one in _PEOPLE.answers(rng, (rounds, 300))]
    return _yes(map(welch_difference, map(Arm.of_moments, a), map(Arm.of_moments, b)))


def _ranks(rng: np.random.Generator, rounds: int) -> int:
    a, b = (_PEOPLE.answers(rng, (rounds, 300)).tolist() for _ in range(2))
    return _yes(map(mann_whitney, a, b))


def _cost(rng: np.random.Generator, rounds: int) -> int:
    a, b = (_PEOPLE.costs(rng, (rounds, 400)) for _ in range(2))
    return _yes(
        map(
            ratio_difference,
            rows_of_joint_moments(a["cost"], a["triages"]),
            rows_of_joint_moments(b["cost"], b["triages"]),
        )
    )


def _cost_cuped(rng: np.random.Generator, rounds: int) -> int:
    names = ("cost", "triages", "cost_before", "triages_before")
    a, b = (
        rows_of_joint_moments(*(people[name] for name in names))
        for people in (_PEOPLE.costs(rng, (rounds, 400)) for _ in range(2))
    )
    return _yes(map(cuped_difference, map(adjusted_ratios, a, b)))


def _accuracy(rng: np.random.Generator, rounds: int) -> tuple[Table, Table]:
    """Return rightly classified triages, and triages, of each person."""
    triages = (1 + rng.poisson(4.0, (rounds, 400))).astype(np.float64)
    skill = rng.beta(1.2, 0.3, (rounds, 400))
    return rng.binomial(triages.astype(np.int64), skill).astype(np.float64), triages


def _accuracy_clustered(rng: np.random.Generator, rounds: int) -> int:
    a, b = (rows_of_joint_moments(*_accuracy(rng, rounds)) for _ in range(2))
    return _yes(map(ratio_difference, a, b))


def _accuracy_naive(rng: np.random.Generator, rounds: int) -> int:
    arms = []
    for _ in range(2):
        right, triages = (one.sum(axis=1) for one in _accuracy(rng, rounds))
        arms.append(
            [Count(n=int(n), successes=int(s)) for s, n in zip(right, triages, strict=True)]
        )
    return _yes(map(score_test, *arms))


def _quantiles(rng: np.random.Generator, rounds: int) -> list[Quantile]:
    """Return the p90 of the times of 400 persons with one to several times each."""
    q, persons, most = 0.9, 400, 8
    values = np.minimum(1 + rng.poisson(1.2, (rounds, persons)), most)
    own = rng.standard_normal((rounds, persons))
    noise = rng.standard_normal((rounds, persons, most))
    times = np.exp(0.6 * own[:, :, None] + 0.5 * noise)
    there = np.arange(most)[None, None, :] < values[:, :, None]
    found = []
    for i in range(rounds):
        seen = np.sort(times[i][there[i]])
        n = len(seen)
        ranks = quantile_ranks(n, q)
        if isinstance(ranks, NotComputable):
            raise TypeError(ranks.reason)
        lower, estimate, upper = np.quantile(seen, [ranks.lower, q, ranks.upper])
        below = ((times[i] <= estimate) & there[i]).sum(axis=1).astype(np.float64)
        joint = rows_of_joint_moments(below[None, :], values[i][None, :].astype(np.float64))[0]
        found.append(
            Quantile(
                n=n,
                q=q,
                estimate=float(estimate),
                lower=float(lower),
                upper=float(upper),
                persons=joint,
            )
        )
    return found


def _p90(rng: np.random.Generator, rounds: int) -> int:
    return _yes(map(quantile_difference, _quantiles(rng, rounds), _quantiles(rng, rounds)))


def _looks_at_shares(rng: np.random.Generator, rounds: int) -> Iterable[list[tuple[Count, Count]]]:
    steps = rng.binomial(20, _PEOPLE.completion, size=(2, rounds, LOOKS)).cumsum(axis=2)
    for i in range(rounds):
        yield [
            (
                Count(n=20 * (look + 1), successes=int(steps[0, i, look])),
                Count(n=20 * (look + 1), successes=int(steps[1, i, look])),
            )
            for look in range(LOOKS)
        ]


def _sequence_shares(rng: np.random.Generator, rounds: int) -> int:
    return sum(
        any(_sure(Arm.of_count(a), Arm.of_count(b)) for a, b in looks)
        for looks in _looks_at_shares(rng, rounds)
    )


def _peeking(rng: np.random.Generator, rounds: int) -> int:
    return sum(
        any(_yes([score_test(a, b)]) for a, b in looks) for looks in _looks_at_shares(rng, rounds)
    )


def _sequence_times(rng: np.random.Generator, rounds: int) -> int:
    arms: list[list[list[Arm]]] = []
    for _ in range(2):
        table, _ = _PEOPLE.times(rng, (rounds, 20 * LOOKS))
        looks = []
        for row in table.reshape(rounds, LOOKS, 20):
            so_far = Moments(n=0, mean=0.0, m2=0.0)
            run = []
            for step in rows_of_moments(row):
                so_far = so_far.merge(step)
                run.append(Arm.of_moments(so_far))
            looks.append(run)
        arms.append(looks)
    return sum(any(starmap(_sure, zip(x, y, strict=True))) for x, y in zip(*arms, strict=True))


def _sure(a: Arm, b: Arm) -> bool:
    sequence = sequence_of(welch_difference(a, b), planned_n=2 * 20 * LOOKS, alpha=ALPHA)
    return isinstance(sequence, Effect) and not sequence.low <= 0 <= sequence.high


def _family(rng: np.random.Generator, rounds: int) -> int:
    """Count families (three primaries, two arms against one control) with any false win."""
    shape = (rounds, 400)
    groups = [
        (
            _counts(400, _PEOPLE.completions(rng, shape)),
            _arms(_PEOPLE.times(rng, shape)[0]),
            [Arm.of_moments(nps_moments(*map(int, x))) for x in _PEOPLE.answers(rng, shape)],
        )
        for _ in range(3)
    ]
    hits = 0
    for i in range(rounds):
        p_values = []
        for arm in (1, 2):
            results = (
                score_test(groups[0][0][i], groups[arm][0][i]),
                welch_difference(groups[0][1][i], groups[arm][1][i]),
                welch_difference(groups[0][2][i], groups[arm][2][i]),
            )
            p_values += [1.0 if isinstance(one, NotComputable) else one.p for one in results]
        hits += any(holm(p_values, alpha=ALPHA).reject)
    return hits


def _non_inferior(rng: np.random.Generator, rounds: int) -> int:
    """Count how often a treatment that is worse by exactly the margin passes."""
    a, _ = _PEOPLE.times(rng, (rounds, 400))
    b, _ = _PEOPLE.times(rng, (rounds, 400))
    margin = 1.5
    return _yes(
        non_inferior_difference(x, y, margin=margin, better="decrease", alpha=ALPHA)
        for x, y in zip(_arms(a), _arms(b + margin), strict=True)
    )


def _sample_ratio(rng: np.random.Generator, rounds: int) -> int:
    treated = rng.binomial(10_000, 0.5, size=rounds)
    return _yes((srm_chi_square([10_000 - int(one), int(one)], [1, 1]) for one in treated), ALPHA)


def _sample_ratio_running(rng: np.random.Generator, rounds: int) -> int:
    treated = rng.binomial(100, 0.5, size=(rounds, LOOKS)).cumsum(axis=1)
    everybody = 100 * np.arange(1, LOOKS + 1)
    return _yes(
        (
            srm_sequential(np.stack([everybody - one, one], axis=1).tolist(), [1, 1])
            for one in treated
        ),
        ALPHA,
    )


def _sample_ratio_wrong(rng: np.random.Generator, rounds: int) -> int:
    treated = rng.binomial(20_000, 0.48, size=rounds)
    return _yes(
        (srm_chi_square([20_000 - int(one), int(one)], [1, 1]) for one in treated), THRESHOLD
    )


def _planned(size: SampleSize | NotComputable) -> int:
    if isinstance(size, NotComputable):
        raise TypeError(size.reason)
    return size.control


def _power_completion(rng: np.random.Generator, rounds: int) -> int:
    n = _planned(share_sample_size(baseline=_PEOPLE.completion, delta=0.06))
    a = _counts(n, _PEOPLE.completions(rng, (rounds, n)))
    b = _counts(n, _PEOPLE.completions(rng, (rounds, n), Treatment(completion=0.06)))
    return _yes(map(score_test, a, b))


def _power_time(rng: np.random.Generator, rounds: int) -> int:
    factor, squares = 0.87, _PEOPLE.spread**2
    mean = _PEOPLE.minutes * np.exp(squares / 2)
    variance = mean * mean * (np.exp(squares) - 1)
    n = _planned(
        z_sample_size(
            variance=float(variance),
            treatment_variance=float(variance * factor * factor),
            delta=float(mean * (1 - factor)),
        )
    )
    a, _ = _PEOPLE.times(rng, (rounds, n))
    b, _ = _PEOPLE.times(rng, (rounds, n), Treatment(minutes=factor))
    return _yes(map(welch_difference, _arms(a), _arms(b)))


def _arms(table: Table) -> list[Arm]:
    return [Arm.of_moments(one) for one in rows_of_moments(table)]


Kind = Literal["A/A", "A/B", "contrast"]

_ALL: tuple[
    tuple[str, Kind, tuple[float, float], Callable[[np.random.Generator, int], int]], ...
] = (
    ("completion, score test", "A/A", _ERROR, _completion),
    ("rare events (0.5 % of 200), exact", "A/A", (0.0, 0.06), _rare(200)),
    ("rare events (0.5 % of 2,000), exact or score", "A/A", (0.0, 0.06), _rare(2000)),
    ("triage time, Welch", "A/A", _ERROR, _time),
    ("triage time, CUPED", "A/A", _ERROR, _time_cuped),
    ("triage time, geometric means", "A/A", _ERROR, _time_geometric),
    ("triage time p90, several per person", "A/A", _ERROR, _p90),
    ("NPS, Welch", "A/A", _ERROR, _nps),
    ("NPS, Mann-Whitney", "A/A", _ERROR, _ranks),
    ("cost per triage, delta method", "A/A", _ERROR, _cost),
    ("cost per triage, CUPED", "A/A", _ERROR, _cost_cuped),
    ("accuracy, several per person, delta method", "A/A", _ERROR, _accuracy_clustered),
    ("accuracy as if triages were independent", "contrast", (0.0, 1.0), _accuracy_naive),
    ("completion, 100 looks, sequence", "A/A", (0.0, 0.05), _sequence_shares),
    ("triage time, 100 looks, sequence", "A/A", (0.0, 0.05), _sequence_times),
    ("completion, 100 looks, plain p", "contrast", (0.0, 1.0), _peeking),
    ("Holm, any win of 3 primaries x 2 arms", "A/A", (0.0, 0.055), _family),
    ("non-inferiority at the margin", "A/A", (0.0, 0.055), _non_inferior),
    ("sample ratio, chi-square at 5 %", "A/A", _ERROR, _sample_ratio),
    ("sample ratio, 100 looks, sequential", "A/A", (0.0, 0.05), _sample_ratio_running),
    ("sample ratio 48 : 52 found, p < .001", "A/B", (0.95, 1.0), _sample_ratio_wrong),
    ("power of completion, planned 80 %", "A/B", (0.78, 0.82), _power_completion),
    ("power of triage time, planned 80 %", "A/B", (0.78, 0.82), _power_time),
)

SCENARIOS = tuple(
    Scenario(name=name, kind=kind, target=target, hits=hits) for name, kind, target, hits in _ALL
)
