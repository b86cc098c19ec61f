"""Background analyses as those see them who wait for one, and as operators do."""

from typing import Any

import msgspec

from app.domain.errors import JobConflict, JobNotFound
from app.domain.event import AnalysisFailed, encode
from app.domain.job import JobState, JobView, job_id, parse_job_id
from app.domain.notification import Notification
from app.state import codec, keys
from app.state.indexes import listed, now_ms, outbox_listed, pairs
from app.state.keys import CaseKeys
from app.state.store import Store

_PAGE = 200


class JobBoard:
    """Looks at jobs and orders what operators may order."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def view(self, case_id: str, turn: int) -> JobView | None:
        """Return a job as it stands, or None if there is none."""
        fields = await self._store.command("HGETALL", CaseKeys(case_id).job(turn))
        return _view(fields)

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
            views = await self._store.commands(
                ("HGETALL", CaseKeys(name[0]).job(name[1])) for name, _ in named if name
            )
            for (_, score), fields in zip(named, views, strict=True):
                view = _view(fields)
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
        args = [turn, "retry", "", "", ""]
        answer = await self._store.run("job_order", CaseKeys(case_id).all(), args, before=before)
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
        args = [turn, "cancel", encode(event), notification.id, codec.encode(notification)]
        before = outbox_listed(case_id)
        answer = await self._store.run("job_order", CaseKeys(case_id).all(), args, before=before)
        _obeyed(answer, job_id(case_id, turn), "it is over and cannot be cancelled")


def _obeyed(answer: Any, name: str, conflict: str) -> None:
    if answer[0] == b"GONE":
        raise JobNotFound(f"there is no job {name}")
    if answer[0] == b"WRONG":
        raise JobConflict(f"job {name} is {answer[1].decode()}: {conflict}")


def _view(fields: Any) -> JobView | None:
    found = pairs(fields)
    if b"spec" not in found:
        return None
    job = codec.decode_job(found[b"spec"])
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
        error=found[b"err"].decode() if b"err" in found else None,
    )
