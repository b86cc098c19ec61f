"""How an installation stands as a whole, read from a real Valkey."""

import time

import pytest
from msgspec.structs import replace

from app.domain.delivery import Delivery
from app.domain.event import AnalysisFailed
from app.domain.ledger import Budget, Scope, scopes_of
from app.domain.notification import Notification
from app.state import keys
from app.state.budgets import Budgets
from app.state.conversations import ConversationStateManager
from app.state.figures import ORPHANED_MS, FigureReader, note_report_sent
from app.state.jobs import JobClaim, Jobs
from app.state.keys import CaseKeys
from app.state.ledger import Ledger
from app.state.outbox import Outbox
from app.state.store import Store
from app.state.workforce import Workforce
from tests.support.cases import claimed, opened, post, queued
from tests.support.ledgers import row
from tests.support.valkey import Wire


@pytest.fixture(autouse=True)
def emptied(wire: Wire) -> None:
    """Figures are of everything, so every test begins with nothing."""
    wire.call("FLUSHALL")


@pytest.fixture
def reader(store: Store) -> FigureReader:
    """The reader."""
    return FigureReader(store)


def now_ms() -> int:
    """Return the Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


async def test_nothing_is_zero(reader: FigureReader) -> None:
    """An installation that has done nothing has figures, and none is missing."""
    found = await reader.read()
    assert (found.orphaned, found.handoffs, found.workers, found.active_cases) == (0, 0, 0, 0)
    assert found.dead == {"job": 0, "delivery": 0}
    assert {name: one.open for name, one in found.queues.items()} == {
        "simple": 0,
        "standard": 0,
        "complex": 0,
    }
    assert found.money.spent_nano_usd == {"hour": 0, "day": 0, "month": 0}
    assert found.money.budgets == ()
    assert found.reports == {}
    assert found.memory_bytes > 0


async def test_a_turn_that_nobody_works_on(
    reader: FigureReader, conversations: ConversationStateManager, wire: Wire
) -> None:
    """It counts once it has waited for ten seconds, and not while somebody has it."""
    state = await opened(conversations)
    await post(conversations, state.case_id)
    assert (await reader.read()).orphaned == 0
    wire.call("ZADD", keys.BUSY, str(now_ms() - ORPHANED_MS - 1), state.case_id)
    assert (await reader.read()).orphaned == 1
    claim = await claimed(conversations, state.case_id)
    assert (await reader.read()).orphaned == 0
    await conversations.release(claim)
    assert (await reader.read()).orphaned == 1
    wire.call("HSET", CaseKeys(state.case_id).meta, "d", "1")  # it is answered, only listed still
    assert (await reader.read()).orphaned == 0


async def test_jobs_wait_are_worked_on_and_given_up(
    reader: FigureReader, conversations: ConversationStateManager, store: Store
) -> None:
    """The oldest that waits sets the age; one in work is open and does not wait."""
    job = await queued(conversations, at=now_ms() - 30_000)
    await queued(conversations, at=now_ms() - 5_000)
    found = (await reader.read()).queues["complex"]
    assert found.open == 2
    assert 30_000 <= found.oldest_ms < 40_000
    jobs = Jobs(store, "worker")
    claim = await jobs.claim(job.case_id, job.turn, most_attempts=8)
    assert isinstance(claim, JobClaim)
    found = (await reader.read()).queues["complex"]
    assert found.open == 2
    assert 5_000 <= found.oldest_ms < 15_000
    event = AnalysisFailed(turn=1, job=job.id, code="gave_up", retryable=False, message="Sorry.")
    told = Notification(
        id="msg_1", kind="analysis.failed", case_id=job.case_id, turn=1, at=now_ms()
    )
    await jobs.give_up(claim, "it broke", event, told, ttl=60)
    found_all = await reader.read()
    assert found_all.dead["job"] == 1
    assert found_all.queues["complex"].open == 1


async def test_a_dead_job_whose_case_is_gone_is_none(reader: FigureReader, wire: Wire) -> None:
    """The list outlives cases; nobody can do anything about those."""
    wire.call("ZADD", keys.DEAD, "1", "0" * 32 + ".1", "2", "no job's name")
    assert (await reader.read()).dead["job"] == 0


async def test_a_delivery_that_was_given_up(
    reader: FigureReader, conversations: ConversationStateManager, store: Store
) -> None:
    """It counts until its case ends."""
    state = await opened(conversations)
    told = Notification(
        id="msg_1", kind="analysis.completed", case_id=state.case_id, turn=1, at=now_ms()
    )
    due = Delivery(notification=told, channel="webhook", target="env", at=now_ms(), next_at=0)
    outbox = Outbox(store)
    await store.command("HSET", CaseKeys(state.case_id).outbox, "msg_1", b"x")
    assert await outbox.fan_out(told, [due])
    assert await outbox.record(due, replace(due, state="failed"))
    assert (await reader.read()).dead == {"job": 0, "delivery": 1}


async def test_workers_and_their_slots(reader: FigureReader, store: Store) -> None:
    """Slots of all workers add up, queue by queue."""
    workforce = Workforce(store)
    await workforce.sign("one", {"simple": 16, "complex": 4})
    await workforce.sign("two", {"complex": 2})
    found = await reader.read()
    assert found.workers == 2
    assert {name: one.slots for name, one in found.queues.items()} == {
        "simple": 16,
        "standard": 0,
        "complex": 6,
    }


async def test_money(reader: FigureReader, store: Store) -> None:
    """What was spent in the periods that run, and each budget as it stands."""
    everything = Scope(kind="global")
    await Budgets(store).set(Budget(scope=everything, period="day", limit_nano_usd=10_000))
    spent = row("a", cost_nano_usd=1_000)
    await Ledger(store).settle(spent, scopes_of(spent.operation, ""), reserved=False)
    open_ = row("b")
    await Ledger(store).reserve(open_, 500, scopes_of(open_.operation, ""), seconds=60)
    money = (await reader.read()).money
    assert money.spent_nano_usd == {"hour": 1_000, "day": 1_000, "month": 1_000}
    (state,) = money.budgets
    assert (state.budget.scope, state.budget.period) == (everything, "day")
    assert (state.spent_nano_usd, state.reserved_nano_usd) == (1_000, 500)
    assert state.ends_ms > now_ms()


async def test_when_reports_were_sent(reader: FigureReader, store: Store) -> None:
    """The latest time counts; a report that was never sent is not there."""
    await note_report_sent(store, "costs", 5)
    await note_report_sent(store, "costs", 7)
    assert (await reader.read()).reports == {"costs": 7}
