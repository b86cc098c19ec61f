"""The agenda: which background jobs somebody should look at, and when; and who could work on them.

It holds hints. A reconciler reads what is due, looks at each job as it stands, and moves the entry
to when the next look makes sense. Where several do, the one that moves an entry first acts on it.
"""

import msgspec
from msgspec import Struct

from app.domain.job import QUEUES, JobState, Queue, job_id, parse_job_id
from app.state import keys
from app.state.indexes import now_ms
from app.state.keys import CaseKeys
from app.state.store import Store

_ABSENT_MS = 60_000
"""A job that is on the agenda and not there may be about to be written; after this it is not."""


class AgendaEntry(Struct, frozen=True, kw_only=True):
    """A job that should be looked at, as it stands."""

    case_id: str
    turn: int
    seen: str
    """Its score when it was read."""
    state: JobState | None
    """None where there is no such job."""
    queue: Queue
    held_ms: int
    """How long its worker's lease lasts; 0 where nobody has it."""
    not_before: int
    wakes: int
    """How often a worker was woken for it since one last began."""


class Agenda:
    """Looks after all jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def due(self, limit: int) -> list[AgendaEntry]:
        """Return the jobs that should be looked at now, as they stand."""
        rows = await self._store.command(
            "ZRANGE", keys.AGENDA, "-inf", now_ms(), "BYSCORE", "LIMIT", 0, limit, "WITHSCORES"
        )
        found = [
            (*named, score.decode())
            for member, score in zip(rows[::2], rows[1::2], strict=True)
            if (named := parse_job_id(member.decode())) is not None
        ]
        if not found:
            return []
        answers = await self._store.commands(
            command
            for case_id, turn, _ in found
            for command in (
                ("HMGET", CaseKeys(case_id).job(turn), "st", "q", "nb", "w"),
                ("PTTL", CaseKeys(case_id).job_lease(turn)),
            )
        )
        return [
            AgendaEntry(
                case_id=case_id,
                turn=turn,
                seen=seen,
                state=None if state is None else msgspec.convert(state.decode(), JobState),
                queue=QUEUES[0] if queue is None else msgspec.convert(queue.decode(), Queue),
                held_ms=max(0, held),
                not_before=int(not_before or 0),
                wakes=int(wakes or 0),
            )
            for (case_id, turn, seen), (state, queue, not_before, wakes), held in zip(
                found, answers[::2], answers[1::2], strict=True
            )
        ]

    async def look_again(self, entry: AgendaEntry, wait_ms: int) -> bool:
        """Move an entry of the agenda; False if another reconciler was faster."""
        name = job_id(entry.case_id, entry.turn)
        args = [name, entry.seen, now_ms() + wait_ms]
        return bool(await self._store.run("move", [keys.AGENDA], args))

    async def strike(self, entry: AgendaEntry) -> None:
        """Take an entry off the agenda, unless it was put there anew."""
        if entry.state is None and now_ms() - float(entry.seen) < _ABSENT_MS:
            await self._store.command("ZADD", keys.AGENDA, "XX", now_ms() + _ABSENT_MS,
                                      job_id(entry.case_id, entry.turn))  # fmt: skip
            return
        name = job_id(entry.case_id, entry.turn)
        await self._store.run("unlist", [keys.AGENDA], [name, entry.seen])

    async def count_wake(self, case_id: str, turn: int) -> int:
        """Count that a worker is woken for a job; returns how often that was since one began."""
        key = CaseKeys(case_id).job(turn)
        if not await self._store.command("EXISTS", key):
            return 0
        return int(await self._store.command("HINCRBY", key, "w", 1))
