"""What a person may do with a case, and what is refused before anything is stored."""

import asyncio

import pytest
from msgspec.structs import replace

from app.core.intake import TurnView
from app.domain.case import Conclude, Say
from app.domain.errors import (
    CaseNotFound,
    Draining,
    InvalidInput,
    ResultNotReady,
    TurnBusy,
    TurnNotFound,
)
from app.llm.scripted import Hold
from app.state.records import CaseRecord
from tests.support.api import Case, text_of
from tests.support.cores import START, Core, Reading, StartCore, names
from tests.support.playbooks import tiny_playbook

STORY = "Water has been dripping from my bathroom ceiling since yesterday."
WORDS = ("How ", "long ", "has ", "it ", "dripped?")


async def begun(core: Core, hold: Hold) -> Case:
    """Return a case whose first turn waits before its third word, which is stored by now."""
    case = await core.opened()
    core.replies(*WORDS, hold=hold)
    await core.say(case, STORY)
    await hold.reached.wait()
    return case


async def record_of(core: Core, case: Case) -> CaseRecord:
    """Open a case."""
    return await core.intake.open(case.id, case.token)


async def looked_at(core: Core, case: Case, turn: int) -> TurnView:
    """Return a turn as it stands."""
    return await core.intake.view(await record_of(core, case), turn)


async def test_a_turn_can_be_looked_at_in_every_stage(core: Core, other: Core, hold: Hold) -> None:
    """Waiting, running with its text so far, and committed; at any instance."""
    case = await begun(core, hold)
    await core.say(case, "And then")
    reading = Reading(other.reader.turn(case.id, 1, START))
    seen = await reading.until(lambda frames: text_of(frames) == "How long ")
    running = await looked_at(other, case, 1)
    assert (running.status, running.text, running.committed) == ("running", "How long ", None)
    assert str(running.last) == seen[-1].id
    waiting = await looked_at(other, case, 2)
    assert (waiting.status, waiting.text, waiting.last) == ("queued", "", None)
    turns, commands = await other.intake.turns(await record_of(other, case))
    assert turns == ()
    assert [one.command for one in commands] == [Say(text=STORY), Say(text="And then")]
    core.replies("Next.")
    hold.release.set()
    last = (await reading.ended())[-1]
    done = await looked_at(other, case, 1)
    assert (done.status, done.text, str(done.last)) == ("completed", "".join(WORDS), last.id)
    for number in (0, 3):
        with pytest.raises(TurnNotFound):
            await looked_at(other, case, number)


async def test_a_turn_has_begun_once_its_message_is_taken_in(core: Core, hold: Hold) -> None:
    """Rules have read it and a model is asked by then, so a response cannot hold that up."""
    case = await core.opened()
    core.replies(*WORDS, hold=hold)
    assert not core.model.requests
    turn = await core.say(case, STORY)
    assert [STORY in one.messages[-1].content for one in core.model.requests] == [True]
    assert (await core.intake.progress(case.id, turn)).status == "running"


async def test_an_interruption_keeps_what_was_said_and_answers_the_new_message(
    core: Core, hold: Hold
) -> None:
    """The running answer ends where it is; the next one begins at once."""
    case = await begun(core, hold)
    reading = Reading(core.reader.turn(case.id, 1, START))
    await reading.until(lambda frames: text_of(frames) == "How long ")
    core.replies("Go ", "on.")
    assert await core.say(case, "Wait, it is worse", on_busy="interrupt") == 2
    assert names(await reading.ended())[-1] == "turn.cancelled"
    assert text_of(await core.frames(case, 2)) == "Go on."
    outcomes = [one.outcome for one in await core.conversations.turns(case.id)]
    assert outcomes == ["cancelled", "completed"]


async def test_whoever_does_not_want_to_wait_is_refused(core: Core, hold: Hold) -> None:
    """The refusal names the turn that runs, and nothing is taken in."""
    case = await begun(core, hold)
    with pytest.raises(TurnBusy) as refusal:
        await core.say(case, "And then", on_busy="reject")
    assert refusal.value.turn == 1
    assert (await record_of(core, case)).accepted == 1


async def test_stopping_twice_at_once_is_stopping_once(
    start_core: StartCore, core: Core, other: Core, hold: Hold
) -> None:
    """All who stop the same turn, at whatever instance, see the same end."""
    case = await begun(core, hold)
    watching = Reading(other.reader.turn(case.id, 1, START))
    await watching.until(lambda frames: text_of(frames) == "How long ")
    everybody = (core, other, start_core(), start_core())
    views = await asyncio.gather(
        *(one.intake.cancel(case.id, case.token, 1) for one in everybody * 3)
    )
    assert {(one.status, one.text, one.last) for one in views} == {
        ("cancelled", "How long ", views[0].last)
    }
    assert (await watching.ended())[-1].id == str(views[0].last)
    assert len(await core.conversations.turns(case.id)) == 1


async def test_the_same_key_attaches_to_the_same_turn(core: Core, hold: Hold) -> None:
    """Also while it runs, and an interruption that is tried again interrupts nothing more."""
    case = await begun(core, hold)
    core.replies("Second.")
    turns = [await core.say(case, "Hear me", key="k", on_busy="interrupt") for _ in range(3)]
    assert turns == [2, 2, 2]
    assert text_of(await core.frames(case, 2)) == "Second."
    assert [one.outcome for one in await core.conversations.turns(case.id)] == [
        "cancelled",
        "completed",
    ]


async def test_an_instance_that_leaves_takes_nothing_in(core: Core) -> None:
    """It says so, and the person's message goes to another; reading is still served."""
    case = await core.opened()
    await core.drain()
    with pytest.raises(Draining):
        await core.opened()
    with pytest.raises(Draining):
        await core.say(case, STORY)
    with pytest.raises(Draining):
        await core.intake.command(case.id, case.token, key="k", command=Conclude(reason=""))
    assert (await record_of(core, case)).accepted == 0


@pytest.mark.parametrize("text", ["", " \n\t ", "\x00\x07\x1b", "\ud800"])
async def test_an_empty_message_is_refused(core: Core, text: str) -> None:
    """Space and what no person types are nothing said."""
    case = await core.opened()
    with pytest.raises(InvalidInput, match="it is empty"):
        await core.say(case, text)
    assert (await record_of(core, case)).accepted == 0


async def test_each_playbook_has_its_own_longest_message(start_core: StartCore) -> None:
    """The limit of the case's playbook counts, where another one takes less."""
    short = replace(
        tiny_playbook(), id="short_notes", limits=replace(tiny_playbook().limits, message_chars=50)
    )
    core = start_core(tiny_playbook(), short)
    long, brief = await core.opened(), await core.opened("short_notes")
    for _ in range(2):
        core.replies("Go on.")
    assert await core.say(long, "x" * 2_000) == 1
    assert await core.say(brief, "x" * 50) == 1
    with pytest.raises(InvalidInput, match="2001 characters and at most 2000"):
        await core.say(long, "x" * 2_001)
    with pytest.raises(InvalidInput, match="51 characters and at most 50"):
        await core.say(brief, "x" * 51)


async def test_only_what_the_playbook_knows_is_taken(core: Core) -> None:
    """Refusals name what there is."""
    with pytest.raises(InvalidInput, match="there are: house_repairs"):
        await core.opened("astrology")
    case = await core.opened()
    with pytest.raises(InvalidInput, match="there are: name, place, "):
        await core.intake.correct(case.id, case.token, key="k", slot="sign", value="Leo")


async def test_nobody_else_opens_stops_or_erases_a_case(core: Core, hold: Hold) -> None:
    """Without its token it is as if there were none, and it goes on undisturbed."""
    case = await begun(core, hold)
    stranger = Case(case.id, (await core.opened()).token)
    for attempt in (
        record_of(core, stranger),
        core.say(stranger, STORY),
        core.intake.cancel(stranger.id, stranger.token, 1),
        core.intake.erase(stranger.id, stranger.token),
        core.intake.correct(stranger.id, stranger.token, key="k", slot="place", value="x"),
    ):
        with pytest.raises(CaseNotFound):
            await attempt
    hold.release.set()
    assert text_of(await core.frames(case, 1)) == "".join(WORDS)


async def test_there_is_no_result_while_the_interview_goes_on(core: Core) -> None:
    """The refusal says how the case stands."""
    case = await core.opened()
    with pytest.raises(ResultNotReady) as refusal:
        await core.intake.result(await record_of(core, case))
    assert refusal.value.status == "active"
