"""Simulated experiments: every p keeps its error, and every plan its power.

Few rounds in every test run; `make prove-statistics` takes twenty thousand, prints the table of
docs/statistics.md, and asks for the targets themselves.
"""

import os
import sys
from pathlib import Path

import pytest

from analytics.scenarios import SCENARIOS, scenario
from analytics.simulate import Rate, as_markdown, simulate

ROUNDS = int(os.environ.get("TRIAGE_PROOF_ROUNDS", "100"))
WORKERS = (os.cpu_count() or 1) if ROUNDS > 2_000 else 1
SLOW = {"rare events (0.5 % of 200), exact"}
"""Boschloo's test takes half a second for each new pair of counts."""


@pytest.mark.parametrize("name", [one.name for one in SCENARIOS])
def test_a_scenario_meets_its_target(name: str) -> None:
    """False positives stay at their level, and planned effects are found as often as planned."""
    rounds = min(ROUNDS, 20) if name in SLOW and ROUNDS <= 2_000 else ROUNDS
    (rate,) = simulate(rounds=rounds, scenarios=[scenario(name)], workers=WORKERS)
    if ROUNDS > 2_000:
        sys.stdout.write("\n" + as_markdown([rate]).splitlines()[-1] + "\n")
    if rate.kind != "contrast":
        assert rate.holds, as_markdown([rate])


def test_the_same_seed_gives_the_same_table_whatever_the_workers() -> None:
    """Two processes count what one counts."""
    some = [scenario("completion, score test"), scenario("NPS, Welch")]
    alone = simulate(rounds=600, scenarios=some, seed=4)
    assert simulate(rounds=600, scenarios=some, seed=4, workers=2) == alone
    assert simulate(rounds=600, scenarios=some, seed=5) != alone


def test_a_rule_that_takes_triages_for_persons_is_found_out() -> None:
    """The simulation can fail: independent triages and unadjusted peeking say yes far too often."""
    rounds = 200
    naive, peeking = simulate(
        rounds=rounds,
        scenarios=[
            scenario("accuracy as if triages were independent"),
            scenario("completion, 100 looks, plain p"),
        ],
    )
    assert naive.rate > 0.12
    assert peeking.rate > 0.2


def test_a_missed_target_is_called_missed() -> None:
    """At twenty thousand rounds nothing is given or taken."""
    missed = Rate(
        scenario="x",
        kind="A/A",
        rounds=20_000,
        hits=1_200,
        low=0.057,
        high=0.063,
        target_low=0.045,
        target_high=0.055,
    )
    assert not missed.holds
    assert "**no**" in as_markdown([missed])


def test_progress_is_told_to_its_end() -> None:
    """Whoever waits sees how far it is."""
    told: list[tuple[int, int]] = []
    simulate(
        rounds=1_200,
        scenarios=[scenario("completion, score test")],
        progress=lambda done, of: told.append((done, of)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(ValueError, match="rounds"):
        simulate(rounds=0)


def test_the_documentation_holds_a_row_for_every_scenario() -> None:
    """No scenario is left out of the table that is shown."""
    shown = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()
    assert [one.name for one in SCENARIOS if f"| {one.name} |" not in shown] == []
