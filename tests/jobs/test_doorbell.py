"""The queue's small worker beside arq's: both take the same entries; each is done with once."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, cast

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix
from arq.worker import Worker, func
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.domain.job import Queue
from app.embedded import EmbeddedValkey
from app.state import connecting
from jobs import doorbell
from jobs.doorbell import DoorbellWorker
from plugins.queue import ANALYSE, ArqQueue, bell, deserialize, queue_name, serialize

# arq hangs up by a name that redis-py has given another since.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")

QUEUE: Queue = "standard"
PATIENCE = 20.0


class Desk:
    """A queue, workers on it, and what they were asked to do."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.url = url
        self.queue = ArqQueue(url)
        self.redis: Redis = Redis(connection_pool=connecting.pool(url))
        self.began: list[str] = []
        self.ended: list[str] = []
        self._held: dict[str, asyncio.Event] = {}
        self._stack = stack

    async def work(self, _: dict[Any, Any], name: str) -> None:
        """Do what is asked; `bad` is more than it can do."""
        self.began.append(name)
        if name == "bad":
            raise ValueError("this is too much")
        if name in self._held:
            await self._held[name].wait()
        self.ended.append(name)

    def hold(self, *names: str) -> None:
        """Have some work not end until it may."""
        self._held.update({name: asyncio.Event() for name in names})

    def let_go(self, *names: str) -> None:
        """Have held work end."""
        for name in names:
            self._held[name].set()

    async def worker(self, *, slots: int = 16, kind: type[Worker] = DoorbellWorker) -> "At":
        """Start a worker."""
        listener: Redis = Redis(connection_pool=connecting.pool(self.url, max_connections=1))
        ours: dict[str, Any] = {"queue": QUEUE, "listener": listener}
        made = kind(
            [func(cast("Any", self.work), name=ANALYSE, keep_result=0)],
            queue_name=queue_name(QUEUE),
            redis_pool=self.arq(),
            max_jobs=slots,
            handle_signals=False,
            job_serializer=serialize,
            job_deserializer=deserialize,
            **(ours if kind is DoorbellWorker else {}),
        )
        at = At(made, asyncio.create_task(made.async_run()))
        self._stack.push_async_callback(listener.aclose, close_connection_pool=True)
        self._stack.push_async_callback(at.stop)
        return at

    def arq(self) -> ArqRedis:
        """Return a client of arq's own."""
        return ArqRedis(
            pool_or_conn=connecting.pool(self.url),
            job_serializer=serialize,
            job_deserializer=deserialize,
        )

    async def wake(self, *names: str) -> None:
        """Ask for work, all at once."""
        await asyncio.gather(*(self.queue.wake(name, QUEUE, "new") for name in names))

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of what was done."""

        async def looked() -> bool:
            return holds()

        await until(looked)

    async def until_empty(self) -> None:
        """Wait until nothing is left of any entry."""

        async def is_empty() -> bool:
            return not await self.redis.exists(queue_name(QUEUE))

        await until(is_empty)
        assert await self.redis.keys("arq:*") == []


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not await holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


class At:
    """A worker at work."""

    def __init__(self, worker: Worker, task: asyncio.Task[None]) -> None:
        self._worker = worker
        self._pool = worker.pool
        self._stopped = False
        self.task = task

    async def stop(self) -> None:
        """Stop it as the worker process does, and hang up also where its storage is gone."""
        if self._stopped:
            return
        self._stopped = True
        gone = self.task.done()
        self.task.cancel()
        with suppress(asyncio.CancelledError, RedisError, OSError):
            await self.task
        if gone:
            await self._pool.aclose(close_connection_pool=True)
        else:
            await self._worker.close()


@asynccontextmanager
async def _desk(valkey: EmbeddedValkey) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        made = Desk(valkey.url, stack)
        stack.push_async_callback(made.redis.aclose, close_connection_pool=True)
        stack.push_async_callback(made.queue.close)
        yield made


@pytest.fixture
async def desk(empty_valkey: EmbeddedValkey) -> AsyncIterator[Desk]:
    """A queue with nothing in it."""
    async with _desk(empty_valkey) as made:
        yield made


async def test_every_entry_is_done_once_by_any_number_of_workers(desk: Desk) -> None:
    """Two hundred at once, three workers of four hands: each name once, and nothing is left."""
    for _ in range(3):
        await desk.worker(slots=4)
    names = [f"job {n}" for n in range(200)]
    await desk.wake(*names)
    await desk.until(lambda: len(desk.ended) >= len(names))
    await desk.until_empty()
    assert Counter(desk.ended) == Counter(names)
    assert await desk.redis.exists(bell(QUEUE)) == 0


async def test_equal_tokens_wake_once(desk: Desk) -> None:
    """What waits, or is being worked on, under a token is not asked for a second time."""
    desk.hold("one")
    for _ in range(3):
        await desk.wake("one")
    await desk.worker()
    await desk.until(lambda: desk.began == ["one"])
    await desk.wake("one")
    await desk.wake("other")
    await desk.until(lambda: "other" in desk.began)
    desk.let_go("one")
    await desk.until_empty()
    assert desk.began == ["one", "other"]
    await desk.wake("one")
    await desk.until(lambda: desk.began == ["one", "other", "one"])


async def test_arqs_own_worker_takes_what_we_enqueue(desk: Desk) -> None:
    """While a deploy rolls, workers of a release that leaves the queue to arq serve it as well."""
    await desk.worker(kind=Worker)
    await desk.wake("ours")
    await desk.until_empty()
    assert desk.ended == ["ours"]


async def test_what_arq_enqueues_is_taken(desk: Desk) -> None:
    """While a deploy rolls, instances that leave the enqueuing to arq have their jobs done too."""
    client = desk.arq()
    await client.enqueue_job(ANALYSE, "theirs", _job_id="t:1", _queue_name=queue_name(QUEUE))
    await client.aclose(close_connection_pool=True)
    await desk.worker()
    await desk.until_empty()
    assert desk.ended == ["theirs"]


async def test_what_fails_goes_and_the_worker_goes_on(desk: Desk) -> None:
    """One that raises, one that cannot be read and one that has expired leave nothing behind."""
    await desk.wake("bad", "unread", "expired", "good")
    await desk.redis.set(f"{job_key_prefix}unread:new", b"\xc1")
    await desk.redis.delete(f"{job_key_prefix}expired:new")
    await desk.worker(slots=1)
    await desk.until_empty()
    assert sorted(desk.began) == ["bad", "good"]
    assert desk.ended == ["good"]


async def test_what_is_cut_short_is_anybodys_at_once(desk: Desk) -> None:
    """A worker that stops in the middle puts the entry back, and does not wait for its claim."""
    desk.hold("long")
    first = await desk.worker()
    await desk.wake("long")
    await desk.until(lambda: desk.began == ["long"])
    assert await desk.redis.pttl(f"{in_progress_key_prefix}long:new") > 0
    await first.stop()
    assert await desk.redis.exists(f"{in_progress_key_prefix}long:new") == 0
    desk.let_go("long")
    await desk.worker()
    await desk.until_empty()
    assert desk.ended == ["long"]


async def test_a_worker_does_not_begin_again_with_its_own(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes longer than a claim is not begun again, and holds no free hand back."""
    monkeypatch.setattr(doorbell, "LISTEN_SECONDS", 3 * PATIENCE)  # nothing but the bell wakes it
    desk.hold("one", "two")
    await desk.worker(slots=3)
    await desk.wake("one", "two")
    await desk.until(lambda: len(desk.began) == 2)

    async def is_anybodys() -> bool:
        return not await desk.redis.exists(f"{in_progress_key_prefix}one:new")

    await until(is_anybodys)
    await desk.wake("three")
    await desk.until(lambda: "three" in desk.began)
    desk.let_go("one", "two")
    await desk.until_empty()
    assert sorted(desk.began) == ["one", "three", "two"]


async def test_what_others_work_on_does_not_hide_the_rest(desk: Desk) -> None:
    """However many entries in front are taken, the first free one is found."""
    taken = [f"taken {n}" for n in range(150)]
    await desk.wake(*taken)
    for name in taken:
        await desk.redis.set(f"{in_progress_key_prefix}{name}:new", 1, px=600_000)
    await desk.wake("free")
    await desk.worker(slots=1)
    await desk.until(lambda: bool(desk.ended))
    assert desk.began == ["free"]


async def test_a_bell_that_a_busy_worker_hears_is_rung_on(desk: Desk) -> None:
    """Whoever took its hands full while it listened leaves what it hears then to the others."""
    desk.hold("first", "one", "two")
    await desk.worker(slots=2)
    await desk.wake("first")
    await desk.until(lambda: desk.began == ["first"])
    client = desk.arq()
    for name in ("one", "two"):
        await client.enqueue_job(ANALYSE, name, _job_id=name, _queue_name=queue_name(QUEUE))
    await client.aclose(close_connection_pool=True)
    desk.let_go("first")
    await desk.until(lambda: len(desk.began) == 3)
    await desk.wake("three")

    async def rings() -> bool:
        return bool(await desk.redis.exists(bell(QUEUE)))

    await until(rings)
    assert "three" not in desk.began
    desk.let_go("one", "two")
    await desk.until_empty()
    assert "three" in desk.ended


async def test_a_worker_fails_where_its_storage_does(own_valkey: EmbeddedValkey) -> None:
    """It does not listen to a server that is gone: whoever runs it begins anew."""
    async with _desk(own_valkey) as desk:
        at = await desk.worker()
        await desk.wake("one")
        await desk.until(lambda: desk.ended == ["one"])
        own_valkey.kill()
        done, _ = await asyncio.wait([at.task], timeout=PATIENCE)
        assert done
        with pytest.raises((RedisError, OSError)):
            at.task.result()
