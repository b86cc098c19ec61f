"""Readers get a turn whole and once: here, elsewhere, from any place, and whatever is lost."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.core.feed import HEARTBEAT
from app.domain.event import TERMINAL_NAMES, EventId
from app.embedded import EmbeddedValkey
from app.llm.scripted import Hold
from app.state.keys import CaseKeys
from tests.support.api import Case, Frame, text_of
from tests.support.cores import START, Core, Reading, StartCore, cores, names, parsed
from tests.support.valkey import Wire

WORDS = ("How ", "long ", "has ", "it ", "dripped?")
STORY = "Water has been dripping from my bathroom ceiling since yesterday."
NOWHERE = EventId(999_999_999_999_999, 1)
"""A place of an owner that there never was."""


def place(frame: Frame) -> EventId:
    """Return the place after a frame."""
    found = EventId.parse(frame.id or "")
    assert found is not None
    return found


def forget_log(valkey: EmbeddedValkey, case: Case, turn: int = 1) -> None:
    """Lose a turn's token log, as time does."""
    with Wire(valkey.socket) as wire:
        assert wire.call("DEL", CaseKeys(case.id).log(turn)) == b"1"


async def held(core: Core, hold: Hold) -> Case:
    """Return a case whose first turn has said two words and waits before the third."""
    case = await core.opened()
    core.replies(*WORDS, hold=hold)
    assert await core.say(case, STORY) == 1
    await hold.reached.wait()
    return case


async def told(core: Core) -> tuple[Case, list[Frame]]:
    """Return a case whose first turn is over, and what was read of it as it came."""
    case = await core.opened()
    core.replies(*WORDS)
    await core.say(case, STORY)
    return case, await core.frames(case, 1)


async def test_readers_here_and_elsewhere_get_the_same(core: Core, other: Core, hold: Hold) -> None:
    """Frames and ids are equal, whichever instance a reader asks and whenever it came."""
    case = await held(core, hold)

    async def both(after: EventId) -> list[Reading]:
        found = [Reading(one.reader.turn(case.id, 1, after)) for one in (core, other)]
        for reading in found:
            await reading.until(lambda frames: text_of(frames).endswith("long "))
        return found

    early = await both(START)
    late = await both(place(early[0].frames[1]))
    hold.release.set()
    here, there, *rest = [await one.ended() for one in (*early, *late)]
    assert text_of(here) == "".join(WORDS)
    assert names(here)[-1] == "turn.completed"
    assert here == there
    assert rest == [here[2:], here[2:]]


async def test_a_finished_turn_is_read_from_any_place(core: Core, other: Core) -> None:
    """From its log, which outlives it: exactly what lies beyond the place, and nothing behind."""
    case, frames = await told(core)
    for at, frame in enumerate(frames):
        assert await other.frames(case, 1, place(frame)) == frames[at + 1 :]


async def test_without_its_log_a_finished_turn_comes_whole(
    core: Core, other: Core, valkey: EmbeddedValkey
) -> None:
    """Any place is answered with all of the text and the end; the last place with nothing."""
    case, frames = await told(core)
    forget_log(valkey, case)
    for after in (START, place(frames[2]), NOWHERE):
        whole = await other.frames(case, 1, after)
        assert names(whole) == ["snapshot", "turn.completed"]
        assert text_of(whole) == "".join(WORDS)
        assert whole[-1] == frames[-1]
    assert await other.frames(case, 1, place(frames[-1])) == []


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_whoever_is_lost_gets_the_text_so_far_and_what_follows(
    core: Core, other: Core, hold: Hold, where: str
) -> None:
    """A place of an owner that never was is answered with a snapshot, with a place to go on."""
    case = await held(core, hold)
    stored = Reading(other.reader.turn(case.id, 1, START))
    await stored.until(lambda frames: text_of(frames).endswith("long "))
    lost = Reading((core if where == "here" else other).reader.turn(case.id, 1, NOWHERE))
    first, *_ = await lost.until(bool)
    assert (first.event, first.data["text"]) == ("snapshot", "How long ")
    hold.release.set()
    frames = await lost.ended()
    assert text_of(frames) == "".join(WORDS)
    assert frames[1:] == (await stored.ended())[3:]
    assert place(first) < place(frames[1])


async def test_of_no_case_and_no_turn_there_is_nothing_to_read(core: Core) -> None:
    """The stream ends at once, without a word."""
    nobody = Case("0" * 32, "x")
    assert await core.frames(nobody, 1) == []
    await core.reader.wait(nobody.id, 1)


async def test_an_instance_that_leaves_sends_its_readers_on(
    core: Core, other: Core, hold: Hold
) -> None:
    """They are told to come back; elsewhere the next owner says everything anew."""
    case = await held(core, hold)
    reading = Reading(core.reader.turn(case.id, 1, START))
    await reading.until(lambda frames: text_of(frames).endswith("long "))
    other.replies(*WORDS)
    await core.drain()
    seen = await reading.ended()
    assert names(seen) == ["turn.started", "delta", "stream.closing"]
    assert seen[-1].id is None
    rest = await other.frames(case, 1, place(seen[-2]))
    assert rest[0].event == "turn.restarted"
    assert rest[0].data["reason"] == "handover"
    assert text_of(seen + rest) == "".join(WORDS)
    assert await core.frames(case, 1) == seen, "whoever comes later is sent on as well"


async def test_a_reader_elsewhere_follows_a_change_of_owners(
    start_core: StartCore, core: Core, other: Core, hold: Hold
) -> None:
    """Its stream goes on through a handover, and what it shows in the end is exact."""
    case = await held(core, hold)
    third = start_core(most=0)
    reading = Reading(third.reader.turn(case.id, 1, START))
    await reading.until(lambda frames: text_of(frames).endswith("long "))
    other.replies(*WORDS)
    await core.drain()
    frames = await reading.ended()
    assert names(frames) == [
        "turn.started",
        "delta",
        "turn.restarted",
        "delta",
        "turn.completed",
    ]
    assert text_of(frames) == frames[-1].data["message"] == "".join(WORDS)


async def test_waiting_ends_with_the_turn_or_with_the_instance(
    core: Core, other: Core, hold: Hold
) -> None:
    """Whoever asked for the whole answer is not left hanging when its instance leaves."""
    case = await held(core, hold)
    here, there = (Reading(_waiting(one, case)) for one in (core, other))
    other.replies(*WORDS)
    await core.drain()
    await here.ended()
    await there.ended()
    committed = await other.conversations.turn(case.id, 1)
    assert committed is not None
    assert committed.reply == "".join(WORDS)


async def test_waiting_here_ends_when_the_turn_is_committed(core: Core, hold: Hold) -> None:
    """What was waited for is there."""
    case = await held(core, hold)
    waiting = Reading(_waiting(core, case))
    hold.release.set()
    await waiting.ended()
    assert await core.conversations.turn(case.id, 1) is not None


async def _waiting(core: Core, case: Case) -> AsyncIterator[bytes]:
    await core.reader.wait(case.id, 1)
    yield b""


class TestSilence:
    """Where nothing comes, readers send signs of life and look whether there is still a case."""

    @pytest.fixture
    async def quick(self, start_core: StartCore, core: Core) -> Core:
        """An instance that sends signs of life often and takes no turns itself."""
        del core
        return start_core(most=0, heartbeat_seconds=0.05)

    async def test_a_slow_turn_is_told_from_a_dead_connection(
        self, core: Core, quick: Core, hold: Hold
    ) -> None:
        """Comments come meanwhile, here as elsewhere, and no event is disturbed."""
        case = await held(core, hold)
        reading = Reading(quick.reader.turn(case.id, 1, START))
        await beaten(reading)
        hold.release.set()
        assert text_of(await reading.ended()) == "".join(WORDS)

    async def test_the_owner_sends_signs_of_life_too(
        self, start_core: StartCore, hold: Hold
    ) -> None:
        """To every reader of the turn that waits."""
        owner = start_core(heartbeat_seconds=0.05)
        case = await held(owner, hold)
        reading = Reading(owner.reader.turn(case.id, 1, START))
        await beaten(reading)
        hold.release.set()
        assert text_of(await reading.ended()) == "".join(WORDS)

    async def test_an_erased_case_lets_its_readers_go(
        self, core: Core, quick: Core, hold: Hold
    ) -> None:
        """Those of a turn and those of the case; nothing is told of what was erased."""
        case = await held(core, hold)
        reading = Reading(quick.reader.turn(case.id, 1, START))
        following = Reading(quick.reader.case(case.id, START))
        await reading.until(lambda frames: text_of(frames).endswith("long "))
        await core.intake.erase(case.id, case.token)
        assert names(await reading.ended()) == ["turn.started", "delta"]
        assert await following.ended() == []

    async def test_an_end_that_lies_behind_a_reader_is_told_all_the_same(
        self, core: Core, quick: Core, hold: Hold
    ) -> None:
        """A place that the owner never came to is answered with the whole text once it is there."""
        case = await held(core, hold)
        early = Reading(quick.reader.turn(case.id, 1, START))
        (started, *_) = await early.until(bool)
        beyond = EventId(place(started).epoch, 10_000)
        reading = Reading(quick.reader.turn(case.id, 1, beyond))
        await beaten(reading)
        assert reading.frames == []
        hold.release.set()
        frames = await reading.ended()
        assert names(frames) == ["snapshot", "turn.completed"]
        assert text_of(frames) == "".join(WORDS)


async def beaten(reading: Reading) -> None:
    """Wait for two signs of life."""
    await reading.until(lambda _: reading.raw.count(HEARTBEAT) >= 2)


class TestCaseStream:
    """A case's own events."""

    async def test_they_come_from_a_place_on_and_the_stream_stays_open(
        self, core: Core, other: Core
    ) -> None:
        """Whatever turn they are of, at any instance, in the order in which they happened."""
        case, _ = await told(core)
        following = Reading(other.reader.case(case.id, START))
        first, *_ = await following.until(bool)
        assert first.event == "case.status"
        core.replies("Leave ", "the ", "house.")
        await core.say(case, "I smell gas in my kitchen.")
        frames = await following.until(lambda frames: names(frames).count("case.status") == 2)
        assert "case.red_flag" in names(frames)
        assert {one.data["turn"] for one in frames[1:]} == {2}
        again = Reading(core.reader.case(case.id, place(frames[0])))
        assert await again.until(lambda found: len(found) >= len(frames) - 1) == frames[1:]
        await other.drain()
        assert names(await following.ended())[-1] == "stream.closing"

    async def test_without_storage_it_ends_and_the_reader_comes_back(
        self, own_valkey: EmbeddedValkey
    ) -> None:
        """An end without a last word means to come again with the place."""
        async with cores(own_valkey.url) as start:
            core = start(heartbeat_seconds=0.05)
            case, _ = await told(core)
            following = Reading(core.reader.case(case.id, START))
            frames = await following.until(bool)
            own_valkey.kill()
            assert await following.ended() == frames
            own_valkey.start()
            await core.say(case, "I smell gas in my kitchen.")
            again = Reading(core.reader.case(case.id, place(frames[-1])))
            await again.until(lambda frames: "case.red_flag" in names(frames))


async def test_a_turns_reader_without_storage_is_let_go(own_valkey: EmbeddedValkey) -> None:
    """It gets no half of an end; with the storage back it reads on from its place."""
    async with cores(own_valkey.url) as start:
        core = start()
        case, frames = await told(core)
        own_valkey.kill()
        assert await core.frames(case, 1, place(frames[2])) == []
        own_valkey.start()
        assert await core.frames(case, 1, place(frames[2])) == frames[3:]


async def test_every_end_is_told_exactly_once(core: Core, other: Core, hold: Hold) -> None:
    """Among readers that come while the turn ends, nobody gets two ends, or none."""
    case = await held(core, hold)
    readings = [Reading(one.reader.turn(case.id, 1, START)) for one in (core, other) * 10]
    hold.release.set()
    for reading in readings:
        assert sum(one.event in TERMINAL_NAMES for one in await reading.ended()) == 1


def test_comments_are_no_events() -> None:
    """What the tests above read with leaves out signs of life and keeps everything else."""
    chunks: Any = (b": hb\n\nid: 1-1\nevent: del", b'ta\ndata: {"t":"a: b"}\n\n', b": hb\n\n")
    assert parsed(chunks) == [Frame("1-1", "delta", {"t": "a: b"})]
