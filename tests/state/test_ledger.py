"""The ledger in a real Valkey: reservations, rows exactly once, budgets, sums and facts."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from app.domain.errors import InvalidInput
from app.domain.ledger import (
    MOST_NANO_USD,
    PERIODS,
    Budget,
    Period,
    Query,
    Scope,
    Totals,
    period_end_ms,
    scopes_of,
)
from app.domain.usage import Operation
from app.state import keys
from app.state.budgets import Budgets
from app.state.conversations import ConversationStateManager
from app.state.ledger import Exhausted, Ledger, Reserved
from app.state.ledger_sums import LedgerSums
from app.state.scripting import SCRIPTS
from app.state.store import Store
from tests.support.cases import opened
from tests.support.ledgers import row
from tests.support.valkey import Wire

GLOBAL = (Scope(kind="global"),)
HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def emptied(wire: Wire) -> None:
    """The ledger is one for all, so every test begins with an empty one."""
    wire.call("FLUSHALL")


@pytest.fixture
def ledger(store: Store) -> Ledger:
    """The ledger."""
    return Ledger(store)


@pytest.fixture
def budgets(store: Store) -> Budgets:
    """Its budgets."""
    return Budgets(store)


@pytest.fixture
def sums(store: Store) -> LedgerSums:
    """Its sums."""
    return LedgerSums(store)


def everything() -> Query:
    """Ask for everything of these two days."""
    now = datetime.now(UTC)
    return Query(
        since_ms=int((now - timedelta(days=1)).timestamp() * 1_000),
        until_ms=int((now + timedelta(hours=2)).timestamp() * 1_000),
    )


async def total(sums: LedgerSums) -> Totals:
    """Return the sum of all."""
    found = await sums.sums(everything())
    return found[0] if found else Totals()


async def test_a_row_is_written_once(ledger: Ledger, sums: LedgerSums, wire: Wire) -> None:
    """Settling again changes neither sums, nor budgets, nor what the warehouse is told."""
    written = row("a")
    assert isinstance(await ledger.reserve(written, 5_000, GLOBAL, seconds=60), Reserved)
    answers = [await ledger.settle(written, GLOBAL, reserved=True) for _ in range(3)]
    assert answers == [True, False, False]
    assert await ledger.rows("case-1") == [written]
    assert (await total(sums)).cost_nano_usd == 1_000
    assert wire.call("XLEN", keys.FACTS) == b"1"


async def test_a_call_of_unknown_price_leaves_its_row(ledger: Ledger, sums: LedgerSums) -> None:
    """Nothing was set aside for it, and giving nothing back does not get in its way."""
    unpriced = replace(row("a"), source="unpriced", cost_nano_usd=None, prices=None)
    answer = await ledger.reserve(unpriced, None, GLOBAL, seconds=60)
    assert answer == Reserved(budgeted=False)
    assert await ledger.settle(unpriced, GLOBAL, reserved=True)
    assert await ledger.rows("case-1") == [unpriced]
    assert (await total(sums)).unpriced == 1


async def test_a_row_without_a_reservation_is_written_once(
    ledger: Ledger, sums: LedgerSums
) -> None:
    """Also what was entered while nothing could be set aside counts exactly once."""
    written = row("a")
    assert await ledger.settle(written, GLOBAL, reserved=False)
    assert not await ledger.settle(written, GLOBAL, reserved=False)
    assert (await total(sums)).calls == 1


async def test_reserving_again_changes_nothing(ledger: Ledger, budgets: Budgets) -> None:
    """A reservation whose answer was lost on the way may be asked for again."""
    await budgets.set(Budget(scope=GLOBAL[0], period="day", limit_nano_usd=10_000))
    for _ in range(3):
        assert await ledger.reserve(row("a"), 10_000, GLOBAL, seconds=60) == Reserved(budgeted=True)
    (state,) = await budgets.states()
    assert (state.reserved_nano_usd, state.left_nano_usd) == (10_000, 0)


async def test_a_reservation_that_the_storage_lost_loses_no_row(ledger: Ledger, wire: Wire) -> None:
    """A failover may forget that money was set aside; the call was made and counts."""
    await ledger.reserve(row("a"), 5_000, GLOBAL, seconds=60)
    wire.call("FLUSHALL")
    assert await ledger.settle(row("a"), GLOBAL, reserved=True)
    assert not await ledger.settle(row("a"), GLOBAL, reserved=True)
    assert len(await ledger.rows("case-1")) == 1


async def test_what_is_given_back_is_free_again(ledger: Ledger, budgets: Budgets) -> None:
    """A call that was never made costs nothing, whether it is given back before or after."""
    await budgets.set(Budget(scope=GLOBAL[0], period="day", limit_nano_usd=10_000))
    await ledger.reserve(row("a"), 10_000, GLOBAL, seconds=60)
    assert await ledger.void("a")
    assert not await ledger.void("a")
    assert not await ledger.settle(row("a"), GLOBAL, reserved=True)
    (state,) = await budgets.states()
    assert (state.spent_nano_usd, state.reserved_nano_usd) == (0, 0)


@pytest.mark.parametrize("period", PERIODS)
async def test_a_spent_budget_refuses(ledger: Ledger, budgets: Budgets, period: Period) -> None:
    """What is set aside counts as spent; what is left may be spent to the last."""
    await budgets.set(Budget(scope=GLOBAL[0], period=period, limit_nano_usd=3_000))
    assert isinstance(await ledger.reserve(row("a"), 2_000, GLOBAL, seconds=60), Reserved)
    refused = await ledger.reserve(row("b"), 1_001, GLOBAL, seconds=60)
    assert isinstance(refused, Exhausted)
    assert (refused.scope, refused.period, refused.unpriced) == ("global", period, False)
    assert refused.ends_ms == period_end_ms(period, refused.ends_ms - 1)
    await ledger.settle(row("a", cost_nano_usd=1_999), GLOBAL, reserved=True)
    assert isinstance(await ledger.reserve(row("b"), 1_001, GLOBAL, seconds=60), Reserved)
    assert isinstance(await ledger.reserve(row("c"), 1, GLOBAL, seconds=60), Exhausted)
    assert isinstance(await ledger.reserve(row("d"), 0, GLOBAL, seconds=60), Reserved)


async def test_only_a_budgets_own_scope_counts(ledger: Ledger, budgets: Budgets) -> None:
    """A judge's budget stops judges, an arm's stops that arm, and nobody else."""
    for scope in ("operation:judge", "arm:greeting:warm"):
        await budgets.set(Budget(scope=Scope.parse(scope), period="hour", limit_nano_usd=1))
    calls: list[tuple[Operation, str, bool]] = [
        ("judge", "", True),
        ("report", "", False),
        ("report", "greeting:warm", True),
        ("report", "greeting:cold", False),
    ]
    for operation, arm, stopped in calls:
        answer = await ledger.reserve(
            row(f"{operation}{arm}"), 2, scopes_of(operation, arm), seconds=60
        )
        assert isinstance(answer, Exhausted) == stopped


async def test_of_two_spent_budgets_the_longer_is_told(ledger: Ledger, budgets: Budgets) -> None:
    """Who waits has to wait for the month, not for the hour."""
    for period in PERIODS:
        await budgets.set(Budget(scope=GLOBAL[0], period=period, limit_nano_usd=1))
    answer = await ledger.reserve(row("a"), 2, GLOBAL, seconds=60)
    assert isinstance(answer, Exhausted)
    assert answer.period == "month"


async def test_what_nobody_can_price_is_refused_where_a_budget_applies(
    ledger: Ledger, budgets: Budgets
) -> None:
    """Without a budget it is made and counted; with one it would be a hole in it."""
    assert await ledger.reserve(row("a"), None, GLOBAL, seconds=60) == Reserved(budgeted=False)
    await budgets.set(Budget(scope=GLOBAL[0], period="day", limit_nano_usd=MOST_NANO_USD))
    answer = await ledger.reserve(row("b"), None, GLOBAL, seconds=60)
    assert isinstance(answer, Exhausted)
    assert answer.unpriced


async def test_the_largest_budget_is_exact(ledger: Ledger, budgets: Budgets) -> None:
    """At nine million dollars a single nano-dollar still decides, and sums go on beyond."""
    await budgets.set(Budget(scope=GLOBAL[0], period="month", limit_nano_usd=MOST_NANO_USD))
    await ledger.settle(row("a", cost_nano_usd=MOST_NANO_USD - 1), GLOBAL, reserved=False)
    assert isinstance(await ledger.reserve(row("b"), 2, GLOBAL, seconds=60), Exhausted)
    assert isinstance(await ledger.reserve(row("b"), 1, GLOBAL, seconds=60), Reserved)
    await ledger.settle(row("c", cost_nano_usd=2**54 + 1), GLOBAL, reserved=False)
    (state,) = await budgets.states()
    assert state.spent_nano_usd == MOST_NANO_USD - 1 + 2**54 + 1
    assert isinstance(await ledger.reserve(row("d"), 0, GLOBAL, seconds=60), Exhausted)


async def test_many_at_once_never_overspend(ledger: Ledger, budgets: Budgets) -> None:
    """Two hundred want a share of a purse that holds ten."""
    await budgets.set(Budget(scope=GLOBAL[0], period="day", limit_nano_usd=10_000))
    answers = await asyncio.gather(
        *(ledger.reserve(row(f"r{n}"), 1_000, GLOBAL, seconds=60) for n in range(200))
    )
    assert sum(isinstance(one, Reserved) for one in answers) == 10


async def test_a_call_whose_process_died_is_found(ledger: Ledger) -> None:
    """Once a reservation's time is over its row can be written by anybody, and once."""
    lost = row("a", outcome="lost", source="estimated", cost_nano_usd=777)
    await ledger.reserve(lost, 5_000, GLOBAL, seconds=0)
    await ledger.reserve(row("b"), 5_000, GLOBAL, seconds=600)
    assert [one.row for one in await ledger.overdue(10)] == [lost]
    assert await ledger.settle(lost, GLOBAL, reserved=True)
    assert not await ledger.settle(row("a"), GLOBAL, reserved=True)
    assert await ledger.overdue(10) == []
    assert await ledger.rows("case-1") == [lost]


async def test_sums_can_be_told_apart(ledger: Ledger, sums: LedgerSums) -> None:
    """By model, operation, arm and time; what the cache spared is no call."""
    written: list[dict[str, Any]] = [
        {"model": "gpt-5"},
        {"model": "gpt-5", "operation": "judge", "arm": "greeting:warm", "cached": 50},
        {"model": "claude", "provider": "anthropic", "outcome": "failed", "case_id": "case-2"},
        {"model": "new", "cost_nano_usd": None, "source": "unpriced"},
        {"outcome": "cached", "cost_nano_usd": 0, "source": "free", "saved_nano_usd": 5_000},
    ]
    for number, changes in enumerate(written):
        await ledger.settle(row(f"r{number}", **changes), GLOBAL, reserved=False)
    everybody = await total(sums)
    assert (everybody.calls, everybody.completed, everybody.cached) == (4, 3, 1)
    assert (everybody.cost_nano_usd, everybody.unpriced) == (3_000, 1)
    assert (everybody.saved_nano_usd, everybody.cached_input) == (5_000, 50)
    by_model = await sums.sums(msgspec.structs.replace(everything(), by=("model",)))
    assert {one.key["model"]: one.cost_nano_usd for one in by_model} == {
        "gpt-5": 2_000, "claude": 1_000, "new": 0,
    }  # fmt: skip
    judged = msgspec.structs.replace(everything(), by=("arm", "hour"), operation="judge")
    (one,) = await sums.sums(judged)
    assert one.key["arm"] == "greeting:warm"
    assert one.key["hour"] == f"{datetime.now(UTC):%Y-%m-%dT%H}"
    by_case = await sums.sums(msgspec.structs.replace(everything(), by=("case",)))
    assert {one.key["case"]: one.cost_nano_usd for one in by_case} == {
        "case-1": 2_000, "case-2": 1_000,
    }  # fmt: skip
    of_case = msgspec.structs.replace(everything(), case_id="case-1", by=("operation",))
    assert {one.key["operation"]: one.calls for one in await sums.sums(of_case)} == {
        "interview": 2, "judge": 1,
    }  # fmt: skip


async def test_whole_days_and_single_hours_add_up_alike(ledger: Ledger, sums: LedgerSums) -> None:
    """A range over parts of two days and the whole of one between counts each row once."""
    start = datetime(2026, 2, 27, tzinfo=UTC)
    at = [start + timedelta(hours=hours) for hours in (0, 22, 23, 24, 47, 48, 49, 72)]
    for number, one in enumerate(at):
        completed = int(one.timestamp() * 1_000) + 1
        await ledger.settle(row(f"r{number}", completed_ms=completed), GLOBAL, reserved=False)
    since = int((start + timedelta(hours=23)).timestamp() * 1_000)
    asked = Query(since_ms=since, until_ms=since + 26 * HOUR_MS, by=("day",))
    assert {one.key["day"]: one.calls for one in await sums.sums(asked)} == {
        "2026-02-27": 1, "2026-02-28": 2, "2026-03-01": 1,
    }  # fmt: skip
    by_hour = await sums.sums(msgspec.structs.replace(asked, by=("hour",)))
    assert sum(one.calls for one in by_hour) == 4
    by_month = await sums.sums(msgspec.structs.replace(asked, by=("month",)))
    assert [(one.key["month"], one.calls) for one in by_month] == [("2026-02", 3), ("2026-03", 1)]
    with pytest.raises(ValueError, match="400 days"):
        await sums.sums(Query(since_ms=0, until_ms=since))


@pytest.mark.parametrize(
    "moment",
    ["2024-02-29T23:59:59", "2025-12-31T23:00:00", "2026-01-01T00:00:00", "2026-03-01T00:00:01",
     "2100-02-28T12:00:00", "2100-03-01T00:00:00", "1999-12-31T23:59:59"],
)  # fmt: skip
async def test_the_scripts_know_the_calendar(store: Store, moment: str) -> None:
    """Leap days, ends of years and a century that has none fall into the right periods."""
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    body = SCRIPTS["ledger_void"].source.rpartition("-- Give back")[0]
    answer = await store.command(
        "EVAL",
        body + "local c = calendar(tonumber(ARGV[1])) return {c.hour, c.day, c.month}",
        0,
        int(at.timestamp() * 1_000),
    )
    assert [one.decode() for one in answer] == [
        f"{at:%Y-%m-%dT%H}", f"{at:%Y-%m-%d}", f"{at:%Y-%m}",
    ]  # fmt: skip


async def test_nothing_but_budgets_is_kept_for_ever(
    ledger: Ledger, budgets: Budgets, wire: Wire, store: Store
) -> None:
    """Every key of the ledger runs out, but for what an operator has set."""
    await budgets.set(Budget(scope=GLOBAL[0], period="day", limit_nano_usd=10_000))
    await ledger.reserve(row("a"), 100, GLOBAL, seconds=60)
    await ledger.reserve(row("b"), 100, GLOBAL, seconds=60)
    await ledger.settle(row("a"), GLOBAL, reserved=True)
    await ledger.void("c")
    for key in await store.command("KEYS", "*"):
        expires = int(wire.call("TTL", key) or 0) > 0
        assert expires == (key != f"{keys.LEDGER}budgets".encode())


async def test_a_case_can_be_forgotten(ledger: Ledger, sums: LedgerSums) -> None:
    """Its rows go; the sums, which name nobody, stay."""
    await ledger.settle(row("a"), GLOBAL, reserved=False)
    await ledger.forget("case-1")
    assert await ledger.rows("case-1") == []
    assert (await total(sums)).cost_nano_usd == 1_000


@pytest.mark.parametrize("text", ["global", "operation:judge", "arm:greeting:warm-2.b"])
def test_scopes_are_read_as_they_are_written(text: str) -> None:
    """What an operator types is what is stored."""
    assert str(Scope.parse(text)) == text


@pytest.mark.parametrize("text", ["", "globe", "global:x", "operation:", "operation:x", "arm:a"])
def test_other_scopes_are_refused(text: str) -> None:
    """A budget for something that never happens would protect nothing."""
    with pytest.raises(InvalidInput, match="no scope"):
        Scope.parse(text)


async def test_erasing_a_case_takes_its_rows_along(store: Store, ledger: Ledger) -> None:
    """Sums stay, for they name nobody."""
    conversations = ConversationStateManager(store, "test")
    case = await opened(conversations)
    await ledger.settle(row("a", case_id=case.case_id), GLOBAL, reserved=False)
    assert await conversations.delete_conversation_state(case.case_id)
    assert await ledger.rows(case.case_id) == []
    assert (await total(LedgerSums(store))).calls == 1
