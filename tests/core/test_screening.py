"""The list of dangers is put to everybody once: when, and what answers do."""

import pytest

from app.core.steps import Words
from app.domain.case import AskHuman, Conclude, Correct, HandBack, Say, Take
from tests.support.screened import ADVICE, BESIDES, CARE, GAS, LISTED, STORY, read, talk


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
