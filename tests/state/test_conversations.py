"""Cases in Valkey and Redis: what is accepted, who may write, what is left when a case goes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from msgspec.structs import replace

from app.domain.case import Say
from app.domain.errors import (
    CaseFull,
    CaseNotFound,
    Fenced,
    IdempotencyMismatch,
    StateTooNew,
    TurnBusy,
    TurnNotFound,
)
from app.domain.event import EventId, TurnCompleted, decode
from app.domain.facts import ERASED, flattened
from app.state import keys
from app.state.codec import encode
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
    case_state,
    claimed,
    finished,
    opened,
    post,
    turn_of,
)
from tests.support.valkey import Wire

Cases = ConversationStateManager


@pytest.fixture
def clean(wire: Wire) -> Wire:
    """A server with nothing in it."""
    wire.call("FLUSHALL")
    return wire


async def _keys(store: Store, case_id: str = "") -> set[str]:
    found = await store.command("KEYS", f"tri:*{case_id}*")
    return {one.decode() for one in found}


# Opening.


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


# Accepting.


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
    assert [_said(one.command) for one in await conversations.waiting(case_id)] == ["a", "c", "d"]
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
    waiting = [_said(one.command) for one in await rival.waiting(case_id)]
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
    before = await _keys(store)
    for _ in range(20):
        with pytest.raises(CaseNotFound):
            await post(conversations, uuid4().hex, token_hash="stranger")
    with pytest.raises(CaseNotFound):
        await post(conversations, case_id, token_hash="stranger")
    assert list(await conversations.busy(10)) == list(listed) == [case_id]
    assert await _keys(store) == before
    assert clean.call("ZCARD", keys.live(case_id)) == b"1"


# Claiming and finishing.


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
    assert _said(second.accepted.command) == "b"
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


# Cancelling.


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


# Erasing and expiring.


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
        assert await _keys(store, case_id) == word
    elif how == "deleted":
        assert await rival.delete_conversation_state(case_id)
        assert not await rival.delete_conversation_state(case_id)
    else:
        for key in await _keys(store, case_id):
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
    assert await _keys(store, case_id) == word
    stream = FactStream(store)
    told = [one for one in await stream.read(100_000) if one.case_id == case_id]
    assert [flattened(one.data)["kind"] for one in told] == [ERASED] * len(word)
    await stream.take_off(told)
    assert await _keys(store, case_id) == set()


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
    found = await _keys(store)
    lives = await store.commands(("PTTL", key) for key in found)
    assert len(found) > 25
    # One counter says for as long as the storage lives how much was erased.
    endless = {key for key, life in zip(found, lives, strict=True) if life == -1}
    assert endless == {keys.ERASED}
    assert await store.command("DBSIZE") == len(await _keys(store))


async def test_the_life_of_a_case_is_what_its_playbook_says(
    conversations: Cases, store: Store, wire: Wire
) -> None:
    """A case lives on from its last message; a finish sets the life that follows from its state."""

    async def lives() -> set[int]:
        names = sorted(await _keys(store, case_id))
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
    assert await _keys(store, gone.case_id) == set()
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


# The mission's four methods.


async def test_a_state_is_saved_while_nobody_works(conversations: Cases) -> None:
    """A state is replaced between turns, refused during one, and never brings a case back."""
    state = await opened(conversations)
    moved = replace(state, questions=2)
    await conversations.save_conversation_state(state.case_id, moved, ttl=60)
    assert await conversations.get_conversation_state(state.case_id) == moved
    claim = (await post(conversations, state.case_id, claim=True)).claim
    assert claim is not None
    assert claim.state == moved
    with pytest.raises(TurnBusy):
        await conversations.save_conversation_state(state.case_id, state, ttl=60)
    with pytest.raises(CaseNotFound):
        await conversations.save_conversation_state(uuid4().hex, case_state(), ttl=60)


async def test_active_conversations_are_listed_latest_first(
    conversations: Cases, clean: Wire
) -> None:
    """The list is ordered by activity, pages by its cursor, and leaves out what is completed."""
    states = [await opened(conversations) for _ in range(7)]
    for at, state in enumerate(states):
        clean.call("ZADD", keys.live(state.case_id), str(1_000 + at), state.case_id)
    ended = replace(states[3], status="completed")
    await conversations.save_conversation_state(ended.case_id, ended, ttl=60)
    expected = [one.case_id for one in reversed(states) if one is not states[3]]
    pages: list[str] = []
    cursor = None
    while page := await conversations.list_active_conversations(limit=2, before_ms=cursor):
        pages += [one.case_id for one in page]
        cursor = page[-1].last_activity_ms
    assert pages == expected
    assert (await conversations.list_active_conversations(limit=1))[0].state == states[6]


async def test_a_completed_case_leaves_the_list(conversations: Cases, clean: Wire) -> None:
    """The finish that ends an interview takes the case off the list of active ones."""
    state = await opened(conversations)
    claim = (await post(conversations, state.case_id, claim=True)).claim
    assert claim is not None
    await finished(conversations, claim, state=replace(state, status="completed"))
    assert clean.call("ZSCORE", keys.live(state.case_id), state.case_id) is None


# Newer versions.


@pytest.fixture
async def newer(conversations: Cases, wire: Wire) -> AsyncIterator[str]:
    """A case whose state a newer version has written."""
    state = await opened(conversations)
    document = msgspec.msgpack.decode(encode(state)) | {"type": "case/2", "mood": "calm"}
    wire.call("HSET", CaseKeys(state.case_id).meta, "s", msgspec.msgpack.encode(document))
    yield state.case_id
    await conversations.delete_conversation_state(state.case_id)


async def test_a_newer_state_is_refused(conversations: Cases, newer: str) -> None:
    """What this version cannot read whole it does not read at all."""
    with pytest.raises(StateTooNew):
        await conversations.open(newer, TOKEN_HASH)
    with pytest.raises(StateTooNew):
        await conversations.get_conversation_state(newer)


async def test_a_case_of_a_newer_version_is_left_to_it(
    conversations: Cases, rival: Cases, newer: str
) -> None:
    """An owner that cannot read its claim gives it back at once, and loses no message."""
    with pytest.raises(StateTooNew):
        await post(conversations, newer, "a", key="a", claim=True)
    assert (await post(conversations, newer, "a", key="a")).turn == 1
    with pytest.raises(StateTooNew):
        await conversations.claim(newer)
    with pytest.raises(StateTooNew):
        await rival.claim(newer)
    assert await conversations.lease_ttls([newer]) == [-2]


@pytest.mark.parametrize(
    "path", [(), ("assessment",), ("assessment", "slots", "name"), ("assessment", "candidates", 0)]
)
async def test_an_unknown_field_is_refused_at_any_depth(
    conversations: Cases, wire: Wire, path: tuple[str | int, ...]
) -> None:
    """A field of a newer version is not dropped, wherever it stands."""
    state = await opened(conversations)
    document = msgspec.msgpack.decode(encode(state))
    document["assessment"] = {
        "slots": {"name": {"value": "x", "turn": 1, "source": "rules"}},
        "candidates": [{"code": "a.b", "confidence": 0.5}],
    }
    place = document
    for step in path:
        place = place[step]
    for unknown, readable in ((False, True), (True, False)):
        if unknown:
            place["new"] = 1
        wire.call("HSET", CaseKeys(state.case_id).meta, "s", msgspec.msgpack.encode(document))
        if readable:
            assert await conversations.get_conversation_state(state.case_id) is not None
        else:
            with pytest.raises(StateTooNew):
                await conversations.get_conversation_state(state.case_id)


def _said(command: object) -> str:
    assert isinstance(command, Say)
    return command.text
