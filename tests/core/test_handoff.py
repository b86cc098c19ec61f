"""A human in the conversation: who may ask, who has it, and what each of them can do."""

import asyncio
from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.core import prompts
from app.core.analysis.analyst import Analyst
from app.core.background import AnalysisRunner
from app.core.handoff import display_name, operator_says
from app.core.interview import Interviewer
from app.core.rules import Rules
from app.core.steps import Answer
from app.domain.assignment import CONVERSATIONAL, STRUCTURED
from app.domain.case import (
    Accepted,
    AskHuman,
    CaseState,
    Command,
    Conclude,
    Correct,
    HandBack,
    Handoff,
    OperatorCommand,
    OperatorSays,
    Say,
    Take,
    Turn,
)
from app.domain.errors import CaseFull, CaseNotFound, HandoffConflict, InvalidInput
from app.domain.event import name_of
from app.domain.job import Job
from app.llm.failover import FailoverModel
from app.llm.scripted import Hold, Script, ScriptedModel
from app.state import keys
from app.state.handoffs import HandoffPlace
from app.state.jobs import Jobs
from tests.support.api import Case
from tests.support.cases import TOKEN_HASH, post, turn_of
from tests.support.claims import Talk, claim_of, new_state
from tests.support.cores import PATIENCE, START, Core, names
from tests.support.playbooks import tiny_playbook
from tests.support.replies import analysis_document, turn_document

PLAYBOOK = tiny_playbook()
RULES = {PLAYBOOK.id: Rules(PLAYBOOK)}
STORY = Say(text="Water has been dripping from my bathroom ceiling since yesterday.")
NONSENSE = "My cat composed an opera about the moon and it is quite good"
GAS = Say(text="I smell gas in my kitchen.")
ADVICE = "Open the windows, light nothing and leave the house. Call 193.\n\n"
CALLED = "I have called somebody of the shop."
HUMAN = "Somebody of the shop reads this and answers here."
GOING_ON = "From here on I go on."
ASK = AskHuman(reason="I would rather talk to somebody.")
ANA = Take(operator="Ana")
HELLO = OperatorSays(operator="Ana", text="This is Ana. <Where> are you?")
BYE = HandBack(operator="Ana")


def talk_with(model: FailoverModel | None, variant: str) -> Talk:
    """Open a case."""
    interviewer = Interviewer(RULES, Analyst(RULES, model, dict), model, dict)
    return Talk(interviewer, new_state(PLAYBOOK, variant=variant))


@pytest.fixture
def talk() -> Talk:
    """A case with the guided interviewer."""
    return talk_with(None, STRUCTURED)


def told(answer: Answer) -> list[str]:
    """Return the names of the handoff events of a turn."""
    return [name for name in map(name_of, answer.events) if name.startswith("handoff.")]


def state_of(talk: Talk) -> tuple[str, str, str | None]:
    """Return how it stands, who asked and who has it."""
    handoff = talk.state.handoff
    assert handoff is not None
    return handoff.status, handoff.by, handoff.operator


# What each command does.


async def test_a_person_asks_for_a_human(talk: Talk) -> None:
    """They are told so, readers and the world hear of it once, and the interview goes on."""
    await talk.take(STORY)
    asking = talk.state.asking
    answer = await talk.take(ASK)
    assert answer.reply == CALLED
    assert told(answer) == ["handoff.requested"]
    assert [(one.kind, one.id) for one in answer.notifications] == [
        ("handoff.requested", f"msg_{talk.state.case_id}_2_handoff.requested")
    ]
    assert state_of(talk) == ("requested", "person", None)
    assert talk.state.handoff is not None
    assert talk.state.handoff.reason == ASK.reason
    assert talk.state.asking == asking
    again = await talk.take(AskHuman(reason="please"))
    assert (again.reply, told(again), again.notifications) == (CALLED, [], ())
    assert talk.state.handoff.reason == ASK.reason
    assert "?" in (await talk.take(Say(text="My name is Bo"))).reply


async def test_a_grave_red_flag_asks_by_itself_and_once(talk: Talk) -> None:
    """The flag's handoff entry decides; what is told again changes nothing."""
    answer = await talk.take(GAS)
    assert answer.reply.startswith(ADVICE)
    assert told(answer) == ["handoff.requested"]
    assert len(answer.notifications) == 1
    assert state_of(talk) == ("requested", "red_flag", None)
    assert talk.state.handoff is not None
    assert talk.state.handoff.reason == "gas_smell"
    again = await talk.take(GAS)
    assert (told(again), again.notifications) == ([], ())


async def test_a_lesser_red_flag_asks_nobody(talk: Talk) -> None:
    """Danger without a handoff entry gives its advice and no more."""
    answer = await talk.take(Say(text="The kitchen is flooding!"))
    assert "Shut the main valve now." in answer.reply
    assert talk.state.handoff is None


async def test_a_model_can_raise_the_flag_that_calls_a_human() -> None:
    """Also danger that only the model saw brings a human in."""
    model = ScriptedModel("openai")
    document = turn_document("", red_flags=("gas_smell",))
    del document["reply"]
    model.enqueue(Script(pieces=("Leave ", "now."), document=document))
    talk = talk_with(FailoverModel((model,)), CONVERSATIONAL)
    answer = await talk.take(Say(text="It reeks in here and I feel dizzy."))
    assert state_of(talk) == ("requested", "red_flag", None)
    assert told(answer) == ["handoff.requested"]


async def test_a_result_that_needs_a_human_asks_for_one(talk: Talk) -> None:
    """Where nothing could be placed, an analysis calls somebody instead of guessing."""
    await talk.take(Say(text=NONSENSE))
    answer = await talk.take(Conclude(reason=""))
    assert answer.result is not None
    assert answer.result.needs_human
    assert state_of(talk) == ("requested", "analysis", None)
    assert told(answer) == ["handoff.requested"]


async def test_a_danger_that_is_told_while_a_turn_is_stopped_still_asks(talk: Talk) -> None:
    """A cancelled message is absorbed by rules alone, and they call the human."""
    interviewer = Interviewer(RULES, Analyst(RULES, None, dict), None, dict)
    answer = interviewer.absorb(claim_of(talk.state, GAS))
    assert answer.state.handoff is not None
    assert told(answer) == ["handoff.requested"]
    assert len(answer.notifications) == 1


async def test_an_operator_takes_over_answers_and_hands_back(talk: Talk) -> None:
    """While they have it the interviewer is silent; then it goes on where it had stopped."""
    await talk.take(STORY)
    asking = talk.state.asking
    await talk.take(ASK)
    taken = await talk.take(ANA)
    assert (taken.reply, told(taken)) == ("", ["handoff.taken"])
    assert state_of(talk) == ("taken", "person", "Ana")

    first = await talk.take(Say(text="Are you a person?"))
    second = await talk.take(Say(text="It started in the kitchen"))
    assert (first.reply, second.reply) == (HUMAN, "")
    said = await talk.take(HELLO)
    assert (said.reply, told(said)) == (HELLO.text, ["handoff.message"])
    assert (await talk.take(Say(text="At home"))).reply == ""
    assert talk.state.questions == 1

    back = await talk.take(BYE)
    assert told(back) == ["handoff.returned"]
    assert back.reply == f"{GOING_ON} What should I call you?"
    assert talk.state.asking == asking
    assert state_of(talk) == ("returned", "person", "Ana")
    assert "?" in (await talk.take(Say(text="Bo"))).reply
    assert talk.state.assessment.slots["name"].value == "Bo"


async def test_rules_still_read_what_a_human_is_told(talk: Talk) -> None:
    """Facts are noted and danger gets its advice, but no answer is read into the last question."""
    await talk.take(STORY)
    assert talk.state.asking == "name"
    await talk.take(ASK)
    await talk.take(ANA)
    danger = await talk.take(GAS)
    assert danger.reply == ADVICE + HUMAN
    assert [flag.code for flag in talk.state.assessment.red_flags] == ["gas_smell"]
    assert "name" not in talk.state.assessment.slots
    assert state_of(talk) == ("taken", "person", "Ana")
    corrected = await talk.take(Correct(slot="name", value="Bo"))
    assert corrected.reply == "Corrected."


async def test_only_the_operator_who_has_it_may_answer(talk: Talk) -> None:
    """Everybody else is refused, which changes nothing and is told as a failed turn."""
    await talk.take(ASK)
    refusals: list[tuple[Command, str]] = [
        (HELLO, "nobody has this conversation: take it first"),
        (BYE, "nobody has this conversation: take it first"),
    ]
    for command, why in refusals:
        assert str((await talk.take(command)).refused) == why
    await talk.take(ANA)
    before = talk.state
    for other in (
        Take(operator="Rui"),
        OperatorSays(operator="Rui", text="Hi"),
        HandBack(operator="Rui"),
    ):
        answer = await talk.take(other)
        assert str(answer.refused) == "Ana has this conversation"
        assert (answer.reply, answer.events, answer.state) == ("", (), before)
        assert talk.turns[-1].outcome == "failed"
        assert b'"code":"handoff_conflict"' in talk.turns[-1].terminal
    again = await talk.take(ANA)
    assert (again.refused, told(again)) == (None, [])
    assert state_of(talk) == ("taken", "person", "Ana")


async def test_nobody_takes_what_nobody_asked_for(talk: Talk) -> None:
    """An operator has no business in a conversation into which no human was asked."""
    await talk.take(STORY)
    assert str((await talk.take(ANA)).refused) == "nobody asked for a human in this case"


async def test_what_was_handed_back_can_be_asked_for_and_taken_again(talk: Talk) -> None:
    """Each request has a time of its own, by which it stands in the list."""
    times = []
    for command in (ASK, ANA, BYE, ASK, ANA, BYE, ANA):
        await talk.take(command)
        assert talk.state.handoff is not None
        times.append(talk.state.handoff.requested_at)
    assert times == sorted(times)
    assert len(set(times)) == 3
    assert state_of(talk) == ("taken", "person", "Ana")


async def test_a_case_that_ended_can_be_handed_over(talk: Talk) -> None:
    """It stays completed, and what was said to the human is in the result made at the end."""
    await talk.take(STORY)
    await talk.take(Conclude(reason=""))
    await talk.take(ASK)
    await talk.take(ANA)
    during = await talk.take(Say(text="The plumber came on 20 February 2026 and left."))
    assert (during.reply, during.result) == (HUMAN, None)
    back = await talk.take(BYE)
    assert back.reply == GOING_ON
    assert back.result is not None
    assert talk.state.status == "completed"
    assert 5 in [entry.turn for entry in back.result.chronology]


async def test_asking_for_a_human_does_not_cost_an_addition_its_result(talk: Talk) -> None:
    """An addition leaves the result to what waits behind it, also if that only asks for a human."""
    await talk.take(STORY)
    await talk.take(Conclude(reason=""))
    assert (await talk.take(Say(text="It is worse now."), behind=1)).result is None
    assert (await talk.take(ASK)).result is not None


# What a model reads of it.


def turn(number: int, command: Command, reply: str = "", outcome: str = "completed") -> Turn:
    """Return a committed turn."""
    return Turn(
        turn=number,
        command=command,
        at=1,
        reply=reply,
        outcome=outcome,  # type: ignore[arg-type]
        finished_at=1,
        event_id="1-1",
        terminal=b"",
    )


def test_a_model_reads_what_a_human_colleague_said() -> None:
    """As a colleague's words, escaped like all others; a refused message was never said."""
    messages = prompts.conversation(
        [
            turn(1, ASK, CALLED),
            turn(2, ANA),
            turn(3, OperatorSays(operator='A"na', text=HELLO.text), HELLO.text),
            turn(4, OperatorSays(operator="Rui", text="Never seen"), "", "failed"),
            turn(5, Say(text="At home")),
            turn(6, BYE, f"{GOING_ON} What is your name?"),
        ]
    )
    assert [(one.role, one.content) for one in messages] == [
        ("user", f'<asks_for_human n="1">{ASK.reason}</asks_for_human>'),
        ("assistant", CALLED),
        ("user", '<colleague_joined n="2"/>'),
        (
            "user",
            '<colleague n="3" name="A&quot;na">\nThis is Ana. &lt;Where&gt; are you?\n</colleague>',
        ),
        ("user", '<message n="5">\nAt home\n</message>'),
        ("user", '<colleague_left n="6"/>'),
        ("assistant", f"{GOING_ON} What is your name?"),
    ]


async def test_the_analysis_gets_the_humans_words() -> None:
    """What an operator said is among the material of the result."""
    model = ScriptedModel("openai")
    document = turn_document("")
    del document["reply"]
    model.enqueue(Script(pieces=("I see.",), document=document))
    talk = talk_with(FailoverModel((model,)), CONVERSATIONAL)
    await talk.take(STORY)
    for command in (ASK, ANA, HELLO, BYE):
        await talk.take(command)
    model.enqueue(Script(document=analysis_document()))
    await talk.take(Conclude(reason=""))
    asked = model.requests[-1]
    assert asked.operation == "analysis"
    assert any("&lt;Where&gt; are you?" in one.content for one in asked.messages)


# What operators type.


def test_names_and_messages_are_bounded() -> None:
    """A name is one line; both are cleaned and neither is empty."""
    assert display_name("  Ana\x00 ") == "Ana"
    assert operator_says("Ana", " Hello\nthere ").text == "Hello\nthere"
    for name in ("", " ", "a\nb", "a\tb", "x" * 81):
        with pytest.raises(InvalidInput, match="operator"):
            display_name(name)
    for text in ("", " \x07 ", "x" * 10_001):
        with pytest.raises(InvalidInput, match="text"):
            operator_says("Ana", text)


# With storage, across instances.


async def act(core: Core, case: Case, command: OperatorCommand, key: str | None = None) -> Turn:
    """Let an operator do something and wait for it."""
    turn = await core.handoffs.post(case.id, command, key=key or uuid4().hex)
    async with asyncio.timeout(PATIENCE):
        found = await core.handoffs.wait(case.id, turn)
    assert found is not None
    return found


async def asked(core: Core) -> Case:
    """Open a case whose person has asked for a human."""
    case = await core.opened()
    turn = await core.intake.ask_human(case.id, case.token, key="ask", reason="please")
    await core.intake.wait(case.id, turn)
    return case


async def listed(core: Core, **options: object) -> list[str]:
    """Return the cases of the list."""
    page = await core.handoffs.list(**options)  # type: ignore[arg-type]
    return [one.state.case_id for one in page.handoffs]


async def handoff_of(core: Core, case: Case) -> Handoff:
    """Return how it stands in a case."""
    handoff = (await core.handoffs.open(case.id)).record.state.handoff
    assert handoff is not None
    return handoff


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


async def analysed(core: Core, state: CaseState) -> Job:
    """End a case's interview with a background job, and let a worker do it twice."""
    await core.conversations.start(state, token_hash=TOKEN_HASH, cap=100, ttl=600)
    receipt = await post(core.conversations, state.case_id, NONSENSE, claim=True)
    assert receipt.claim is not None
    job = Job(
        case_id=state.case_id, turn=receipt.turn, queue="simple", planned="simple", created_at=1
    )
    await core.conversations.finish(
        receipt.claim,
        turn_of(receipt.claim, "Thank you."),
        state=replace(state, status="completed"),
        result=None,
        ttl=600,
        log_ttl=60,
        events=[],
        job=job,
    )
    worker = AnalysisRunner(
        Jobs(core.store, "worker"),
        core.leases,
        Analyst(RULES, None, dict),
        {PLAYBOOK.id: PLAYBOOK},
        core.conversations,
    )
    assert await worker.run(state.case_id, job.turn)
    assert not await worker.run(state.case_id, job.turn)
    return job


async def test_a_background_analysis_that_needs_a_human_asks_for_one(core: Core) -> None:
    """Its request is a turn of the case, once for the job, and the person reads of it."""
    state = replace(new_state(PLAYBOOK), case_id=uuid4().hex)
    await analysed(core, state)
    async with asyncio.timeout(PATIENCE):
        await core.reader.wait(state.case_id, 2)
    opened = await core.handoffs.open(state.case_id)
    assert opened.result is not None
    assert opened.result.needs_human
    assert opened.record.accepted == 2
    assert opened.committed[1].reply == CALLED
    handoff = opened.record.state.handoff
    assert handoff is not None
    assert (handoff.status, handoff.by) == ("requested", "analysis")
    assert await listed(core) == [state.case_id]


async def test_nobody_is_asked_twice(core: Core) -> None:
    """Where a human is waited for already, a background analysis asks for no other."""
    waiting = Handoff(status="requested", by="person", reason="", requested_at=5)
    state = replace(new_state(PLAYBOOK), case_id=uuid4().hex, handoff=waiting)
    await analysed(core, state)
    opened = await core.handoffs.open(state.case_id)
    assert opened.record.accepted == 1
    assert opened.record.state.handoff == waiting


async def test_only_an_analysis_asks_in_the_name_of_one(core: Core) -> None:
    """The person's way does not take it, and the analysis can do nothing else."""
    case = await core.opened()
    theirs = Accepted(command=AskHuman(reason="", by="analysis"), at=1)
    with pytest.raises(ValueError, match="credential"):
        await core.conversations.accept(
            case.id,
            theirs,
            token_hash="digest",
            key="k",
            fingerprint="f",
            on_busy="enqueue",
            claim=False,
        )
    for command in (ASK, STORY, ANA):
        with pytest.raises(TypeError, match="analysis"):
            await core.conversations.accept_from_analysis(
                case.id, Accepted(command=command, at=1), key="k", fingerprint="f"
            )
