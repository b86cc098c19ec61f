"""An arq worker that listens to a doorbell while it has nothing to do, and asks its queue little.

arq's own looks at the queue, asks about each entry, marks it, reads it, and finishes it: seven
round trips for each job, those before its start one job after the other. Here one script does all
of that for many jobs at once: it is told which have ended, and gives what free hands can take.
"""

import asyncio
from typing import Any

import structlog
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix
from arq.jobs import deserialize_job
from arq.worker import Worker
from redis.asyncio import Redis

from plugins.queue import bell, ring

CLAIM_SECONDS = 2.0
"""How long a started entry is taken for its worker's own."""
LISTEN_SECONDS = 2.0
"""How long to listen before the queue is looked at anyway."""

_TURN = f"""
-- Take ended entries off a queue, and take others on. KEYS: queue, bell. ARGV: how many to take on,
-- how many to look at in one go, ms for which they are the worker's own, how many are over, their
-- names; then the names of those that others may have at once. Answers with each entry and what it
-- asks for.
local asks, own, tries = '{job_key_prefix}', '{in_progress_key_prefix}', '{retry_key_prefix}'
local most, look, over = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
for i = 5, 4 + over do
  redis.call('DEL', asks .. ARGV[i], own .. ARGV[i], tries .. ARGV[i])
  redis.call('ZREM', KEYS[1], ARGV[i])
end
for i = 5 + over, #ARGV do redis.call('DEL', own .. ARGV[i]) end
if most < 1 then return {{}} end
local taken, at = {{}}, 0
repeat
  local found = redis.call('ZRANGE', KEYS[1], at, at + look - 1)
  for _, entry in ipairs(found) do
    if #taken == most then return taken end
    if redis.call('SET', own .. entry, 1, 'NX', 'PX', ARGV[3]) then
      taken[#taken + 1] = {{entry, redis.call('GET', asks .. entry)}}
    end
  end
  at = at + look
until #found < look
-- Nothing is left for which the bell was rung.
redis.call('DEL', KEYS[2])
return taken
"""

_log = structlog.get_logger(__name__)


class DoorbellWorker(Worker):
    """Starts what is queued as soon as the bell rings; goes on while there is more.

    An entry that was begun is anybody's again after a moment: arq would believe in a killed worker
    for minutes, and its entries would stand before all others until none of those is read any more.
    Who has a job stands with the job: whoever is given an entry a second time finds that out at
    once, and the entry goes.
    """

    def __init__(self, *args: Any, queue: str, listener: Redis, **kwargs: Any) -> None:
        """Take what arq's worker takes, the queue, and a client whose connection may block."""
        super().__init__(*args, **kwargs)
        self._queue = queue
        self._listener = listener
        self._listening: asyncio.Task[Any] | None = None
        self._turn = self.pool.register_script(_TURN)
        self._over: set[str] = set()
        """Entries that are done with, until the queue is told."""
        self._left: set[str] = set()
        """Entries whose work was cut short, until the queue is told."""
        self._stirred = asyncio.Event()
        """Something has ended, or the bell was heard."""

    async def main(self) -> None:
        """Look, start, listen, without end."""
        self.ctx["redis"] = self.pool
        try:
            while True:
                self._stirred.clear()
                await self._look(self.max_jobs - len(self.tasks))
                await self.heart_beat()
                await self._listen()
        finally:
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.gather(self._listening, return_exceptions=True)

    async def close(self) -> None:
        """Cut short what runs, say so to the queue, and hang up."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        try:
            await self._look(0)
        finally:
            await super().close()

    async def _look(self, free: int) -> None:
        """Tell the queue what has ended, and start what it has for free hands: one round trip."""
        over, left = tuple(self._over), tuple(self._left)
        taken = await self._turn(
            [self.queue_name, bell(self._queue)],
            [free, self.queue_read_limit, int(CLAIM_SECONDS * 1_000), len(over), *over, *left],
        )
        self._over.difference_update(over)
        self._left.difference_update(left)
        for name, asked in taken:
            self._start(name.decode(), asked)

    def _start(self, entry: str, asked: bytes | None) -> None:
        if entry in self.tasks or entry in self._over:
            # Its own, after so long that it was anybody's: the hand is still free.
            self._stirred.set()
        elif asked is None:
            _log.warning("entry.expired", entry=entry)
            self._over.add(entry)
            self._stirred.set()
        else:
            task = self.tasks[entry] = asyncio.create_task(self._work(asked), name=entry)
            task.add_done_callback(lambda ended: self._ended(entry, ended))

    async def _work(self, asked: bytes) -> None:
        job = deserialize_job(asked, deserializer=self.job_deserializer)
        function = self.functions[job.function]
        seconds = self.job_timeout_s if function.timeout_s is None else function.timeout_s
        async with asyncio.timeout(seconds):
            await function.coroutine(self.ctx, *job.args, **job.kwargs)

    def _ended(self, entry: str, task: asyncio.Task[None]) -> None:
        del self.tasks[entry]
        self._stirred.set()
        if task.cancelled():
            self.jobs_retried += 1
            self._left.add(entry)
            return
        self._over.add(entry)
        if (error := task.exception()) is None:
            self.jobs_complete += 1
        else:
            self.jobs_failed += 1
            _log.error("entry.failed", entry=entry, exc_info=error)

    async def _listen(self) -> None:
        """Wait for the bell, where a hand is free, or for the end of some job."""
        if self._listening is None and len(self.tasks) < self.max_jobs:
            heard = self._listener.execute_command("BLPOP", bell(self._queue), LISTEN_SECONDS)
            self._listening = asyncio.ensure_future(heard)
            self._listening.add_done_callback(lambda _: self._stirred.set())
        await self._stirred.wait()
        if self._listening is not None and self._listening.done():
            ended, self._listening = self._listening, None
            if ended.result() is not None and len(self.tasks) >= self.max_jobs:
                await ring(self.pool, self._queue)  # it is for somebody else
