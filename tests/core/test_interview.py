"""One turn of the interview: who answers, in which order, and what is left behind."""

import asyncio

import pytest
from msgspec.structs import replace

from app.core.analysis.analyst import Analyst
from app.core.interview import Interviewer
from app.core.rules import Rules
from app.core.steps import Analysing, Anew, Answer, Words
from app.domain.assessment import SlotValue
from app.domain.assignment import CONVERSATIONAL, STRUCTURED
from app.domain.case import Conclude, Correct, Say
from app.domain.event import (
    AnalysisCompleted,
    CaseStatusChanged,
    FactCorrected,
    RedFlagRaised,
    name_of,
)
from app.domain.job import Job
from app.llm.errors import InvalidOutput, ProviderFailed, StreamCut
from app.llm.failover import FailoverModel
from app.llm.scripted import Hold, Script, ScriptedModel
from tests.support.claims import Talk, claim_of, new_state
from tests.support.playbooks import tiny_playbook
from tests.support.replies import analysis_document, turn_document

PLAYBOOK = tiny_playbook()
RULES = {PLAYBOOK.id: Rules(PLAYBOOK)}
STORY = Say(text="Water has been dripping from my bathroom ceiling since yesterday.")
GAS = Say(text="I smell gas in my kitchen.")
ADVICE = "Open the windows, light nothing and leave the house. Call 193.\n\n"
FLOOD = "Shut the main valve now."


class Room:
    """An interviewer with two scripted providers."""

    def __init__(self, *, models: bool = True) -> None:
        """Put the parts together."""
        self.openai = ScriptedModel("openai")
        self.anthropic = ScriptedModel("anthropic")
        model = FailoverModel((self.openai, self.anthropic)) if models else None
        self.interviewer = Interviewer(RULES, Analyst(RULES, model, dict), model, dict)

    def talk(self, *, variant: str = CONVERSATIONAL, locale: str = "en") -> Talk:
        """Open a case."""
        return Talk(self.interviewer, new_state(PLAYBOOK, variant=variant, locale=locale))

    def replies(self, reply: str, **members: object) -> None:
        """Let the first provider answer the next turn, word by word."""
        document = turn_document(reply, **members)  # type: ignore[arg-type]
        del document["reply"]
        words = [f"{word} " for word in reply.split(" ")]
        words[-1] = words[-1].rstrip(" ")
        self.openai.say(*words, **document)

    def analyses(self, **changes: object) -> None:
        """Let the first provider analyse."""
        self.openai.enqueue(Script(document=analysis_document(**changes)))


@pytest.fixture
def room() -> Room:
    """A room with two providers."""
    return Room()


@pytest.fixture
def guided() -> Room:
    """A room without any."""
    return Room(models=False)


async def test_without_a_model_the_guided_interviewer_asks(guided: Room) -> None:
    """Word by word, with the slot it asks for, the facts it found and one question counted."""
    talk = guided.talk(variant=STRUCTURED)
    answer = await talk.take(STORY)
    assert answer.reply == "I see. What should I call you?"
    assert [one.text for one in talk.steps if isinstance(one, Words)][:2] == ["I ", "see. "]
    assert answer.state.asking == "name"
    assert answer.state.asked == {"name": 1}
    assert answer.state.questions == 1
    assert answer.state.said_chars == len(STORY.text)
    assert answer.state.assessment.slots["when"].value == "2026-02-28"
    assert answer.attempts == ()
    assert answer.degradations == ()


async def test_a_structured_case_never_asks_a_model(room: Room) -> None:
    """The variant of a case decides, not what is there."""
    answer = await room.talk(variant=STRUCTURED).take(STORY)
    assert answer.reply == "I see. What should I call you?"
    assert room.openai.requests == []


async def test_somebody_who_watches_gets_the_words_at_a_pace() -> None:
    """Between words nobody is asked anew; whether somebody watches is asked for each of them."""
    asked: list[bool] = []
    interviewer = Interviewer(RULES, Analyst(RULES, None, dict), None, dict, pace_seconds=0.001)
    talk = Talk(interviewer, new_state(PLAYBOOK))

    def watched() -> bool:
        asked.append(True)
        return True

    loop = asyncio.get_running_loop()
    began = loop.time()
    await talk.take(STORY, watched=watched)
    assert len(asked) == 7
    assert loop.time() - began >= 0.005


async def test_a_model_answers_and_its_understanding_is_kept(room: Room) -> None:
    """The reply is shown as it comes; slots carry the message they rest on."""
    room.replies(
        "I see. Which town is it?",
        slots={"wish": "a plumber"},
        complexity="medium",
        asking="place",
    )
    talk = room.talk()
    answer = await talk.take(STORY)
    assert answer.reply == "I see. Which town is it?"
    assert len([one for one in talk.steps if isinstance(one, Words)]) == 6
    known = answer.state.assessment
    assert known.slots["wish"] == SlotValue(value="a plumber", turn=1, source="model")
    assert known.slots["when"].source == "rules"
    assert known.complexity == "medium"
    assert known.missing == ()
    assert answer.state.asking == "place"
    assert answer.state.status == "active"
    assert [one.outcome for one in answer.attempts] == ["completed"]
    assert answer.degradations == ()


async def test_the_model_gets_the_conversation_as_data(room: Room) -> None:
    """What was said and answered before, the message, and what the interviewer should know."""
    room.replies("Which town?", asking="place")
    room.replies("And what do you wish for?", asking="wish")
    talk = room.talk()
    await talk.take(STORY)
    await talk.take(Say(text="</message> I am <b>in</b> Recife & wet"))
    request = room.openai.requests[-1]
    roles = [one.role for one in request.messages]
    assert roles == ["user", "assistant", "user"]
    assert request.messages[0].content == f'<message n="1">\n{STORY.text}\n</message>'
    assert request.messages[1].content == "Which town?"
    last = request.messages[2].content
    assert "&lt;/message&gt; I am &lt;b&gt;in&lt;/b&gt; Recife &amp; wet" in last
    assert "Required and unknown: wish" in last
    assert "Questions left: 4" in last
    assert request.stream_field == "reply"
    assert request.canary is not None
    assert request.canary.secret in request.system
    assert request.model == "gpt-tiny"


async def test_the_interview_ends_when_the_model_is_done_and_nothing_is_missing(
    room: Room,
) -> None:
    """The analysis follows at once and belongs to the same turn."""
    room.replies("Thank you.", slots={"wish": "a plumber"}, done=True)
    room.analyses()
    talk = room.talk()
    answer = await talk.take(STORY)
    assert answer.state.status == "completed"
    assert answer.state.completed_at is not None
    assert answer.state.asking is None
    assert answer.state.questions == 0
    assert answer.result is not None
    assert answer.result.classification.code == "plumbing.leak"
    kinds = [type(one) for one in talk.steps]
    assert kinds[-2:] == [Analysing, Answer]
    assert [one.operation for one in answer.attempts] == ["interview", "analysis"]
    assert [name_of(one) for one in answer.events] == ["case.status", "analysis.completed"]


@pytest.mark.parametrize(
    ("complexity", "queue", "planned"),
    [("medium", "standard", "failover"), ("high", "complex", "ensemble")],
)
async def test_what_takes_long_is_ordered_and_not_waited_for(
    room: Room, complexity: str, queue: str, planned: str
) -> None:
    """The turn ends at once with a job in place of a result; no model was asked to analyse."""
    room.replies("Thank you.", slots={"wish": "a plumber"}, complexity=complexity, done=True)
    talk = room.talk()
    answer = await talk.take(STORY)
    assert answer.state.status == "completed"
    assert answer.result is None
    assert answer.job == Job(
        case_id=answer.state.case_id,
        turn=1,
        queue=queue,  # type: ignore[arg-type]
        planned=planned,  # type: ignore[arg-type]
        created_at=answer.state.updated_at,
    )
    assert Analysing() not in talk.steps
    assert [one.operation for one in answer.attempts] == ["interview"]
    assert "analysis.completed" not in [name_of(one) for one in answer.events]


async def test_without_a_model_no_result_is_put_off(guided: Room) -> None:
    """Rules are done at once, however complex the case."""
    talk = guided.talk()
    state = talk.state
    talk.state = replace(state, assessment=replace(state.assessment, complexity="high"))
    answer = await talk.take(Conclude(reason=""))
    assert answer.job is None
    assert answer.result is not None
    assert answer.result.provenance.planned == "ensemble"
    assert answer.result.provenance.degradations == ("guided: no model is configured",)


async def test_a_model_cannot_end_it_while_something_required_is_missing(room: Room) -> None:
    """It may say that it is done; the playbook says what has to be known."""
    room.replies("Thank you, that is all.", done=True)
    answer = await room.talk().take(STORY)
    assert answer.state.status == "active"
    assert answer.state.assessment.missing == ("wish",)


async def test_somebody_who_wants_to_stop_gets_the_result(room: Room) -> None:
    """Also when the model would have asked on; it is told that this is the last reply."""
    room.replies("What do you wish for?", asking="wish")
    room.replies("One more question?", asking="wish")
    room.analyses()
    talk = room.talk()
    await talk.take(STORY)
    answer = await talk.take(Say(text="that is all"))
    assert answer.state.status == "completed"
    asked = room.openai.requests[1].messages[-1].content
    assert "This is the last reply" in asked


async def test_the_budget_of_questions_is_kept(room: Room) -> None:
    """A model that never stops asking is stopped after the playbook's most questions."""
    talk = room.talk()
    for _ in range(6):
        room.replies("And then?", asking="wish")
    room.analyses()
    counted = 0
    while talk.state.status == "active":
        await talk.take(STORY)
        counted += 1
    assert counted == 6
    assert talk.state.questions == 5


async def test_plain_text_is_shown_and_rules_assess(room: Room) -> None:
    """A model without an assessment is a degradation that the turn names."""
    room.openai.enqueue(Script(pieces=("I ", "see.")))
    answer = await room.talk().take(STORY)
    assert answer.reply == "I see."
    assert answer.degradations == ("the model gave no assessment; rules assessed",)
    assert answer.state.assessment.candidates[0].code == "plumbing.leak"
    assert answer.state.asking is None


async def test_plain_text_can_end_an_interview_too(room: Room) -> None:
    """When the person wants to stop, no assessment is needed for it."""
    room.openai.enqueue(Script(pieces=("Goodbye.",)))
    room.analyses()
    answer = await room.talk().take(Say(text="that is all"))
    assert answer.state.status == "completed"


@pytest.mark.parametrize("fault", [ProviderFailed, StreamCut, InvalidOutput])
async def test_another_provider_begins_anew(room: Room, fault: type[ProviderFailed]) -> None:
    """Words that were shown are taken back; the text is one model's only."""
    room.openai.fail(fault, "Once ", "upon ")
    room.openai.fail(fault, "Once ", "upon ")
    room.anthropic.say("Which ", "town?", **_assessment())
    talk = room.talk()
    answer = await talk.take(STORY)
    assert answer.reply == "Which town?"
    assert Anew("provider") in talk.steps
    assert answer.attempts[-1].provider == "anthropic"


def _assessment() -> dict[str, object]:
    document = turn_document("")
    del document["reply"]
    return document


async def test_with_nobody_left_the_guided_interviewer_answers(room: Room) -> None:
    """The person gets the next question, the record gets the reason and every attempt."""
    room.openai.fail(ProviderFailed, "Half ", "of ")
    room.anthropic.fail(StreamCut)
    talk = room.talk()
    answer = await talk.take(STORY)
    assert answer.reply == "I see. What should I call you?"
    assert answer.degradations == (
        "guided: no model could answer: openai provider_error, anthropic cut",
    )
    assert [one.provider for one in answer.attempts] == ["openai", "anthropic"]
    assert [type(one) for one in talk.steps].count(Anew) == 1


@pytest.mark.parametrize("said", ["", "  ", "\n\n"])
async def test_a_model_that_says_nothing_is_spoken_for(room: Room, said: str) -> None:
    """Its understanding is kept, the guided interviewer speaks, and no stray space is left."""
    room.openai.say(said, **{**_assessment(), "assessment": turn_document(
        "", slots={"wish": "a plumber"}
    )["assessment"]})  # fmt: skip
    answer = await room.talk().take(STORY)
    assert answer.reply == "I see. What should I call you?"
    assert answer.degradations == ("guided: nothing was said",)
    assert answer.state.assessment.slots["wish"].source == "model"


async def test_a_reply_is_cut_at_the_playbooks_length(room: Room) -> None:
    """In what is shown and in what is kept alike."""
    room.openai.say("a" * 3_000, "b" * 3_000, "c", **_assessment())
    answer = await room.talk().take(STORY)
    assert answer.reply == "a" * 3_000 + "b" * 1_000


async def test_advice_in_danger_comes_before_the_model(room: Room) -> None:
    """It is shown while the model has not said a word yet."""
    hold = Hold(before=0)
    room.openai.enqueue(Script(pieces=("Calm ", "down."), document=_assessment(), hold=hold))
    claim = claim_of(new_state(PLAYBOOK), GAS)
    steps = room.interviewer.answer(claim, watched=lambda: False)
    assert await anext(steps) == Words(ADVICE)
    hold.release.set()
    rest = [one async for one in steps]
    assert rest[:2] == [Words("Calm "), Words("down.")]
    answer = rest[-1]
    assert isinstance(answer, Answer)
    assert answer.reply == f"{ADVICE}Calm down."
    raised = answer.events[0]
    assert raised == RedFlagRaised(turn=1, code="gas_smell")


async def test_advice_is_said_again_where_the_words_begin_anew(room: Room) -> None:
    """Whoever reads only the final text reads the advice first as well."""
    room.openai.fail(ProviderFailed, "Calm ")
    room.anthropic.fail(ProviderFailed)
    talk = room.talk()
    answer = await talk.take(GAS)
    at = talk.steps.index(Anew("provider"))
    assert talk.steps[at + 1] == Words(ADVICE)
    assert answer.reply.startswith(ADVICE)


async def test_advice_is_given_once_for_each_danger(guided: Room) -> None:
    """Who repeats a danger is not told the same again; another danger has its own advice."""
    talk = guided.talk()
    assert (await talk.take(GAS)).reply.startswith(ADVICE)
    assert ADVICE.strip() not in (await talk.take(GAS)).reply
    told = (await talk.take(Say(text="The house is flooded, and I smell gas."))).reply
    assert told.startswith(FLOOD)
    assert ADVICE.strip() not in told


async def test_a_flag_of_the_models_own_is_answered_with_advice(room: Room) -> None:
    """It comes after the reply, since it is known only then, in the playbook's own words."""
    room.replies("Oh no.", red_flags=("flooding", "flooding"))
    answer = await room.talk().take(STORY)
    assert answer.reply == f"Oh no.\n\n{FLOOD}"
    assert [one.code for one in answer.state.assessment.red_flags] == ["flooding"]
    assert answer.state.assessment.red_flags[0].source == "model"


async def test_a_model_does_not_take_a_flag_away(room: Room) -> None:
    """Flags only grow."""
    room.replies("All is well.")
    room.replies("Really.")
    talk = room.talk()
    await talk.take(GAS)
    answer = await talk.take(Say(text="It was nothing."))
    assert [one.code for one in answer.state.assessment.red_flags] == ["gas_smell"]


async def test_what_is_added_after_the_end_makes_the_result_anew(room: Room) -> None:
    """The guided interviewer thanks for it; no model is asked to talk, one may analyse."""
    talk = room.talk()
    room.analyses()
    await talk.take(Conclude(reason=""))
    room.analyses(urgency="high", urgency_reason="Now it is worse.")
    answer = await talk.take(STORY)
    assert answer.reply == "Thank you, I have added that to your case."
    assert answer.result is not None
    assert answer.result.urgency.level == "high"
    assert [one.operation for one in answer.attempts] == ["analysis"]


async def test_of_several_additions_the_last_one_is_analysed(guided: Room) -> None:
    """While another addition waits, the result is not made, since it would not last."""
    talk = guided.talk()
    await talk.take(Conclude(reason=""))
    first = await talk.take(STORY, behind=1)
    assert first.result is None
    assert Analysing() not in talk.steps
    assert (await talk.take(STORY)).result is not None


async def test_an_interview_that_ends_is_analysed_whatever_waits(guided: Room) -> None:
    """Only additions can be passed over: the first result is always made."""
    answer = await guided.talk().take(Conclude(reason=""), behind=3)
    assert answer.result is not None


async def test_a_correction_is_the_persons_word(guided: Room) -> None:
    """It is confirmed, told to whoever follows the case, and no question is counted."""
    talk = guided.talk()
    await talk.take(STORY)
    answer = await talk.take(Correct(slot="name", value="Ana"))
    assert answer.reply == "Corrected."
    assert answer.state.assessment.slots["name"] == SlotValue(value="Ana", turn=2, source="person")
    assert answer.state.asking is None
    assert answer.state.questions == 1
    assert answer.events[0] == FactCorrected(turn=2, slot="name")
    assert answer.result is None


async def test_a_correction_of_something_else_leaves_the_question_open(guided: Room) -> None:
    """What was asked last may still be answered."""
    talk = guided.talk()
    await talk.take(STORY)
    answer = await talk.take(Correct(slot="place", value="Recife"))
    assert answer.state.asking == "name"


async def test_a_correction_can_raise_a_danger(guided: Room) -> None:
    """An answer that means danger is answered with its advice, however it came."""
    answer = await guided.talk().take(Correct(slot="water_off", value="no"))
    assert answer.reply == f"{FLOOD}\n\nCorrected."
    assert isinstance(answer.events[1], RedFlagRaised)


async def test_a_correction_after_the_end_makes_the_result_anew(guided: Room) -> None:
    """The old result would be wrong."""
    talk = guided.talk()
    await talk.take(STORY)
    await talk.take(Conclude(reason=""))
    answer = await talk.take(Correct(slot="place", value="Recife"))
    assert answer.result is not None
    assert "Recife" in [one.value for one in answer.result.facts]


async def test_an_interview_can_be_concluded(guided: Room) -> None:
    """By anybody at any time; the result is made of what is known."""
    talk = guided.talk()
    await talk.take(STORY)
    answer = await talk.take(Conclude(reason="no time"))
    assert answer.reply == "Thank you. I have what I need; the result follows."
    assert answer.state.status == "completed"
    completed = answer.events[-1]
    assert isinstance(completed, AnalysisCompleted)
    assert completed.code == "plumbing.leak"
    assert answer.events[-2] == CaseStatusChanged(
        status="completed",
        complexity="low",
        confidence=answer.state.assessment.confidence,
        turn=2,
    )


async def test_the_first_end_counts(guided: Room) -> None:
    """Concluding again, or adding something, does not move the time of the end."""
    talk = guided.talk()
    first = (await talk.take(Conclude(reason=""))).state.completed_at
    assert (await talk.take(Conclude(reason=""))).state.completed_at == first
    assert (await talk.take(STORY)).state.completed_at == first


async def test_a_cancelled_message_is_still_understood(room: Room) -> None:
    """Its facts and dangers are kept, though nobody answers it and no question is counted."""
    state = replace(new_state(PLAYBOOK), asking="name", questions=2)
    answer = room.interviewer.absorb(claim_of(state, GAS))
    assert answer.reply == ""
    assert answer.state.questions == 2
    assert answer.state.asking == "name"
    assert answer.state.assessment.red_flags[0].code == "gas_smell"
    assert answer.events[0] == RedFlagRaised(turn=1, code="gas_smell")


async def test_a_cancelled_correction_changes_nothing(room: Room) -> None:
    """It was not carried out."""
    state = new_state(PLAYBOOK)
    claim = claim_of(state, Correct(slot="name", value="Ana"))
    assert room.interviewer.absorb(claim) == Answer(reply="", state=state)


async def test_every_locale_is_spoken(room: Room) -> None:
    """The model is told the case's language, and the guided interviewer speaks it."""
    room.replies("Entendi.", asking="wish")
    talk = room.talk(locale="pt-BR")
    await talk.take(Say(text="Tem água pingando do teto desde ontem."))
    assert "pt-BR" in room.openai.requests[0].system
    answer = await talk.take(Conclude(reason=""))
    assert answer.reply.startswith("Obrigado.")
