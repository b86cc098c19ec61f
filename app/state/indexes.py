"""The indexes over all cases, and how they are written: before what they point to.

An entry may name something that never came to be, and never the other way round; a sweep or a
reconciler takes such entries off again.
"""

from collections.abc import Sequence
from typing import Any

from app.domain import clock
from app.domain.job import Job
from app.state import keys

Command = tuple[Any, ...]

_AGENDA_MS = 1_000
"""How long after its creation a reconciler looks whether somebody has begun with a job."""


def now_ms() -> int:
    """Return the Unix time in milliseconds, by the clock that all processes share."""
    return clock.now_ms()


def listed(at_ms: int, member: str, *indexes: str) -> list[Command]:
    """Return the commands that put a member on indexes at a time."""
    return [
        command
        for index in indexes
        for command in (("ZADD", index, at_ms, member), ("EXPIRE", index, keys.INDEX_TTL))
    ]


def job_listed(job: Job) -> list[Command]:
    """Return the commands that list a new job.

    It comes onto the agenda a moment ahead, since whoever creates it wakes a worker for it first.
    """
    return [
        *listed(now_ms() + _AGENDA_MS, job.id, keys.agenda(job.queue)),
        *listed(job.created_at, job.id, keys.JOBS),
    ]


def outbox_listed(case_id: str) -> list[Command]:
    """Return the commands that say that a case has something to tell the world, now.

    The time is written in any case: whoever looks at the outbox right now sees by it that there is
    more, and does not put the case off.
    """
    return listed(now_ms(), case_id, keys.OUTBOX)


def scored(flat: Sequence[Any]) -> list[tuple[str, int]]:
    """Pair up members and scores, whichever way the client answers."""
    if flat and isinstance(flat[0], (list, tuple)):
        return [(member.decode(), int(score)) for member, score in flat]
    return [(m.decode(), int(float(s))) for m, s in zip(flat[::2], flat[1::2], strict=True)]


def pairs(flat: Any) -> dict[bytes, bytes]:
    """Return a hash as a dictionary, whichever way the client answers."""
    return flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
