"""One question that lists dangers, put where none was heard: who asks it, and what answers do."""

from datetime import date

import pytest
from msgspec.structs import replace

from app.core.analysis.analyst import Analyst
from app.core.evaluation.rehearsal import rehearse
from app.core.evaluation.stories import Story
from app.core.interview import Interviewer
from app.core.rules import Rules
from app.core.steps import Words
from app.core.understanding.extraction import read_answer
from app.core.understanding.plan import fixed_question, holds
from app.domain.assessment import RaisedFlag
from app.domain.case import Correct, Say
from app.domain.playbook import (
    Answer,
    Condition,
    Option,
    Phase,
    Playbook,
    Slot,
)
from app.llm.failover import FailoverModel
from app.llm.scripted import Script, ScriptedModel
from tests.support.claims import Talk, new_state
from tests.support.playbooks import tiny_playbook
from tests.support.replies import analysis_document, turn_document

TODAY = date(2026, 3, 1)
STORY = Say(text="Water has been dripping from my bathroom ceiling since yesterday.")
LISTED = (
    "Is any of this so? Answer with numbers.\n1. It smells of gas\n2. The house is under water\n"
    "3. Neither"
)


def screened_playbook() -> Playbook:
    """Return the tiny playbook with a first question that lists its dangers."""
    tiny = tiny_playbook()
    safety = Slot(
        name="safety",
        phase="safety",
        kind="choice",
        several=True,
        label={"pt-BR": "Perigo", "en": "Danger"},
        question={
            "pt-BR": "Alguma destas coisas acontece? Responda com números.",
            "en": "Is any of this so? Answer with numbers.",
        },
        when=Condition(slot="story", calm=True),
        options=(
            Option(
                value="gas",
                label={"pt-BR": "Cheiro de gás", "en": "It smells of gas"},
                words={"pt-BR": ("gás",), "en": ("gas",)},
            ),
            Option(
                value="water",
                label={"pt-BR": "A casa alagou", "en": "The house is under water"},
                words={"pt-BR": ("alagamento",), "en": ("water", "gas and water pipe")},
            ),
            Option(
                value="neither",
                label={"pt-BR": "Nenhuma", "en": "Neither"},
                words={"pt-BR": ("nenhuma",), "en": ("none",)},
                alone=True,
            ),
        ),
    )
    raised = {"gas_smell": "gas", "flooding": "water"}
    return replace(
        tiny,
        phases=(Phase(name="safety", least=1, most=1), *tiny.phases),
        slots=(safety, *tiny.slots),
        red_flags=tuple(
            replace(
                flag,
                answers=(*flag.answers, Answer(slot="safety", equals=(raised[flag.code],))),
            )
            for flag in tiny.red_flags
        ),
    )


PLAYBOOK = screened_playbook()
SAFETY = PLAYBOOK.slots[0]
RULES = {PLAYBOOK.id: Rules(PLAYBOOK)}


def talk(model: ScriptedModel | None = None, *, locale: str = "en") -> Talk:
    """Open a case with the guided interviewer, or with a model."""
    models = None if model is None else FailoverModel((model,))
    interviewer = Interviewer(RULES, Analyst(RULES, models, dict), models, dict)
    variant = "v1" if model is None else "v2"
    return Talk(interviewer, new_state(PLAYBOOK, locale=locale, variant=variant))


def saying(model: ScriptedModel, reply: str, **members: object) -> None:
    """Let the model answer the next turn."""
    document = turn_document(reply, **members)  # type: ignore[arg-type]
    del document["reply"]
    model.say(reply, **document)


def read(answer: str) -> str | None:
    """Read an answer to the question."""
    return read_answer(SAFETY, answer, "en", TODAY)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("1", "gas"),
        ("2 e 1", "gas,water"),
        ("só a 2", "water"),
        ("numbers 1, 2 and 3", "gas,water"),
        ("it is gas", "gas"),
        ("gas and water", "gas,water"),
        ("the gas and water pipe", "water"),
        ("not gas", None),
        ("none of these but 2", "water"),
        ("none", "neither"),
        ("3", "neither"),
        ("Nenhuma, graças a Deus", "neither"),
        ("não, obrigada", "neither"),
        ("No", "neither"),
        ("não tem luz em casa", None),
        ("yes", None),
        ("7", None),
        ("my 2 children are with me", None),
        ("they said that the gas bill and the other one would come by post", None),
    ],
)
def test_answers_are_read_by_number_and_by_word(answer: str, value: str | None) -> None:
    """Several may be chosen, a plain no is none of them, and a story chooses nothing."""
    assert read(answer) == value


async def test_where_no_danger_was_heard_it_is_asked_first() -> None:
    """The guided interviewer lists the options; each chosen one raises its flag and its advice."""
    case = talk()
    first = await case.take(STORY)
    assert first.reply == f"I see. {LISTED}"
    assert first.state.asking == "safety"
    assert first.state.questions == 1
    answer = await case.take(Say(text="1 and 2"))
    assert {one.code for one in answer.state.assessment.red_flags} == {"gas_smell", "flooding"}
    assert answer.reply.startswith("Open the windows")
    assert "Shut the main valve now." in answer.reply
    assert answer.state.asking == "name"


async def test_it_is_asked_in_the_language_of_the_case() -> None:
    """Question and options alike."""
    first = await talk(locale="pt-BR").take(Say(text="A pia da cozinha está entupida"))
    assert "números.\n1. Cheiro de gás\n2. A casa alagou\n3. Nenhuma" in first.reply


async def test_where_danger_was_heard_it_is_not_asked() -> None:
    """Who has told of one danger gets its advice and is asked for what is missing."""
    told = Say(text="sink clogged, the sink is blocked, and there is a smell of gas")
    first = await talk().take(told)
    assert "Answer with numbers" not in first.reply
    assert first.state.asking == "name"


async def test_danger_told_instead_of_an_answer_counts_as_well() -> None:
    """Rules read every message; then there is no reason to ask again."""
    case = talk()
    await case.take(STORY)
    answer = await case.take(Say(text="well I do smell gas all over the place here, since you ask"))
    assert [one.code for one in answer.state.assessment.red_flags] == ["gas_smell"]
    assert answer.state.asking == "name"


async def test_an_answer_that_cannot_be_read_is_asked_for_once_more() -> None:
    """A bare yes says nothing: the list is shown again though its phase is full; then no more."""
    case = talk()
    await case.take(STORY)
    again = await case.take(Say(text="yes"))
    assert again.reply.endswith(LISTED)
    assert again.state.asking == "safety"
    assert (await case.take(Say(text="yes"))).state.asking == "name"


async def test_a_plain_no_goes_on() -> None:
    """Nothing is raised and the next question comes."""
    case = talk()
    await case.take(STORY)
    answer = await case.take(Say(text="no"))
    assert answer.state.assessment.red_flags == ()
    assert answer.state.assessment.slots["safety"].value == "neither"
    assert answer.state.asking == "name"


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
    assert answer.reply == f"Oh no.\n\nShut the main valve now.\n\n{LISTED}"


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


async def test_somebody_who_wants_to_stop_is_not_kept_by_it() -> None:
    """The last reply asks nothing."""
    model = ScriptedModel("openai")
    saying(model, "Thank you.", asking="none")
    model.enqueue(Script(document=analysis_document()))
    case = talk(model)
    answer = await case.take(Say(text="that is all"))
    assert LISTED not in answer.reply
    assert answer.state.status == "completed"


async def test_what_was_chosen_is_shown_in_words_and_can_be_corrected() -> None:
    """The result names the options; a correction is read like an answer and raises its flags."""
    case = talk()
    await case.take(STORY)
    corrected = await case.take(Correct(slot="safety", value="1, 2"))
    assert corrected.state.assessment.slots["safety"].value == "gas,water"
    assert len(corrected.state.assessment.red_flags) == 2
    ended = await case.take(Say(text="that is all"))
    assert ended.result is not None
    facts = {fact.name: fact.value for fact in ended.result.facts}
    assert facts["safety"] == "It smells of gas; The house is under water"


async def test_the_question_is_spoken_word_by_word() -> None:
    """Whoever watches sees it grow, as everything else."""
    case = talk()
    await case.take(STORY)
    words = [one.text for one in case.steps if isinstance(one, Words)]
    assert len(words) > 15


async def test_after_a_models_words_the_question_comes_at_once() -> None:
    """Read out at a pace it would keep the turn from ending for as long."""
    model = ScriptedModel("openai")
    case = talk(model)
    saying(model, "I see.")
    answer = await case.take(STORY)
    words = [one.text for one in case.steps if isinstance(one, Words)]
    assert words == ["I see.", f"\n\n{LISTED}"]
    assert answer.reply == "".join(words)


def test_a_calm_condition_holds_until_a_flag_is_raised() -> None:
    """And of several chosen options, any of those wanted will do."""
    flag = RaisedFlag(code="gas_smell", turn=1, source="rules")
    assert holds(Condition(calm=True), (), {}, "low")
    assert not holds(Condition(calm=True), (), {}, "low", (flag,))


def test_other_questions_are_left_to_the_model() -> None:
    """Only what lists its options is put as it stands."""
    state = new_state(PLAYBOOK)
    read_first = RULES[PLAYBOOK.id].understanding.read(state, (), 1, STORY.text, TODAY)
    assert fixed_question(PLAYBOOK, state, read_first) is SAFETY
    later = replace(state, asked={"safety": 1}, asking="safety", questions=1)
    answered = RULES[PLAYBOOK.id].understanding.read(later, (STORY.text,), 2, "none", TODAY)
    assert fixed_question(PLAYBOOK, later, answered) is None


def test_the_scripted_person_answers_by_the_labels() -> None:
    """What was not heard at first is found by asking; the calm stay calm."""
    stories = [
        Story(
            id="a",
            locale="en",
            text="the sink is clogged and I feel dizzy from it",
            code="plumbing.blockage",
            red_flags=("gas_smell",),
        ),
        Story(id="b", locale="pt-BR", text="pia entupida na cozinha", code="plumbing.blockage"),
        Story(
            id="c",
            locale="en",
            text="I smell gas in my kitchen",
            code=None,
            red_flags=("gas_smell",),
        ),
    ]
    held = rehearse(PLAYBOOK, RULES[PLAYBOOK.id].understanding, stories, TODAY)
    assert (held.flags_found.hits, held.flags_found.n) == (2, 2)
    assert (held.calm_alarms.hits, held.calm_alarms.n) == (0, 1)
    assert held.screened.hits == 2
    assert held.complete.value == held.within_budget.value == 1.0
