"""Until the planned persons have come, everything that decides may be looked at every day."""

import numpy as np
import pytest
from msgspec import structs

from analytics.arms import Arm
from analytics.experiments.assessment import assess
from analytics.experiments.declaration import find_declaration
from analytics.experiments.report import Finding, Report
from analytics.moments import Count
from analytics.noninferiority import non_inferior_difference
from analytics.results import Effect, Test
from analytics.sequential import sequence_of
from analytics.srm import THRESHOLD
from analytics.warehouse import open_warehouse
from tests.support.triages import AT, KEY, V1, V2, Somebody, crowd, facts_of
from tests.support.warehouses import rows

DECLARED = find_declaration(KEY)
ROUNDS, LOOKS, A_LOOK = 400, 50, 40


def lopsided() -> list[Somebody]:
    """Return 160 people in the control and 240 in the treatment."""
    people = crowd(600, {"v1": V1, "v2": V2}, days=4)
    control = [one for one in people if one.arm == "v1"][:160]
    return control + [one for one in people if one.arm == "v2"][:240]


@pytest.fixture(scope="module")
def early_and_late(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Report]:
    """The same people, judged while most are still to come, and when all have."""
    warehouse = open_warehouse(tmp_path_factory.mktemp("lopsided"))
    with warehouse.writing() as writer:
        writer.append(rows(*facts_of(lopsided())))
    late = structs.replace(DECLARED, planned_persons=400)
    found = (assess(warehouse, DECLARED, AT), assess(warehouse, late, AT))
    warehouse.close()
    return found


def of(report: Report, metric: str) -> Finding:
    """Return what was found of a metric."""
    return next(one for one in report.findings if one.metric.name == metric)


def test_the_sample_ratio_is_judged_daily_until_the_end(
    early_and_late: tuple[Report, Report],
) -> None:
    """What a single look would call wrong is not invalid on one day of many; at the end it is."""
    early, late = early_and_late
    assert isinstance(early.health.sample_ratio, Test)
    assert isinstance(early.sequential_ratio, Test)
    assert early.health.sample_ratio.p < THRESHOLD < early.sequential_ratio.p
    assert early.judged_ratio is early.sequential_ratio
    assert early.verdicts["v2"].decision != "invalid"
    assert late.judged_ratio is late.health.sample_ratio
    assert late.verdicts["v2"].decision == "invalid"


def test_the_daily_ratio_is_of_everybody_who_came(early_and_late: tuple[Report, Report]) -> None:
    """Also of those who came an hour ago, as at the end: the days add up to all persons."""
    early, _ = early_and_late
    for arm in DECLARED.arms:
        came = sum(day.get(arm, 0) for day in early.taken.by_day.values())
        assert came == early.taken.persons[arm]
    assert len(early.taken.by_day) >= 4


def test_guardrails_are_judged_daily_until_the_end(early_and_late: tuple[Report, Report]) -> None:
    """Being no worse is of a sequence first, which is harder to pass, then of the fixed test."""
    early, late = (of(one, "accuracy").non_inferior for one in early_and_late)
    assert isinstance(early, Effect)
    assert isinstance(late, Effect)
    assert early.method == f"confidence sequence, {late.method}"
    assert (early.estimate, early.null) == (late.estimate, late.null)
    assert early.p > late.p


def ever(passed: dict[str, list[bool]]) -> dict[str, float]:
    """Return the share of rounds in which it passed at any look."""
    return {name: float(np.mean(found)) for name, found in passed.items()}


def test_a_guardrail_at_its_margin_seldom_passes_at_any_look() -> None:
    """Fifty looks at an arm that is worse by just the margin: the fixed test would let it pass."""
    chance = np.random.default_rng(11)
    passed: dict[str, list[bool]] = {"fixed": [], "sequence": []}
    for _ in range(ROUNDS):
        worse = {"fixed": False, "sequence": False}
        counts = np.zeros(2, dtype=int)
        for look in range(1, LOOKS + 1):
            counts += chance.binomial(A_LOOK, [0.75, 0.70])
            arms = [Arm.of_count(Count(n=look * A_LOOK, successes=int(k))) for k in counts]
            fixed = non_inferior_difference(*arms, margin=0.05, better="increase", alpha=0.05)
            assert isinstance(fixed, Effect)
            daily = sequence_of(fixed, planned_n=2 * LOOKS * A_LOOK, alternative=fixed.alternative)
            assert isinstance(daily, Effect)
            worse["fixed"] |= fixed.p < 0.05
            worse["sequence"] |= daily.p < 0.05
        for name, found in worse.items():
            passed[name].append(found)
    shares = ever(passed)
    assert shares["sequence"] <= 0.08, shares  # 5 % of 400 rounds, and three standard errors
    assert shares["fixed"] > 0.15, shares
