"""What a finished turn sets going elsewhere: its background analysis."""

import structlog

from app.core.reconciler import Wakes
from app.domain.errors import StateUnavailable
from app.domain.event import AnalysisQueued
from app.domain.job import Job
from app.state.workforce import Forecast, Workforce

_log = structlog.get_logger(__name__)


class Errands:
    """Announces a job before it is committed, and wakes a worker for it after that."""

    def __init__(self, workforce: Workforce, queue: Wakes) -> None:
        self._workforce = workforce
        self._queue = queue

    async def announce(self, job: Job) -> AnalysisQueued:
        """Return what the case's readers are told, with an estimate if one can be made now."""
        try:
            forecast = await self._workforce.forecast(job.queue)
        except StateUnavailable:
            forecast = Forecast(0, None)
        return AnalysisQueued(
            turn=job.turn,
            job=job.id,
            queue=job.queue,
            ahead=forecast.ahead,
            estimate=forecast.estimate,
        )

    async def wake(self, job: Job, *, token: str = "new") -> None:  # noqa: S107
        """Wake a worker at once; if that fails, a reconciler does it in a moment."""
        try:
            await self._queue.wake(job.id, job.queue, token)
        except StateUnavailable as error:
            _log.warning("job.left_to_reconciler", job=job.id, reason=str(error))
