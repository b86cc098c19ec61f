"""Enqueue to start, and jobs in a burst: our queue beside arq as it comes, SAQ and taskiq."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop
from arq.connections import ArqRedis
from msgspec import Struct
from redis.asyncio import BlockingConnectionPool, Redis
from saq.queue.redis import RedisQueue

from plugins.queue import ArqQueue
from tests.bench.machine import Cores, on_cores, percentile, two_cores
from tests.bench.queue_worker import NOTE, QUEUE, taskiq_broker
from tests.bench.report import Row, Table
from tests.support.processes import Program, environment

VARIANTS = ("ours", "arq", "saq", "taskiq")
Enqueue = Callable[[int], Awaitable[object]]
_SENDERS = 16
_SECONDS = 60.0


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    singles: int = 300
    """Jobs that come one by one."""
    burst: int = 3_000
    """Jobs that come at once."""
    variants: tuple[str, ...] = VARIANTS


class Figures(Struct, frozen=True, kw_only=True):
    """What one queue did."""

    p50_ms: float
    p99_ms: float
    per_second: float


def compared(url: str, folder: Path, plan: Plan) -> Table:
    """Measure our queue and its peers, one after the other, on one server."""

    async def all_of_them() -> dict[str, Figures]:
        return {
            one: await measure(
                one, url, folder, two_cores(), singles=plan.singles, burst=plan.burst
            )
            for one in plan.variants
        }

    found = uvloop.run(all_of_them())
    ours = found.pop("ours")
    rows: list[Row] = []
    for peer, figures in found.items():
        rows += [
            Row(
                what=f"enqueue to start, p50, beside {peer}",
                ours=ours.p50_ms,
                unit="ms",
                beside=peer,
                peer=figures.p50_ms,
                aim="≤ 3 ms",
                reached=ours.p50_ms <= 3,
            ),
            Row(
                what=f"enqueue to start, p99, beside {peer}",
                ours=ours.p99_ms,
                unit="ms",
                beside=peer,
                peer=figures.p99_ms,
                aim="≤ 12 ms",
                reached=ours.p99_ms <= 12,
            ),
            Row(
                what=f"jobs a second in a burst, beside {peer}",
                ours=ours.per_second,
                unit="/s",
                beside=peer,
                peer=figures.per_second,
                aim="≥ 1,500 /s",
                reached=ours.per_second >= 1_500,
            ),
        ]
    return Table(name="queues", title=f"Waking a worker; a burst of {plan.burst:,} jobs", rows=rows)


async def measure(
    variant: str, url: str, folder: Path, cores: Cores, *, singles: int, burst: int
) -> Figures:
    """Measure one queue, its worker on the measured core and everything else on the others."""
    notes = folder / f"{variant}.notes"
    command = [sys.executable, "-m", "tests.bench.queue_worker", variant, url]
    with on_cores(cores.measured):
        worker = Program(
            variant, command, environment(BENCH_NOTES=str(notes)), folder / f"{variant}.log"
        )

    def noted(number: int) -> list[int]:
        worker.wait_until(lambda: len(_lines(notes)) >= number, timeout=_SECONDS)
        return [int(line) for line in _lines(notes)]

    try:
        async with _sender(variant, url) as enqueue:
            await enqueue(time.monotonic_ns())
            await asyncio.to_thread(noted, 1)  # it runs
            for _ in range(singles):
                await asyncio.sleep(random.uniform(0.005, 0.02))
                await enqueue(time.monotonic_ns())
            alone = (await asyncio.to_thread(noted, 1 + singles))[1:]
            began = time.monotonic_ns()
            rest = iter(range(burst))

            async def send() -> None:
                for _ in rest:
                    await enqueue(began)

            await asyncio.gather(*(send() for _ in range(_SENDERS)))
            together = (await asyncio.to_thread(noted, 1 + singles + burst))[1 + singles :]
    finally:
        worker.close()
    return Figures(
        p50_ms=percentile(alone, 0.5) / 1e6,
        p99_ms=percentile(alone, 0.99) / 1e6,
        per_second=burst / (max(together) / 1e9),
    )


def _lines(notes: Path) -> list[bytes]:
    return notes.read_bytes().splitlines() if notes.exists() else []


@asynccontextmanager
async def _sender(variant: str, url: str) -> AsyncIterator[Enqueue]:
    pool = BlockingConnectionPool.from_url(url, max_connections=2 * _SENDERS)
    match variant:
        case "ours":
            ours = ArqQueue(url)
            count = iter(range(10**9))
            yield lambda stamp: ours.wake(str(stamp), QUEUE, str(next(count)))
            await ours.close()
        case "arq":
            arq = ArqRedis(pool_or_conn=pool)
            yield lambda stamp: arq.enqueue_job(NOTE, stamp)
        case "saq":
            saq = RedisQueue(Redis.from_pool(pool))
            await saq.connect()
            yield lambda stamp: saq.enqueue(NOTE, stamp=stamp)
            await saq.disconnect()
        case _:
            broker = taskiq_broker(url)
            await broker.startup()
            task = broker.find_task(NOTE)
            assert task is not None
            yield task.kiq
            await broker.shutdown()
    await pool.aclose()
