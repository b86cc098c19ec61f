"""Turns are worked on by one instance at a time, in order, and each comes to exactly one end."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.core.runner import IDLE_LISTED_MS, MAX_ATTEMPTS
from app.domain.case import Conclude, Say, Turn
from app.embedded import EmbeddedValkey
from app.llm.model import ModelEvent, ModelRequest, OnAttempt
from app.llm.scripted import Hold, Script, ScriptedModel
from app.state import keys
from app.state.keys import CaseKeys
from app.state.records import Claim
from tests.support.api import Case, Frame, text_of
from tests.support.cores import PATIENCE, START, Core, Reading, StartCore, cores, names
from tests.support.playbooks import tiny_playbook
from tests.support.replies import analysis_document
from tests.support.valkey import Wire

STORY = "Water has been dripping from my bathroom ceiling since yesterday."
GAS = "I smell gas in my kitchen."
WORDS = ("How ", "long ", "has ", "it ", "dripped?")


async def begun(core: Core, hold: Hold) -> Case:
    """Return a case whose first turn waits before its third word."""
    case = await core.opened()
    core.replies(*WORDS, hold=hold)
    await core.say(case, STORY)
    await hold.reached.wait()
    return case


async def committed(core: Core, case: Case, turn: int) -> Turn:
    """Wait for a turn and return what is kept of it."""
    async with asyncio.timeout(PATIENCE):
        found = await core.intake.wait(case.id, turn)
    assert found is not None
    return found


async def until_settled(core: Core, case: Case) -> None:
    """Ask until a case is off the list that reapers look through."""
    async with asyncio.timeout(PATIENCE):
        while await is_busy(core, case):
            pass


async def is_busy(core: Core, case: Case) -> bool:
    """Say whether a case is on that list."""
    return case.id in await core.conversations.busy(1_000)


def heard(frames: list[Frame]) -> str:
    """Return what a reader has in the end, and check that the last event says the same."""
    text = text_of(frames)
    assert frames[-1].data["message"] == text
    return text


async def test_messages_are_answered_in_the_order_in_which_they_came(
    core: Core, hold: Hold
) -> None:
    """Those that come during an answer wait, and each answer knows all that came before it."""
    case = await begun(core, hold)
    core.replies("Second.")
    core.replies("Third.")
    assert [await core.say(case, text) for text in ("And then", "And now")] == [2, 3]
    hold.release.set()
    turns = [await committed(core, case, turn) for turn in (1, 2, 3)]
    assert [one.reply for one in turns] == ["".join(WORDS), "Second.", "Third."]
    told = [[message.content for message in one.messages] for one in core.model.requests]
    assert "And then" in told[1][-1]
    assert any("Second." in content for content in told[2])


async def test_a_full_instance_leaves_turns_to_others(start_core: StartCore, hold: Hold) -> None:
    """What it takes in is safe at once, and is answered by whoever has room."""
    full = start_core(most=1)
    await begun(full, hold)
    case = await full.opened()
    await full.say(case, STORY)
    assert not full.runner.has_room
    assert (await full.intake.view(await full.intake.open(case.id, case.token), 1)).text == ""
    other = start_core()
    other.replies(*WORDS)
    turn = await committed(full, case, 1)
    assert turn.reply == "".join(WORDS)
    assert len(other.model.requests) == 1
    hold.release.set()


async def test_an_instance_without_the_playbook_hands_the_turn_on(start_core: StartCore) -> None:
    """During an upgrade one instance may know a domain that another does not."""
    knows = start_core()
    case = await knows.opened()
    knows.replies(*WORDS)
    lacks = start_core(replace(tiny_playbook(), id="garden_work"))
    assert await lacks.say(case, STORY) == 1
    assert (await committed(lacks, case, 1)).reply == "".join(WORDS)
    assert lacks.model.requests == []


async def test_a_lost_lease_ends_the_work_and_another_begins_anew(
    core: Core, other: Core, hold: Hold, valkey: EmbeddedValkey
) -> None:
    """Whoever takes over says everything again; of the first owner nothing stays."""
    case = await begun(core, hold)
    reading = Reading(core.reader.turn(case.id, 1, START))
    for one in (core, other):
        one.replies("Since ", "when?")
    with Wire(valkey.socket) as wire:
        assert wire.call("DEL", CaseKeys(case.id).lease) == b"1"
    frames = await reading.ended()
    assert names(frames) == ["turn.started", "delta", "turn.restarted", "delta", "turn.completed"]
    assert (frames[3].data["attempt"], frames[3].data["reason"]) == (2, "takeover")
    assert heard(frames) == "Since when?"
    hold.release.set()
    turns = await core.conversations.turns(case.id)
    assert [(one.turn, one.reply) for one in turns] == [(1, "Since when?")]


async def test_a_lost_log_makes_the_turn_begin_anew(
    core: Core, hold: Hold, valkey: EmbeddedValkey
) -> None:
    """Words that could not be kept are never committed as if they had been."""
    case = await begun(core, hold)
    core.replies("Since ", "when?")
    reading = Reading(core.reader.turn(case.id, 1, START))
    await reading.until(lambda frames: text_of(frames).endswith("long "))
    with Wire(valkey.socket) as wire:
        assert wire.call("DEL", CaseKeys(case.id).log(1)) == b"1"
    hold.release.set()
    frames = await reading.ended()
    assert heard(frames) == "Since when?"
    assert "turn.restarted" in names(frames)


async def test_a_turn_is_stopped_from_anywhere(core: Core, other: Core, hold: Hold) -> None:
    """What was said so far is kept, whoever generates it stops, and the case goes on."""
    case = await begun(core, hold)
    reading = Reading(core.reader.turn(case.id, 1, START))
    there = Reading(other.reader.turn(case.id, 1, START))
    await there.until(lambda frames: text_of(frames).endswith("long "))
    view = await other.intake.cancel(case.id, case.token, 1)
    assert (view.status, view.text) == ("cancelled", "How long ")
    for one in (reading, there):
        frames = await one.ended()
        assert frames[-1].event == "turn.cancelled"
        assert heard(frames) == "How long "
    hold.release.set()
    core.replies("Next.")
    await core.say(case, "And then")
    assert (await committed(core, case, 2)).reply == "Next."


async def test_a_waiting_turn_can_be_stopped_and_what_it_said_is_not_lost(
    core: Core, hold: Hold
) -> None:
    """No answer is made for it; the danger that it tells of is taken in all the same."""
    case = await begun(core, hold)
    assert await core.say(case, GAS) == 2
    view = await core.intake.cancel(case.id, case.token, 2)
    assert view.status == "queued"
    hold.release.set()
    turn = await committed(core, case, 2)
    assert (turn.outcome, turn.reply) == ("cancelled", "")
    state = await core.conversations.get_conversation_state(case.id)
    assert state is not None
    assert [one.code for one in state.assessment.red_flags] == ["gas_smell"]
    assert len(core.model.requests) == 1


async def test_a_message_that_wears_its_owners_out_is_told_to_have_failed(
    start_core: StartCore,
) -> None:
    """It must not bring down one instance after another; it is kept, and the case goes on."""
    door = start_core(most=0)
    case = await door.opened()
    await door.say(case, STORY)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        claim = await door.conversations.claim(case.id)
        assert isinstance(claim, Claim)
        assert claim.attempt == attempt
        await door.conversations.release(claim)
    core = start_core()
    frames = await core.frames(case, 1)
    assert frames[-1].event == "turn.failed"
    assert (frames[-1].data["code"], frames[-1].data["retryable"]) == ("gave_up", True)
    assert core.model.requests == []
    turn = await committed(core, case, 1)
    assert turn.command == Say(text=STORY)
    core.replies("Next.")
    await core.say(case, "And then")
    assert (await committed(core, case, 2)).reply == "Next."


class Broken(ScriptedModel):
    """A provider's client with a mistake in it."""

    async def stream(
        self, request: ModelRequest, on_attempt: OnAttempt
    ) -> AsyncGenerator[ModelEvent, None]:
        """Fail in a way that nobody has foreseen."""
        del request, on_attempt
        raise KeyError("choices")
        yield


async def test_a_mistake_of_ours_ends_the_turn_visibly(start_core: StartCore) -> None:
    """The person is told in a sentence; the message and what it says of dangers are kept."""
    core = start_core(model=Broken("openai"))
    case = await core.opened()
    await core.say(case, GAS)
    frames = await core.frames(case, 1)
    last = frames[-1]
    assert (last.event, last.data["code"]) == ("turn.failed", "internal")
    assert last.data["message"].startswith("I could not answer just now.")
    assert "KeyError" not in str(frames)
    state = await core.conversations.get_conversation_state(case.id)
    assert state is not None
    assert [one.code for one in state.assessment.red_flags] == ["gas_smell"]


async def test_a_slow_start_and_a_long_end_are_told(core: Core) -> None:
    """While nothing visible happens the reader learns that somebody thinks, or analyses."""
    case = await core.opened()
    hold = Hold(before=0)
    core.replies(*WORDS, hold=hold)
    await core.say(case, STORY)
    reading = Reading(core.reader.turn(case.id, 1, START))
    frames = await reading.until(lambda found: len(found) >= 2)
    assert frames[1].data == {"type": "status", "status": "thinking"}
    hold.release.set()
    assert names(await reading.ended()) == ["turn.started", "status", "delta", "turn.completed"]
    core.model.enqueue(Script(document=analysis_document()))
    turn = await core.intake.command(
        case.id, case.token, key=uuid4().hex, command=Conclude(reason="no time")
    )
    frames = await core.frames(case, turn)
    told = [one.data["status"] for one in frames if one.event == "status"]
    assert told[-1] == "analysing"
    assert frames[-1].data["interview"] == "complete"


async def test_an_answer_is_committed_when_the_storage_is_back(
    own_valkey: EmbeddedValkey,
) -> None:
    """Words that were said are not said again because Valkey was away when they ended."""
    async with cores(own_valkey.url) as start:
        core = start()
        hold = Hold(before=len(WORDS))
        case = await begun(core, hold)
        reading = Reading(core.reader.turn(case.id, 1, START))
        await reading.until(lambda frames: text_of(frames) == "".join(WORDS))
        own_valkey.kill()
        hold.release.set()
        own_valkey.start()
        frames = await reading.ended()
        assert heard(frames) == "".join(WORDS)
        assert "turn.restarted" not in names(frames)
        assert (await committed(core, case, 1)).reply == "".join(WORDS)


@pytest.mark.parametrize("damage", [b"\xc1", b"\x80"], ids=["damaged", "of another version"])
async def test_a_case_that_cannot_be_read_holds_nobody_up(
    start_core: StartCore, valkey: EmbeddedValkey, damage: bytes
) -> None:
    """Orphaned turns of other cases are found and answered; the unreadable one stays as it is."""
    door = start_core(most=0)
    spoilt, sound = await door.opened(), await door.opened()
    await door.say(spoilt, STORY)
    with Wire(valkey.socket) as wire:
        wire.call("HSET", CaseKeys(spoilt.id).meta, "s", damage)
    await door.say(sound, STORY)
    core = start_core()
    core.replies(*WORDS)
    assert (await committed(door, sound, 1)).reply == "".join(WORDS)
    assert await core.conversations.waiting(spoilt.id) != ()
    assert await is_busy(core, spoilt)
    assert core.runner.has_room


async def test_an_erased_case_is_forgotten_by_its_owner(core: Core, hold: Hold) -> None:
    """What is generated for it is thrown away, and nothing of it comes back."""
    case = await begun(core, hold)
    await core.intake.erase(case.id, case.token)
    reading = Reading(core.reader.turn(case.id, 1, START))
    hold.release.set()
    assert "turn.completed" not in names(await reading.ended())
    await until_settled(core, case)
    assert await core.conversations.get_conversation_state(case.id) is None


async def test_a_case_that_was_listed_for_nothing_is_taken_off_the_list(
    core: Core, valkey: EmbeddedValkey
) -> None:
    """Once it is clear that no message is still on its way; a fresh listing stays for a while."""
    old, fresh = await core.opened(), await core.opened()
    with Wire(valkey.socket) as wire:
        now = 1_000 * int(wire.call("EVAL", "return redis.call('TIME')[1]", "0") or 0)
        wire.call("ZADD", keys.BUSY, str(now), fresh.id)
        wire.call("ZADD", keys.BUSY, str(now - 2 * IDLE_LISTED_MS), old.id)
    await until_settled(core, old)
    assert await is_busy(core, fresh)
