"""The worker's composition root: arq workers that outlive an outage of their storage.

One process serves any of the queues, each with slots of its own, so that a slow analysis never
stands in the way of a quick one. Besides, it looks after forgotten jobs, tidies the indexes, drains
what happened into the warehouse, makes the reports of it, computes experiments, and lets go what
has been kept for long enough.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import structlog
from arq.connections import ArqRedis
from arq.cron import cron
from arq.worker import Worker, func
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.access.live import LiveKeys
from app.core.access.secret import hasher
from app.core.access.streams import OpenStreams
from app.core.audit import Auditor
from app.core.background import AnalysisRunner
from app.core.privacy.masters import sealer
from app.core.privacy.watching import MasterWatch
from app.core.reconciler import Reconciler
from app.core.rules import Rules
from app.core.telling import tell
from app.domain.errors import StateUnavailable
from app.domain.job import Queue
from app.engine import Engine, build_engine, build_metrics, process_name
from app.settings import Settings
from app.state import connecting
from app.state.access import AccessBook, Admissions
from app.state.agenda import Agenda
from app.state.audit import AuditTrail
from app.state.conversations import ConversationStateManager
from app.state.figures import FigureReader
from app.state.jobs import Jobs
from app.state.leases import LeaseKeeper
from app.state.store import Store
from app.state.timekeeping import Timekeeper
from app.state.workforce import HEARTBEAT_SECONDS, Workforce
from app.telemetry.exposition import Exposition
from app.telemetry.readers import Readers
from app.telemetry.tracing import build_tracing
from jobs.doorbell import LISTEN_SECONDS, DoorbellWorker
from jobs.experiments import experiments
from jobs.metrics import served
from jobs.reports import report
from jobs.retention import Retention
from jobs.tasks import abandon, analyse, sweep
from jobs.warehouse import drain
from plugins.queue import ANALYSE, ArqQueue, deserialize, queue_address, queue_name, serialize

SLOTS: Mapping[Queue, int] = {"simple": 16, "standard": 8, "complex": 4}
"""How many jobs a worker takes at once from each queue, unless it is told otherwise."""
HOUSEKEEPING = "housekeeping"
SWEEP_SECONDS = frozenset({0, 30})
ABANDON_MINUTES = frozenset(range(0, 60, 5))
RESTART_SECONDS = 0.5
JOB_SECONDS = 600
"""After so long arq gives an analysis up; every model call in it has far shorter limits."""
_CONNECT_SECONDS = 2.0

_log = structlog.get_logger(__name__)


class Duties:
    """What one worker process has to do, and with what."""

    def __init__(
        self, settings: Settings, rules: Mapping[str, Rules], url: str, slots: Mapping[Queue, int]
    ) -> None:
        """Put the parts together."""
        self.queue_url = queue_address(settings.queue_url, url)
        self.slots = dict(slots)
        self.name = process_name()
        self.page: str | None = None
        """Where its metrics are served, once they are."""
        self.store = Store(url, replicas=settings.replicas, sealer=sealer(settings, checked=False))
        self.masters = MasterWatch(self.store, self.name)
        self.tracing = build_tracing(os.environ, "worker", self.name)
        self.metrics = build_metrics(settings, rules, "worker", self.tracing)
        self.exposition = Exposition(self.metrics, FigureReader(self.store).read)
        self.engine: Engine = build_engine(settings, rules, self.store, self.metrics, self.tracing)
        self.leases = LeaseKeeper(url)
        self.queue = ArqQueue(self.queue_url)
        self.workforce = Workforce(self.store)
        self.conversations = ConversationStateManager(
            self.store, self.name, playbooks=self.engine.playbooks
        )
        self.keys = LiveKeys(
            AccessBook(self.store),
            Admissions(self.store),
            hasher(settings),
            OpenStreams(most=0),
            owner=self.name,
            operator_token=settings.operator_token,
        )
        self.auditor = Auditor(
            AuditTrail(self.store), partial(hasher, settings), on_failure=self.metrics.audit_failed
        )
        self.news = asyncio.Event()
        self.runner = AnalysisRunner(
            Jobs(self.store, self.name, playbooks=self.engine.playbooks),
            self.leases,
            self.engine.analyst,
            self.engine.playbooks,
            self.conversations,
            on_news=self.news.set,
            metrics=self.metrics,
            tracing=self.tracing,
        )
        self.reconciler = Reconciler(Agenda(self.store), self.queue, tuple(self.slots))

    async def close(self) -> None:
        """Close everything."""
        await self.masters.leave()
        await self.keys.close()
        self.leases.close()
        if self.engine.model is not None:
            await self.engine.model.aclose()
        await self.queue.close()
        await self.store.close()
        await asyncio.to_thread(self.tracing.close)


async def run_worker(
    settings: Settings, rules: Mapping[str, Rules], url: str, slots: Mapping[Queue, int]
) -> None:
    """Run until SIGTERM or SIGINT; where the storage goes away, wait and begin again."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    duties = Duties(settings, rules, url, slots)
    readers = Readers(find=duties.keys.find, everybody=settings.metrics_open)
    timekeeper = Timekeeper(duties.store)
    await timekeeper.try_once()
    with contextlib.suppress(StateUnavailable):
        await duties.masters.look()
    duties.leases.start()
    await duties.keys.start()
    _log.info("worker.started", queues=",".join(f"{name}:{n}" for name, n in slots.items()))
    makers: list[Callable[[], Awaitable[None]]] = [
        lambda: _housekeeping(duties),
        lambda: _signs_of_life(duties),
        timekeeper.run,
        duties.masters.run,
        duties.reconciler.run,
        lambda: tell(settings, duties.store, stopping, duties.news, duties.metrics),
        lambda: drain(settings, duties.store),
        lambda: report(settings, duties.store, duties.leases),
        lambda: experiments(settings, duties.store),
        Retention(settings, duties.engine.playbooks, duties.auditor).run,
        *((lambda queue=queue: _analyses(duties, queue)) for queue in duties.slots),
    ]
    tasks: list[asyncio.Task[None]] = []
    stopped = asyncio.create_task(stopping.wait())
    port = settings.metrics_port
    try:
        async with served(duties.exposition, readers, settings.host, port) as duties.page:
            tasks += [asyncio.create_task(_kept_up(make)) for make in makers]
            done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopped}:
            task.result()
    finally:
        for task in (stopped, *tasks):
            task.cancel()
        await asyncio.gather(stopped, *tasks, return_exceptions=True)
        await _left(duties)
        await duties.close()
        _log.info("worker.stopped")


async def _kept_up(make: Callable[[], Awaitable[None]]) -> None:
    """Run something for ever; where the storage goes away, begin again after a moment."""
    while True:
        try:
            await make()
        except (RedisError, OSError, StateUnavailable) as error:
            _log.warning("worker.waiting", reason=str(error))
        await asyncio.sleep(RESTART_SECONDS)


async def _analyses(duties: Duties, queue: Queue) -> None:
    async with _listener(duties.queue_url) as listener:
        await _run(
            DoorbellWorker(
                [func(analyse, name=ANALYSE, timeout=JOB_SECONDS, keep_result=0)],
                queue=queue,
                listener=listener,
                max_jobs=duties.slots[queue],
                ctx={"runner": duties.runner},
                **_common(duties.queue_url, queue, duties.slots[queue]),
            )
        )


async def _housekeeping(duties: Duties) -> None:
    await _run(
        Worker(
            cron_jobs=[
                cron(
                    sweep,
                    second=set(SWEEP_SECONDS),
                    run_at_startup=True,
                    unique=True,
                    keep_result=0,
                ),
                cron(
                    abandon,
                    minute=set(ABANDON_MINUTES),
                    second=15,
                    unique=True,
                    keep_result=0,
                ),
            ],
            ctx={
                "conversations": duties.conversations,
                "store": duties.store,
                "metrics": duties.metrics,
                "meter": duties.engine.meter,
            },
            max_jobs=1,
            **_common(duties.queue_url, HOUSEKEEPING, 1),
        )
    )


async def _run(worker: Worker) -> None:
    """Run an arq worker until it is cancelled or its storage fails it; close it in either case."""
    pool = worker.pool
    try:
        await worker.async_run()
    finally:
        try:
            await worker.close()
        except (RedisError, OSError) as error:
            _log.warning("worker.not_closed", reason=str(error))
        finally:
            # arq hangs up last, and not at all where its storage fails it before.
            await pool.aclose(close_connection_pool=True)


def _common(url: str, queue: str, slots: int) -> dict[str, Any]:
    pool = connecting.pool(
        url,
        max_connections=2 * slots + 4,
        timeout=_CONNECT_SECONDS,
        socket_connect_timeout=_CONNECT_SECONDS,
        client_name="triage-worker",
    )
    return {
        "queue_name": queue_name(queue),
        "redis_pool": ArqRedis(
            pool_or_conn=pool, job_serializer=serialize, job_deserializer=deserialize
        ),
        "handle_signals": False,
        "job_serializer": serialize,
        "job_deserializer": deserialize,
        "health_check_interval": 30,
    }


@asynccontextmanager
async def _listener(url: str) -> AsyncIterator[Redis]:
    """Give a client whose one connection may block."""
    pool = connecting.pool(
        url,
        max_connections=1,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=LISTEN_SECONDS + _CONNECT_SECONDS,
        client_name="triage-bell",
    )
    client: Redis = Redis(connection_pool=pool)
    try:
        yield client
    finally:
        await client.aclose(close_connection_pool=True)


async def _signs_of_life(duties: Duties) -> None:
    while True:
        await duties.workforce.sign(duties.name, duties.slots, duties.page)
        await asyncio.sleep(HEARTBEAT_SECONDS)


async def _left(duties: Duties) -> None:
    try:
        await duties.workforce.leave(duties.name)
    except StateUnavailable as error:
        _log.warning("worker.not_taken_off", reason=str(error))
