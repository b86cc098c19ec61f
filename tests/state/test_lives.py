"""Erasing and expiring: nothing is resurrected, every key has a life, and indexes are swept."""

import asyncio
from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.domain.errors import (
    CaseNotFound,
    Fenced,
)
from app.domain.event import EventId
from app.domain.facts import ERASED, flattened
from app.state import keys
from app.state.conversations import ConversationStateManager
from app.state.facts import FactStream
from app.state.follow import Follower
from app.state.journal import Journal
from app.state.keys import CaseKeys
from app.state.records import Claim
from app.state.store import Store
from tests.support.cases import (
    TOKEN_HASH,
    case_event,
    claimed,
    finished,
    keys_of,
    opened,
    post,
)
from tests.support.valkey import Wire

Cases = ConversationStateManager


@pytest.mark.parametrize("how", ["erased", "deleted", "expired"])
async def test_nothing_is_resurrected(
    conversations: Cases, rival: Cases, store: Store, wire: Wire, journal: Journal, how: str
) -> None:
    """Whatever an owner still does to a case that is gone leaves no key behind but word of it."""
    state = await opened(conversations)
    case_id = state.case_id
    word = set() if how == "expired" else {CaseKeys(case_id).facts}
    claim = (await post(conversations, case_id, "a", key="a", claim=True)).claim
    assert claim is not None
    await finished(conversations, claim, events=(case_event(1),))
    await post(conversations, case_id, "b", claim=False)
    await post(conversations, case_id, "c", claim=False)
    claim = await claimed(conversations, case_id)
    log = journal.open(case_id, claim.turn, claim.epoch)
    log.piece("some ")
    await log.settle()
    if how == "erased":
        await rival.erase(case_id, TOKEN_HASH)
        assert await keys_of(store, case_id) == word
    elif how == "deleted":
        assert await rival.delete_conversation_state(case_id)
        assert not await rival.delete_conversation_state(case_id)
    else:
        for key in await keys_of(store, case_id):
            wire.call("PEXPIRE", key, "0")
    log.piece("words")
    with pytest.raises(Fenced):
        await log.settle()
    with pytest.raises(CaseNotFound):
        await finished(conversations, claim)
    await conversations.release(claim)
    with pytest.raises(CaseNotFound):
        await post(conversations, case_id, "a", key="a")
    with pytest.raises(CaseNotFound):
        await conversations.save_conversation_state(case_id, state, ttl=60)
    with pytest.raises(CaseNotFound):
        await conversations.drop(case_id, 2)
    assert await conversations.claim(case_id) == "gone"
    assert await conversations.get_conversation_state(case_id) is None
    assert await keys_of(store, case_id) == word
    stream = FactStream(store)
    told = [one for one in await stream.read(100_000) if one.case_id == case_id]
    assert [flattened(one.data)["kind"] for one in told] == [ERASED] * len(word)
    await stream.take_off(told)
    assert await keys_of(store, case_id) == set()


@pytest.mark.usefixtures("clean")
async def test_every_key_has_a_life(
    conversations: Cases,
    rival: Cases,
    store: Store,
    journal: Journal,
    follower: Follower,
) -> None:
    """After everything that can happen to cases, no key is without an end."""
    for number in range(8):
        state = await opened(conversations)
        case_id = state.case_id
        if number == 0:
            continue
        claim = (await post(conversations, case_id, "a", claim=number != 1)).claim
        if claim is None:
            continue
        log = journal.open(case_id, 1, claim.epoch)
        log.piece("some ")
        log.event(b'{"type":"status","status":"thinking"}')
        await log.settle()
        async with follower.follow(log.key, EventId(0, 0)) as subscription:
            await subscription.queue.get()
        await post(conversations, case_id, "b", on_busy="interrupt")
        await post(conversations, case_id, "c")
        if number == 2:
            continue
        if number == 3:
            await conversations.release(claim)
            claim = await claimed(rival, case_id)
        if number == 4:
            taken = await rival.claim(case_id, turn=1, opening="cancel")
            assert isinstance(taken, Claim)
            claim = taken
        status = replace(state, status="completed" if number == 5 else "active")
        await finished(rival, claim, seq=3, state=status, events=(case_event(1),))
        await conversations.drop(case_id, 3)
        if number == 6:
            await finished(conversations, await claimed(conversations, case_id))
            await finished(conversations, await claimed(conversations, case_id))
            await conversations.save_conversation_state(case_id, state, ttl=100)
        if number == 7:
            await conversations.erase(case_id, TOKEN_HASH)
    with pytest.raises(CaseNotFound):
        await post(conversations, uuid4().hex)
    await conversations.sweep(stale_ms=-1_000)
    found = await keys_of(store)
    lives = await store.commands(("PTTL", key) for key in found)
    assert len(found) > 25
    # One counter says for as long as the storage lives how much was erased.
    endless = {key for key, life in zip(found, lives, strict=True) if life == -1}
    assert endless == {keys.ERASED}
    # Not by counting: a lease may end between two counts.
    assert [key for key in await store.command("KEYS", "*") if not key.startswith(b"tri:")] == []


async def test_the_life_of_a_case_is_what_its_playbook_says(
    conversations: Cases, store: Store, wire: Wire
) -> None:
    """A case lives on from its last message; a finish sets the life that follows from its state."""

    async def lives() -> set[int]:
        names = sorted(await keys_of(store, case_id))
        return {
            await store.command("TTL", one) for one in names if not one.endswith((":k", ":t:1"))
        }

    case_id = (await opened(conversations, ttl=500)).case_id
    wire.call("EXPIRE", CaseKeys(case_id).meta, "7")
    claim = (await post(conversations, case_id, claim=True)).claim
    assert claim is not None
    assert all(490 <= one <= 500 for one in await lives())
    await finished(conversations, claim, ttl=900, events=(case_event(1),))
    assert all(890 <= one <= 900 for one in await lives())
    wire.call("EXPIRE", CaseKeys(case_id).turns, "7")
    await post(conversations, case_id)
    assert all(890 <= one <= 900 for one in await lives())


async def test_a_case_that_expired_is_forgotten(
    conversations: Cases, store: Store, clean: Wire
) -> None:
    """When its time has come nothing is left of a case, and the lists lose it."""
    keep = await opened(conversations)
    gone = await opened(conversations, ttl=1)
    async with asyncio.timeout(10):
        while await conversations.get_conversation_state(gone.case_id) is not None:
            pass
    listed = await conversations.list_active_conversations()
    assert [one.case_id for one in listed] == [keep.case_id]
    assert await conversations.sweep(stale_ms=-1_000) == (1, 0)
    assert await conversations.sweep(stale_ms=-1_000) == (0, 0)
    assert await keys_of(store, gone.case_id) == set()
    assert clean.call("ZSCORE", keys.live(gone.case_id), gone.case_id) is None


async def test_a_forgotten_turn_is_listed_again(conversations: Cases, clean: Wire) -> None:
    """If the list of busy cases is lost, the sweep finds every unfinished turn."""
    waiting = [await opened(conversations) for _ in range(5)]
    for state in waiting:
        await post(conversations, state.case_id)
    await opened(conversations)
    clean.call("DEL", keys.BUSY)
    assert await conversations.sweep(stale_ms=60_000) == (0, 0)
    assert await conversations.sweep(stale_ms=-1_000) == (0, 5)
    assert set(await conversations.busy(10)) == {state.case_id for state in waiting}


async def test_a_case_is_settled_only_if_nothing_came_since(
    conversations: Cases, clean: Wire
) -> None:
    """Whoever ends work on a case cannot hide a message that came meanwhile."""
    case_id = (await opened(conversations)).case_id
    receipt = await post(conversations, case_id)
    clean.call("ZADD", keys.BUSY, str(receipt.listed_ms + 1), case_id)
    await conversations.settle(case_id, receipt.listed_ms)
    assert await conversations.busy(10) == {case_id: receipt.listed_ms + 1}
    await conversations.settle(case_id, receipt.listed_ms + 1)
    assert await conversations.busy(10) == {}
