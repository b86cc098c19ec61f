"""The token log: words leave together, ids stay theirs, a repetition changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.domain.errors import Fenced, StateUnavailable
from app.domain.event import Delta, EventId, Status, decode, encode
from app.state.conversations import ConversationStateManager
from app.state.follow import Follower, StoredEvent
from app.state.journal import Journal, TurnLog
from app.state.keys import CaseKeys
from app.state.records import Claim
from app.state.store import Store
from tests.state.conftest import Server
from tests.support.cases import claimed, finished, opened, post
from tests.support.sealed import sealer_of_tests
from tests.support.valkey import Wire

START = EventId(0, 0)


class GatedStore(Store):
    """Lets round trips pass one at a time, and may lose their answers."""

    def __init__(self, url: str) -> None:
        """Begin with the gate open."""
        super().__init__(url, sealer=sealer_of_tests())
        self.gate = asyncio.Event()
        self.gate.set()
        self.under_way = asyncio.Event()
        self.batches: list[int] = []
        self.lose_answers = 0

    async def attempts(
        self, commands: Iterable[Sequence[Any]], *, seconds: float | None = None
    ) -> list[Any]:
        """Wait for the gate, do the work, and perhaps break off before it is told."""
        batch = list(commands)
        self.under_way.set()
        await self.gate.wait()
        answers = await super().attempts(batch, seconds=seconds)
        self.batches.append(len(batch))
        if self.lose_answers:
            self.lose_answers -= 1
            raise StateUnavailable("the connection broke")
        return answers


@pytest.fixture
async def gated(server: Server) -> AsyncIterator[GatedStore]:
    """A store whose round trips the test controls."""
    store = GatedStore(server.url)
    yield store
    await store.close()


@asynccontextmanager
async def _journal(store: Store) -> AsyncIterator[Journal]:
    journal = Journal(store)
    journal.start()
    yield journal
    await journal.close()


async def _owned(conversations: ConversationStateManager) -> Claim:
    case_id = (await opened(conversations)).case_id
    claim = (await post(conversations, case_id, claim=True)).claim
    assert claim is not None
    return claim


def _open(journal: Journal, claim: Claim) -> TurnLog:
    return journal.open(claim.case_id, claim.turn, claim.epoch)


async def _stored(store: Store, log: TurnLog) -> list[StoredEvent]:
    return await Follower(store, "reader").read(log.key, START)


def _words(events: list[StoredEvent]) -> list[tuple[EventId, str]]:
    found = [(one.id, decode(one.data)) for one in events]
    return [(place, event.t) for place, event in found if isinstance(event, Delta)]


async def test_words_that_pile_up_leave_together(
    conversations: ConversationStateManager, gated: GatedStore
) -> None:
    """While one round trip is under way, all further words of a turn become one entry."""
    claim = await _owned(conversations)
    async with _journal(gated) as journal:
        log = _open(journal, claim)
        gated.gate.clear()
        gated.under_way.clear()
        log.piece("one ")
        await gated.under_way.wait()
        for number in range(2, 101):
            assert log.piece(f"{number} ") == number
        gated.gate.set()
        await log.settle()
    rows = await gated.command("XRANGE", log.key, "-", "+")
    assert [row[0].decode() for row in rows] == [f"{claim.epoch}-{seq}" for seq in (0, 1, 100)]
    words = _words(await _stored(gated, log))
    assert [place for place, _ in words] == [EventId(claim.epoch, seq) for seq in range(1, 101)]
    assert "".join(text for _, text in words).startswith("one 2 3 4 ")


async def test_turns_share_a_round_trip(
    conversations: ConversationStateManager, gated: GatedStore
) -> None:
    """Words of many turns leave in one round trip, each into its own log."""
    claims = [await _owned(conversations) for _ in range(20)]
    async with _journal(gated) as journal:
        logs = [_open(journal, claim) for claim in claims]
        gated.batches.clear()
        for log in logs:
            log.piece("a ")
            log.piece("b")
        await asyncio.gather(*(log.settle() for log in logs))
    assert gated.batches == [20]
    for log in logs:
        assert [text for _, text in _words(await _stored(gated, log))] == ["a ", "b"]


async def test_other_events_keep_their_place_among_words(
    conversations: ConversationStateManager, journal: Journal, store: Store
) -> None:
    """An event between words splits the entry, so that a reader sees the order it was said in."""
    log = _open(journal, await _owned(conversations))
    log.piece("a ")
    log.event(encode(Status(status="thinking")))
    log.piece("b ")
    log.piece("c")
    await log.settle()
    stored = await _stored(store, log)
    assert [one.name for one in stored] == ["turn.started", "delta", "status", "delta", "delta"]
    assert [one.id.seq for one in stored] == [0, 1, 2, 3, 4]
    assert log.next_seq() == 5


async def test_a_repetition_after_a_broken_connection_is_harmless(
    conversations: ConversationStateManager, gated: GatedStore
) -> None:
    """Words whose answer was lost are sent again, stored once, and those behind them follow."""
    claim = await _owned(conversations)
    async with _journal(gated) as journal:
        log = _open(journal, claim)
        log.piece("a ")
        log.event(encode(Status(status="thinking")))
        log.piece("b ")
        gated.lose_answers = 2
        await log.settle()
        log.piece("c ")
        gated.lose_answers = 1
        await log.settle()
    assert not log.lost
    assert [text for _, text in _words(await _stored(gated, log))] == ["a ", "b ", "c "]
    assert len(await _stored(gated, log)) == 5


async def test_after_a_takeover_a_log_is_lost(
    conversations: ConversationStateManager,
    rival: ConversationStateManager,
    journal: Journal,
    store: Store,
    wire: Wire,
) -> None:
    """An owner that was overtaken learns it from its next word, and nothing of it is stored."""
    claim = await _owned(conversations)
    log = _open(journal, claim)
    log.piece("early ")
    await log.settle()
    wire.call("DEL", CaseKeys(claim.case_id).lease)
    second = await claimed(rival, claim.case_id)
    log.piece("late ")
    log.piece("later")
    with pytest.raises(Fenced):
        await log.settle()
    assert log.lost
    log.piece("latest")
    with pytest.raises(Fenced):
        await log.settle()
    stored = await _stored(store, log)
    assert [text for _, text in _words(stored)] == ["early "]
    assert stored[-1].id == EventId(second.epoch, 0)
    await finished(rival, second)


async def test_a_lost_log_does_not_hold_up_the_others(
    conversations: ConversationStateManager, gated: GatedStore, wire: Wire
) -> None:
    """Words of other turns in the same round trip are stored, also when it is repeated."""
    taken, kept = await _owned(conversations), await _owned(conversations)
    async with _journal(gated) as journal:
        lost, log = _open(journal, taken), _open(journal, kept)
        wire.call("DEL", CaseKeys(taken.case_id).lease)
        await claimed(conversations, taken.case_id)
        lost.piece("late")
        log.piece("kept")
        gated.lose_answers = 1
        await log.settle()
        with pytest.raises(Fenced):
            await lost.settle()
    assert [text for _, text in _words(await _stored(gated, log))] == ["kept"]
    assert _words(await _stored(gated, lost)) == []


async def test_a_refusal_for_want_of_room_is_waited_out(
    conversations: ConversationStateManager, journal: Journal, store: Store, wire: Wire
) -> None:
    """While the server is full, words wait; they are stored once it has room."""
    log = _open(journal, await _owned(conversations))
    wire.call("CONFIG", "SET", "maxmemory", "1")
    try:
        log.piece("patient")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await log.settle()
    finally:
        wire.call("CONFIG", "SET", "maxmemory", "0")
    await log.settle()
    assert [text for _, text in _words(await _stored(store, log))] == ["patient"]
