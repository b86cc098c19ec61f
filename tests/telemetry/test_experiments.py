"""What is told of experiments: of those that go on, as the verdict reads them."""

from typing import Any

from msgspec.structs import replace

from app.domain.experiments import ArmVerdict, EffectFigures, ExperimentStanding
from app.telemetry.kept_experiments import MOST, OVER_MS, going_on, series_of_experiment

NOW = 10 * OVER_MS
ACCURACY = EffectFigures(
    metric="accuracy",
    label="Accuracy",
    arm="v2",
    role="guardrail",
    unit="share",
    better="increase",
    value=-0.1,
    low=-0.2,
    high=None,
    p_value=0.01,
    limit=-0.05,
    broken=True,
)
RUNNING = ExperimentStanding(
    key="tone",
    title="Tone",
    question="?",
    control="v1",
    arms={"v1": 1.0, "v2": 1.0},
    planned_persons=100,
    state="running",
    last_exposure_at=NOW - OVER_MS + 1,
    verdict="roll back",
    verdicts={"v2": ArmVerdict(decision="roll back", reasons=())},
    persons={"v1": 4, "v2": 5},
    several=1,
    sample_ratio_p=0.0001,
    sample_ratio_daily_p=0.4,
    effects=(ACCURACY,),
    computed_at=NOW,
)


def told(one: ExperimentStanding) -> dict[tuple[Any, ...], float]:
    """Return an experiment's series, by name and labels, without the experiment itself."""
    return {
        (metric.name.removeprefix("triage_experiment_"), *labels[1:]): value
        for metric, labels, value in series_of_experiment(one)
    }


def test_everything_is_told_as_the_verdict_reads_it() -> None:
    """Until the end the sample ratio's p is the daily one; an open end of an interval is absent."""
    assert told(RUNNING) == {
        ("planned_persons",): 100,
        ("several_arms",): 1,
        ("exposures", "v1"): 4,
        ("exposures", "v2"): 5,
        ("decision", "v2"): 3,
        ("computed_timestamp_seconds",): NOW / 1_000,
        ("sample_ratio_p_value",): 0.4,
        ("limit", "accuracy", "guardrail"): -0.05,
        ("guardrail_broken", "accuracy", "v2"): 1,
        ("effect", "accuracy", "v2", "value"): -0.1,
        ("effect", "accuracy", "v2", "low"): -0.2,
        ("effect", "accuracy", "v2", "p_value"): 0.01,
    }
    assert told(replace(RUNNING, final=True))["sample_ratio_p_value",] == 0.0001


def test_labels_are_those_that_are_declared() -> None:
    """One value for each."""
    for metric, labels, _ in series_of_experiment(RUNNING):
        assert len(labels) == len(metric.labels), metric.name


def test_an_experiment_that_is_over_is_told_of_no_more() -> None:
    """A week after the last person came; nor is one to which nobody has come yet."""
    over = replace(RUNNING, key="over", last_exposure_at=NOW - OVER_MS)
    planned = replace(RUNNING, key="planned", last_exposure_at=None)
    assert going_on([over, planned, RUNNING], NOW) == [RUNNING]


def test_the_latest_are_told_of_where_there_are_too_many() -> None:
    """However many are declared, a page stays small."""
    many = [
        replace(RUNNING, key=str(number), last_exposure_at=NOW - number)
        for number in range(3 * MOST)
    ]
    assert going_on(list(reversed(many)), NOW) == many[:MOST]
