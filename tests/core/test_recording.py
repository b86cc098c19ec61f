"""What conversations leave behind for the warehouse, from a whole core with real storage."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.core import recording
from app.domain.assignment import Assignment, person_key
from app.domain.case import Conclude
from app.domain.facts import flattened
from app.embedded import EmbeddedValkey
from app.state import keys
from app.state.abandonment import tell_abandoned
from app.state.conversations import ConversationStateManager
from app.state.facts import MOST_CASES, FactStream
from app.state.jobs import JobClaim, Jobs
from app.state.keys import CaseKeys
from app.state.store import Store
from tests.support.analyses import done, result
from tests.support.api import Case
from tests.support.cases import (
    TOKEN_HASH,
    case_state,
    claimed,
    finished,
    job_of,
    post,
)
from tests.support.cores import Core, cores

STORY = "Water has been dripping from my bathroom ceiling since yesterday."


@pytest.fixture
async def core(valkey: EmbeddedValkey) -> AsyncIterator[Core]:
    """One instance."""
    async with cores(valkey.url) as start:
        yield start()


async def left(store: Store, case_id: str) -> list[dict[str, Any]]:
    """Return the facts of a case, oldest first."""
    rows = [flattened(one.data) for one in await FactStream(store).read(100_000)]
    return [one for one in rows if one["case_id"] == case_id]


async def concluded(core: Core, case: Case) -> int:
    """End an interview with what is known; returns its turn."""
    command = Conclude(reason="")
    turn = await core.intake.command(case.id, case.token, key=uuid4().hex, command=command)
    assert await core.intake.wait(case.id, turn) is not None
    return turn


async def test_a_triage_leaves_its_story_behind_in_order(core: Core) -> None:
    """It starts with its first turn, ends once, and is analysed; none of it in anybody's words."""
    opened = await core.intake.start(
        playbook=None, locale="en", user_ref="ana@example.org", attributes={}
    )
    case = Case(opened.state.case_id, opened.token)
    core.replies("I am ", "sorry.")
    await core.frames(case, await core.say(case, STORY))
    assert await left(core.store, case.id) != []
    await concluded(core, case)
    facts = await left(core.store, case.id)
    kinds = ["triage_started", "turn", "turn", "triage_completed"]
    assert [one["kind"] for one in facts][:4] == kinds
    started, first, second, ended = facts[:4]
    assert {one["person"] for one in facts} == {person_key("ana@example.org")}
    assert {one["experiment"] for one in facts} == {None}
    assert started["occurred_ms"] == first["accepted_ms"]
    assert started["opened_ms"] == opened.state.created_at
    assert (first["turn"], first["command"], first["outcome"]) == (1, "say", "completed")
    assert (first["said_chars"], first["reply_chars"]) == (len(STORY), len("I am sorry."))
    assert (first["model_calls"], first["model"] is not None) == (1, True)
    assert (second["command"], second["said_chars"], second["model"]) == ("conclude", 0, None)
    assert ended["duration_ms"] == second["occurred_ms"] - opened.state.created_at
    assert (ended["turns"], ended["turn"]) == (2, 2)
    assert [one["occurred_ms"] for one in facts] == sorted(one["occurred_ms"] for one in facts)
    assert len({one["id"] for one in facts}) == len(facts)
    said = repr(facts)
    assert "dripping" not in said
    assert "sorry" not in said
    assert "ana@" not in said


async def test_the_first_message_exposes_and_no_other_does(core: Core) -> None:
    """Somebody in an experiment is treated once, from the moment their message was accepted."""
    given = Assignment(experiment="greeting", variation="short", person="p", flags="f1")
    case = await core.opened()
    state = await core.conversations.get_conversation_state(case.id)
    assert state is not None
    changed = replace(state, assignment=given)
    await core.conversations.save_conversation_state(case.id, changed, ttl=600)
    await core.intake.ask_human(case.id, case.token, key="h", reason="")
    for text in (STORY, "Since yesterday."):
        core.replies("Go on.")
        await core.frames(case, await core.say(case, text))
    facts = await left(core.store, case.id)
    exposures = [one for one in facts if one["kind"] == "exposure"]
    assert len(exposures) == 1
    turns = {one["turn"]: one for one in facts if one["kind"] == "turn"}
    assert exposures[0]["occurred_ms"] == turns[2]["accepted_ms"]
    named = ("experiment_id", "variation_id", "person", "flags", "experiment", "variation")
    assert [exposures[0][name] for name in named] == [
        "greeting", "short", "p", "f1", "greeting", "short",
    ]  # fmt: skip
    assert facts.index(exposures[0]) < facts.index(turns[2])


async def test_a_turn_that_is_stopped_is_told_as_such(core: Core) -> None:
    """It is a turn like others, with its outcome."""
    case = await core.opened()
    turn = await core.say(case, STORY)
    await core.intake.cancel(case.id, case.token, turn)
    facts = await left(core.store, case.id)
    assert [(one["turn"], one["outcome"]) for one in facts if one["kind"] == "turn"] in (
        [(1, "cancelled")],
        [(1, "completed")],
    )


async def test_a_turn_that_is_committed_twice_is_told_once(core: Core) -> None:
    """Whoever commits again after a lost answer changes nothing."""
    state = case_state()
    conversations = ConversationStateManager(core.store, "test")
    await conversations.start(state, token_hash=TOKEN_HASH, cap=50, ttl=600)
    await post(conversations, state.case_id, "a")
    claim = await claimed(conversations, state.case_id)
    facts = [recording.of_given_up(job_claim(claim.state, claim.epoch), 5)]
    for _ in range(2):
        await finished(conversations, claim, facts=facts)
    assert len(await left(core.store, state.case_id)) == 1


def job_claim(state: Any, epoch: int) -> JobClaim:
    """Return a claim of a job, for what is made of it."""
    job = job_of(state.case_id, 1)
    return JobClaim(
        job=job, owner="w", epoch=epoch, attempt=2, spent=False, state=state, turns=(), steps={}
    )


async def test_a_background_analysis_is_told_with_its_result(core: Core) -> None:
    """Once, by whoever ends the job; of a job that was overtaken nothing is told."""
    state = replace(case_state(), status="completed")
    conversations = ConversationStateManager(core.store, "test")
    await conversations.start(state, token_hash=TOKEN_HASH, cap=50, ttl=600)
    await post(conversations, state.case_id, "a")
    claim = await claimed(conversations, state.case_id)
    await finished(conversations, claim, state=state, job=job_of(state.case_id, 1))
    jobs = Jobs(core.store, "w")
    taken = await jobs.claim(state.case_id, 1, most_attempts=8)
    assert isinstance(taken, JobClaim)
    fact = recording.of_job(taken, result())
    assert await done(jobs, taken, fact=fact)
    found = await left(core.store, state.case_id)
    assert [(one["kind"], one["outcome"], one["background"]) for one in found] == [
        ("analysis_done", "done", True)
    ]
    assert found[0]["id"] == f"analysis:{state.case_id}.1"
    assert (found[0]["urgency"], found[0]["strategy"]) == ("medium", "ensemble")


async def test_a_silent_case_is_abandoned_once(core: Core) -> None:
    """Not before its time, not where nothing was said or all is done, and not twice."""
    silent, talked, ended = [await core.opened() for _ in range(3)]
    for case in (talked, ended):
        core.replies("Go on.")
        await core.frames(case, await core.say(case, STORY))
    await concluded(core, ended)

    async def abandoned(case: Case) -> list[dict[str, Any]]:
        found = await left(core.store, case.id)
        return [one for one in found if one["kind"] == "triage_abandoned"]

    await tell_abandoned(core.store)
    assert await abandoned(talked) == []
    await core.store.command("HSET", CaseKeys(silent.id).meta, "x", 0)
    for _ in range(2):
        await tell_abandoned(core.store, after_ms=0)
    assert [(one["turns"], one["questions"]) for one in await abandoned(talked)] == [(1, 1)]
    assert await abandoned(silent) == []
    assert await abandoned(ended) == []


async def test_erasing_leaves_word_of_itself(core: Core) -> None:
    """In the script that erases, whoever does it; where there is no case, nothing is said."""
    case = await core.opened()
    assert await core.conversations.delete_conversation_state(case.id)
    assert not await core.conversations.delete_conversation_state(case.id)
    assert [one["kind"] for one in await left(core.store, case.id)] == ["erased"]


async def test_what_finds_no_room_is_counted(own_valkey: EmbeddedValkey) -> None:
    """Beyond the bound facts are lost and counted, erasures never are, and people go on talking."""
    async with cores(own_valkey.url) as start:
        core: Core = start()
        stream = FactStream(core.store)
        fill = (
            "for n = 1, 1000 do redis.call('ZADD', KEYS[1], 1, ARGV[1] .. n) end"
            " return redis.call('ZCARD', KEYS[1])"
        )
        for number in range(MOST_CASES // 500):
            await core.store.command("EVAL", fill, 1, keys.FACT_CASES, number)
        case = await core.opened()
        core.replies("Go on.")
        frames = await core.frames(case, await core.say(case, STORY))
        assert frames[-1].event == "turn.completed"
        backlog = await stream.backlog()
        assert (backlog.waiting, backlog.lost) == (0, 2)
        assert backlog.lost_since_ms is not None
        await core.conversations.delete_conversation_state(case.id)
        while await core.store.command("ZCARD", keys.FACT_CASES) > 1:
            await stream.waiting()  # those of which nothing waits go off the list, page by page
        assert [one["kind"] for one in await left(core.store, case.id)] == ["erased"]
