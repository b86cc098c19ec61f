"""What stands in the storage is sealed; what earlier versions left is read; damage spreads not."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from app.core.privacy.masters import sealer
from app.domain.case import Accepted, Handoff, Say
from app.domain.errors import (
    CaseUnreadable,
    IdempotencyMismatch,
    InvalidInput,
    MasterKeysWrong,
    MasterUnknown,
    StateDamaged,
    StateUnavailable,
)
from app.domain.event import Delta, EventId, encode
from app.domain.sealing import MasterKey, MasterRing, is_sealed, new_master
from app.embedded import EmbeddedValkey
from app.settings import Settings
from app.state import codec
from app.state.abandonment import tell_abandoned
from app.state.case_index import CaseFilter, page
from app.state.conversations import ConversationStateManager
from app.state.follow import Follower
from app.state.job_board import JobBoard
from app.state.journal import Journal
from app.state.keys import CaseKeys
from app.state.masters import MasterBook
from app.state.outbox import Outbox
from app.state.records import Claim
from app.state.rewriting import rewrite_where_erased
from app.state.sealing import KEY, Sealer, case_key
from app.state.store import Store
from tests.support.cases import (
    TOKEN_HASH,
    case_event,
    case_state,
    claimed,
    finished,
    opened,
    post,
    queued,
    turn_of,
)
from tests.support.outboxes import told
from tests.support.sealed import key_of, sealer_of_tests, store_at
from tests.support.waiting import until

CANARY = "Quixeramobim"


@pytest.fixture
async def own(own_valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """A storage that this test alone uses."""
    made = store_at(own_valkey.url)
    yield made
    await made.close()


async def plainly(store: Store, case_id: str, *, text: str) -> None:
    """Leave a case as an earlier version did: one turn, one command that waits, no key."""
    meta, state = CaseKeys(case_id).meta, case_state(case_id)
    claim = Claim(
        case_id=case_id, owner="earlier", epoch=5, turn=1, attempt=1, state=state,
        accepted=Accepted(command=Say(text=text), at=1), turns=(), dropped=False,
        reason="takeover", behind=1,
    )  # fmt: skip
    fields = {
        "h": TOKEN_HASH, "s": codec.encode(state), "x": 600, "cap": 50, "var": "v2",
        "e": 5, "n": 2, "d": 1, "at": 0, "ver": 2,
    }  # fmt: skip
    keys = CaseKeys(case_id)
    await store.commands(
        [
            ("HSET", meta, *(part for pair in fields.items() for part in pair)),
            ("RPUSH", keys.turns, codec.encode(turn_of(claim, text))),
            ("RPUSH", keys.inbox, codec.encode(claim.accepted)),
            ("XADD", keys.log(1), "5-1", "p", codec.encode([text])),
            ("XADD", keys.events, "*", "e", encode(case_event(1))),
        ]
    )


async def test_a_case_of_an_earlier_version_goes_on(own: Store) -> None:
    """What it left plain is read; what is written from then on is sealed."""
    await plainly(own, "old", text=CANARY)
    conversations = ConversationStateManager(own, "now")
    (turn,) = await conversations.turns("old")
    assert turn.reply == CANARY
    assert [one.command for one in await conversations.waiting("old")] == [Say(text=CANARY)]
    follower = Follower(own, "now")
    words = await follower.read(CaseKeys("old").log(1), EventId(0, 0))
    assert words[0].data == encode(Delta(t=CANARY))
    assert await case_key(own, "old") is None
    claim = await claimed(conversations, "old")
    assert await case_key(own, "old") is not None
    journal = Journal(own)
    journal.start()
    log = journal.open("old", claim.turn, claim.epoch)
    log.piece("and on")
    await log.settle()
    await journal.close()
    await finished(conversations, claim, "sealed now", seq=2)
    assert [one.reply for one in await conversations.turns("old")] == [CANARY, "sealed now"]
    before, after = await own.command("LRANGE", CaseKeys("old").turns, 0, -1)
    assert (is_sealed(before), is_sealed(after)) == (False, True)
    assert is_sealed(await own.command("HGET", CaseKeys("old").meta, "s"))
    rows = await own.command("XRANGE", CaseKeys("old").log(2), "-", "+")
    assert [is_sealed(fields.get(b"p", fields.get(b"e"))) for _, fields in rows[1:]] == [True] * 2
    told_so_far = await follower.read(CaseKeys("old").log(2), EventId(0, 0))
    assert [one.name for one in told_so_far][1:] == ["delta", "turn.completed"]


async def test_a_repetition_is_known_across_the_upgrade(own: Store) -> None:
    """Fingerprints are kept keyed; one that was kept plain before still tells a repetition."""
    conversations = ConversationStateManager(own, "now")
    case_id = (await opened(conversations)).case_id
    first = await post(conversations, case_id, key="k", fingerprint="plain-print")
    held = await own.command("HGET", CaseKeys(case_id).idempotency, "k")
    assert b"plain-print" not in held
    again = await post(conversations, case_id, key="k", fingerprint="plain-print")
    assert (again.turn, again.new) == (first.turn, False)
    number, at, _ = held.split(b":")
    await own.command(
        "HSET", CaseKeys(case_id).idempotency, "k", b":".join((number, at, b"plain-print"))
    )
    assert not (await post(conversations, case_id, key="k", fingerprint="plain-print")).new
    with pytest.raises(IdempotencyMismatch):
        await post(conversations, case_id, key="k", fingerprint="another")


async def test_words_are_sealed_wherever_a_case_keeps_them(own: Store) -> None:
    """State, turns, inbox, log, events, jobs and outbox hold nothing that can be read."""
    conversations = ConversationStateManager(own, "now")
    job = await queued(conversations)
    note = await told(conversations)
    for case_id in (job.case_id, note.case_id):
        await post(conversations, case_id, CANARY, key=CANARY[:4])
    held = []
    for case_id in (job.case_id, note.case_id):
        keys = CaseKeys(case_id)
        held += await own.command("LRANGE", keys.turns, 0, -1)
        held += await own.command("LRANGE", keys.inbox, 0, -1)
        held.append(await own.command("HGET", keys.meta, "s"))
        rows = await own.command("XRANGE", keys.log(1), "-", "+")
        held += [fields[b"e"] for _, fields in rows if b"e" in fields]
    held.append(await own.command("HGET", CaseKeys(job.case_id).job(job.turn), "spec"))
    held += list((await own.command("HGETALL", CaseKeys(note.case_id).outbox)).values())
    assert len(held) >= 10
    assert all(map(is_sealed, held))


@pytest.mark.parametrize("damage", [b"\xc1\x01\x01" + bytes(60), b"\x81\xa1", b""])
async def test_a_damaged_case_stands_in_nobodys_way(own: Store, damage: bytes) -> None:
    """It says so when it is asked for; lists, sweeps and workers serve all others meanwhile."""
    conversations = ConversationStateManager(own, "now")
    asked = Handoff(status="requested", by="person", reason=CANARY, requested_at=1)
    cases = []
    for _ in range(2):
        state = replace(case_state(), handoff=asked)
        await conversations.start(state, token_hash=TOKEN_HASH, cap=50, ttl=600)
        await post(conversations, state.case_id)
        await finished(conversations, await claimed(conversations, state.case_id), state=state)
        cases.append(state.case_id)
    bad, good = cases
    await own.command("HSET", CaseKeys(bad).meta, "s", damage)
    with pytest.raises(StateDamaged):
        await conversations.get_conversation_state(bad)
    with pytest.raises(StateDamaged):
        await conversations.open(bad, TOKEN_HASH)
    assert [one.case_id for one in await conversations.list_active_conversations()] == [good]
    assert [one.place.case_id for one in await conversations.handoffs(limit=9)] == [good]
    await conversations.sweep(stale_ms=-1)
    assert await own.command("ZSCORE", "tri:handoff", bad) is not None
    listed, _ = await page(own, CaseFilter(), limit=9, after=None)
    assert [one.place.case_id for one in listed] == [good]
    assert await tell_abandoned(own, after_ms=-1) == 1
    await post(conversations, bad)
    with pytest.raises(CaseUnreadable):
        await conversations.claim(bad)
    assert await own.command("EXISTS", CaseKeys(bad).lease) == 0
    await conversations.delete_conversation_state(bad)
    assert not await own.command("EXISTS", CaseKeys(bad).meta)


async def test_a_damaged_key_stands_in_nobodys_way(own: Store) -> None:
    """Jobs, deliveries and words of other cases are shown, and none of its own are made up."""
    conversations = ConversationStateManager(own, "now")
    good, bad = await queued(conversations), await queued(conversations)
    notes = [await told(conversations), await told(conversations)]
    for case_id in (bad.case_id, notes[0].case_id):
        wrapped = await own.command("HGET", CaseKeys(case_id).meta, KEY)
        await own.command("HSET", CaseKeys(case_id).meta, KEY, wrapped[:-1] + b"\0")
    fresh = store_at(own.url)
    try:
        views, _ = await JobBoard(fresh).list(states=frozenset(), limit=9)
        assert [one.job for one in views] == [good.id]
        with pytest.raises(StateDamaged):
            await JobBoard(fresh).view(bad.case_id, bad.turn)
        outbox = Outbox(fresh)
        with pytest.raises(StateDamaged):
            await outbox.take(notes[0].case_id)
        assert await outbox.ended(9, failed=False) == []
        assert await own.command("HGET", CaseKeys(notes[0].case_id).outbox, "k") is None
    finally:
        await fresh.close()


async def test_values_of_another_case_or_kind_are_refused(own: Store) -> None:
    """Whoever writes to the storage cannot put one person's words into another's case."""
    conversations = ConversationStateManager(own, "now")
    one, other = [(await opened(conversations)).case_id for _ in range(2)]
    theirs = await own.command("HGET", CaseKeys(other).meta, "s")
    await own.command("HSET", CaseKeys(one).meta, "s", theirs)
    with pytest.raises(StateDamaged):
        await conversations.get_conversation_state(one)
    mine = codec.ACCEPTED.seal(await key_of(own, one), Accepted(command=Say(text="x"), at=1))
    await own.command("RPUSH", CaseKeys(one).turns, mine)
    with pytest.raises(StateDamaged):
        await conversations.turns(one)


async def test_a_key_that_was_replaced_seals_nothing_more(own: Store) -> None:
    """A process that remembers the key of a case before it was erased and made anew learns."""
    conversations = ConversationStateManager(own, "now")
    state = await opened(conversations)
    other = store_at(own.url)
    theirs = ConversationStateManager(other, "other")
    await post(theirs, state.case_id, "before")
    await conversations.delete_conversation_state(state.case_id)
    await conversations.start(state, token_hash=TOKEN_HASH, cap=50, ttl=600)
    await post(theirs, state.case_id, "after")
    (waits,) = await conversations.waiting(state.case_id)
    assert waits.command == Say(text="after")
    await other.close()


async def test_an_unknown_master_key_is_looked_for_in_the_ring() -> None:
    """A process reads the ring again before it gives up, and then says which key it lacks."""
    known, coming = new_master(), new_master()
    rings = [MasterRing((known,))]
    ours = Sealer(rings[0], reread=lambda: rings[-1])
    theirs = Sealer(MasterRing((coming,)))
    wrapped = theirs.fresh("c").wrapped
    with pytest.raises(MasterUnknown, match=coming.id):
        ours.key("c", wrapped)
    rings.append(MasterRing((known, coming)))
    until(lambda: _opens(ours, wrapped), "the ring is not read again", seconds=30)
    alone = Sealer(rings[0])
    with pytest.raises(MasterUnknown):
        alone.key("c", wrapped)


def _opens(ours: Sealer, wrapped: bytes) -> bool:
    try:
        return ours.key("c", wrapped) is not None
    except MasterUnknown:
        return False


async def test_no_key_is_made_before_the_ring_is_known_to_be_right(own: Store) -> None:
    """Whatever it sealed could be read by no other process."""
    unchecked = Sealer(sealer_of_tests().ring, checked=False)
    store = Store(own.url, sealer=unchecked)
    with pytest.raises(StateUnavailable, match="not known yet"):
        await ConversationStateManager(store, "x").start(
            case_state(), token_hash=TOKEN_HASH, cap=1, ttl=60
        )
    with pytest.raises(RuntimeError, match="without the keys of cases"):
        _ = Store(own.url).sealer
    await store.close()


async def test_the_first_ring_is_the_storages(own: Store) -> None:
    """From then on one that lacks a key, or has another under its id, is refused by name."""
    book, one, two = MasterBook(own), new_master(), new_master()
    assert await book.check(MasterRing((one,))) == one.id
    assert await book.check(MasterRing((two, one))) == one.id
    with pytest.raises(MasterKeysWrong, match=f"lacks the key {one.id}"):
        await book.check(MasterRing((two,)))
    with pytest.raises(MasterKeysWrong, match=f"another key under the id {one.id}"):
        await book.check(MasterRing((MasterKey(one.id, two.key),)))
    await book.introduce(two)
    assert await book.check(MasterRing((one,))) == one.id
    await book.promote(two.id)
    with pytest.raises(MasterKeysWrong):
        await book.check(MasterRing((one,)))
    assert await book.check(MasterRing((one, two))) == two.id
    assert [(each.id, each.is_current) for each in await book.all()] == [
        (each, each == two.id) for each in sorted({one.id, two.id}, key=[one.id, two.id].index)
    ]


async def test_who_lives_is_known(own: Store) -> None:
    """A process says which keys it has; one that left, or is not heard of, does not count."""
    book = MasterBook(own)
    await book.sign("one", ["a", "b"])
    await book.sign("two", ["a"])
    assert await book.living() == {"one": frozenset({"a", "b"}), "two": frozenset({"a"})}
    await book.leave("two")
    await own.command("HSET", "tri:masters:known", "dead", f"{int(time.time() * 1000) - 1}:a")
    assert set(await book.living()) == {"one"}


async def test_of_many_keys_the_latest_are_remembered() -> None:
    """A process that met very many cases does not grow by all of them."""
    ours = sealer_of_tests()
    for number in range(5_100):
        ours.remember(ours.fresh(f"case {number}"))
    assert ours.known("case 99") is None
    assert ours.known("case 5099") is not None
    ours.forget("case 5099")
    assert ours.known("case 5099") is None


async def test_a_key_that_is_not_met_any_more_is_forgotten() -> None:
    """What a process remembers follows what it works on, not what it ever met."""
    now = 0.0
    ours = Sealer(sealer_of_tests().ring, clock=lambda: now)
    used = ours.fresh("used")
    for number in range(100):
        now = 10.0 * number
        ours.remember(ours.fresh(f"case {number}"))
        assert ours.key("used", used.wrapped) == ours.known("used")
    remembered = [number for number in range(100) if ours.known(f"case {number}")]
    assert remembered == list(range(69, 100))


def test_the_first_process_makes_the_ring(tmp_path: Any) -> None:
    """Nobody else may read the file; later ones read the same; a named one must be there."""
    settings = Settings(var=tmp_path / "var")
    first, again = sealer(settings), sealer(settings)
    path = tmp_path / "var" / "master.keys"
    assert path.stat().st_mode & 0o777 == 0o600
    assert first.ring.first == again.ring.first
    line = new_master()
    path.write_text(path.read_text() + line.line() + "\n")
    first.look()
    assert list(first.ring.masters)[1] == line.id
    path.write_text("words")
    with pytest.raises(InvalidInput, match="line 1 is no master key"):
        sealer(settings)
    named = Settings(var=tmp_path, master_keys_file=tmp_path / "none")
    with pytest.raises(InvalidInput, match="TRIAGE_MASTER_KEYS_FILE"):
        sealer(named)
    shown = sealer(Settings(var=tmp_path, master_keys=line.line()))
    assert shown.ring.first == line


async def test_an_erased_key_leaves_the_append_only_file(
    own: Store, own_valkey: EmbeddedValkey
) -> None:
    """The wrapped key is found in its bytes before, and after the rewriting nowhere any more."""
    conversations = ConversationStateManager(own, "now")
    kept, erased = [(await opened(conversations)).case_id for _ in range(2)]
    keys = {
        case_id: await own.command("HGET", CaseKeys(case_id).meta, KEY)
        for case_id in (kept, erased)
    }
    assert not await rewrite_where_erased(own)
    await conversations.delete_conversation_state(erased)
    assert keys[erased] in _appended(own_valkey)
    assert await rewrite_where_erased(own)
    until(lambda: keys[erased] not in _appended(own_valkey), "it is in the file still")
    assert keys[kept] in _appended(own_valkey)
    await _rewritten(own)
    assert not await rewrite_where_erased(own)
    assert await own.command("HGET", "tri:erased", "done") == b"2"
    await conversations.delete_conversation_state(kept)
    assert not await rewrite_where_erased(own), "at most once an hour"
    await own.command("DEL", "tri:erased:k")
    assert await rewrite_where_erased(own)


async def _rewritten(store: Store) -> None:
    """Wait until the server says that it is done."""
    deadline = time.monotonic() + 60
    while (await store.command("INFO", "persistence"))["aof_rewrite_in_progress"]:
        assert time.monotonic() < deadline


def _appended(server: EmbeddedValkey) -> bytes:
    """Return what the append-only file holds now."""
    found = b""
    for path in (server.folder / "appendonlydir").iterdir():
        if path.suffix in {".aof", ".rdb"}:
            found += path.read_bytes()
    return found
