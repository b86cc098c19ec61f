"""What a report says of an experiment is what counting every person by hand gives."""

import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import pytest
from msgspec import structs

from analytics.experiments.assessment import assess
from analytics.experiments.declaration import find_declaration
from analytics.experiments.report import Finding, Report
from analytics.novelty import Novelty
from analytics.outlook import Outlook
from analytics.results import Effect, NotComputable
from analytics.warehouse import Warehouse, open_warehouse
from tests.support.triages import (
    AT,
    KEY,
    V1,
    V2,
    Somebody,
    crowd,
    facts_of,
    scores_of,
    sums_of,
)
from tests.support.warehouses import HOUR, MIDNIGHT, rows
from tests.warehouse.conftest import emptied

DECLARED = find_declaration(KEY)
RATES = ["completion", "triage_time", "satisfaction", "accuracy", "cost"]
ARMS = {"v1": V1, "v2": V2}
ONCE = crowd(400, ARMS, both=6, days=4)
AGAIN = crowd(400, ARMS, several=True, days=3)


class Looks:
    """One engine's reports on a few crowds: each is kept and judged once, for all tests."""

    def __init__(self, place: str | Path) -> None:
        """Keep nothing yet."""
        self._place = place
        self._found: dict[int, Report] = {}

    def at(self, people: list[Somebody]) -> Report:
        """Return the report on a crowd, made when it is first asked for."""
        if id(people) not in self._found:
            place = self._place
            if isinstance(place, Path):
                place = place / str(len(self._found))
            else:
                emptied(place)
            opened = open_warehouse(place)
            self._found[id(people)] = judged(opened, people)
            opened.close()
        return self._found[id(people)]


@pytest.fixture(
    scope="module", params=["parquet", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def looks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Looks]:
    """Reports by what either engine answers."""
    if request.param == "postgres":
        yield Looks(request.getfixturevalue("postgres"))
    else:
        yield Looks(tmp_path_factory.mktemp("warehouses"))


def judged(warehouse: Warehouse, people: list[Somebody], at: dt.datetime = AT) -> Report:
    """Keep what these people did, and judge the experiment."""
    with warehouse.writing() as writer:
        writer.append(rows(*facts_of(people)))
    return assess(warehouse, DECLARED, at)


def of(report: Report, metric: str) -> Finding:
    """Return a metric's finding."""
    return next(one for one in report.findings if one.metric.name == metric)


def effect(found: Effect | NotComputable) -> Effect:
    """Return an effect that has to be there."""
    assert isinstance(found, Effect), found
    return found


@pytest.mark.parametrize("several", [False, True], ids=["one case each", "several cases"])
def test_figures_are_those_counted_by_hand(looks: Looks, several: bool) -> None:
    """Rates of both arms, the difference and its standard error, on both engines."""
    people = AGAIN if several else ONCE
    report = looks.at(people)
    for metric in RATES:
        a, b = (sums_of(people, arm, metric) for arm in ("v1", "v2"))
        found = effect(of(report, metric).analysis.difference)
        assert (found.n_control, found.n_treatment) == (len(a.above), len(b.above)), metric
        assert found.control == pytest.approx(a.rate, rel=1e-9), metric
        assert found.treatment == pytest.approx(b.rate, rel=1e-9), metric
        assert found.estimate == pytest.approx(b.rate - a.rate, rel=1e-9), metric
        if several or metric not in {"completion", "accuracy"}:  # those have an error of their own
            error = math.sqrt(a.variance_of_rate + b.variance_of_rate)
            assert found.standard_error == pytest.approx(error, rel=1e-9), metric


def test_scores_are_the_latest_of_each_person(looks: Looks) -> None:
    """The NPS of what they said last, in points."""
    report = looks.at(AGAIN)
    found = effect(of(report, "nps").analysis.difference)
    for arm, value in (("v1", found.control), ("v2", found.treatment)):
        scores = scores_of(AGAIN, arm)
        points = [100 if one >= 9 else -100 if one <= 6 else 0 for one in scores]
        assert value == pytest.approx(fmean(points), rel=1e-9)
    assert isinstance(of(report, "nps").analysis.lift, NotComputable)


def test_quantiles_are_values_that_occur(looks: Looks) -> None:
    """The nearest-rank quantile of all times of an arm."""
    report = looks.at(ONCE)
    for metric, q in (("triage_time_p50", 0.5), ("triage_time_p90", 0.9)):
        found = effect(of(report, metric).analysis.difference)
        for arm, value in (("v1", found.control), ("v2", found.treatment)):
            times = sorted(sums_of(ONCE, arm, "triage_time").above)
            assert value == pytest.approx(times[math.ceil(q * len(times)) - 1], rel=1e-9)


def test_what_was_before_is_a_covariate_and_no_outcome(warehouse: Warehouse) -> None:
    """It narrows the interval where it tells of the person, and moves no figure."""
    people = crowd(400, ARMS, several=True, before=True, days=3)
    found = of(judged(warehouse, people), "cost")
    a, b = (sums_of(people, arm, "cost") for arm in ("v1", "v2"))
    plain = effect(found.analysis.unadjusted or NotComputable(reason="there is none"))
    assert plain.estimate == pytest.approx(b.rate - a.rate, rel=1e-9)
    assert found.analysis.variance_kept is not None
    assert found.analysis.variance_kept <= 1.0


def test_days_add_up_to_the_whole(looks: Looks) -> None:
    """The last day of the picture is what the sequence says now; every day has more persons."""
    report = looks.at(ONCE)
    found = of(report, "completion")
    assert len(found.by_day) == 4
    counts = [one.persons for one in found.by_day]
    assert counts == sorted(counts)
    assert counts[-1] == sum(report.counted.values())
    last, now = effect(found.by_day[-1].effect), effect(found.analysis.sequence)
    assert last.estimate == pytest.approx(now.estimate, rel=1e-12)
    assert last.low == pytest.approx(now.low, rel=1e-12)


def test_slices_hold_everybody_once(looks: Looks) -> None:
    """By what was known at exposure; the report asks whether they differ."""
    found = of(looks.at(ONCE), "completion")
    by_locale = {one.value: one.persons for one in found.slices if one.slice == "locale"}
    for locale, persons in by_locale.items():
        assert persons == sum(one.locale == locale and one.also_saw is None for one in ONCE)
    assert set(found.interactions) == {"locale", "playbook"}


def test_persons_in_several_variants_are_left_out_and_counted(looks: Looks) -> None:
    """More than one in a hundred makes an experiment invalid, whatever else it found."""
    report = looks.at(ONCE)
    assert report.health.persons_in_several == 6
    assert sum(report.taken.persons.values()) == 400
    assert sum(report.counted.values()) == 394
    assert report.verdicts["v2"].decision == "invalid"


def test_a_wrong_sample_ratio_is_invalid(warehouse: Warehouse) -> None:
    """Also where the treatment wins by far."""
    people = [
        one for number, one in enumerate(crowd(600, ARMS, days=1)) if one.arm == "v2" or number % 2
    ]
    report = judged(warehouse, people)
    assert report.verdicts["v2"].decision == "invalid"
    assert "sample ratio" in report.verdicts["v2"].reasons[0]


def test_people_count_once_their_outcomes_had_time(warehouse: Warehouse) -> None:
    """Whoever was exposed within the last day is taken in and not counted yet."""
    people = crowd(200, ARMS, days=3)
    early = dt.datetime(2025, 11, 28, 12)
    report = judged(warehouse, people, at=early)
    moment = (early - dt.datetime(1970, 1, 1)).total_seconds() * 1_000
    day = 24 * 3_600_000
    assert sum(report.taken.persons.values()) == sum(one.exposed_at < moment for one in people)
    mature = sum(one.exposed_at < moment - day for one in people)
    assert sum(report.counted.values()) == mature
    known = [row["occurred_ms"] for row in rows(*facts_of(people)) if row["kind"] != "exposure"]
    latest = max(one for one in known if one < moment)
    assert report.lag_hours == pytest.approx((moment - latest) / 3_600_000, rel=1e-9)
    assert not report.final


def test_the_verdict_of_an_experiment_that_won(warehouse: Warehouse) -> None:
    """Weeks, a clear gain, guardrails kept: ship; the outlook is that of the error so far."""
    winner = structs.replace(V2, completes=0.85, correct=0.95)
    report = judged(warehouse, crowd(800, {"v1": V1, "v2": winner}, days=2))
    assert report.verdicts["v2"].decision == "ship", report.verdicts
    found = of(report, "completion")
    assert isinstance(found.outlook, Outlook)
    error = effect(found.analysis.difference).standard_error
    assert error is not None
    detectable = (1.959964 + 0.841621) * error  # normal quantiles at 5 % and a power of 80 %
    assert found.outlook.detectable_now == pytest.approx(detectable, rel=1e-3)
    needed = 800 * ((detectable / 0.04) ** 2 - 1)
    assert found.outlook.additional_users == pytest.approx(needed, rel=1e-3)
    assert found.adjusted_p is not None
    assert found.adjusted_p < 0.05


def test_nothing_yet_is_said_so(warehouse: Warehouse) -> None:
    """No exposure, one arm, one person: no figure is made up and nothing breaks."""
    report = assess(warehouse, DECLARED, AT)
    assert report.verdicts["v2"].decision == "keep running"
    assert all(isinstance(one.analysis.difference, NotComputable) for one in report.findings)
    one_arm = judged(warehouse, crowd(30, {"v1": V1}, days=1))
    assert isinstance(of(one_arm, "completion").analysis.difference, NotComputable)
    assert one_arm.verdicts["v2"].decision in {"keep running", "invalid"}


def test_what_happens_on_later_days_is_told_apart(looks: Looks) -> None:
    """Persons who come again on later days give the effect by days since their exposure."""
    found = of(looks.at(AGAIN), "completion").novelty
    assert isinstance(found, Novelty | NotComputable)
    if isinstance(found, NotComputable):
        assert "three days" in found.reason


def test_the_first_planned_persons_count_and_nobody_after(warehouse: Warehouse) -> None:
    """A report made later judges the same persons again: waiting gives no further chances."""
    people = crowd(300, ARMS, days=3)
    judged(warehouse, people)
    plan = structs.replace(DECLARED, planned_persons=100)
    first = sorted(people, key=lambda one: (one.exposed_at, one.name))[:100]
    later = assess(warehouse, plan, AT + dt.timedelta(days=9))
    report = assess(warehouse, plan, AT)
    assert report.final
    assert report.counted == {arm: sum(one.arm == arm for one in first) for arm in ARMS}
    found, again = (of(one, "completion").analysis.difference for one in (report, later))
    expected = [sums_of(first, arm, "completion").rate for arm in ARMS]
    assert effect(found).estimate == pytest.approx(expected[1] - expected[0], rel=1e-9)
    assert effect(again).estimate == effect(found).estimate


def test_only_the_declared_days_take_people_in(warehouse: Warehouse) -> None:
    """And the fixed test judges once the last of them has had their time."""
    people = crowd(300, ARMS, days=4)
    judged(warehouse, people)
    days = {"starts": dt.date(2025, 11, 27), "ends": dt.date(2025, 11, 28)}
    plan = structs.replace(DECLARED, **days)
    first, last = MIDNIGHT + 24 * HOUR, MIDNIGHT + 72 * HOUR
    report = assess(warehouse, plan, AT)
    assert report.final
    assert sum(report.counted.values()) == sum(first <= one.exposed_at < last for one in people)
    assert not assess(warehouse, plan, dt.datetime(2025, 11, 29, 23)).final
