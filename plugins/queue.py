"""Queues on arq: an entry wakes a worker and carries a name, nothing else.

arq's worker asks its queue every half second. A list beside each queue is the doorbell: whoever
enqueues rings it, and a worker that has nothing to do listens to it instead.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from arq.connections import ArqRedis
from redis.asyncio import Redis

from app.domain.clock import now_ms
from app.domain.errors import InvalidInput
from app.domain.job import Queue
from app.state import connecting
from app.state.failing import translated

ANALYSE = "analyse"
"""The name of the worker's function."""
CONNECTIONS = 16
_TIMEOUT = 2.0
_CLOCKS_APART = timedelta(hours=12)
"""An entry is due for workers whose clocks are so much behind; arq's goes by the machine's own."""
_LIFE = timedelta(days=1)
_BELL_LENGTH = 256
_BELL_TTL = 3_600

serialize = msgspec.msgpack.encode
deserialize: Callable[[bytes], dict[str, Any]] = msgspec.msgpack.Decoder(dict[str, Any]).decode


def queue_name(queue: str) -> str:
    """Return arq's name of a queue."""
    return f"tri:arq:{queue}"


def bell(queue: str) -> str:
    """Return the list that is rung when something is put into a queue."""
    return f"tri:arq:{queue}:bell"


def queue_address(queue_url: str | None, storage_url: str) -> str:
    """Return where the queues are: where it is said, or where everything is.

    Raises:
        InvalidInput: if it is said to be a cluster, or everything is in one and nothing is said.
    """
    found = queue_url or storage_url
    try:
        cluster = connecting.cluster_of(found)
    except ValueError as error:
        raise InvalidInput(f"TRIAGE_QUEUE_URL: {error}") from error
    if cluster is not None:
        raise InvalidInput(
            "TRIAGE_QUEUE_URL must name one server, or Sentinels: arq takes no cluster"
        )
    return found


class ArqQueue:
    """Wakes workers."""

    def __init__(self, url: str) -> None:
        """Take the server's address; a connection is made when something is enqueued."""
        pool = connecting.pool(
            url,
            max_connections=CONNECTIONS,
            timeout=_TIMEOUT,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            client_name="triage-queue",
        )
        self._redis = ArqRedis(
            pool_or_conn=pool, job_serializer=serialize, job_deserializer=deserialize
        )

    async def wake(self, name: str, queue: Queue, token: str) -> None:
        """Wake a worker of the queue for a job; equal tokens of a job wake once.

        Raises:
            StateUnavailable: the storage does not answer.
        """
        with translated():
            await self._redis.enqueue_job(
                ANALYSE,
                name,
                _job_id=f"{name}:{token}",
                _queue_name=queue_name(queue),
                _defer_until=datetime.fromtimestamp(now_ms() / 1_000, UTC) - _CLOCKS_APART,
                _expires=_LIFE,
            )
            await ring(self._redis, queue)

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose(close_connection_pool=True)


async def ring(redis: Redis, queue: str) -> None:
    """Ring a queue's doorbell; nobody keeps count beyond what may lie in the list."""
    pipe = redis.pipeline(transaction=False)
    pipe.lpush(bell(queue), 1)
    pipe.ltrim(bell(queue), 0, _BELL_LENGTH - 1)
    pipe.expire(bell(queue), _BELL_TTL)
    await pipe.execute()
