"""Opening a case and posting to it: one token, one key, one order, and no trace of strangers."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.domain.errors import (
    CaseFull,
    CaseNotFound,
    IdempotencyMismatch,
    TurnBusy,
)
from app.state import keys
from app.state.conversations import ConversationStateManager
from app.state.keys import CaseKeys
from app.state.store import Store
from tests.support.cases import (
    TOKEN_HASH,
    finished,
    keys_of,
    opened,
    post,
    text_of,
)
from tests.support.valkey import Wire

Cases = ConversationStateManager


async def test_a_new_case_is_there_for_its_token_alone(conversations: Cases) -> None:
    """Whoever lacks the credential cannot tell the case from one that never was."""
    state = await opened(conversations)
    record = await conversations.open(state.case_id, TOKEN_HASH)
    assert (record.state, record.accepted, record.done) == (state, 0, 0)
    for case_id, token in [(state.case_id, "other"), (uuid4().hex, TOKEN_HASH)]:
        with pytest.raises(CaseNotFound):
            await conversations.open(case_id, token)
        with pytest.raises(CaseNotFound):
            await post(conversations, case_id, token_hash=token)
        with pytest.raises(CaseNotFound):
            await conversations.erase(case_id, token)
    assert await conversations.get_conversation_state(state.case_id) == state


async def test_opening_twice_is_harmless_and_anothers_id_is_refused(conversations: Cases) -> None:
    """A repeated start leaves the case as it is; an id that is taken does not change hands."""
    state = await opened(conversations)
    await post(conversations, state.case_id, "first")
    again = replace(state, locale="pt-BR")
    await conversations.start(again, token_hash=TOKEN_HASH, cap=5, ttl=60)
    assert (await conversations.open(state.case_id, TOKEN_HASH)).accepted == 1
    assert await conversations.get_conversation_state(state.case_id) == state
    with pytest.raises(CaseNotFound):
        await conversations.start(again, token_hash="other", cap=5, ttl=60)


async def test_one_key_is_one_turn(conversations: Cases, rival: Cases) -> None:
    """The same key with the same body is the same turn, at any instance, as often as it comes."""
    case_id = (await opened(conversations)).case_id
    first = await post(conversations, case_id, "a", key="k")
    again = [await post(one, case_id, "a", key="k") for one in (conversations, rival, rival)]
    assert (first.turn, first.new) == (1, True)
    assert [(one.turn, one.new) for one in again] == [(1, False)] * 3
    assert len(await conversations.waiting(case_id)) == 1


async def test_a_key_is_not_used_for_two_bodies(conversations: Cases) -> None:
    """The same key with another body is refused, also when its turn is long over."""
    case_id = (await opened(conversations)).case_id
    first = await post(conversations, case_id, "a", key="k", claim=True)
    with pytest.raises(IdempotencyMismatch):
        await post(conversations, case_id, "b", key="k")
    assert first.claim is not None
    await finished(conversations, first.claim)
    with pytest.raises(IdempotencyMismatch, match="turn 1"):
        await post(conversations, case_id, "b", key="k")
    assert (await post(conversations, case_id, "a", key="k")).turn == 1


@pytest.mark.parametrize(("age", "turn"), [(timedelta(hours=23), 1), (timedelta(hours=25), 2)])
async def test_a_key_holds_for_a_day(
    conversations: Cases, wire: Wire, age: timedelta, turn: int
) -> None:
    """Within 24 hours a key names its turn; after that it is as good as new."""
    case_id = (await opened(conversations)).case_id
    await post(conversations, case_id, "a", key="k")
    idempotency = CaseKeys(case_id).idempotency
    stored = wire.call("HGET", idempotency, "k")
    assert stored is not None
    number, at, fingerprint = stored.decode().split(":")
    before = int(at) - age // timedelta(milliseconds=1)
    wire.call("HSET", idempotency, "k", f"{number}:{before}:{fingerprint}")
    assert (await post(conversations, case_id, "a", key="k")).turn == turn


async def test_a_busy_case_queues_or_refuses(conversations: Cases) -> None:
    """`enqueue` waits behind the running turn; `reject` is refused and leaves nothing behind."""
    case_id = (await opened(conversations)).case_id
    assert (await post(conversations, case_id, "a", on_busy="reject")).turn == 1
    with pytest.raises(TurnBusy) as refused:
        await post(conversations, case_id, "b", on_busy="reject", key="b")
    assert refused.value.turn == 1
    second = await post(conversations, case_id, "c", on_busy="enqueue")
    third = await post(conversations, case_id, "d", on_busy="interrupt")
    assert (second.turn, third.turn, third.done) == (2, 3, 0)
    assert [text_of(one.command) for one in await conversations.waiting(case_id)] == ["a", "c", "d"]
    assert (await post(conversations, case_id, "b", key="b")).turn == 4


async def test_a_full_case_takes_no_more(conversations: Cases) -> None:
    """The cap counts accepted messages; what is refused costs nothing, repeats still answer."""
    case_id = (await opened(conversations, cap=2)).case_id
    await post(conversations, case_id, "a", key="a")
    await post(conversations, case_id, "b")
    with pytest.raises(CaseFull):
        await post(conversations, case_id, "c")
    assert (await post(conversations, case_id, "a", key="a")).turn == 1
    assert (await conversations.open(case_id, TOKEN_HASH)).accepted == 2


async def test_a_hundred_at_once_keep_one_order(conversations: Cases, rival: Cases) -> None:
    """Concurrent accepts at two instances get the numbers 1 to 100, and wait in that order."""
    case_id = (await opened(conversations, cap=1_000)).case_id
    receipts = await asyncio.gather(
        *(post((conversations, rival)[n % 2], case_id, f"message {n}") for n in range(100))
    )
    assert sorted(one.turn for one in receipts) == list(range(1, 101))
    waiting = [text_of(one.command) for one in await rival.waiting(case_id)]
    assert waiting == [f"message {n}" for n in sorted(range(100), key=lambda n: receipts[n].turn)]


async def test_fifty_equal_keys_run_once(conversations: Cases, rival: Cases) -> None:
    """Of concurrent posts with one key, one is new and at most that one owns the case."""
    case_id = (await opened(conversations)).case_id
    receipts = await asyncio.gather(
        *(post((conversations, rival)[n % 2], case_id, key="k", claim=True) for n in range(50))
    )
    assert {one.turn for one in receipts} == {1}
    assert sum(one.new for one in receipts) == 1
    assert sum(one.claim is not None for one in receipts) == 1


async def test_a_stranger_leaves_no_trace(conversations: Cases, store: Store, clean: Wire) -> None:
    """Posts to cases that are not there, or not theirs, do not grow the lists of work."""
    case_id = (await opened(conversations)).case_id
    await post(conversations, case_id, claim=True)
    listed = await conversations.busy(10)
    before = await keys_of(store)
    for _ in range(20):
        with pytest.raises(CaseNotFound):
            await post(conversations, uuid4().hex, token_hash="stranger")
    with pytest.raises(CaseNotFound):
        await post(conversations, case_id, token_hash="stranger")
    assert list(await conversations.busy(10)) == list(listed) == [case_id]
    assert await keys_of(store) == before
    assert clean.call("ZCARD", keys.live(case_id)) == b"1"
