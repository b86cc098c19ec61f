"""Handoffs with storage, across instances: the list, and operators at one case."""

import asyncio

import pytest
from msgspec.structs import replace

from app.domain.case import (
    Accepted,
    Command,
    Take,
)
from app.domain.errors import CaseFull, CaseNotFound, HandoffConflict, InvalidInput
from app.llm.scripted import Hold
from app.state import keys
from app.state.handoffs import HandoffPlace
from tests.support.cores import PATIENCE, START, Core, names
from tests.support.handed import (
    ANA,
    BYE,
    HELLO,
    PLAYBOOK,
    STORY,
    act,
    asked,
    handoff_of,
    listed,
)


async def test_the_list_shows_who_waits_longest_first(core: Core, other: Core) -> None:
    """Cases come onto it when a human is asked for and leave it when they are handed back."""
    first, second, _ = await asked(core), await asked(core), await core.opened()
    assert await listed(other) == [first.id, second.id]
    await act(other, second, ANA)
    assert await listed(core) == [first.id, second.id]
    assert await listed(core, status="requested") == [first.id]
    assert await listed(core, status="taken") == [second.id]
    await act(core, second, BYE)
    assert await listed(other) == [first.id]
    await core.intake.erase(first.id, first.token)
    assert await listed(other) == []
    assert await core.store.command("ZCARD", keys.HANDOFF) == 0
    await act(core, second, ANA)
    assert await listed(other) == [second.id]


async def test_the_list_is_read_in_pages(core: Core) -> None:
    """A cursor names a place, so that no case is missed or doubled; a strange one is refused."""
    cases = [await asked(core) for _ in range(5)]
    found, cursor = [], None
    for _ in range(3):
        page = await core.handoffs.list(limit=2, cursor=cursor)
        found += [one.state.case_id for one in page.handoffs]
        cursor = page.cursor
    assert found == [one.id for one in cases]
    assert cursor is None
    for strange in ("", "x-y", "12", "-a", "9" * 19 + "-a"):
        with pytest.raises(InvalidInput, match="cursor"):
            await core.handoffs.list(cursor=strange)


async def test_cases_of_one_moment_are_apart_in_the_list(core: Core) -> None:
    """Equal times do not hide a case between two pages."""
    cases = sorted([await asked(core) for _ in range(3)], key=lambda one: one.id)
    for case in cases:
        await core.store.command("ZADD", keys.HANDOFF, 5, case.id)
    rows = await core.conversations.handoffs(limit=2)
    assert [one.place for one in rows] == [HandoffPlace(5, one.id) for one in cases[:2]]
    rest = await core.conversations.handoffs(limit=2, after=rows[-1].place)
    assert [one.state.case_id for one in rest] == [cases[2].id]


async def test_the_list_is_swept(core: Core) -> None:
    """An entry that nobody waits behind is forgotten; one that somebody does is kept."""
    waiting, returned, silent = await asked(core), await asked(core), await core.opened()
    await act(core, returned, ANA)
    await act(core, returned, BYE)
    for case_id in (returned.id, silent.id, "never-was"):
        await core.store.command("ZADD", keys.HANDOFF, 7, case_id)
    assert await core.store.command("ZCARD", keys.HANDOFF) == 4
    assert await listed(core) == [waiting.id]
    await core.conversations.sweep(stale_ms=-1_000)
    assert await core.store.command("ZRANGE", keys.HANDOFF, 0, -1) == [waiting.id.encode()]
    assert 0 < await core.store.command("TTL", keys.HANDOFF) <= keys.INDEX_TTL


async def test_an_operators_words_reach_whoever_reads_the_case(core: Core, other: Core) -> None:
    """A message is a turn that ends with the operator's name; the case's events announce it."""
    case = await asked(core)
    await act(other, case, ANA)
    turn = await act(core, case, HELLO)
    assert turn.reply == HELLO.text
    frames = await other.frames(case, turn.turn)
    assert names(frames) == ["turn.started", "delta", "turn.completed"]
    assert frames[-1].data["operator"] == "Ana"
    assert frames[-1].data["handoff"] == "taken"
    stored = await core.follower.read(keys.CaseKeys(case.id).events, START)
    assert [one.name for one in stored if one.name.startswith("handoff.")] == [
        "handoff.requested",
        "handoff.taken",
        "handoff.message",
    ]


async def test_of_two_operators_one_takes_it(core: Core, other: Core) -> None:
    """Whoever is accepted first has the conversation; the other is told so, also on a retry."""
    case = await asked(core)
    turns = await asyncio.gather(
        core.handoffs.post(case.id, ANA, key="same"),
        other.handoffs.post(case.id, Take(operator="Rui"), key="other"),
    )
    outcomes = await asyncio.gather(
        *(one.handoffs.wait(case.id, turn) for one, turn in zip((core, other), turns, strict=True)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, HandoffConflict) for one in outcomes) == 1
    winner = (await handoff_of(core, case)).operator
    assert winner == ("Ana" if turns[0] < turns[1] else "Rui")


async def test_a_retry_is_the_same_turn(core: Core, other: Core) -> None:
    """An operator's key counts once, at any instance, and apart from the person's keys."""
    case = await asked(core)
    await act(core, case, ANA, key="k")
    first = await act(core, case, HELLO, key="ask")
    assert first == await act(other, case, HELLO, key="ask")
    assert len((await core.handoffs.open(case.id)).committed) == 3


async def test_the_person_cannot_stop_an_operator(core: Core, hold: Hold) -> None:
    """Cancelling, or interrupting, leaves what an operator did as it is."""
    case = await asked(core)
    core.replies("One ", "two ", "three", hold=hold)
    await core.say(case, STORY.text)
    await hold.reached.wait()
    taken = await core.handoffs.post(case.id, ANA, key="take")
    said = await core.handoffs.post(case.id, HELLO, key="hello")
    for turn in (taken, said):
        await core.intake.cancel(case.id, case.token, turn)
    hold.release.set()
    async with asyncio.timeout(PATIENCE):
        for turn in (taken, said):
            assert (await core.handoffs.wait(case.id, turn)) is not None
    committed = (await core.handoffs.open(case.id)).committed
    assert [one.outcome for one in committed] == ["completed"] * 4
    assert committed[-1].reply == HELLO.text


async def test_a_person_cannot_act_as_an_operator(core: Core) -> None:
    """The person's way takes no operator's command and no empty credential, and the other way."""
    case = await asked(core)

    async def accept(command: Command, token_hash: str) -> None:
        await core.conversations.accept(
            case.id,
            Accepted(command=command, at=1),
            token_hash=token_hash,
            key="k",
            fingerprint="f",
            on_busy="enqueue",
            claim=False,
        )

    with pytest.raises(ValueError, match="credential"):
        await accept(ANA, "digest")
    with pytest.raises(ValueError, match="credential"):
        await accept(STORY, "")
    with pytest.raises(TypeError, match="credential"):
        await core.conversations.accept_from_operator(
            case.id,
            Accepted(command=STORY, at=1),
            key="k",
            fingerprint="f",
            claim=False,
        )
    assert (await core.handoffs.open(case.id)).record.accepted == 1


async def test_a_full_case_can_still_be_answered(core: Core) -> None:
    """Operators have as much room again, and no more; there is no case that never was."""
    small = replace(PLAYBOOK, limits=replace(PLAYBOOK.limits, messages=10))
    case = await core.opened()
    await core.store.command("HSET", keys.CaseKeys(case.id).meta, "cap", small.limits.messages)
    for number in range(10):
        key = f"k{number}"
        await core.intake.ask_human(case.id, case.token, key=key, reason="")
    with pytest.raises(CaseFull):
        await core.intake.ask_human(case.id, case.token, key="more", reason="")
    await act(core, case, ANA)
    for _ in range(9):
        await act(core, case, HELLO)
    with pytest.raises(CaseFull):
        await act(core, case, HELLO)
    with pytest.raises(CaseNotFound):
        await core.handoffs.post("0" * 32, ANA, key="k")
    with pytest.raises(CaseNotFound):
        await core.handoffs.open("0" * 32)


async def test_the_request_is_told_to_the_world_in_the_same_commit(core: Core) -> None:
    """The case's outbox holds it under its stable id."""
    case = await asked(core)
    held = await core.store.command("HKEYS", keys.CaseKeys(case.id).outbox)
    assert held == [f"msg_{case.id}_1_handoff.requested".encode()]
