"""Where a model answers, the list of dangers is the playbook's all the same."""

from msgspec.structs import replace

from app.core.steps import Words
from app.core.understanding.plan import fixed_question
from app.domain.case import Say
from app.llm.scripted import Script, ScriptedModel
from tests.support.claims import new_state
from tests.support.replies import analysis_document
from tests.support.screened import (
    BESIDES,
    LISTED,
    PLAYBOOK,
    RULES,
    SAFETY,
    STORY,
    TODAY,
    saying,
    talk,
)


async def test_a_model_leaves_the_question_to_the_playbook() -> None:
    """Its words come first, then the list as it stands; the plan decides, not the model."""
    model = ScriptedModel("openai")
    saying(model, "That sounds wet.", asking="place", done=True)
    case = talk(model)
    answer = await case.take(STORY)
    assert answer.reply == f"That sounds wet.\n\n{LISTED}"
    assert answer.state.asking == "safety"
    assert answer.state.asked == {"safety": 1}
    assert answer.state.status == "active"
    assert "ask nothing yourself" in model.requests[0].messages[-1].content
    saying(model, "Good. Which town?", asking="place")
    answer = await case.take(Say(text="3"))
    assert answer.reply == "Good. Which town?"
    assert answer.state.asking == "place"
    assert "ask nothing yourself" not in model.requests[1].messages[-1].content


async def test_a_danger_that_the_model_hears_comes_before_the_question() -> None:
    """Advice first; the list is the last that is said, so that it can be answered."""
    model = ScriptedModel("openai")
    saying(model, "Oh no.", red_flags=("flooding",))
    answer = await talk(model).take(STORY)
    left = BESIDES.replace("2. The house is under water", "1. It smells of gas")
    assert answer.reply == f"Oh no.\n\nShut the main valve now.\n\n{left}"


async def test_a_model_without_an_assessment_changes_nothing_about_it() -> None:
    """Plain text is shown, and the list after it."""
    model = ScriptedModel("openai")
    model.enqueue(Script(pieces=("I ", "see.")))
    answer = await talk(model).take(STORY)
    assert answer.reply == f"I see.\n\n{LISTED}"
    assert answer.state.asking == "safety"


async def test_with_nobody_left_the_guided_interviewer_asks_it() -> None:
    """It is put once, whoever answers."""
    model = ScriptedModel("openai")
    answer = await talk(model).take(STORY)
    assert answer.reply == f"I see. {LISTED}"


async def test_a_model_cannot_answer_it_or_ask_it_in_its_own_words() -> None:
    """What it thinks of it is no answer, and its own question is not the list."""
    model = ScriptedModel("openai")
    case = talk(model)
    saying(model, "Hello! Are you safe?", slots={"safety": "neither"}, asking="safety")
    hello = await case.take(Say(text="hi"))
    assert "safety" not in hello.state.assessment.slots
    assert hello.state.asked == {}
    saying(model, "I see.", slots={"safety": "neither"}, asking="none", done=True)
    told = await case.take(STORY)
    assert told.reply.endswith(LISTED)
    assert "safety" not in told.state.assessment.slots


async def test_a_model_that_alone_understood_the_story_cannot_end_without_it() -> None:
    """Rules made nothing of three words; the model knows all and closes: the list comes first."""
    model = ScriptedModel("openai")
    case = talk(model)
    known = {"story": "A blocked sink", "when": "2026-02-27", "wish": "repair"}
    saying(model, "Thank you, that is all.", slots=known, done=True)
    answer = await case.take(Say(text="xyz qwe"))
    assert answer.state.status == "active"
    assert answer.reply == f"Thank you, that is all.\n\n{LISTED}"


async def test_it_takes_the_last_question_where_nothing_could_be_made_out() -> None:
    """A model that only chats does not use up the limit: the list is within it."""
    model = ScriptedModel("openai")
    case = talk(model)
    most = PLAYBOOK.limits.questions["low"].most
    replies: list[str] = []
    while case.state.status == "active":
        saying(model, "Tell me more.", candidates={}, asking="place")
        model_says = await case.take(Say(text="12345678901"))
        replies.append(model_says.reply)
    assert len(replies) == most + 1
    assert replies[most - 1].endswith(LISTED)
    assert sum(LISTED in one for one in replies) == 1
    assert case.state.questions == most
    assert [one.code for one in case.state.assessment.red_flags] == ["untold"]


async def test_somebody_who_wants_to_stop_is_not_kept_by_it() -> None:
    """The last reply asks nothing."""
    model = ScriptedModel("openai")
    saying(model, "Thank you.", asking="none")
    model.enqueue(Script(document=analysis_document()))
    case = talk(model)
    answer = await case.take(Say(text="that is all"))
    assert LISTED not in answer.reply
    assert answer.state.status == "completed"


async def test_after_a_models_words_the_question_comes_at_once() -> None:
    """Read out at a pace it would keep the turn from ending for as long."""
    model = ScriptedModel("openai")
    case = talk(model)
    saying(model, "I see.")
    answer = await case.take(STORY)
    words = [one.text for one in case.steps if isinstance(one, Words)]
    assert words == ["I see.", f"\n\n{LISTED}"]
    assert answer.reply == "".join(words)


def test_other_questions_are_left_to_the_model() -> None:
    """Only what lists its options is put as it stands."""
    state = new_state(PLAYBOOK)
    read_first = RULES[PLAYBOOK.id].understanding.read(state, (), 1, STORY.text, TODAY)
    assert fixed_question(PLAYBOOK, state, read_first) is SAFETY
    later = replace(state, asked={"safety": 1}, asking="safety", questions=1)
    answered = RULES[PLAYBOOK.id].understanding.read(later, (STORY.text,), 2, "none", TODAY)
    assert fixed_question(PLAYBOOK, later, answered) is None
