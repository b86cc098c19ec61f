"""The list of dangers is put to everybody once: who asks it, when, and what answers do."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
from app.domain.case import AskHuman, Conclude, Correct, HandBack, Say, Take
from app.domain.playbook import (
    Answer,
    Condition,
    Option,
    Phase,
    Playbook,
    RedFlag,
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
    "3. Neither\n4. I would rather not say"
)
BESIDES = (
    "Besides that, is any of this so too?\n2. The house is under water\n3. Neither\n"
    "4. I would rather not say"
)
GAS = Say(text="sink clogged, the sink is blocked, and there is a smell of gas")
ADVICE = "Open the windows, light nothing and leave the house. Call 193.\n\n"
CARE = "You need not say more; somebody will come and look."


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
        besides={
            "pt-BR": "Além disso, acontece mais alguma?",
            "en": "Besides that, is any of this so too?",
        },
        when=Condition(slot="story"),
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
                words={"pt-BR": ("nenhuma", "só isso"), "en": ("none", "nothing else")},
                alone=True,
            ),
            Option(
                value="untold",
                label={"pt-BR": "Prefiro não dizer", "en": "I would rather not say"},
                unsaid=True,
            ),
        ),
    )
    raised = {"gas_smell": "gas", "flooding": "water"}
    return replace(
        tiny,
        phases=(Phase(name="safety", least=1, most=1), *tiny.phases),
        slots=(safety, *tiny.slots),
        red_flags=(
            *(
                replace(
                    flag,
                    answers=(*flag.answers, Answer(slot="safety", equals=(raised[flag.code],))),
                )
                for flag in tiny.red_flags
            ),
            RedFlag(
                code="untold",
                label={"pt-BR": "Não disse se há perigo", "en": "Did not say"},
                answers=(Answer(slot="safety", equals=("untold",)),),
                urgency="medium",
                advice={"pt-BR": "Não precisa contar; alguém vai olhar.", "en": CARE},
                handoff=True,
            ),
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


async def test_everybody_is_asked_first() -> None:
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
    assert "números.\n1. Cheiro de gás\n2. A casa alagou\n3. Nenhuma\n4. Prefiro" in first.reply


async def test_where_danger_was_heard_its_advice_comes_first_and_the_others_are_asked_for() -> None:
    """What was told is not asked again; the other lines keep their numbers."""
    case = talk()
    first = await case.take(GAS)
    assert first.reply == f"{ADVICE}I see. {BESIDES}"
    assert first.state.asking == "safety"
    answer = await case.take(Say(text="2"))
    assert {one.code for one in answer.state.assessment.red_flags} == {"gas_smell", "flooding"}
    assert answer.state.asking == "name"


async def test_besides_is_asked_in_the_language_of_the_case() -> None:
    """As everything else."""
    first = await talk(locale="pt-BR").take(
        Say(text="pia entupida, a pia entupiu, e tem cheiro de gás")
    )
    assert "Além disso, acontece mais alguma?\n2. A casa alagou\n3. Nenhuma" in first.reply


async def test_a_danger_wrongly_heard_does_not_hide_a_real_one() -> None:
    """Had the gas been of a song only: the list is put all the same, and what is real is chosen."""
    case = talk()
    wrong = await case.take(GAS)
    assert [one.code for one in wrong.state.assessment.red_flags] == ["gas_smell"]
    answer = await case.take(Say(text="number two"))
    assert "flooding" in {one.code for one in answer.state.assessment.red_flags}


@pytest.mark.parametrize("words", ["nothing else", "no", "Nenhuma, graças a Deus", "3"])
async def test_nothing_besides_goes_on_with_the_interview(words: str) -> None:
    """To the list "nothing else" is an answer, and no wish to end."""
    case = talk()
    await case.take(GAS)
    answer = await case.take(Say(text=words))
    assert answer.state.assessment.slots["safety"].value == "neither"
    assert len(answer.state.assessment.red_flags) == 1
    assert (answer.state.status, answer.state.asking) == ("active", "name")


async def test_where_all_of_it_was_told_there_is_nothing_to_ask() -> None:
    """A list without a danger would be no question."""
    told = Say(text=f"{GAS.text}, sink clogged, flooding")
    assert (await talk().take(told)).state.asking == "name"


@pytest.mark.parametrize(
    "words", ["I would rather not say", "prefiro não dizer", "not sure", "I don't know", "4"]
)
async def test_who_would_rather_not_say_is_not_taken_to_be_safe(words: str) -> None:
    """They are not asked again, are told that it is all right, and a human is called."""
    case = talk()
    await case.take(STORY)
    answer = await case.take(Say(text=words))
    assert answer.reply.startswith(f"{CARE}\n\n")
    assert answer.state.asking == "name"
    assert [one.code for one in answer.state.assessment.red_flags] == ["untold"]
    assert answer.state.handoff is not None
    assert answer.state.handoff.status == "requested"


async def test_an_answer_that_cannot_be_read_twice_is_none_given() -> None:
    """A bare "yes" says that something is wrong, and not what."""
    case = talk()
    for words in (STORY.text, "yes", "yes"):
        answer = await case.take(Say(text=words))
    assert answer.state.assessment.slots["safety"].value == "untold"
    assert answer.reply.startswith(CARE)
    assert answer.state.asking == "name"


async def test_who_ends_before_the_list_sees_it_and_may_go_then() -> None:
    """Two messages, no list yet: it is put once, and whatever is answered ends the interview."""
    for words, flags in (("none", []), ("2", ["flooding"]), ("rather not say", ["untold"])):
        case = talk()
        unclear = await case.take(Say(text="my car makes a funny noise"))
        assert unclear.state.asking == "story"
        last = await case.take(Say(text="that is all"))
        assert last.reply.endswith(LISTED)
        assert last.state.status == "active"
        ended = await case.take(Say(text=words))
        assert ended.state.status == "completed"
        assert [one.code for one in ended.state.assessment.red_flags] == flags


async def test_who_ends_instead_of_answering_is_let_go_and_looked_after() -> None:
    """Nobody is held; but what was not answered is not taken for a no."""
    case = talk()
    await case.take(STORY)
    ended = await case.take(Say(text="i am done"))
    assert ended.state.status == "completed"
    assert ended.reply.startswith(CARE)
    assert ended.result is not None
    assert ended.result.needs_human
    assert ended.result.urgency.level == "medium"


async def test_an_interview_that_is_ended_from_outside_leaves_the_list_open() -> None:
    """Whoever told something and did not answer is looked after; others have told nothing."""
    case = talk()
    await case.take(STORY)
    ended = await case.take(Conclude(reason="host"))
    assert ended.reply.startswith(CARE)
    assert [one.code for one in ended.state.assessment.red_flags] == ["untold"]
    silent = await talk().take(Conclude(reason="host"))
    assert silent.state.assessment.red_flags == ()
    answered = talk()
    await answered.take(STORY)
    await answered.take(Say(text="none"))
    assert (await answered.take(Conclude(reason="host"))).state.assessment.red_flags == ()


async def test_it_is_put_once() -> None:
    """Also where the answer is taken back later."""
    case = talk()
    await case.take(STORY)
    await case.take(Say(text="none"))
    await case.take(Correct(slot="safety", value=""))
    answer = await case.take(Say(text="Ana"))
    assert "safety" not in answer.state.assessment.slots
    assert answer.state.asking not in (None, "safety")


async def test_it_is_put_when_a_human_has_left() -> None:
    """If nobody put it before: the interviewer takes up where it would have begun."""
    case = talk()
    await case.take(AskHuman(reason="please"))
    await case.take(Take(operator="Ana"))
    await case.take(Say(text="The sink is blocked and there is a smell of gas"))
    back = await case.take(HandBack(operator="Ana"))
    assert back.reply.endswith(BESIDES)
    assert back.state.asking == "safety"


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
    assert again.state.asked == {"safety": 2}
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


@given(
    st.lists(
        st.sampled_from(
            [
                *("hi", STORY.text, GAS.text, "that is all", "none", "yes", "2", "1 and 2", "no"),
                *("not sure", "Ana", "in Recife", "yesterday", "please repair it", "xyz"),
            ]
        )
        | st.text(min_size=1, max_size=30),
        min_size=12,
        max_size=12,
    )
)
def test_no_interview_ends_with_somebody_calm_who_was_not_asked(messages: list[str]) -> None:
    """Whatever is said: who told something has seen the list, once or twice, and answered it."""
    rules = RULES[PLAYBOOK.id]
    state, said = new_state(PLAYBOOK), list[str]()
    for turn, message in enumerate(messages, 1):
        read = rules.understanding.read(state, said, turn, message, TODAY)
        line = rules.guided.answer(state, read, said, message, turn)
        said.append(message)
        asked = dict(state.asked)
        if line.asking:
            asked[line.asking] = asked.get(line.asking, 0) + 1
        questions = state.questions + (line.asking is not None)
        state = replace(
            state, assessment=read, asking=line.asking, asked=asked, questions=questions
        )
        if line.complete:
            break
    assert line.complete
    known, flags = state.assessment.slots, {one.code for one in state.assessment.red_flags}
    assert "story" not in known or "safety" in known or {"gas_smell", "flooding"} <= flags
    assert state.asked.get("safety", 0) <= 2
    assert state.questions <= PLAYBOOK.limits.questions[state.assessment.complexity].most


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
    assert held.missed == ()
    assert (held.calm_alarms.hits, held.calm_alarms.n) == (0, 1)
    assert held.screened.hits == held.interviews == 3
    assert held.complete.value == held.within_budget.value == 1.0
