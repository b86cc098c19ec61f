"""Every attempt at a model has its row: whole, failed, invalid, given up, cut, or lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from app.core.accounting.meter import LedgerMeter
from app.domain.errors import StateUnavailable
from app.domain.ledger import Account, Budget, LedgerRow, Scope
from app.domain.usage import Attempt, Provider, Usage
from app.llm.errors import NoModelLeft, RateLimited, StreamCut
from app.llm.factory import build_models
from app.llm.failover import Answered, FailoverModel
from app.llm.metering import Denied
from app.llm.model import ModelRequest, Rest, TextDelta
from app.llm.scripted import Hold, Script, ScriptedModel
from app.llm.timeouts import Timeouts
from app.settings import Settings
from app.state.budgets import Budgets
from app.state.ledger import Exhausted, Ledger, Reserved
from app.state.store import Store
from tests.core.accounting.conftest import CATALOGUE
from tests.support.asks import ask, decode_turn, document
from tests.support.ledgers import request as small_request
from tests.support.llmock import LLMock

ACCOUNT = Account(case_id="case-7", turn=3, playbook="legal_br", arm="greeting:warm")
NAMES: dict[Provider, str] = {"openai": "gpt-5", "anthropic": "claude-haiku-4-5"}
DAY = Scope(kind="global")
REPLY = "Você assinou algum papel?"
PATIENT = Timeouts(first_token=20.0, read=20.0)
Wire = Literal["responses", "chat", "messages"]


def asked() -> ModelRequest:
    """Return the question of a turn, on somebody's account."""
    return replace(ask(), account=ACCOUNT)


async def answer(
    model: FailoverModel, **options: Any
) -> tuple[list[Attempt], Answered[Any] | None]:
    """Ask; return the attempts as the turn keeps them, and the answer if there is one."""
    attempts: list[Attempt] = []
    end = None
    try:
        events = model.stream(asked(), NAMES, attempts.append, decode_turn, **options)
        async for event in events:
            if isinstance(event, Answered):
                end = event
    except NoModelLeft:
        pass
    return attempts, end


async def rows_of(meter: LedgerMeter, ledger: Ledger) -> list[LedgerRow]:
    """Return the case's rows once all are written."""
    await meter.written()
    return await ledger.rows("case-7")


async def test_retries_and_failovers_have_a_row_each(meter: LedgerMeter, ledger: Ledger) -> None:
    """Asked twice for a valid document, then the other provider: three attempts, three rows."""
    first, second = ScriptedModel("openai"), ScriptedModel("anthropic")
    first.enqueue(Script(document=b"[]", usage=Usage(input=1_000, output=10)))
    first.enqueue(Script(document=b"[]", usage=Usage(input=1_000, output=20)))
    second.say("Sim.", done=True)
    attempts, end = await answer(FailoverModel([first, second], meter=meter))
    assert end is not None
    rows = await rows_of(meter, ledger)
    assert [row.outcome for row in rows] == ["invalid", "invalid", "completed"]
    assert sorted(row.id for row in rows) == sorted(one.row_id or "" for one in attempts)
    assert {(row.case_id, row.turn, row.arm, row.operation) for row in rows} == {
        ("case-7", 3, "greeting:warm", "interview")
    }
    by_id = {row.id: row for row in rows}
    for one in attempts:
        row = by_id[one.row_id or ""]
        assert (one.cost_nano_usd, one.source) == (row.cost_nano_usd, row.source)
    assert attempts[0].cost_nano_usd == 1_000 * 1_250 + 10 * 10_000
    assert by_id[attempts[2].row_id or ""].cost_nano_usd == 100 * 1_000 + 20 * 5_000


async def test_what_failed_at_the_door_cost_nothing(meter: LedgerMeter, ledger: Ledger) -> None:
    """A call that was refused before any answer is in the ledger, and free."""
    model = ScriptedModel()
    model.fail(RateLimited, status=429)
    await answer(FailoverModel([model], meter=meter))
    (row,) = await rows_of(meter, ledger)
    assert (row.outcome, row.error, row.cost_nano_usd, row.source) == (
        "failed", "rate_limited", 0, "free",
    )  # fmt: skip


async def test_a_cut_stream_is_an_estimate(meter: LedgerMeter, ledger: Ledger) -> None:
    """What came tells how much was written; how much was read is judged by what was sent."""
    model = ScriptedModel()
    model.fail(StreamCut, "x" * 300)
    await answer(FailoverModel([model], meter=meter))
    (row,) = await rows_of(meter, ledger)
    assert (row.outcome, row.source, row.output) == ("cut", "estimated", 100)
    assert row.cost_nano_usd == row.input * 1_250 + 100 * 10_000
    assert row.input > 0


async def test_an_unknown_model_is_unpriced_and_never_free(
    meter: LedgerMeter, ledger: Ledger
) -> None:
    """Its tokens are counted, its cost is not made up."""
    model = ScriptedModel()
    model.say("Sim.", done=True)
    attempts: list[Attempt] = []
    failover = FailoverModel([model], meter=meter)
    async for _ in failover.stream(asked(), {"openai": "gpt-99"}, attempts.append, decode_turn):
        pass
    (row,) = await rows_of(meter, ledger)
    assert (row.cost_nano_usd, row.source, row.input, row.output) == (None, "unpriced", 100, 20)
    assert attempts[0].source == "unpriced"


async def test_a_spent_budget_passes_a_model_over(
    meter: LedgerMeter, ledger: Ledger, budgets: Budgets
) -> None:
    """Nobody is asked, nothing is entered, and the reason names the budget and its end."""
    await budgets.set(Budget(scope=DAY, period="day", limit_nano_usd=1_000))
    model = ScriptedModel()
    with pytest.raises(NoModelLeft, match="the budget of global for this day is spent") as error:
        async for _ in FailoverModel([model], meter=meter).stream(
            asked(), NAMES, lambda _: None, decode_turn
        ):
            pass
    assert error.value.denied_for == "budget"
    assert error.value.until_ms == (await budgets.states())[0].ends_ms
    assert model.requests == []
    assert await rows_of(meter, ledger) == []


async def test_a_cheaper_model_serves_where_the_planned_one_is_too_dear(
    meter: LedgerMeter, budgets: Budgets
) -> None:
    """The first step down: less is asked of the purse before anything else is given up."""
    planned = await meter.reserve(replace(asked(), model="gpt-5"), "openai")
    assert not isinstance(planned, Denied)
    await budgets.set(Budget(scope=DAY, period="day", limit_nano_usd=0))
    (state,) = await budgets.states()
    enough = state.reserved_nano_usd + 1_000_000
    await budgets.set(Budget(scope=DAY, period="day", limit_nano_usd=enough))
    model = ScriptedModel()
    model.say("Sim.", done=True)
    _, end = await answer(FailoverModel([model], meter=meter), cheaper={"openai": "gpt-6-luna"})
    assert end is not None
    assert [one.model for one in model.requests] == ["gpt-6-luna"]
    assert [one.reason for one in end.denied] == ["budget"]


async def test_whoever_leaves_early_is_charged(meter: LedgerMeter, ledger: Ledger) -> None:
    """A turn that is interrupted leaves a row with what had come by then."""
    model = ScriptedModel()
    hold = Hold(before=1)
    model.enqueue(Script(pieces=("Você ", "foi?"), document={"done": False}, hold=hold))
    failover = FailoverModel([model], meter=meter)

    async def listen() -> None:
        events = failover.stream(asked(), NAMES, lambda _: None, decode_turn)
        async with aclosing(events):
            async for _ in events:
                pass

    task = asyncio.create_task(listen())
    await hold.reached.wait()
    task.cancel()
    await asyncio.wait([task])
    (row,) = await rows_of(meter, ledger)
    assert (row.outcome, row.source, row.output) == ("cancelled", "estimated", 2)


class Fickle(Ledger):
    """A ledger whose storage can be taken away."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.away = False
        self.refused = 0
        self.refused_twice = asyncio.Event()

    async def reserve(self, *args: Any, **kwargs: Any) -> Reserved | Exhausted:
        """Set aside, or fail as a storage that is away does."""
        self._look()
        return await super().reserve(*args, **kwargs)

    async def settle(self, *args: Any, **kwargs: Any) -> bool:
        """Write, or fail as a storage that is away does."""
        self._look()
        return await super().settle(*args, **kwargs)

    def _look(self) -> None:
        if self.away:
            self.refused += 1
            if self.refused == 2:
                self.refused_twice.set()
            raise StateUnavailable("it does not answer")


async def test_an_outage_loses_no_row(store: Store) -> None:
    """Rows wait in memory while the storage is away, and are written when it is back."""
    ledger = Fickle(store)
    meter = LedgerMeter(ledger, CATALOGUE)
    model = ScriptedModel()
    model.say("Sim.", done=True)
    model.say("Sim.", done=True)
    failover = FailoverModel([model], meter=meter)
    await answer(failover)
    ledger.away = True
    attempts, end = await answer(failover)  # no budget applied when last asked
    assert end is not None
    async with asyncio.timeout(10):
        await ledger.refused_twice.wait()
    ledger.away = False
    assert {row.id for row in await rows_of(meter, ledger)} >= {attempts[0].row_id}
    assert len(await ledger.rows("case-7")) == 2
    await meter.close()


async def test_without_the_storage_a_budget_counts_as_spent(store: Store, budgets: Budgets) -> None:
    """Whoever cannot look into the purse does not spend from it."""
    ledger = Fickle(store)
    meter = LedgerMeter(ledger, CATALOGUE)
    ledger.away = True
    unknown = await meter.reserve(small_request(), "openai")
    assert isinstance(unknown, Denied)
    assert unknown.reason == "unknown"
    ledger.away = False
    await budgets.set(Budget(scope=DAY, period="day", limit_nano_usd=10**12))
    assert not isinstance(await meter.reserve(small_request(), "openai"), Denied)
    ledger.away = True
    assert isinstance(await meter.reserve(small_request(), "openai"), Denied)
    ledger.away = False
    await meter.close()


async def test_closing_writes_what_waits(ledger: Ledger) -> None:
    """A process that is asked to stop takes no row with it, not even one that is being read on."""
    meter = LedgerMeter(ledger, CATALOGUE)
    ticket = await meter.reserve(replace(small_request(), account=ACCOUNT), "openai")
    assert not isinstance(ticket, Denied)
    closed = []

    async def rest() -> Rest:
        try:
            await asyncio.Event().wait()
        finally:
            closed.append(True)
        raise AssertionError("nobody rings")

    ticket.salvage(rest())
    attempt = Attempt(
        provider="openai", operation="interview", model="gpt-5", outcome="cancelled",
        started_ms=1_790_000_000_000, latency_ms=5.0, output_chars=30,
    )  # fmt: skip
    assert ticket.settle(attempt).source == "estimated"
    await meter.close()
    (row,) = await ledger.rows("case-7")
    assert (row.outcome, row.output, closed) == ("cancelled", 10, [True])


@asynccontextmanager
async def real_model(
    providers: LLMock, wire: Wire, meter: LedgerMeter, timeouts: Timeouts = PATIENT
) -> AsyncIterator[FailoverModel]:
    """Build a real adapter for the mock, with a meter."""
    settings = {
        "responses": Settings(openai_base_url=providers.openai),
        "chat": Settings(openai_base_url=providers.openai, openai_api="chat"),
        "messages": Settings(anthropic_base_url=providers.anthropic),
    }[wire]
    models = build_models(settings, timeouts)
    try:
        yield FailoverModel(models, meter=meter)
    finally:
        for one in models:
            await one.aclose()


@pytest.mark.parametrize("wire", ["responses", "chat", "messages"])
async def test_a_stream_cut_at_any_chunk_is_in_the_ledger(
    providers: LLMock, meter: LedgerMeter, ledger: Ledger, wire: Wire
) -> None:
    """Dropped or ended after each of its chunks: every attempt has a row, and every row a cost."""
    says = {"type": "reply", "text": document(REPLY), "times": None}
    providers.scenario([says])
    made: list[Attempt] = []
    async with real_model(providers, wire, meter) as model:
        attempts, _ = await answer(model)
        made += attempts
        (seen,) = providers.requests()
        chunks = int(seen["chunks_sent"])
        for kind in ("disconnect", "truncate"):
            for kept in range(chunks):
                providers.reset()
                fault = {"type": "stream_fault", "kind": kind, "after_chunks": kept}
                providers.scenario([says, fault])
                model.breakers._states.clear()
                attempts, _ = await answer(model)
                assert attempts
                made += attempts
    rows = {row.id: row for row in await rows_of(meter, ledger)}
    assert set(rows) == {one.row_id for one in made}
    assert len(rows) == len(made) >= 2 * chunks
    assert all(row.cost_nano_usd is not None for row in rows.values())
    for one in made:
        expected = "catalogue" if one.usage else "estimated" if one.outcome == "cut" else None
        assert expected is None or rows[one.row_id or ""].source == expected


@pytest.mark.parametrize("wire", ["responses", "chat", "messages"])
async def test_the_rest_of_an_answer_tells_its_usage(
    providers: LLMock, meter: LedgerMeter, ledger: Ledger, wire: Wire
) -> None:
    """Where somebody left while the connection lived it is read on, and nothing is estimated."""
    providers.scenario([{"type": "reply", "text": document(REPLY), "times": None}])
    async with real_model(providers, wire, meter) as model:
        events = model.stream(asked(), NAMES, lambda _: None, decode_turn)
        async with aclosing(events):
            async for event in events:
                assert isinstance(event, TextDelta)
                break
        (row,) = await rows_of(meter, ledger)
    assert (row.outcome, row.source) == ("cancelled", "catalogue")
    assert row.input > 0
    assert row.output > 0


@pytest.mark.parametrize("wire", ["responses", "chat", "messages"])
async def test_an_answer_that_came_too_late_is_still_paid_for(
    providers: LLMock, meter: LedgerMeter, ledger: Ledger, wire: Wire
) -> None:
    """Nobody waits for it any more, but what it used is known once it has come."""
    slow = {"type": "slow_first_token", "seconds": 1.0}
    providers.scenario([{"type": "reply", "text": document(REPLY), "times": None}, slow])
    async with real_model(providers, wire, meter, Timeouts(first_token=0.3)) as model:
        attempts, end = await answer(model)
        assert end is None
        assert [(one.outcome, one.error) for one in attempts] == [("failed", "timeout")]
        (row,) = await rows_of(meter, ledger)
    assert row.source == "catalogue"
    assert row.cost_nano_usd
