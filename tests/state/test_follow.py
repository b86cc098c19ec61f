"""Following streams: every reader gets everything beyond its place, once and in order."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import StateUnavailable
from app.domain.event import EventId, Status, TurnStarted, decode, encode
from app.embedded import EmbeddedValkey
from app.state import codec
from app.state.follow import Follower, StoredEvent, Subscription
from app.state.store import Store
from tests.state.conftest import Server
from tests.support.sealed import store_at

START = EventId(0, 0)
EPOCH = 1_700_000_000_000


class Writer:
    """Writes a stream as owners do, and remembers every piece with its id."""

    def __init__(self, store: Store) -> None:
        """Name a stream of its own."""
        self.store = store
        self.key = f"tri:{{{uuid4().hex}}}:t:1"
        self.said: list[tuple[EventId, str]] = []
        self.epoch, self.seq = EPOCH, 0

    async def say(self, pieces: int) -> None:
        """Write some pieces as one entry."""
        texts = [f"{self.epoch}-{self.seq + at} " for at in range(1, pieces + 1)]
        self.said += [
            (EventId(self.epoch, self.seq + at), text) for at, text in enumerate(texts, 1)
        ]
        self.seq += pieces
        await self._add("p", codec.encode(texts))

    async def take_over(self) -> None:
        """Begin a higher epoch, as the next owner does."""
        self.epoch, self.seq = self.epoch + 1, 0
        await self._add("o", "run", "n", 1, "a", 2, "v", "v1", "r", "takeover")
        self.said.append((EventId(self.epoch, 0), "turn.restarted"))

    async def _add(self, *fields: Any) -> None:
        await self.store.commands(
            [
                ("XADD", self.key, f"{self.epoch}-{self.seq}", *fields),
                ("EXPIRE", self.key, 60),
            ]
        )

    def beyond(self, place: EventId) -> list[EventId]:
        """Return the ids that a reader at that place has not seen."""
        return [one for one, _ in self.said if one > place]


async def _until(subscription: Subscription, last: EventId) -> list[StoredEvent]:
    """Read until an id has come."""
    found: list[StoredEvent] = []
    async with asyncio.timeout(20):
        while not found or found[-1].id < last:
            batch = await subscription.queue.get()
            assert batch is not None
            found += batch
    return found


@pytest.fixture
async def writer(store: Store) -> Writer:
    """A writer of one stream."""
    return Writer(store)


async def test_an_early_reader_gets_what_comes(writer: Writer, follower: Follower) -> None:
    """Who follows a stream that is not there yet gets everything from its first entry on."""
    async with follower.follow(writer.key, START) as subscription:
        for pieces in (1, 3, 2):
            await writer.say(pieces)
        found = await _until(subscription, EventId(EPOCH, 6))
    assert [one.id for one in found] == writer.beyond(START)


async def test_a_late_reader_gets_what_was(writer: Writer, follower: Follower) -> None:
    """Who comes after the end gets all of it from its place on, also from within an entry."""
    await writer.say(4)
    await writer.take_over()
    await writer.say(5)
    for place in [START, *(one for one, _ in writer.said[:-1]), EventId(EPOCH, 99)]:
        async with follower.follow(writer.key, place) as subscription:
            found = await _until(subscription, EventId(EPOCH + 1, 5))
        assert [one.id for one in found] == writer.beyond(place)


async def test_two_readers_at_different_places(writer: Writer, follower: Follower) -> None:
    """A reader that joins behind another gets what lies between, and then both get the same."""
    await writer.say(6)
    async with follower.follow(writer.key, START) as first:
        assert len(await _until(first, EventId(EPOCH, 6))) == 6
        async with follower.follow(writer.key, EventId(EPOCH, 2)) as second:
            await writer.say(3)
            ours = await _until(first, EventId(EPOCH, 9))
            theirs = await _until(second, EventId(EPOCH, 9))
    assert [one.id.seq for one in ours] == [7, 8, 9]
    assert [one.id.seq for one in theirs] == [3, 4, 5, 6, 7, 8, 9]


async def test_a_reader_ahead_of_the_stream_gets_only_what_is_new_to_it(
    writer: Writer, follower: Follower
) -> None:
    """Who has seen words that were not stored yet waits for those behind them."""
    await writer.say(2)
    async with follower.follow(writer.key, EventId(EPOCH, 4)) as subscription:
        await writer.say(1)
        await writer.say(3)
        found = await _until(subscription, EventId(EPOCH, 6))
    assert [one.id.seq for one in found] == [5, 6]


async def test_a_place_that_never_was_harms_nobody_else(writer: Writer, follower: Follower) -> None:
    """One reader's cursor from the future does not keep the others from what comes."""
    await writer.say(2)
    async with follower.follow(writer.key, EventId(EPOCH, 999_999)):
        for place in (EventId(EPOCH, 1), EventId(EPOCH, 2)):
            async with follower.follow(writer.key, place) as honest:
                await writer.say(2)
                last = writer.said[-1][0]
                found = await _until(honest, last)
                assert [one.id for one in found] == writer.beyond(place)


async def test_a_reader_that_comes_as_another_leaves_misses_nothing(
    writer: Writer, follower: Follower
) -> None:
    """A read that was under way for those who left does not move those who came."""
    await writer.say(5)
    for turn in range(20):
        async with follower.follow(writer.key, EventId(EPOCH, 3)) as first:
            await _until(first, writer.said[-1][0])
            waiting = asyncio.create_task(asyncio.sleep(0))
            await waiting
        ringing = writer.say(1 + turn % 3)
        place = EventId(EPOCH, 2)
        async with asyncio.TaskGroup() as group:
            group.create_task(_drive(ringing))
            async with follower.follow(writer.key, place) as second:
                await asyncio.sleep(0)
                expected = writer.beyond(place)
                found = await _until(second, expected[-1])
        assert [one.id for one in found] == expected


async def _drive(writing: Any) -> None:
    await writing


class BrokenStore(Store):
    """Refuses to ring or read for a while."""

    broken = False

    async def attempts(self, commands: Any, *, seconds: float | None = None) -> list[Any]:
        """Fail while it is broken."""
        if self.broken:
            raise StateUnavailable("it does not answer")
        return await super().attempts(commands, seconds=seconds)


async def test_a_reader_that_fails_to_begin_is_forgotten(server: Server) -> None:
    """Whoever could not subscribe, or was cancelled meanwhile, leaves nothing to be followed."""
    store = BrokenStore(server.url)
    follower = Follower(store, "one")
    follower.start()
    writer = Writer(store)
    store.broken = True
    with pytest.raises(StateUnavailable):
        async with follower.follow(writer.key, START):
            pass
    store.broken = False
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0), follower.follow(writer.key, START):
                pass
    assert follower.followed == 0
    async with follower.follow(writer.key, START) as subscription:
        await writer.say(1)
        assert len(await _until(subscription, EventId(EPOCH, 1))) == 1
    await follower.close()
    await store.close()


async def test_a_slow_reader_is_let_go_without_a_gap() -> None:
    """A queue that is full ends; whatever its reader still gets is contiguous."""
    subscription = Subscription(START)
    batches = 0
    event = encode(Status(status="thinking"))
    while subscription.offer([StoredEvent(EventId(EPOCH, batches + 1), "status", event)]):
        batches += 1
        assert batches < 100_000
    subscription.end()
    seen: list[int] = []
    while (batch := subscription.queue.get_nowait()) is not None:
        seen += [one.id.seq for one in batch]
    assert seen == list(range(1, len(seen) + 1))
    assert subscription.queue.empty()


async def test_one_slow_reader_does_not_hold_up_another(writer: Writer, follower: Follower) -> None:
    """Entries go to everybody else while one reader is let go."""
    async with (
        follower.follow(writer.key, START) as slow,
        follower.follow(writer.key, START) as quick,
    ):
        count = 0
        while slow.queue.empty() or not slow.queue.full():
            await writer.say(1)
            count += 1
            await _until(quick, EventId(EPOCH, count))
            assert count < 2_000
        await writer.say(1)
        await _until(quick, EventId(EPOCH, count + 1))
        assert await slow.queue.get() is None


async def test_closing_lets_everybody_go(writer: Writer, store: Store) -> None:
    """When an instance drains, those who follow are let go, and so is who comes too late."""
    follower = Follower(store, "one")
    follower.start()
    async with follower.follow(writer.key, START) as early:
        await follower.close()
        assert await early.queue.get() is None
        for place in (START, EventId(EPOCH, 5)):
            async with follower.follow(writer.key, place) as late:
                assert await late.queue.get() is None


async def test_what_a_newer_version_says_is_passed_on(
    store: Store, follower: Follower, writer: Writer
) -> None:
    """An event that this version does not know goes to the reader as it stands."""
    data = b'{"type":"mood","mood":"calm"}'
    async with follower.follow(writer.key, START) as subscription:
        await store.commands(
            [
                ("XADD", writer.key, f"{EPOCH}-1", "e", data),
                ("EXPIRE", writer.key, 60),
            ]
        )
        [event] = await _until(subscription, EventId(EPOCH, 1))
    assert (event.name, event.data) == ("mood", data)


async def test_an_entry_that_nobody_can_read_does_not_stop_the_reader(
    store: Store, follower: Follower
) -> None:
    """Streams of other cases go on while one holds something foreign."""
    foreign, sound = Writer(store), Writer(store)
    await store.commands([("XADD", foreign.key, f"{EPOCH}-1", "x", 1), ("EXPIRE", foreign.key, 60)])
    async with (
        follower.follow(foreign.key, START) as unlucky,
        follower.follow(sound.key, START) as lucky,
    ):
        for number in range(1, 4):
            await sound.say(1)
            assert len(await _until(lucky, EventId(EPOCH, number))) == 1
        async with asyncio.timeout(20):
            assert await unlucky.queue.get() is None


async def test_following_survives_the_server(own_valkey: EmbeddedValkey) -> None:
    """After the server was away its readers go on at their places."""
    store = store_at(own_valkey.url)
    follower = Follower(store, "one")
    follower.start()
    writer = Writer(store)
    async with follower.follow(writer.key, START) as subscription:
        await writer.say(3)
        assert len(await _until(subscription, EventId(EPOCH, 3))) == 3
        own_valkey.kill()
        await asyncio.to_thread(own_valkey.start)
        await writer.say(2)
        found = await _until(subscription, EventId(EPOCH, 5))
    assert [one.id.seq for one in found] == [4, 5]
    await follower.close()
    await store.close()


async def test_the_opening_says_who_begins(store: Store, follower: Follower) -> None:
    """E-0 tells a first owner from a later one; that of a canceller says nothing."""
    writer = Writer(store)
    for epoch, fields in enumerate(
        [("run", 1, "takeover"), ("run", 2, "handover"), ("cancel", 3, "takeover")], EPOCH
    ):
        opening, attempt, reason = fields
        await store.commands(
            [
                (
                    *("XADD", writer.key, f"{epoch}-0", "o", opening, "n", 1),
                    *("a", attempt, "v", "v1", "r", reason),
                ),
                ("EXPIRE", writer.key, 60),
            ]
        )
    first, second = (decode(one.data) for one in await follower.read(writer.key, START))
    assert first == TurnStarted(turn=1, attempt=1, variant="v1")
    assert encode(second).decode() == (
        '{"type":"turn.restarted","turn":1,"attempt":2,"reason":"handover"}'
    )
    assert await follower.last_id(writer.key) == EventId(EPOCH + 2, 0)
    assert await follower.last_id("tri:none") is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(1, 4)),
        st.tuples(st.just("take over"), st.just(0)),
        st.tuples(st.just("join"), st.integers(0, 100)),
        st.tuples(st.just("leave"), st.integers(0, 100)),
        st.tuples(st.just("yield"), st.integers(0, 6)),
    ),
    max_size=25,
)


class _Joined:
    """A reader that keeps what it gets, and can tell what it should have got."""

    def __init__(self, follower: Follower, writer: Writer, place: EventId) -> None:
        self.place = place
        self.got: list[EventId] = []
        self.leave = asyncio.Event()
        self.goal: EventId | None = None
        self._writer = writer
        self._task = asyncio.create_task(self._read(follower))

    async def _read(self, follower: Follower) -> None:
        async with follower.follow(self._writer.key, self.place) as subscription:
            leaving = asyncio.create_task(self.leave.wait())
            while not self._has_all():
                reading = asyncio.create_task(subscription.queue.get())
                if self.goal is None:
                    await asyncio.wait([reading, leaving], return_when=asyncio.FIRST_COMPLETED)
                if not reading.done() and (self._has_all() or self.goal is None):
                    reading.cancel()
                    break
                batch = await reading
                assert batch is not None
                self.got += [one.id for one in batch]
            leaving.cancel()

    def _has_all(self) -> bool:
        return self.goal is not None and (self.got or [self.place])[-1] >= self.goal

    async def go(self) -> None:
        """Leave now; what it got until then has to be a beginning of what there was."""
        self.leave.set()
        await self._task
        assert self.got == self._writer.beyond(self.place)[: len(self.got)]

    async def stay(self, goal: EventId) -> None:
        """Read to the end; then it has to have everything beyond its place."""
        self.goal = max(goal, self.place)
        self.leave.set()
        async with asyncio.timeout(20):
            await self._task
        assert self.got == self._writer.beyond(self.place)


async def _play(url: str, steps: list[tuple[str, int]]) -> None:
    store = store_at(url)
    follower = Follower(store, uuid4().hex)
    follower.start()
    writer = Writer(store)
    await writer.say(1)
    readers: list[_Joined] = []
    places = [START]
    for step, number in steps:
        match step:
            case "say":
                await writer.say(number)
            case "take over":
                await writer.take_over()
            case "join":
                places = [START, *(one for one, _ in writer.said)]
                readers.append(_Joined(follower, writer, places[number % len(places)]))
            case "leave" if readers:
                await readers.pop(number % len(readers)).go()
            case _:
                for _ in range(number):
                    await asyncio.sleep(0)
    await writer.say(1)
    last = writer.said[-1][0]
    await asyncio.gather(*(reader.stay(last) for reader in readers))
    await follower.close()
    await store.close()


@given(steps=STEPS)
def test_no_interleaving_makes_a_gap(valkey: EmbeddedValkey, steps: list[tuple[str, int]]) -> None:
    """However writes, joins and departures mix, each reader gets a run without gap or double."""
    asyncio.run(_play(valkey.url, steps))
