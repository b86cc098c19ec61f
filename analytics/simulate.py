"""Simulated experiments: does every p keep its error, and every plan its power?

A scenario draws many A/A (or A/B) experiments on synthetic persons, and asks the same functions
that a report asks. Draws are vectorised; the statistics are the real ones, called once for each
experiment, so that what is proven is what is used.

`python -m analytics.simulate --rounds 20000` prints the table of `docs/statistics.md`.
"""

import argparse
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Literal

import numpy as np
from msgspec import Struct

from analytics.moments import Count
from analytics.proportions import wilson_interval
from analytics.results import NotComputable
from analytics.scenarios import SCENARIOS, Scenario

_CHUNK = 500
"""Experiments drawn at once by one process."""


class Rate(Struct, frozen=True, kw_only=True):
    """How often a scenario said yes: false positives in an A/A test, true ones in an A/B test."""

    scenario: str
    kind: Literal["A/A", "A/B", "contrast"]
    rounds: int
    hits: int
    low: float
    high: float
    target_low: float
    target_high: float

    @property
    def rate(self) -> float:
        """Share of the experiments in which it said yes."""
        return self.hits / self.rounds

    @property
    def holds(self) -> bool:
        """Whether the rate lies within the target, give or take what so few rounds can tell.

        At 20,000 rounds and more nothing is given or taken.
        """
        if self.rounds >= 20_000:
            return self.target_low <= self.rate <= self.target_high
        middle = min(max(self.rate, self.target_low), self.target_high)
        slack = 4 * math.sqrt(max(middle * (1 - middle), 1e-4) / self.rounds)
        return self.target_low - slack <= self.rate <= self.target_high + slack


def simulate(
    *,
    rounds: int = 20_000,
    seed: int = 1,
    scenarios: Sequence[Scenario] = SCENARIOS,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Rate]:
    """Simulate every scenario, and return how often each said yes.

    Args:
        rounds: experiments of each scenario.
        seed: the same seed gives the same table, whatever the workers.
        scenarios: which.
        workers: processes; 1 stays in this one.
        progress: is told how many pieces of work are done, of how many.

    Raises:
        ValueError: rounds or workers is not above zero.

    >>> from analytics.scenarios import scenario
    >>> [one.rounds for one in simulate(rounds=50, scenarios=[scenario("completion, score test")])]
    [50]
    """
    if rounds < 1 or workers < 1:
        raise ValueError("rounds and workers must be above zero")
    work = [
        (scenario.name, seed, i, min(_CHUNK, rounds - start))
        for scenario in scenarios
        for i, start in enumerate(range(0, rounds, _CHUNK))
    ]
    hits = dict.fromkeys((one.name for one in scenarios), 0)
    for done, (name, found) in enumerate(_results(work, scenarios, workers), start=1):
        hits[name] += found
        if progress is not None:
            progress(done, len(work))
    return [_rate(one, rounds, hits[one.name]) for one in scenarios]


def as_markdown(rates: Iterable[Rate]) -> str:
    """Return the table of the documentation.

    >>> print(as_markdown([]))
    | scenario | kind | experiments | said yes | 95 % interval | target | holds |
    |---|---|--:|--:|---|---|---|
    """
    lines = [
        "| scenario | kind | experiments | said yes | 95 % interval | target | holds |",
        "|---|---|--:|--:|---|---|---|",
    ]
    for one in rates:
        target = f"{one.target_low * 100:g}–{one.target_high * 100:g} %"
        if one.kind == "contrast":
            target, holds = "none: a rule that is not used", "–"
        else:
            holds = "yes" if one.holds else "**no**"
        lines.append(
            f"| {one.scenario} | {one.kind} | {one.rounds:,} | {one.rate:.2%} "
            f"| {one.low:.2%} – {one.high:.2%} | {target} | {holds} |"
        )
    return "\n".join(lines)


def _results(
    work: list[tuple[str, int, int, int]], scenarios: Sequence[Scenario], workers: int
) -> Iterator[tuple[str, int]]:
    if workers == 1:
        by_name = {one.name: one for one in scenarios}
        for name, seed, i, rounds in work:
            yield name, _hits(by_name[name], seed, i, rounds)
        return
    with ProcessPoolExecutor(workers) as pool:
        futures = [pool.submit(_named, name, seed, i, rounds) for name, seed, i, rounds in work]
        for future in as_completed(futures):
            yield future.result()


def _named(name: str, seed: int, i: int, rounds: int) -> tuple[str, int]:
    scenario = next(one for one in SCENARIOS if one.name == name)
    return name, _hits(scenario, seed, i, rounds)


def _hits(scenario: Scenario, seed: int, i: int, rounds: int) -> int:
    """Return how many experiments of this piece of work said yes."""
    rng = np.random.default_rng([seed, i, *scenario.name.encode()])
    return scenario.hits(rng, rounds)


def _rate(scenario: Scenario, rounds: int, hits: int) -> Rate:
    interval = wilson_interval(Count(n=rounds, successes=hits))
    if isinstance(interval, NotComputable):
        raise TypeError(interval.reason)
    return Rate(
        scenario=scenario.name,
        kind=scenario.kind,
        rounds=rounds,
        hits=hits,
        low=interval[0],
        high=interval[1],
        target_low=scenario.target[0],
        target_high=scenario.target[1],
    )


def _shown(done: int, of: int) -> None:
    if sys.stderr.isatty() or done == of or done % max(of // 20, 1) == 0:
        sys.stderr.write(f"\rsimulated {done / of:4.0%}" + ("\n" if done == of else ""))
        sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, print the table, and return 1 if a target is missed.

    >>> main(["--rounds", "10", "--workers", "1", "--only", "completion, score test"])
    | scenario | kind | experiments | said yes | 95 % interval | target | holds |
    |---|---|--:|--:|---|---|---|
    | completion, score test | A/A | 10 | 20.00% | 5.67% – 50.98% | 4.5–5.5 % | yes |
    0
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", help="a scenario, or the beginning of its name", default="")
    options = parser.parse_args(arguments)
    rates = simulate(
        rounds=options.rounds,
        seed=options.seed,
        workers=options.workers,
        scenarios=[one for one in SCENARIOS if one.name.startswith(options.only)],
        progress=_shown,
    )
    print(as_markdown(rates))
    return int(any(one.kind != "contrast" and not one.holds for one in rates))


if __name__ == "__main__":
    sys.exit(main())
