"""Queues on arq: an entry wakes a worker and carries a name, nothing else.

arq's worker asks its queue every half second. A list beside each queue is the doorbell: whoever
enqueues rings it, and a worker that has nothing to do listens to it instead.

What is written is what arq writes and any of its workers could take, in one script where arq's own
`enqueue_job` needs three round trips and a bell a fourth.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from arq.constants import job_key_prefix
from arq.jobs import serialize_job
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
_CLOCKS_APART_MS = 12 * 3_600_000
"""An entry is due for workers whose clocks are so much behind: those of an earlier release go by
the machine's own."""
_LIFE_MS = 86_400_000
_BELL_LENGTH = 256
_BELL_TTL = 3_600

_WAKE = """
-- Put an entry into a queue, unless it is there, and ring. KEYS: queue, bell, what the entry asks
-- for. ARGV: entry, score, what it asks for, its life in ms; the bell's length, its life in s.
if not redis.call('SET', KEYS[3], ARGV[3], 'NX', 'PX', ARGV[4]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('LPUSH', KEYS[2], 1)
redis.call('LTRIM', KEYS[2], 0, ARGV[5] - 1)
redis.call('EXPIRE', KEYS[2], ARGV[6])
return 1
"""

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
            socket_connect_timeout=_TIMEOUT,
            client_name="triage-queue",
        )
        self._redis: Redis = Redis(connection_pool=pool)
        self._wake = self._redis.register_script(_WAKE)

    async def wake(self, name: str, queue: Queue, token: str) -> None:
        """Wake a worker of the queue for a job; equal tokens of a job wake once.

        Raises:
            StateUnavailable: the storage does not answer.
        """
        entry, now = f"{name}:{token}", now_ms()
        asked = serialize_job(ANALYSE, (name,), {}, None, now, serializer=serialize)
        with translated():
            async with asyncio.timeout(_TIMEOUT):
                await self._wake(
                    [queue_name(queue), bell(queue), job_key_prefix + entry],
                    [entry, now - _CLOCKS_APART_MS, asked, _LIFE_MS, _BELL_LENGTH, _BELL_TTL],
                )

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
