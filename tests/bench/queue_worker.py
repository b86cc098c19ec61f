"""A worker of one of the queues that are compared: notes how long each job was on its way.

A job brings the time of the monotonic clock at which it was enqueued, in nanoseconds; how long ago
that was goes into a file, a line each.
"""

import os
import sys
import time
from typing import Any, cast

import uvloop
from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.asyncio import BlockingConnectionPool, Redis
from saq import Worker as SaqWorker
from saq.queue.redis import RedisQueue
from taskiq import AsyncBroker
from taskiq.api import run_receiver_task
from taskiq_redis import ListQueueBroker

from app.domain.job import Queue
from app.state import connecting
from jobs.doorbell import DoorbellWorker
from plugins.queue import ANALYSE, deserialize, queue_name, serialize

AT_ONCE = 64
QUEUE: Queue = "standard"
NOTE = "note"
_NOTES = os.open(os.environ.get("BENCH_NOTES", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def take_note(stamp: int) -> None:
    """Note how long a job was on its way."""
    os.write(_NOTES, b"%d\n" % (time.monotonic_ns() - stamp))


def taskiq_broker(url: str) -> AsyncBroker:
    """Return taskiq's queue on a list, with its one task."""
    broker = ListQueueBroker(url=url, queue_name="taskiq")

    async def note(stamp: int) -> None:
        take_note(stamp)

    broker.register_task(note, task_name=NOTE)
    return broker


async def _ours(url: str) -> None:
    async def note(_: dict[Any, Any], name: str) -> None:
        take_note(int(name))

    pool = connecting.pool(url, max_connections=2 * AT_ONCE)
    listener: Redis = Redis(connection_pool=connecting.pool(url, max_connections=1))
    redis = ArqRedis(pool_or_conn=pool, job_serializer=serialize, job_deserializer=deserialize)
    await DoorbellWorker(
        [func(cast("Any", note), name=ANALYSE, keep_result=0)],
        queue=QUEUE,
        listener=listener,
        queue_name=queue_name(QUEUE),
        redis_pool=redis,
        max_jobs=AT_ONCE,
        handle_signals=False,
        job_serializer=serialize,
        job_deserializer=deserialize,
    ).async_run()


async def _arq(url: str) -> None:
    async def note(_: dict[Any, Any], stamp: int) -> None:
        take_note(stamp)

    pool = BlockingConnectionPool.from_url(url, max_connections=2 * AT_ONCE)
    await Worker(
        [func(cast("Any", note), name=NOTE, keep_result=0)],
        redis_pool=ArqRedis(pool_or_conn=pool),
        max_jobs=AT_ONCE,
        handle_signals=False,
    ).async_run()


async def _saq(url: str) -> None:
    async def note(_: Any, *, stamp: int) -> None:
        take_note(stamp)

    queue = RedisQueue(Redis.from_url(url))
    await SaqWorker(queue, [(NOTE, note)], concurrency=AT_ONCE).start()


async def _taskiq(url: str) -> None:
    broker = taskiq_broker(url)
    broker.is_worker_process = True
    await broker.startup()
    await run_receiver_task(broker, max_async_tasks=AT_ONCE)


if __name__ == "__main__":
    uvloop.run(
        {"ours": _ours, "arq": _arq, "saq": _saq, "taskiq": _taskiq}[sys.argv[1]](sys.argv[2])
    )
