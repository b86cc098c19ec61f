"""The agenda: which background jobs somebody should look at, and when.

It holds hints. A reconciler reads what is due, looks at each job as it stands, and moves the entry
to when the next look makes sense. Where several do, the one that moves an entry first acts on it.
"""

import msgspec
from msgspec import Struct

from app.domain.job import JobState, Queue, job_id, parse_job_id
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
    queue: Queue
    seen: str
    """Its score when it was read."""
    state: JobState | None
    """None where there is no such job."""
    attempts: int
    held_ms: int
    """How long its worker's lease lasts; 0 where nobody has it."""
    wait_ms: int
    """How long until it may be tried again; 0 where it may be now."""
    wakes: int
    """How often a worker was woken for it since one last began."""

    @property
    def name(self) -> str:
        """The job's name."""
        return job_id(self.case_id, self.turn)


class Agenda:
    """Looks after all jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def due(self, queue: Queue, limit: int) -> list[AgendaEntry]:
        """Return a queue's jobs that should be looked at now, as they stand."""
        now = now_ms()
        rows = await self._store.command(
            "ZRANGE", keys.agenda(queue), "-inf", now, "BYSCORE", "LIMIT", 0, limit, "WITHSCORES"
        )
        found = [
            (*named, score.decode())
            for member, score in zip(rows[::2], rows[1::2], strict=True)
            if (named := parse_job_id(member.decode())) is not None
        ]
        answers = await self._store.commands(
            command
            for case_id, turn, _ in found
            for command in (
                ("HMGET", CaseKeys(case_id).job(turn), "st", "a", "nb", "w"),
                ("PTTL", CaseKeys(case_id).job_lease(turn)),
            )
        )
        return [
            AgendaEntry(
                case_id=case_id,
                turn=turn,
                queue=queue,
                seen=seen,
                state=None if state is None else msgspec.convert(state.decode(), JobState),
                attempts=int(attempts or 0),
                held_ms=max(0, held),
                wait_ms=max(0, int(not_before or 0) - now),
                wakes=int(wakes or 0),
            )
            for (case_id, turn, seen), (state, attempts, not_before, wakes), held in zip(
                found, answers[::2], answers[1::2], strict=True
            )
        ]

    async def look_again(self, entry: AgendaEntry, wait_ms: int) -> bool:
        """Move an entry; False if another reconciler was faster, or the job is over."""
        args = [entry.name, entry.seen, now_ms() + wait_ms]
        return bool(await self._store.run("move", [keys.agenda(entry.queue)], args))

    async def strike(self, entry: AgendaEntry) -> None:
        """Take an entry off, unless it was put there anew or its job may yet be written."""
        if entry.state is None and now_ms() - float(entry.seen) < _ABSENT_MS:
            return
        await self._store.run("unlist", [keys.agenda(entry.queue)], [entry.name, entry.seen])

    async def count_wake(self, entry: AgendaEntry) -> None:
        """Count that a worker is woken for a job that is there."""
        await self._store.command("HINCRBY", CaseKeys(entry.case_id).job(entry.turn), "w", 1)
