"""Background analyses as those see them who wait for one, and as operators do."""

from typing import Any

import msgspec

from app.domain.errors import CaseUnreadable, JobConflict, JobNotFound
from app.domain.event import AnalysisFailed, encode
from app.domain.job import JobState, JobView, job_id, parse_job_id
from app.domain.notification import Notification
from app.domain.sealing import CaseKey
from app.state import codec, keys
from app.state.indexes import listed, now_ms, outbox_listed, pairs, scored
from app.state.keys import CaseKeys
from app.state.looking import read
from app.state.sealing import KEY, run_sealed
from app.state.store import Store

_PAGE = 200
_SWEPT = 2_000
"""How many of a list a sweep looks at."""
_SWEEP_MS = 30_000
"""Between two sweeps, about."""


class JobBoard:
    """Looks at jobs and orders what operators may order."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def view(self, case_id: str, turn: int) -> JobView | None:
        """Return a job as it stands, or None if there is none."""
        fields, wrapped = await self._store.commands(_looks(case_id, turn))
        return _view(fields, self._store.sealer.key(case_id, wrapped))

    async def latest(self, case_id: str) -> JobView | None:
        """Return the job that the case's present result comes from, or will come from, if any."""
        turn = await self._store.command("HGET", CaseKeys(case_id).meta, "rt")
        return None if turn is None else await self.view(case_id, int(turn))

    async def list(
        self, *, states: frozenset[JobState], limit: int, before_ms: int | None = None
    ) -> tuple[list[JobView], int | None]:
        """List jobs, the latest created first.

        Args:
            states: only jobs in one of these; empty means any.
            limit: at most so many.
            before_ms: only jobs created before this Unix time in milliseconds: the cursor.

        Returns:
            The jobs, and the cursor of the next page; None where there is none.
        """
        index = keys.DEAD if states == {"dead"} else keys.JOBS
        found: list[JobView] = []
        top = "+inf" if before_ms is None else f"({before_ms}"
        while True:
            rows = await self._store.command(
                "ZRANGE", index, top, "-inf", "BYSCORE", "REV", "LIMIT", 0, _PAGE, "WITHSCORES"
            )
            named = [
                (parse_job_id(member.decode()), int(float(score)))
                for member, score in zip(rows[::2], rows[1::2], strict=True)
            ]
            jobs = [(name, score) for name, score in named if name is not None]
            answers = await self._store.commands(look for name, _ in jobs for look in _looks(*name))
            for (name, score), fields, wrapped in zip(
                jobs, answers[::2], answers[1::2], strict=True
            ):
                view = self._readable(name, fields, wrapped)
                if view is not None and (not states or view.state in states):
                    found.append(view)
                    if len(found) == limit:
                        return found, score
            if len(named) < _PAGE:
                return found, None
            top = f"({named[-1][1]}"

    async def retry(self, case_id: str, turn: int) -> None:
        """Let a job that was given up or cancelled begin anew; kept steps are not paid again.

        Raises:
            JobNotFound: there is no such job.
            JobConflict: it is neither dead nor cancelled.
        """
        name = job_id(case_id, turn)
        if (found := await self.view(case_id, turn)) is None:
            raise JobNotFound(f"there is no job {name}")
        before = listed(now_ms(), name, keys.agenda(found.queue))
        answer = await run_sealed(
            self._store,
            "job_order",
            case_id,
            lambda _: [turn, "retry", "", "", ""],
            before=before,
        )
        _obeyed(answer, name, "only a job that was given up or cancelled can be retried")
        await self._store.command("ZREM", keys.DEAD, name)

    async def cancel(
        self, case_id: str, turn: int, event: AnalysisFailed, notification: Notification
    ) -> None:
        """Stop a job wherever it is worked on.

        Raises:
            JobNotFound: there is no such job.
            JobConflict: it is over.
        """

        def args(key: CaseKey) -> list[Any]:
            told = codec.EVENT.seal(key, encode(event))
            note = codec.NOTIFICATION.seal(key, notification)
            return [turn, "cancel", told, notification.id, note]

        before = outbox_listed(case_id)
        answer = await run_sealed(self._store, "job_order", case_id, args, before=before)
        _obeyed(answer, job_id(case_id, turn), "it is over and cannot be cancelled")

    def _readable(
        self, name: tuple[str, int], fields: Any, wrapped: bytes | None
    ) -> JobView | None:
        """Return a job as it stands; None where there is none, or its case cannot be read."""
        found = read(self._store, name[0], wrapped, lambda key: _view(fields, key))
        return None if isinstance(found, CaseUnreadable) else found


async def sweep(store: Store, *, top_ms: int) -> int:
    """Take jobs off the lists that went with their cases; returns how many were.

    Each sweep looks at some thousands, wherever the time has come to, so that all have their turn,
    and goes on while most of those are gone.

    Args:
        store: the storage.
        top_ms: only jobs listed before; a later one may not be there yet.
    """
    swept = 0
    for index in (keys.JOBS, keys.DEAD):
        size = await store.command("ZCARD", index)
        place = 0 if size <= _SWEPT else now_ms() // _SWEEP_MS * _SWEPT % size
        looked_at, gone = await _sweep(store, index, place, top_ms)
        swept += gone
        while gone > looked_at // 2:
            looked_at, gone = await _sweep(store, index, place, top_ms)
            swept += gone
    return swept


async def _sweep(store: Store, index: str, first: int, top_ms: int) -> tuple[int, int]:
    """Sweep some thousands from a place on; returns how many were looked at, and how many gone."""
    rows = scored(await store.command("ZRANGE", index, first, first + _SWEPT - 1, "WITHSCORES"))
    old = [(name, at) for name, at in rows if at <= top_ms]
    swept = 0
    for place in range(0, len(old), _PAGE):
        gone = await _gone(store, old[place : place + _PAGE])
        if gone:
            await store.command("ZREM", index, *(name for name, _ in gone))
            # A commit that an outage had held up may have come in between.
            for name, at in set(gone) - set(await _gone(store, gone)):
                await store.commands(listed(at, name, index))
        swept += len(gone)
    return len(old), swept


async def _gone(store: Store, rows: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return those of some listed jobs that are not there, or are no jobs."""
    named = [(row, parse_job_id(row[0])) for row in rows]
    found = [(row, name) for row, name in named if name is not None]
    there = await store.commands(
        ("EXISTS", CaseKeys(case_id).job(turn)) for _, (case_id, turn) in found
    )
    kept = {row for (row, _), exists in zip(found, there, strict=True) if exists}
    return [row for row in rows if row not in kept]


def _looks(case_id: str, turn: int) -> list[tuple[str, ...]]:
    """Return the commands that read a job and the key of its case."""
    case = CaseKeys(case_id)
    return [("HGETALL", case.job(turn)), ("HGET", case.meta, KEY)]


def _obeyed(answer: Any, name: str, conflict: str) -> None:
    if answer[0] == b"GONE":
        raise JobNotFound(f"there is no job {name}")
    if answer[0] == b"WRONG":
        raise JobConflict(f"job {name} is {answer[1].decode()}: {conflict}")


def _view(fields: Any, key: CaseKey | None) -> JobView | None:
    found = pairs(fields)
    if b"spec" not in found:
        return None
    job = codec.JOB.open(key, found[b"spec"])
    times = {name: int(found[name]) for name in (b"sa", b"fa", b"nb") if found.get(name)}
    return JobView(
        job=job.id,
        case_id=job.case_id,
        turn=job.turn,
        queue=job.queue,
        planned=job.planned,
        state=msgspec.convert(found[b"st"].decode(), JobState),
        attempts=int(found[b"a"]),
        steps=tuple(sorted(name[2:].decode() for name in found if name.startswith(b"s:"))),
        created_at=job.created_at,
        started_at=times.get(b"sa"),
        finished_at=times.get(b"fa"),
        not_before=times.get(b"nb") or None,
        error=codec.ERROR.open(key, found[b"err"]).decode() if b"err" in found else None,
    )
