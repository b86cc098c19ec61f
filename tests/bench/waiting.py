"""What a person sees before the model speaks, and what open streams cost that say nothing."""

import asyncio
import resource
import time
from collections.abc import Sequence

from msgspec import Struct

from tests.bench.load import Target, User, connected
from tests.bench.machine import percentile, resident_bytes
from tests.bench.report import Row, Table
from tests.bench.rig import Opened, Rig, follow, opened, run, say

_STARTED = b"event: turn.started"
_THINKING = b'"status":"thinking"'
_OPEN = b": ok"
_SPARE_FILES = 200


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    users: Sequence[int] = (1, 50, 200)
    silence_ms: float = 1_500.0
    idle: int = 1_000
    silent_turns: int = 200


def first_status(rig: Rig, plan: Plan) -> Table:
    """Measure when the first events come where the model is silent for long."""
    rig.pace(words=2, every_ms=5, first_ms=plan.silence_ms)
    port = rig.shared("openai").port
    rows: list[Row] = []
    for users in plan.users:
        cases = asyncio.run(opened(port, users))
        seen = run(_all_at_once(port, cases))
        nobody = run(_connects(port, users))
        for name, times, aim in (
            ("first byte", [one.first_byte for one in seen], 150),
            ("turn.started", [one.marks[_STARTED] for one in seen], 150),
            ("status: thinking", [one.marks[_THINKING] for one in seen], 150),
        ):
            late = percentile(times, 0.99) * 1_000
            # Posts of one instant queue up behind each other: the aim is for one.
            aimed = users == 1
            rows.append(
                Row(
                    what=f"{users} at once: {name}, p99",
                    ours=late,
                    unit="ms",
                    beside="a health check",
                    peer=nobody * 1_000,
                    aim=f"≤ {aim} ms" if aimed else "",
                    reached=late <= aim if aimed else None,
                )
            )
    return Table(
        name="first-status", title="Before the model speaks: everybody posts at once", rows=rows
    )


async def _all_at_once(port: int, cases: list[Opened]) -> list["_Seen"]:
    target = Target(name="ours", port=port, request=_none, after_words=b"event: turn.completed")
    users = [await connected(target, (_STARTED, _THINKING)) for _ in cases]
    found = await asyncio.gather(
        *(user.ask(say(case)) for user, case in zip(users, cases, strict=True))
    )
    for user in users:
        user.close()
    return [_Seen(one.first_byte, one.marks) for one in found]


class _Seen(Struct):
    first_byte: float
    marks: dict[bytes, float]


async def _connects(port: int, users: int) -> float:
    """Return the seconds that the slowest of so many health checks takes."""

    async def check() -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.perf_counter()
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: bench\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        took = time.perf_counter() - began
        writer.close()
        await writer.wait_closed()
        return took

    return percentile(await asyncio.gather(*(check() for _ in range(users))), 0.99)


async def _none() -> bytes:
    return b""


def memory(rig: Rig, plan: Plan) -> Table:
    """Measure what an instance holds at rest, and more for each open stream."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    idle = min(plan.idle, most - _SPARE_FILES)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, idle + _SPARE_FILES), most))
    rig.pace(words=2, every_ms=5, first_ms=6_000)
    guided = rig.shared(None)
    base = resident_bytes(guided.pid)
    instance = rig.shared("openai")
    with_sdk = resident_bytes(instance.pid)
    cases = asyncio.run(opened(guided.port, 20))
    asking = asyncio.run(opened(instance.port, plan.silent_turns + 20))
    # A first round takes what pools and caches keep for good.
    run(_held(guided.pid, guided.port, [follow(one) for one in cases]))
    run(_held(instance.pid, instance.port, [say(one) for one in asking[:20]]))
    following = run(_held(guided.pid, guided.port, [follow(one) for one in cases] * (idle // 20)))
    turns = run(_held(instance.pid, instance.port, [say(one) for one in asking[20:]]))
    return Table(
        name="memory",
        title=f"Memory: {idle} idle readers, {plan.silent_turns} turns whose model is silent",
        rows=[
            Row(
                what="at rest, no model",
                ours=base / 1e6,
                unit="MB",
                aim="≤ 90 MB",
                reached=base <= 90e6,
            ),
            Row(what="at rest, with OpenAI's SDK", ours=with_sdk / 1e6, unit="MB"),
            Row(
                what="an idle reader of a case",
                ours=following / 1e3,
                unit="kB",
                aim="≤ 30 kB",
                reached=following <= 30e3,
            ),
            Row(
                what="a running turn, its reader and its silent model",
                ours=turns / 1e3,
                unit="kB",
                beside="an idle reader",
                peer=following / 1e3,
            ),
        ],
    )


async def _held(pid: int, port: int, requests: Sequence[bytes]) -> float:
    """Return the bytes that each of these open streams costs."""
    target = Target(name="ours", port=port, request=_none, after_words=b"\0")
    users: list[User] = [await connected(target, (_OPEN,)) for _ in requests]
    before = resident_bytes(pid)
    for user, request in zip(users, requests, strict=True):
        user.begin(request)
    async with asyncio.timeout(60):
        await asyncio.gather(*(user.until(_OPEN) for user in users))
    held = resident_bytes(pid) - before
    for user in users:
        user.close()
    return max(1.0, held / len(users))
