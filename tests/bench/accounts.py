"""What keeping accounts adds to a call at a model: a reservation before it, a row after it."""

import asyncio
import time
from statistics import quantiles

from msgspec import Struct

from app.core.accounting.meter import LedgerMeter
from app.domain.ledger import PERIODS, Budget, Scope
from app.domain.usage import Usage
from app.llm.catalogue import Catalogue
from app.llm.metering import Denied
from app.state.budgets import Budgets
from app.state.ledger import Ledger
from app.state.store import Store
from tests.bench.report import Row, Table
from tests.support.ledgers import attempt, request


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    calls: int = 4_000
    at_once: int = 1
    """Calls that are under way together."""
    story_chars: int = 6_000
    """About what an interview sends: the prompt and some turns."""


def added(url: str, plan: Plan) -> Table:
    """Measure what a person waits for (reserving) and what is done besides (settling)."""
    return asyncio.run(_added(url, plan))


async def _added(url: str, plan: Plan) -> Table:
    store = Store(url)
    meter = LedgerMeter(Ledger(store), Catalogue())
    for period in PERIODS:
        limit = Budget(scope=Scope(kind="global"), period=period, limit_nano_usd=10**15)
        await Budgets(store).set(limit)
    asked = request(said="x" * plan.story_chars)
    ended = attempt(Usage(input=2_000, cached=1_500, output=300))
    reserving: list[float] = []
    settling: list[float] = []
    writes: list[float] = []

    async def call() -> None:
        began = time.perf_counter()
        ticket = await meter.reserve(asked, "openai")
        reserving.append(time.perf_counter() - began)
        assert not isinstance(ticket, Denied)
        began = time.perf_counter()
        ticket.settle(ended)
        settling.append(time.perf_counter() - began)

    async def write() -> None:
        began = time.perf_counter()
        await store.command("SET", "bench", bytes(400), "EX", 60)
        writes.append(time.perf_counter() - began)

    await call()
    await meter.written()
    reserving.clear()
    settling.clear()
    for _ in range(plan.calls // plan.at_once):
        await asyncio.gather(*(call() for _ in range(plan.at_once)))
        await meter.written()
        await asyncio.gather(*(write() for _ in range(plan.at_once)))
    began = time.perf_counter()
    for _ in range(plan.calls):
        ticket = await meter.reserve(asked, "openai")
        assert not isinstance(ticket, Denied)
        ticket.settle(ended)
    await meter.written()
    each = (time.perf_counter() - began) / plan.calls
    await store.close()
    total = [one + two for one, two in zip(reserving, settling, strict=True)]
    who = f"{plan.at_once} at once"
    return Table(
        name=f"accounts-{plan.at_once}",
        title=f"Accounts of a call, {who}",
        rows=[
            _row(f"{who}: added before the answer, p50", total, 50, writes, 1.0),
            _row(f"{who}: added before the answer, p99", total, 99, writes, 3.0),
            _row(f"{who}: settling, on the caller's way, p50", settling, 50, None, None),
            Row(
                what=f"{who}: processor and Valkey for a call, reserved and written",
                ours=each * 1_000,
                unit="ms",
            ),
        ],
    )


def _row(
    what: str, ours: list[float], percent: int, peers: list[float] | None, aim: float | None
) -> Row:
    figure = quantiles(ours, n=100)[percent - 1] * 1_000
    return Row(
        what=what,
        ours=figure,
        unit="ms",
        beside="a durable SET" if peers else "",
        peer=quantiles(peers, n=100)[percent - 1] * 1_000 if peers else None,
        aim=f"≤ {aim:g} ms" if aim else "",
        reached=figure <= aim if aim else None,
    )
