"""A real worker computes, a real Prometheus scrapes: what is wrong fires, and nothing else."""

from collections.abc import Iterator

import pytest

from app.domain.experiments import DECISIONS
from app.embedded import EmbeddedValkey
from app.telemetry.kept_experiments import DECISION_CODES
from tests.support.experimented import Trial, lived
from tests.support.processes import Program, environment, free_port, triage
from tests.support.prometheus import Prometheus, Tool, running_prometheus
from tests.support.triages import V1, V2, Likings
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)
HARM = Likings(completes=V2.completes, seconds=V2.seconds, score=V2.score, correct=0.2, usd=V2.usd)
TRIALS = {
    "fine": Trial(v2=V1),
    "lopsided": Trial(v2=V1, lost=2),
    "harmful": Trial(v2=HARM, persons=400),
}


@pytest.fixture(scope="module")
def prometheus(
    tools: dict[Tool, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """One that has seen a worker which has computed three experiments."""
    folder = tmp_path_factory.mktemp("trials")
    lived(folder / "var" / "warehouse", folder / "declared", TRIALS)
    port = free_port()
    with EmbeddedValkey(folder / "var") as valkey:
        settings = {
            "TRIAGE_VAR": str(folder / "var"),
            "TRIAGE_REDIS_URL": valkey.url,
            "TRIAGE_METRICS_PORT": str(port),
            "TRIAGE_EXPERIMENTS": str(folder / "declared"),
        }
        worker = Program("worker", triage("worker"), environment(**settings), folder / "worker.log")
        try:
            targets = {"triage-api": port, "triage-worker": port}
            command = tools["prometheus"]
            with running_prometheus(command, folder / "p", targets, hurried=True) as running:
                said = 'count(triage_experiment_decision{job="triage-worker"}) == 3'
                until(lambda: bool(running.now(said)), "nothing was computed", seconds=200)
                yield running
        finally:
            worker.close()


def told_of(prometheus: Prometheus, alert: str) -> set[tuple[str, ...]]:
    """Return of what an alert fires, once it does."""
    until(
        lambda: any(one["alertname"] == alert for one in prometheus.firing()), f"{alert} is silent"
    )
    return {
        tuple(one[name] for name in ("experiment", "arm", "metric") if name in one)
        for one in prometheus.firing()
        if one["alertname"] == alert
    }


def test_a_wrong_sample_ratio_fires_alone(prometheus: Prometheus) -> None:
    """Of the experiment that loses people, and of no other."""
    assert told_of(prometheus, "TriageSampleRatioMismatch") == {("lopsided",)}


def test_a_broken_guardrail_fires_alone(prometheus: Prometheus) -> None:
    """With the arm and the metric; the guardrails of the others are measured, and silent."""
    found = told_of(prometheus, "TriageGuardrailBroken")
    assert found == {("harmful", "v2", "accuracy")}
    quiet = prometheus.now("triage_experiment_guardrail_broken == 0")
    assert {one.labels["experiment"] for one in quiet} == {"fine", "lopsided"}


def test_the_verdicts_are_told_in_codes(prometheus: Prometheus) -> None:
    """Each as the page of the dashboard reads it."""
    found = {
        one.labels["experiment"]: one.points[0][1]
        for one in prometheus.now('triage_experiment_decision{job="triage-worker"}')
    }
    codes = {name: DECISION_CODES[name] for name in DECISIONS}
    assert found == {
        "fine": codes["keep running"],
        "lopsided": codes["invalid"],
        "harmful": codes["roll back"],
    }


def test_what_was_computed_lately_is_not_stale(prometheus: Prometheus) -> None:
    """The alert about old figures is silent, and so it would not be of figures two hours old."""
    stale = "time() - max by (experiment) (triage_experiment_computed_timestamp_seconds)"
    assert all(one.points[0][1] < 600 for one in prometheus.now(stale))
    assert "TriageExperimentsStale" not in {one["alertname"] for one in prometheus.firing()}
