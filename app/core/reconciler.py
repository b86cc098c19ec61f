"""Wakes workers for jobs that nobody works on: the worker died, a wake was lost, the time came.

Any number of reconcilers may run. Each reads the agenda, looks at the jobs as they stand, and only
the one that moves an entry first acts on it.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Protocol

import structlog

from app.domain.errors import StateUnavailable
from app.domain.job import JOB_OVER, Queue
from app.state.agenda import Agenda, AgendaEntry

LOOK_SECONDS = 0.2
_PAGE = 500
_SLACK_MS = 20
_FIRST_PATIENCE_MS = 1_500
"""How long a woken worker may take to begin before another one is woken; it doubles each time."""
_LONGEST_PATIENCE_MS = 60_000

_log = structlog.get_logger(__name__)


class Wakes(Protocol):
    """The queue that wakes workers."""

    async def wake(self, name: str, queue: Queue, token: str) -> None:
        """Wake a worker of the queue for a job; equal tokens of a job wake once.

        Raises:
            StateUnavailable: the queue does not answer.
        """
        ...


class Reconciler:
    """Looks after the jobs of some queues."""

    def __init__(self, agenda: Agenda, queue: Wakes, queues: Sequence[Queue]) -> None:
        self._agenda = agenda
        self._wakes = queue
        self._queues = tuple(queues)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                for queue in self._queues:
                    await self.look(queue)
            except StateUnavailable as error:
                _log.warning("reconciler.waiting", reason=str(error))
            except Exception:  # noqa: BLE001
                # Whatever is wrong with one job, all others depend on this task.
                _log.exception("reconciler.failed")
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311

    async def look(self, queue: Queue) -> int:
        """Look once at what is due in a queue; returns how many workers were woken."""
        woken = 0
        for entry in await self._agenda.due(queue, _PAGE):
            woken += await self._act(entry)
        return woken

    async def _act(self, entry: AgendaEntry) -> bool:
        if entry.state is None or entry.state in JOB_OVER:
            await self._agenda.strike(entry)
            return False
        if rest := max(entry.held_ms, entry.wait_ms):
            await self._agenda.look_again(entry, rest + _SLACK_MS)
            return False
        patience = min(_LONGEST_PATIENCE_MS, _FIRST_PATIENCE_MS * 2 ** min(entry.wakes, 10))
        if not await self._agenda.look_again(entry, patience):
            return False
        await self._agenda.count_wake(entry)
        await self._wakes.wake(entry.name, entry.queue, f"{entry.attempts}.{entry.wakes + 1}")
        if entry.wakes or entry.attempts:
            _log.info("job.woken_again", job=entry.name, attempts=entry.attempts)
        return True
