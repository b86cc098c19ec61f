"""An arq worker that listens to a doorbell while it has nothing to do, instead of polling."""

import asyncio
from typing import Any

from arq.worker import Worker
from redis.asyncio import Redis

from plugins.queue import bell

CLAIM_SECONDS = 2.0
"""How long arq takes a started entry for its worker's own."""
LISTEN_SECONDS = 2.0
"""How long to listen before the queue is looked at anyway."""


class DoorbellWorker(Worker):
    """Starts what is queued as soon as the bell rings; goes on while there is more."""

    def __init__(self, *args: Any, queue: str, listener: Redis, **kwargs: Any) -> None:
        """Take what arq's worker takes, the queue, and a client whose connection may block."""
        super().__init__(*args, **kwargs)
        # arq would believe in a killed worker for minutes, and its entries would stand before all
        # others until none of those is read any more. Who has a job stands with the job: whoever is
        # given an entry a second time finds that out at once, and the entry goes.
        self.in_progress_timeout_s = CLAIM_SECONDS
        self._bell = bell(queue)
        self._listener = listener
        self._listening: asyncio.Task[Any] | None = None

    async def main(self) -> None:
        """Look, start, listen, without end."""
        self.ctx["redis"] = self.pool
        try:
            while True:
                begun = self._jobs_started()
                await self._poll_iteration()
                if self._jobs_started() == begun:
                    await self._listen()
        finally:
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.gather(self._listening, return_exceptions=True)

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start what is queued, except what already runs here."""
        await super().start_jobs([one for one in job_ids if one.decode() not in self.tasks])

    async def _listen(self) -> None:
        """Wait for the bell, or, with all hands full, for the end of some job."""
        waiting: set[asyncio.Future[Any]] = set(self.tasks.values())
        if self.job_counter < self.max_jobs:
            if self._listening is None:
                self._listening = asyncio.create_task(self._ring(), name=f"bell {self._bell}")
            waiting.add(self._listening)
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if self._listening in done:
            heard, self._listening = self._listening, None
            heard.result()

    async def _ring(self) -> None:
        await self._listener.execute_command("BLPOP", self._bell, LISTEN_SECONDS)
