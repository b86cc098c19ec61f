"""What people answer to a numbered list, and what is made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.understanding.choosing import read_several
from app.domain.playbook import Option, Slot

NAMES = {
    "fire": ("Fogo", "Fire"),
    "water": ("Água", "Water"),
    "gas": ("Gás", "Gas"),
    "theft": ("Roubo", "Theft"),
    "fall": ("Queda", "Fall"),
}


def option(value: str, pt: str, en: str, **changes: object) -> Option:
    """Return an option that is called by its label."""
    return Option(value=value, label={"pt-BR": pt, "en": en}, **changes)  # type: ignore[arg-type]


LIST = Slot(
    name="list",
    phase="first",
    kind="choice",
    several=True,
    label={"pt-BR": "Lista", "en": "List"},
    question={"pt-BR": "Quais?", "en": "Which?"},
    options=(
        *(option(value, *label) for value, label in NAMES.items()),
        option(
            "none",
            "Nenhuma",
            "None",
            alone=True,
            words={
                "pt-BR": ("nenhuma dessas", "mais nada", "só o que eu contei", "estamos bem"),
                "en": ("none of them", "nothing else", "what i told you"),
            },
        ),
        option(
            "silent",
            "Prefiro não dizer",
            "I would rather not say",
            unsaid=True,
            words={"pt-BR": ("não quero falar",), "en": ("rather not say",)},
        ),
    ),
)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("the second and the last one", "water,fall"),
        ("só a primeira", "fire"),
        ("a segunda e a quinta", "water,fall"),
        ("primeira e última", "fire,fall"),
        ("3ª e 4ª", "gas,theft"),
        ("the 2nd, the 3rd and number 5", "water,gas,fall"),
        ("dois e três", "water,gas"),
        ("one and three", "fire,gas"),
        ("número um", "fire"),
        ("Sim, infelizmente está acontecendo a 2 e a 5 comigo", "water,fall"),
        ("2-4", "water,gas,theft"),
        ("de 2 a 4", "water,gas,theft"),
        ("1-3-5", "fire,gas,fall"),
        ("todas menos a 3", "fire,water,theft,fall"),
        ("all of them", "fire,water,gas,theft,fall"),
        ("a 2 não, a 3 sim", "gas"),
        ("2 no, 3 yes", "gas"),
        ("no, only 3", "gas"),
        ("gás e roubo", "gas,theft"),
        ("5, mas prefiro não dizer mais", "fall"),
    ],
)
def test_numbers_places_and_names_choose(answer: str, value: str) -> None:
    """However somebody points at a line of the list, it is that line."""
    assert read_several(LIST, answer) == value


@pytest.mark.parametrize(
    "answer",
    [
        "nenhuma",
        "Nenhuma, graças a Deus",
        "não tem nenhuma",
        "nenhuma dessas está acontecendo com a minha família, graças a Deus",
        "não, mais nada",
        "só o que eu contei, nada mesmo",
        "nothing else, thank you",
        "just what I told you",
        "estamos bem",
        "acho que não",
        "6",
    ],
)
def test_none_is_understood_in_many_words(answer: str) -> None:
    """Also where it says that there is nothing beside what was told."""
    assert read_several(LIST, answer) == "none"


@pytest.mark.parametrize(
    "answer", ["prefiro não dizer", "não quero falar disso", "I'd rather not say, sorry", "7"]
)
def test_saying_nothing_is_an_answer_of_its_own(answer: str) -> None:
    """It is not the same as none."""
    assert read_several(LIST, answer) == "silent"


@pytest.mark.parametrize(
    "answer",
    [
        "sim",
        "yes",
        "a última",
        "the last one",
        "uma",
        "só uma",
        "2 of them",
        "duas delas",
        "not all of them",
        "nem todas",
        "não a 3",
        "8",
        "20",
        "my 2 children are with me",
        "moro no 3 andar",
        "nenhuma renda e fui mandado embora",
        "não tenho nenhuma segurança em casa",
        "não estamos bem",
        "that's a long story, and water and fire have nothing to do with it",
    ],
)
def test_what_is_unclear_chooses_nothing(answer: str) -> None:
    """It is asked for again; "the last one" by itself may mean the last danger or none of them."""
    assert read_several(LIST, answer) is None


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("a segunda", None),
        ("2nd", None),
        ("2", "water"),
        ("number two", "water"),
        ("2 e 1", "water"),
        ("the first one", None),
        ("1", None),
        ("todas", "water,gas,theft,fall"),
        ("fire, as I said", "fire"),
    ],
)
def test_lines_keep_their_numbers_where_some_are_left_out(answer: str, value: str | None) -> None:
    """A number that is not on the list is asked for again rather than taken for its neighbour."""
    assert "1. Fire" not in LIST.asked("en", {"fire"})
    assert "2. Water" in LIST.asked("en", {"fire"})
    assert read_several(LIST, answer, {"fire"}) == value


@given(st.sets(st.integers(1, 5), min_size=1), st.sampled_from([", ", " e ", " and ", "; ", " "]))
def test_whatever_numbers_are_named_are_chosen(numbers: set[int], between: str) -> None:
    """In the list's order, each once."""
    answer = between.join(map(str, sorted(numbers, reverse=True)))
    values = list(NAMES)
    assert read_several(LIST, answer) == ",".join(values[n - 1] for n in sorted(numbers))


@given(st.text(max_size=60))
def test_no_answer_is_too_strange(answer: str) -> None:
    """What comes out is made of the list's options, and none stands beside a danger."""
    chosen = (read_several(LIST, answer) or "none").split(",")
    assert {one.value for one in LIST.options}.issuperset(chosen)
    assert len(chosen) == 1 or not {"none", "silent"}.intersection(chosen)
