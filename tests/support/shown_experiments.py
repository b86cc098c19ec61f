"""Puts an experiment of made-up people where the API reads it, as a worker would."""

from pathlib import Path

from analytics.experiments.declaration import find_declaration
from analytics.warehouse import open_warehouse
from app.domain.experiments import ExperimentStanding
from app.state.experiments import Experiments
from app.state.store import Store
from jobs.experiment_order import Order
from jobs.experiment_run import run
from tests.support.triages import KEY, V1, V2, crowd, facts_of
from tests.support.warehouses import MIDNIGHT, rows

_DAYS = 14


async def put_experiment(url: str, folder: Path, people: int = 800) -> ExperimentStanding:
    """Let people take part in the experiment that ships, and compute it; returns how it stands."""
    warehouse = open_warehouse(folder)
    with warehouse.writing() as writer:
        writer.append(rows(*facts_of(crowd(people, {"v1": V1, "v2": V2}, days=_DAYS))))
    warehouse.close()
    told = find_declaration(KEY)
    before = ExperimentStanding(
        key=told.key,
        title=told.title,
        question=told.question,
        control=told.control,
        arms=told.arms,
        planned_persons=told.planned_persons,
    )
    at_ms = MIDNIGHT + (_DAYS + 2) * 86_400_000
    answer = run(Order(place=str(folder), folder=None, at_ms=at_ms, before={KEY: before}))
    (computed,) = answer.computed
    store = Store(url)
    try:
        experiments = Experiments(store)
        await experiments.declare([before])
        await experiments.put(computed.standing, computed.report, computed.html)
    finally:
        await store.close()
    return computed.standing
