"""How fast experiments are analysed: rows of persons beside tea-tasting, and events of a warehouse.

Everything is read from Parquet with DuckDB on as many threads as there are cores to use, two at
most; ours and the peer's in turn, and the best of some rounds counts.
"""

import asyncio
import datetime as dt
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
from msgspec import Struct, structs

from analytics.experiments.aggregates import Evidence
from analytics.experiments.declaration import Metric, find_declaration
from analytics.experiments.table import (
    Ask,
    TableFindings,
    TableMetric,
    analyse_table,
    table_quantiles,
)
from analytics.metrics import Plan as Settled
from analytics.results import Effect
from analytics.warehouse import open_warehouse
from analytics.warehouse.files import DataFile, Folder
from analytics.warehouse.schema import TABLES
from app.core.assigning import Subject
from app.domain.facts import encode
from plugins.flags.evaluation import Evaluator
from plugins.flags.payload import shipped
from tests.bench.machine import percentile
from tests.bench.report import Row, Table
from tests.support.triages import KEY
from tests.support.warehouses import MIDNIGHT, exposure

THREADS = min(2, len(os.sched_getaffinity(0)))
METRICS = (
    TableMetric(name="completed", kind="share", value="completed"),
    TableMetric(name="seconds", kind="mean", value="seconds", before="seconds_before"),
    TableMetric(name="cost", kind="ratio", value="cost", per="cases"),
    TableMetric(name="cases", kind="mean", value="cases"),
    TableMetric(name="rating", kind="mean", value="rating"),
)
SHARES = (0.5, 0.9, 0.99)
_NORMAL = "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"
_DAYS = 10


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    persons: int = 1_000_000
    rounds: int = 5
    peer_rounds: int = 3


def persons(folder: Path, plan: Plan) -> Table:
    """Measure five metrics and the sample ratio of a table with one row for each person."""
    source = f"read_parquet('{_people(folder, plan.persons)}')"
    ask = _asking()
    ours, found = _best(lambda: _ours(ask, source, plan.persons), plan.rounds)
    peers, theirs = _best(_peer(str(folder / "people.parquet")), plan.peer_rounds)
    _agree(found, theirs)
    quantiles, _ = _best(lambda: table_quantiles(ask, source, "seconds", SHARES), plan.rounds)
    counting = f"SELECT variant, count(*) FROM {source} GROUP BY 1"  # noqa: S608
    count, _ = _best(lambda: ask(counting), plan.rounds)
    name = f"{plan.persons:,} persons"
    whole = plan.persons >= 10_000_000
    return Table(
        name=f"analysing-{plan.persons}",
        title=f"An experiment with {name}, one row each, from Parquet on {THREADS} threads",
        rows=[
            Row(
                what="five metrics and the sample ratio",
                ours=ours,
                unit="s",
                beside="tea-tasting on DuckDB",
                peer=peers,
                aim="≤ 0.75 s, a third of the peer's",
                reached=(ours <= 0.75 and 3 * ours <= peers) if whole else None,
            ),
            Row(what="p50, p90, p99 with intervals", ours=quantiles, unit="s"),
            Row(what="counting the persons of each arm", ours=count, unit="s"),
        ],
    )


def events(folder: Path, plan: Plan) -> Table:
    """Measure as many exposures joined to as many outcomes, as the report asks for them."""
    declared = structs.replace(
        find_declaration(KEY),
        planned_persons=plan.persons,
        slices=(),
        metrics=(
            Metric(
                name="interview", label="Interview", kind="mean", fact="interview_seconds",
                unit="seconds", better="decrease",
            ),
        ),
    )  # fmt: skip
    _warehouse(folder, plan.persons)
    warehouse = open_warehouse(folder)
    at = dt.datetime.fromisoformat("2025-11-26") + dt.timedelta(days=_DAYS + 2)
    evidence = Evidence(warehouse, declared, at)
    taken, _ = _best(evidence.taken, plan.rounds)
    seconds, groups = _best(evidence.by_person, plan.rounds)
    bare, _ = _best(lambda: warehouse.query(_BARE_JOIN), plan.rounds)
    assert sum(one.persons for one in groups["day"]) == plan.persons
    assert sum(one.metrics["interview"].joint.n for one in groups["day"]) == plan.persons
    warehouse.close()
    return Table(
        name=f"events-{plan.persons}",
        title=f"{plan.persons:,} exposures and {plan.persons:,} outcomes of a warehouse",
        rows=[
            Row(
                what="joined, and moments of a metric by day",
                ours=seconds,
                unit="s",
                beside="DuckDB's bare join of both tables",
                peer=bare,
                aim="≤ 4 s for 10,000,000",
                reached=seconds <= 4 if plan.persons >= 10_000_000 else None,
            ),
            Row(what="who was taken in, by day and arm", ours=taken, unit="s"),
        ],
    )


_BARE_JOIN = """
SELECT e.variation_id, count(*), sum(c.duration_ms) FROM exposure e
JOIN triage_completed c ON c.person = e.person AND c.occurred_ms >= e.occurred_ms GROUP BY 1"""
"""What any engine has to do at least: it takes every exposure for a person's first one."""


def assigning(plan: Plan) -> Table:
    """Measure what an experiment adds to a turn: the decision, and the fact of the exposure."""
    return asyncio.run(_assigning(plan.persons))


async def _assigning(turns: int) -> Table:
    evaluator = Evaluator(shipped())
    deciding: list[float] = []
    telling: list[float] = []
    arms = set()
    for number in range(turns):
        who = f"{number:032x}"
        began = time.perf_counter()
        given = await evaluator.assign(Subject(person=who, playbook="legal_br", locale="pt-BR"))
        deciding.append(time.perf_counter() - began)
        assert given.assignment is not None
        arms.add(given.assignment.variation)
        began = time.perf_counter()
        encode(exposure(who, given.assignment.variation, MIDNIGHT, person=who))
        telling.append(time.perf_counter() - began)
    assert len(arms) == 2
    both = [one + other for one, other in zip(deciding, telling, strict=True)]
    p99 = percentile(both, 0.99) * 1e6
    return Table(
        name="assigning",
        title="What an experiment adds to a turn: deciding, and telling that somebody was treated",
        rows=[
            Row(what="deciding, p50", ours=percentile(deciding, 0.5) * 1e6, unit="µs"),
            Row(what="telling, p50", ours=percentile(telling, 0.5) * 1e6, unit="µs"),
            Row(
                what="both, p99", ours=p99, unit="µs", aim="≤ 100 µs", reached=p99 <= 100
            ),
        ],
    )  # fmt: skip


def _best(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """Return the seconds of the fastest round, and what came of the last."""
    best, found = float("inf"), None
    for _ in range(rounds):
        began = time.perf_counter()
        found = work()
        best = min(best, time.perf_counter() - began)
    return best, found


def _asking() -> Ask:
    connection = duckdb.connect()
    connection.execute(f"SET threads = {THREADS}; SET enable_progress_bar = false")
    return lambda sql: connection.execute(sql).fetchall()


def _ours(ask: Ask, source: str, planned: int) -> TableFindings:
    return analyse_table(
        ask,
        source,
        METRICS,
        arms={"v1": 1.0, "v2": 1.0},
        control="v1",
        plan=Settled(planned_n=planned),
    )


def _peer(path: str) -> Callable[[], Any]:
    """Return tea-tasting's analysis of the same metrics, through Ibis on the same DuckDB."""
    ibis: Any = import_module("ibis")  # neither has types that mypy could use
    tea_tasting: Any = import_module("tea_tasting")
    with _old_ways():
        table = ibis.duckdb.connect(threads=THREADS).read_parquet(path)
    experiment = tea_tasting.Experiment(
        completed=tea_tasting.Mean("completed"),
        seconds=tea_tasting.Mean("seconds", covariate="seconds_before"),
        cost=tea_tasting.RatioOfMeans("cost", "cases"),
        cases=tea_tasting.Mean("cases"),
        rating=tea_tasting.Mean("rating"),
        ratio=tea_tasting.SampleRatio(),
    )

    def analysed() -> Any:
        with _old_ways():
            return experiment.analyze(table, control="v1")

    return analysed


@contextmanager
def _old_ways() -> Iterator[None]:
    """Let Ibis use what DuckDB is going to take away; it is none of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _agree(found: TableFindings, theirs: Any) -> None:
    """See that both have computed the same: the effects, and the p of the sample ratio."""
    for metric in METRICS:
        ours = found.analyses["v2", metric.name].difference
        assert isinstance(ours, Effect), ours
        peer = theirs[metric.name]
        assert abs(ours.estimate - peer.effect_size) <= 1e-6 * abs(peer.control), metric.name


def _people(folder: Path, persons: int) -> Path:
    path = folder / "people.parquet"
    duckdb.connect().execute(f"""
COPY (SELECT i AS person, CASE WHEN hash(i) % 2 = 0 THEN 'v1' ELSE 'v2' END AS variant,
  CAST(random() < 0.6 AS INTEGER) AS completed,
  exp(5 + 0.5 * z + 0.4 * {_NORMAL}) AS seconds, exp(5 + 0.5 * z) AS seconds_before,
  1 + CAST(floor(2.5 * random() * random()) AS INTEGER) AS cases,
  round(0.004 * exp(0.6 * z), 6) AS cost, CAST(floor(11 * sqrt(random())) AS INTEGER) AS rating
FROM (SELECT i, {_NORMAL} AS z FROM range({persons}) r(i)))
TO '{path}' (FORMAT parquet, COMPRESSION zstd)""")  # noqa: S608
    return path


def _warehouse(root: Path, persons: int) -> None:
    """Write what so many persons leave behind: each exposed once, each with one interview."""
    folder, connection = Folder(root), duckdb.connect()
    who = (
        "md5(i::VARCHAR) AS case_id, md5('p' || i) AS person, 'legal_br' AS playbook,"
        " 'pt-BR' AS locale"
    )
    at = f"{MIDNIGHT} + (hash(i) % {_DAYS * 86_400_000})::BIGINT"
    arm = "CASE WHEN hash(i + 7) % 2 = 0 THEN 'v1' ELSE 'v2' END AS variation_id"
    _table(
        folder, connection, "exposure", persons,
        f"'exposure:' || i AS id, {at} AS occurred_ms, {who}, '{KEY}' AS experiment_id, {arm},"
        " 'f' AS flags",
    )  # fmt: skip
    _table(
        folder, connection, "triage_completed", persons,
        f"'completed:' || i AS id, {at} + 60000 AS occurred_ms, {who},"
        " 30000 + (hash(i + 1) % 200000)::BIGINT AS duration_ms",
    )  # fmt: skip


def _table(
    folder: Folder, connection: duckdb.DuckDBPyConnection, table: str, rows: int, columns: str
) -> None:
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE made AS SELECT {columns} FROM range({rows}) r(i)"  # noqa: S608
    )
    names = [one for one, *_ in connection.execute("DESCRIBE made").fetchall()]
    files = []
    for day in range(_DAYS + 1):
        low = MIDNIGHT + day * 86_400_000
        date = (dt.date(2025, 11, 26) + dt.timedelta(days=day)).isoformat()
        name = f"day={date}/made.parquet"
        count = connection.execute(
            f"COPY (SELECT * FROM made WHERE occurred_ms >= {low}"  # noqa: S608
            f" AND occurred_ms < {low + 86_400_000} ORDER BY occurred_ms)"
            f" TO '{folder.partial(table, name)}' (FORMAT parquet, COMPRESSION zstd)"
        ).fetchall()[0][0]
        size = folder.complete(table, name)
        kinds = {one: TABLES[table][one] for one in names}
        files.append(DataFile(name=name, rows=int(count), size_bytes=size, columns=kinds))
    folder.replace(table, files)
