"""A real Prometheus scrapes a real installation with people in it, and every panel has data.

Grafana itself was not run: the queries are asked as it would ask them, of the same Prometheus.
"""

import math
import time
from collections.abc import Iterator

import pytest
from msgspec import Struct

from dashboards import ai_cost
from dashboards.__main__ import PAGES
from dashboards.building import build
from dashboards.model import Target
from tests.support.prometheus import Prometheus, Series, Tool, running_prometheus
from tests.support.rules import panels, plain, rules
from tests.support.scripted_load import Town, town
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)  # a dozen processes start, also where others run
ROUNDS = 3
INTERVAL = "8s"
"""What Grafana would put in for `$__rate_interval` when scraping every two seconds."""


class Watched(Struct, frozen=True):
    """What Prometheus saw, and when."""

    prometheus: Prometheus
    began: float
    ended: float

    def answers(self, target: Target) -> list[Series]:
        """Return what a panel's query gives that is a number, as Grafana would ask for it."""
        expr = plain(target.expr, interval=INTERVAL)
        if target.instant:
            found = self.prometheus.now(expr, self.ended)
        else:
            found = self.prometheus.over(expr, self.began, self.ended)
        return [one for one in found if any(math.isfinite(value) for _, value in one.points)]


@pytest.fixture(scope="module")
def watched(tools: dict[Tool, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """An installation under a scripted load, and a Prometheus that has watched it."""
    folder = tmp_path_factory.mktemp("town")
    with (
        town(folder) as there,
        running_prometheus(tools["prometheus"], folder / "prometheus", there.targets) as prometheus,
    ):
        until(lambda: len(prometheus.now("triage_build_info")) == 2, "nobody was scraped")
        yield Watched(prometheus, *lived_through(there, prometheus, ROUNDS))


def lived_through(there: Town, prometheus: Prometheus, rounds: int) -> tuple[float, float]:
    """Play the script; returns when it began and when Prometheus had seen its end."""
    computed = "triage_experiment_computed_timestamp_seconds"
    until(lambda: bool(prometheus.now(computed)), "nothing was computed", seconds=200)
    began = time.time()
    for period, limit in (("hour", "0.5"), ("day", "2"), ("month", "20")):
        there.budget(period, limit)
    for number in range(rounds):
        there.round(number)
    ended = time.time()
    seen = 'min(timestamp(up{job=~"triage-.+"}))'
    until(lambda: prometheus.now(seen)[0].points[0][1] > ended + 1, "the end was not seen")
    until(lambda: bool(prometheus.now("triage:budget_forecast:ratio")), "nothing was recorded")
    return began, time.time()


def test_every_query_of_every_panel_has_data(watched: Watched) -> None:
    """No panel of any page is empty."""
    empty = [
        (page.title, panel.title, target.expr)
        for page in map(build, PAGES)
        for panel in panels(page)
        for target in panel.targets
        if not watched.answers(target)
    ]
    assert empty == []


def test_the_names_of_series_tell_them_apart(watched: Watched) -> None:
    """In every panel each series has a name, and no two have the same."""
    for page in map(build, PAGES):
        for panel in panels(page):
            names = [
                one.named(target.legend_format).strip()
                for target in panel.targets
                for one in watched.answers(target)
            ]
            assert all(names), (page.title, panel.title)
            assert len(set(names)) == len(names), (page.title, panel.title, sorted(names))


def test_every_rule_can_be_worked_out(watched: Watched) -> None:
    """Every series that rules record has a value."""
    for rule in rules():
        if rule.record:
            assert watched.prometheus.now(rule.record), rule.record


def test_what_panels_say_is_what_happened(watched: Watched) -> None:
    """Some figures, compared with what the script lets happen in every round."""
    opened = watched.prometheus.now('sum(triage_cases_total{status="started"})', watched.ended)
    assert opened[0].points[0][1] == 7 * ROUNDS
    failed = watched.prometheus.now(
        'sum(triage_ai_calls_total{outcome="failed", error_type="provider_error"})', watched.ended
    )
    assert failed[0].points[0][1] == ROUNDS
    hits = watched.prometheus.now('sum(triage_cache_requests_total{result="hit"})', watched.ended)
    assert hits[0].points[0][1] >= ROUNDS


def test_an_empty_panel_is_caught(watched: Watched) -> None:
    """A query with one wrong letter in a label's value answers nothing, and that is seen."""
    [target] = [
        target
        for panel in panels(build(ai_cost.PAGE))
        for target in panel.targets
        if "triage_ai_unpriced_calls_total" in target.expr
    ]
    assert watched.answers(target)
    wrong = Target(
        ref_id="A",
        expr=target.expr.replace("calls_total", 'calls_total{provider="opena"}'),
        legend_format="x",
        range=False,
        instant=True,
    )
    assert watched.answers(wrong) == []
