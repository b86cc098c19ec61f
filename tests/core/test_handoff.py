"""A human in the conversation: who may ask, who has it, and what each of them can do."""

import pytest

from app.core import prompts
from app.core.analysis.analyst import Analyst
from app.core.handoff import display_name, operator_says
from app.core.interview import Interviewer
from app.domain.assignment import CONVERSATIONAL, STRUCTURED
from app.domain.case import (
    AskHuman,
    Command,
    Conclude,
    Correct,
    HandBack,
    OperatorSays,
    Say,
    Take,
    Turn,
)
from app.domain.errors import InvalidInput
from app.llm.failover import FailoverModel
from app.llm.scripted import Script, ScriptedModel
from tests.support.claims import Talk, claim_of
from tests.support.handed import (
    ADVICE,
    ANA,
    ASK,
    BYE,
    CALLED,
    GAS,
    GOING_ON,
    HELLO,
    HUMAN,
    NONSENSE,
    RULES,
    STORY,
    state_of,
    talk_with,
    told,
)
from tests.support.replies import analysis_document, turn_document


@pytest.fixture
def talk() -> Talk:
    """A case with the guided interviewer."""
    return talk_with(None, STRUCTURED)


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
