"""Claiming, finishing and cancelling: one owner, growing epochs, and a finish that is one step."""

import asyncio
from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.domain.errors import (
    CaseNotFound,
    Fenced,
    TurnNotFound,
)
from app.domain.event import TurnCompleted, decode
from app.state import keys
from app.state.codec import encode
from app.state.conversations import ConversationStateManager
from app.state.keys import CaseKeys
from app.state.records import Claim
from app.state.store import Store
from tests.support.cases import (
    TOKEN_HASH,
    case_event,
    claimed,
    finished,
    opened,
    post,
    text_of,
    turn_of,
)
from tests.support.valkey import Wire

Cases = ConversationStateManager


async def test_a_claim_has_all_that_is_needed(conversations: Cases) -> None:
    """The owner gets the command, the committed turns and how many wait, in one answer."""
    state = await opened(conversations)
    case_id = state.case_id
    first = await post(conversations, case_id, "a", claim=True)
    await post(conversations, case_id, "b")
    await post(conversations, case_id, "c")
    assert first.claim is not None
    assert (first.claim.turn, first.claim.attempt, first.claim.turns) == (1, 1, ())
    moved = replace(state, questions=1)
    assert await finished(conversations, first.claim, "one", state=moved) == 2
    second = await claimed(conversations, case_id)
    assert (second.turn, second.attempt, second.behind, second.state) == (2, 1, 1, moved)
    assert text_of(second.accepted.command) == "b"
    assert [one.reply for one in second.turns] == ["one"]
    assert second.epoch > first.claim.epoch


async def test_there_is_one_owner(conversations: Cases, rival: Cases) -> None:
    """A claim is refused while a lease lives; afterwards there is nothing left to claim."""
    case_id = (await opened(conversations)).case_id
    assert await conversations.claim(case_id) == "idle"
    assert await conversations.claim(uuid4().hex) == "gone"
    await post(conversations, case_id)
    found = await asyncio.gather(*((conversations, rival)[n % 2].claim(case_id) for n in range(20)))
    [owner] = [one for one in found if isinstance(one, Claim)]
    assert [one for one in found if one is not owner] == ["held"] * 19
    assert await rival.claim(case_id, turn=2, opening="cancel") == "other"
    await finished((conversations, rival)[owner.owner == "two"], owner)
    assert await rival.claim(case_id) == "idle"


async def test_an_orphan_is_taken_over(conversations: Cases, rival: Cases, wire: Wire) -> None:
    """Without a lease the next owner gets the same command, a higher epoch and says why."""
    case_id = (await opened(conversations)).case_id
    first = (await post(conversations, case_id, "a", claim=True)).claim
    assert first is not None
    wire.call("DEL", CaseKeys(case_id).lease)
    second = await claimed(rival, case_id)
    assert (second.turn, second.attempt, second.reason) == (1, 2, "takeover")
    assert second.epoch > first.epoch
    assert second.accepted == first.accepted


async def test_a_lease_that_is_given_back_is_free_at_once(
    conversations: Cases, rival: Cases
) -> None:
    """Handing over needs no waiting, and a late hand-over does not take it from the next owner."""
    case_id = (await opened(conversations)).case_id
    first = (await post(conversations, case_id, claim=True)).claim
    assert first is not None
    await conversations.release(first)
    second = await claimed(rival, case_id)
    assert (second.attempt, second.reason) == (2, "handover")
    await conversations.release(first)
    assert await conversations.claim(case_id) == "held"


async def test_a_lease_that_is_given_back_can_be_called_out(
    conversations: Cases, clean: Wire
) -> None:
    """The case is listed anew, so that whoever waits for the lease's end sees it; never wrongly."""
    case_id = (await opened(conversations)).case_id
    claim = (await post(conversations, case_id, claim=True)).claim
    assert claim is not None
    clean.call("ZADD", keys.BUSY, "1", case_id)
    await conversations.release(claim)
    assert await conversations.busy(10) == {case_id: 1}
    await conversations.release(claim, call=True)
    assert (await conversations.busy(10))[case_id] > 1
    clean.call("ZREM", keys.BUSY, case_id)
    await conversations.release(claim, call=True)
    assert await conversations.busy(10) == {}


async def test_an_older_owner_cannot_write(
    conversations: Cases, rival: Cases, wire: Wire, store: Store
) -> None:
    """After a takeover neither the finish nor the words of the earlier owner are stored."""
    case_id = (await opened(conversations)).case_id
    first = (await post(conversations, case_id, claim=True)).claim
    assert first is not None
    log = CaseKeys(case_id).log(1)
    wire.call("XADD", log, f"{first.epoch}-1", "p", encode(["old "]))
    wire.call("DEL", CaseKeys(case_id).lease)
    second = await claimed(rival, case_id)
    with pytest.raises(Fenced):
        await finished(conversations, first, "of the old one")
    for place in (
        f"{first.epoch}-2",
        f"{first.epoch}-1",
        f"{first.epoch}-999",
        f"{second.epoch}-0",
    ):
        with pytest.raises(AssertionError, match="equal or smaller"):
            wire.call("XADD", log, place, "p", encode(["late "]))
    await finished(rival, second, "of the new one")
    with pytest.raises(Fenced):
        await finished(conversations, first, "of the old one")
    [turn] = await conversations.turns(case_id)
    assert turn.reply == "of the new one"
    rows = await store.command("XRANGE", log, "-", "+")
    assert [row[0].decode() for row in rows] == [
        f"{first.epoch}-0", f"{first.epoch}-1", f"{second.epoch}-0", f"{second.epoch}-1"
    ]  # fmt: skip


async def test_a_repeated_finish_changes_nothing(conversations: Cases, store: Store) -> None:
    """If the answer to a finish is lost, its repetition says the same and stores nothing."""
    case_id = (await opened(conversations)).case_id
    claim = (await post(conversations, case_id, claim=True)).claim
    assert claim is not None
    await post(conversations, case_id)
    event = (case_event(1),)
    assert await finished(conversations, claim, "one", events=event) == 1
    assert await finished(conversations, claim, "one", events=event) == 1
    assert await finished(conversations, claim, "another", events=event) == 1
    assert [one.reply for one in await conversations.turns(case_id)] == ["one"]
    assert len(await conversations.waiting(case_id)) == 1
    assert await store.command("XLEN", CaseKeys(case_id).log(1)) == 2
    assert await store.command("XLEN", CaseKeys(case_id).events) == 1


async def test_a_finish_is_one_step(conversations: Cases, wire: Wire) -> None:
    """Record, state, terminal event, case event and the free lease are there together."""
    state = await opened(conversations)
    case_id = state.case_id
    claim = (await post(conversations, case_id, claim=True)).claim
    assert claim is not None
    moved = replace(state, questions=3)
    await finished(conversations, claim, "one", state=moved, events=(case_event(1),), log_ttl=50)
    record = await conversations.open(case_id, TOKEN_HASH)
    assert (record.done, record.state, record.version) == (1, moved, 2)
    turn = await conversations.turn(case_id, 1)
    assert turn is not None
    assert turn.event_id == f"{claim.epoch}-1"
    terminal = decode(turn.terminal)
    assert isinstance(terminal, TurnCompleted)
    assert terminal.message == "one"
    assert wire.call("EXISTS", CaseKeys(case_id).lease) == b"0"
    assert 0 < int(wire.call("TTL", CaseKeys(case_id).log(1)) or 0) <= 50


async def test_a_finish_leaves_anothers_lease_alone(conversations: Cases, wire: Wire) -> None:
    """Only the finishing owner's own lease is given back."""
    case_id = (await opened(conversations)).case_id
    claim = (await post(conversations, case_id, claim=True)).claim
    assert claim is not None
    wire.call("SET", CaseKeys(case_id).lease, "somebody:1", "PX", "5000")
    await finished(conversations, claim)
    assert wire.call("GET", CaseKeys(case_id).lease) == b"somebody:1"


async def test_a_terminal_event_belongs_to_its_claim(conversations: Cases) -> None:
    """A record that names another epoch is a mistake of ours and is not stored."""
    case_id = (await opened(conversations)).case_id
    claim = (await post(conversations, case_id, claim=True)).claim
    assert claim is not None
    wrong = replace(turn_of(claim, "x"), event_id="1-1")
    with pytest.raises(ValueError, match="epoch"):
        await conversations.finish(
            claim, wrong, state=claim.state, result=None, ttl=60, log_ttl=60, events=[]
        )
    assert await conversations.turns(case_id) == ()


async def test_epochs_grow_whatever_the_clock_says(conversations: Cases, wire: Wire) -> None:
    """An epoch is above the one before even where that lies in the future."""
    case_id = (await opened(conversations)).case_id
    ahead = 9_999_999_999_999
    wire.call("HSET", CaseKeys(case_id).meta, "e", str(ahead))
    claim = (await post(conversations, case_id, claim=True)).claim
    assert claim is not None
    assert claim.epoch == ahead + 1
    await finished(conversations, claim)


async def test_cancelling_depends_on_where_a_turn_is(conversations: Cases) -> None:
    """The oldest must be claimed, a waiting one is marked, a finished one is done."""
    case_id = (await opened(conversations)).case_id
    first = (await post(conversations, case_id, claim=True)).claim
    assert first is not None
    await post(conversations, case_id, "b")
    await post(conversations, case_id, "c")
    assert await conversations.drop(case_id, 1) == "next"
    assert await conversations.drop(case_id, 2) == "marked"
    assert await conversations.drop(case_id, 2) == "marked"
    await finished(conversations, first)
    assert await conversations.drop(case_id, 1) == "done"
    second = await claimed(conversations, case_id)
    assert second.dropped
    await finished(conversations, second)
    assert not (await claimed(conversations, case_id)).dropped
    for turn in (0, 4, 99):
        with pytest.raises(TurnNotFound):
            await conversations.drop(case_id, turn)
    with pytest.raises(CaseNotFound):
        await conversations.drop(uuid4().hex, 1)


async def test_a_canceller_takes_the_turn_from_a_living_owner(
    conversations: Cases, rival: Cases
) -> None:
    """A cancelling claim needs no free lease and fences whoever generates."""
    case_id = (await opened(conversations)).case_id
    first = (await post(conversations, case_id, claim=True)).claim
    assert first is not None
    taken = await rival.claim(case_id, turn=1, opening="cancel")
    assert isinstance(taken, Claim)
    with pytest.raises(Fenced):
        await finished(conversations, first)
    await finished(rival, taken, "partial")
    assert [one.reply for one in await conversations.turns(case_id)] == ["partial"]
