"""One purse for any number of processes, and no call lost with any of them."""

import asyncio
from datetime import UTC, datetime, timedelta

from app.core.accounting.meter import LedgerMeter
from app.core.accounting.monitoring import AIMonitoringService
from app.domain.ledger import Budget, LedgerRow, Scope
from app.embedded import EmbeddedValkey
from app.state.budgets import Budgets
from app.state.ledger import Ledger
from tests.core.accounting.conftest import CATALOGUE
from tests.support.ledgers import kill_in_a_call, spender

GLOBAL = Scope(kind="global")
LIMIT = 100_000_000
PROCESSES, CALLS = 4, 150


async def test_six_hundred_calls_of_four_processes_never_overspend(
    empty_valkey: EmbeddedValkey, budgets: Budgets, ledger: Ledger, monitoring: AIMonitoringService
) -> None:
    """Far more is wanted than there is: what is spent never exceeds it, to the nano-dollar."""
    await budgets.set(Budget(scope=GLOBAL, period="month", limit_nano_usd=LIMIT))
    running = [spender(empty_valkey.url, CALLS, "spend") for _ in range(PROCESSES)]
    worst = 0
    pending = list(running)
    while pending:
        (state,) = await budgets.states()
        worst = max(worst, state.spent_nano_usd + state.reserved_nano_usd)
        pending = [one for one in pending if one.poll() is None]
    outputs = [int((await asyncio.to_thread(one.communicate))[0]) for one in running]
    assert all(one.returncode == 0 for one in running)
    assert 0 < sum(outputs) < PROCESSES * CALLS
    (state,) = await budgets.states()
    rows = await ledger.rows("case-1")
    assert worst <= LIMIT
    assert state.spent_nano_usd <= LIMIT
    assert state.reserved_nano_usd == 0
    assert len(rows) == sum(outputs)
    assert sum(row.cost_nano_usd or 0 for row in rows) == state.spent_nano_usd
    now = datetime.now(UTC)
    (total,) = await monitoring.costs(now - timedelta(hours=1), now + timedelta(hours=1))
    assert (total.calls, total.cost_nano_usd) == (len(rows), state.spent_nano_usd)


async def test_a_call_whose_process_was_killed_is_found(
    empty_valkey: EmbeddedValkey, budgets: Budgets, ledger: Ledger
) -> None:
    """Its row says so, at an estimated cost, once; what was set aside for it is free again."""
    await budgets.set(Budget(scope=GLOBAL, period="month", limit_nano_usd=LIMIT))
    await asyncio.to_thread(kill_in_a_call, empty_valkey.url)
    assert await ledger.rows("case-1") == []
    told: list[LedgerRow] = []
    meter = LedgerMeter(ledger, CATALOGUE, on_row=told.append)
    assert (await meter.sweep(), await meter.sweep()) == (1, 0)
    (row,) = await ledger.rows("case-1")
    assert told == [row]
    assert (row.outcome, row.source, row.output) == ("lost", "estimated", 1_000)
    assert row.latency_ms >= 0
    (state,) = await budgets.states()
    assert (state.spent_nano_usd, state.reserved_nano_usd) == (row.cost_nano_usd, 0)
