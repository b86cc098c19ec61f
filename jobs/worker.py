"""The worker's composition root: an arq worker that outlives an outage of its storage."""

import asyncio
import os
import secrets
import signal
import socket
from typing import Any

import msgspec
import structlog
from arq.connections import RedisSettings
from arq.cron import cron
from arq.worker import Worker
from redis.exceptions import RedisError

from app.state.conversations import ConversationStateManager
from app.state.store import Store
from jobs.tasks import sweep

QUEUE = "tri:arq:housekeeping"
SWEEP_SECONDS = frozenset({0, 30})
RESTART_SECONDS = 1.0

_log = structlog.get_logger(__name__)
_decode: Any = msgspec.msgpack.Decoder(dict[str, Any]).decode


async def run_worker(redis_url: str) -> None:
    """Run until SIGTERM or SIGINT; where the storage goes away, wait and begin again."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    store = Store(redis_url)
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    conversations = ConversationStateManager(store, owner)
    _log.info("worker.started", queue=QUEUE)
    try:
        while not stopping.is_set():
            await _run_once(redis_url, conversations, stopping)
    finally:
        await store.close()
        _log.info("worker.stopped")


async def _run_once(
    redis_url: str, conversations: ConversationStateManager, stopping: asyncio.Event
) -> None:
    worker = Worker(
        cron_jobs=[
            cron(sweep, second=set(SWEEP_SECONDS), run_at_startup=True, unique=True, keep_result=0)
        ],
        queue_name=QUEUE,
        redis_settings=RedisSettings.from_dsn(redis_url),
        ctx={"conversations": conversations},
        handle_signals=False,
        job_serializer=msgspec.msgpack.encode,
        job_deserializer=_decode,
        max_jobs=4,
        health_check_interval=30,
    )
    running = asyncio.create_task(worker.async_run(), name="arq")
    stopped = asyncio.create_task(stopping.wait(), name="stop")
    try:
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if running.done() and (error := running.exception()) is not None:
            if not isinstance(error, (RedisError, OSError)):
                raise error
            _log.warning("worker.waiting", reason=str(error))
            await _pause(stopping)
    finally:
        stopped.cancel()
        running.cancel()
        await asyncio.gather(running, stopped, return_exceptions=True)
        await _closed(worker)


async def _pause(stopping: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(RESTART_SECONDS):
            await stopping.wait()
    except TimeoutError:
        return


async def _closed(worker: Worker) -> None:
    try:
        await worker.close()
    except (RedisError, OSError) as error:
        _log.warning("worker.not_closed", reason=str(error))
