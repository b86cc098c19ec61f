"""Who could work on background jobs, and how long a new one will take: measured, never guessed."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from app.domain.job import Estimate, Queue, WorkerView
from app.state import keys
from app.state.indexes import now_ms
from app.state.store import Store

HEARTBEAT_SECONDS = 5.0
_LOST_MS = 3 * HEARTBEAT_SECONDS * 1_000
_LEAST_MEASURED = 5


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(WorkerView).decode


class Forecast(Struct, frozen=True):
    """What a new job of a queue has before it."""

    ahead: int
    """Jobs of the queue that are not over."""
    estimate: Estimate | None


class Workforce:
    """The living workers of an installation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def sign(self, name: str, slots: Mapping[Queue, int], metrics: str | None = None) -> None:
        """Give a sign of a worker's life, and say where it serves its metrics."""
        view = WorkerView(name=name, slots=slots, seen_at=now_ms(), metrics=metrics)
        await self._store.commands(
            [
                ("HSET", keys.WORKERS, name, _encode(view)),
                ("EXPIRE", keys.WORKERS, keys.WORKER_TTL),
            ]
        )

    async def leave(self, name: str) -> None:
        """Take a worker off that stops."""
        await self._store.command("HDEL", keys.WORKERS, name)

    async def living(self) -> list[WorkerView]:
        """Return the workers that gave a sign of life lately; forget the others."""
        rows = await self._store.command("HVALS", keys.WORKERS)
        found = [_decode(row) for row in rows]
        lost = [one.name for one in found if now_ms() - one.seen_at > _LOST_MS]
        if lost:
            await self._store.command("HDEL", keys.WORKERS, *lost)
        return sorted((one for one in found if one.name not in lost), key=lambda one: one.name)

    async def forecast(self, queue: Queue) -> Forecast:
        """Return what a new job of a queue has before it."""
        ahead, took = await self._store.commands(
            [("ZCARD", keys.agenda(queue)), ("LRANGE", keys.durations(queue), 0, -1)]
        )
        slots = sum(one.slots.get(queue, 0) for one in await self.living())
        return Forecast(ahead, estimated(sorted(map(int, took)), ahead, slots))


def estimated(took_ms: list[int], ahead: int, slots: int) -> Estimate | None:
    """Return how long a job will take from now.

    It waits until a slot is free, by the mean of what jobs took, and then takes as long as half,
    or nine tenths, of them did (nearest rank).

    Args:
        took_ms: what the latest jobs of the queue took, sorted, in milliseconds.
        ahead: jobs of the queue that are not over.
        slots: how many jobs all living workers take from it at once.

    >>> estimated([100, 100, 200, 200, 400], ahead=4, slots=2)
    Estimate(p50_ms=500, p90_ms=700, measured=5)
    >>> estimated([100] * 5, ahead=0, slots=0) is None
    True
    """
    count = len(took_ms)
    if count < _LEAST_MEASURED or slots < 1:
        return None
    behind = max(0, ahead - slots + 1)
    wait = round(behind * sum(took_ms) / count / slots)
    return Estimate(
        p50_ms=wait + took_ms[(count - 1) // 2],
        p90_ms=wait + took_ms[min(count - 1, -(-9 * count // 10) - 1)],
        measured=count,
    )
