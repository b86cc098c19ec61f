"""Operators read of experiments what a worker computed last, and nothing before that."""

import asyncio
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import pytest
from msgspec.structs import replace

from app.domain.experiments import ArmVerdict, ExperimentStanding
from app.embedded import EmbeddedValkey
from app.state.experiments import Experiments
from app.state.store import Store
from tests.support.api import OPERATOR_TOKEN, Answer, Api

PLANNED = ExperimentStanding(
    key="tone",
    title="A warmer tone",
    question="Do more people finish?",
    control="plain",
    arms={"plain": 1.0, "warm": 1.0},
    planned_persons=100,
)
RUNNING = replace(
    PLANNED,
    state="running",
    verdict="keep running",
    reason="completion is not decided yet",
    verdicts={"warm": ArmVerdict(decision="keep running", reasons=("it is not decided yet",))},
    persons={"plain": 4, "warm": 5},
    computed_at=1_000,
)

Work = Callable[[Experiments], Coroutine[Any, Any, None]]


@pytest.fixture
def worker(valkey: EmbeddedValkey) -> Callable[[Work], None]:
    """Do what a worker would do."""

    def run(work: Work) -> None:
        async def inside() -> None:
            store = Store(valkey.url)
            try:
                await work(Experiments(store))
            finally:
                await store.close()

        asyncio.run(inside())

    return run


def read(api: Api, path: str = "") -> Answer:
    """Ask as an operator."""
    return api.get(f"/operator/experiments{path}", OPERATOR_TOKEN)


def test_reading_experiments(api: Api, worker: Callable[[Work], None]) -> None:
    """Unknown, then declared, then computed: the list, the report and the page."""
    answer = read(api, "/tone")
    assert answer.status == HTTPStatus.NOT_FOUND
    assert answer.json()["type"] == "urn:triage:problem:experiment-not-found"

    worker(lambda known: known.declare([PLANNED]))
    (listed,) = read(api).json()["experiments"]
    assert (listed["key"], listed["state"], listed["verdict"]) == ("tone", "waiting", None)
    for path in ("/tone", "/tone/report"):
        answer = read(api, path)
        assert answer.status == HTTPStatus.CONFLICT
        assert answer.json()["type"] == "urn:triage:problem:experiment-not-computed"

    worker(lambda known: known.put(RUNNING, b'{"schema":"experiment/1"}', "<p>Ação</p>"))
    (listed,) = read(api).json()["experiments"]
    assert listed["verdict"] == "keep running"
    assert listed["persons"] == {"plain": 4, "warm": 5}
    assert listed["computed_at"] == 1_000
    answer = read(api, "/tone")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"schema": "experiment/1"}
    answer = read(api, "/tone/report")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.body.decode() == "<p>Ação</p>"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy

    worker(lambda known: known.declare([]))
    assert read(api).json() == {"experiments": []}
    assert read(api, "/tone").status == HTTPStatus.NOT_FOUND
