"""What operators do with background analyses: look at them, let them begin anew, stop them."""

from collections.abc import Sequence

from msgspec import Struct

from app.core.background import failure, notification
from app.core.errands import Errands
from app.domain.errors import InvalidInput, JobNotFound
from app.domain.job import Job, JobState, JobView, WorkerView, parse_job_id
from app.state.conversations import ConversationStateManager
from app.state.job_board import JobBoard
from app.state.workforce import Workforce


class JobPage(Struct, frozen=True, kw_only=True):
    """Some jobs, the latest created first."""

    jobs: tuple[JobView, ...]
    cursor: str | None
    """Where the next page begins; None where there is none."""


class JobDesk:
    """Acts on jobs by their names."""

    def __init__(
        self,
        conversations: ConversationStateManager,
        board: JobBoard,
        workforce: Workforce,
        errands: Errands,
    ) -> None:
        self._conversations = conversations
        self._board = board
        self._workforce = workforce
        self._errands = errands

    async def list(
        self, *, states: Sequence[JobState] = (), limit: int = 50, cursor: str | None = None
    ) -> JobPage:
        """List jobs, the latest created first.

        Raises:
            InvalidInput: if the cursor is none of ours.
        """
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 16):
            raise InvalidInput("cursor: it is none that an earlier page gave")
        before = None if cursor is None else int(cursor)
        found, following = await self._board.list(
            states=frozenset(states), limit=limit, before_ms=before
        )
        return JobPage(jobs=tuple(found), cursor=None if following is None else str(following))

    async def show(self, name: str) -> JobView:
        """Return a job.

        Raises:
            JobNotFound: there is none of that name.
        """
        found = None if (parts := parse_job_id(name)) is None else await self._board.view(*parts)
        if found is None:
            raise JobNotFound(f"there is no job {name[:80]!r}")
        return found

    async def of_case(self, case_id: str) -> JobView | None:
        """Return the job that the case's present result comes from, or will come from, if any."""
        return await self._board.latest(case_id)

    async def retry(self, name: str) -> JobView:
        """Let a job that was given up or cancelled begin anew; kept steps are not paid again.

        Raises:
            JobNotFound: there is none of that name.
            JobConflict: it is neither dead nor cancelled.
        """
        view = await self.show(name)
        await self._board.retry(view.case_id, view.turn)
        await self._errands.wake(_job(view), token=f"again.{view.finished_at}")
        return await self.show(name)

    async def cancel(self, name: str) -> JobView:
        """Stop a job wherever it is worked on.

        Raises:
            JobNotFound: there is none of that name.
            JobConflict: it is over.
        """
        view = await self.show(name)
        state = await self._conversations.get_conversation_state(view.case_id)
        if state is None:
            raise JobNotFound(f"the case of job {name[:80]!r} is gone")
        job = _job(view)
        event = failure(job, state.locale, "cancelled")
        await self._board.cancel(
            view.case_id, view.turn, event, notification("analysis.failed", job)
        )
        return await self.show(name)

    async def workers(self) -> Sequence[WorkerView]:
        """Return the living workers."""
        return await self._workforce.living()


def _job(view: JobView) -> Job:
    return Job(
        case_id=view.case_id,
        turn=view.turn,
        queue=view.queue,
        planned=view.planned,
        created_at=view.created_at,
    )
