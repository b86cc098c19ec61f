"""The safety floor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.language.literals import required_literals
from app.core.language.patterns import compile_pattern
from app.core.understanding.safety import SafetyFloor
from app.domain.assessment import SlotValue
from app.domain.playbook import RedFlag
from tests.support.playbooks import tiny_playbook

FLOOR = SafetyFloor(tiny_playbook())


@pytest.mark.parametrize(
    "message",
    [
        "Estou sentindo cheiro de gás na cozinha",
        "CHEIRO DE GAS!!!",
        "cheirooo forte de gás",
        "There is a strong smell of natural gas here",
        "o cheiro de\ngás não passa",
    ],
)
def test_danger_is_found_however_it_is_written(message: str) -> None:
    """Case, accents, line breaks and stretched letters hide no danger, in any locale."""
    assert FLOOR.find(message) == ("gas_smell",)


def test_words_count_at_word_boundaries_only() -> None:
    """A phrase inside of longer words is no hit."""
    assert FLOOR.find("a inundandonenses") == ()


def test_a_denial_takes_back_the_hit_it_covers() -> None:
    """Danger that is denied is no danger."""
    assert FLOOR.find("Não tem cheiro de gás") == ()
    assert FLOOR.find("there is no smell of gas") == ()


def test_a_denial_silences_nothing_else() -> None:
    """Another hit of the same flag still counts."""
    assert FLOOR.find("Não tem cheiro de gás agora, mas ontem senti cheiro de gás") == (
        "gas_smell",
    )


def test_a_denial_must_touch_the_hit() -> None:
    """A negation in another clause takes nothing back."""
    flag = RedFlag(
        code="fire",
        label={"pt-BR": "Fogo", "en": "Fire"},
        words={"en": ("on fire",)},
        unless={"en": (r"\bnot\b",)},
        urgency="critical",
        advice={"pt-BR": "Saia.", "en": "Leave."},
    )
    floor = SafetyFloor(replace(tiny_playbook(), red_flags=(flag,)))
    assert floor.find("the house is not on fire") == ()
    assert floor.find("it is not a joke: the house is on fire") == ("fire",)
    assert floor.find("the kitchen is on fire, not the garage") == ("fire",)


def test_answers_raise_flags() -> None:
    """A known answer raises the flag the playbook ties to it."""
    no = SlotValue(value="no", turn=2, source="rules")
    yes = SlotValue(value="yes", turn=2, source="rules")
    assert FLOOR.from_slots({"water_off": no}) == ("flooding",)
    assert FLOOR.from_slots({"water_off": yes}) == ()


def test_kinds_raise_and_are_suggested() -> None:
    """A kind that is a danger by itself names its flag, and a flag the kinds it suggests."""
    flag = replace(tiny_playbook().red_flags[0], areas=("plumbing",), suggests=("electric.socket",))
    floor = SafetyFloor(replace(tiny_playbook(), red_flags=(flag,)))
    assert floor.from_area("plumbing.leak") == (flag.code,)
    assert floor.from_area("electric.socket") == ()
    assert floor.suggested((flag.code, "gone")) == (("electric.socket",),)
    assert FLOOR.suggested(("gas_smell",)) == ()


def test_the_most_urgent_advice_comes_first_and_once() -> None:
    """Advice is one paragraph a flag, most urgent first, whatever order the flags came in."""
    advice = FLOOR.advice(("flooding", "gas_smell", "flooding"), "pt-BR").split("\n\n")
    assert advice == [
        "Abra as janelas, não acenda nada e saia de casa. Ligue 193.",
        "Feche o registro geral agora.",
    ]


def test_urgency_and_handoff_are_those_of_the_gravest_flag() -> None:
    """Flags add up to the highest urgency; one that calls for a human is enough."""
    assert FLOOR.urgency(()) == "low"
    assert FLOOR.urgency(("flooding",)) == "high"
    assert FLOOR.urgency(("flooding", "gas_smell")) == "critical"
    assert not FLOOR.handoff(("flooding",))
    assert FLOOR.handoff(("flooding", "gas_smell"))


def test_a_flag_the_playbook_no_longer_has_is_passed_over() -> None:
    """A case that is older than its playbook can still be read."""
    assert FLOOR.advice(("gone",), "en") == ""
    assert FLOOR.urgency(("gone",)) == "low"


@given(st.text())
def test_any_text_can_be_searched(text: str) -> None:
    """No text raises, and what is found is in the playbook."""
    assert set(FLOOR.find(text)) <= {"gas_smell", "flooding"}


@given(st.text(), st.text())
def test_more_text_in_sentences_of_its_own_hides_nothing(before: str, after: str) -> None:
    """Danger is found whatever is said around it."""
    assert "gas_smell" in FLOOR.find(f"{before}. vazando gás. {after}")


_FRAGMENTS = st.sampled_from(
    [
        "gas", "a", r"\w+", r"\b", " ", "(?:x|yy)", "(z)?", "[abc]", "o{0,2}", "e?", "l+", ".",
        r"\.", "|", "(?:x+|yg?)", "(?:s|)", "(?!x)", "(?<!s )", "[^a]", "(?:ga|g(?:s|x)){1,2}",
        "[a-e]", "(?:a?s?g?x?){2}", "(?:a|b|c|o|e)", r"\d", "^",
    ]
)  # fmt: skip


@given(st.lists(_FRAGMENTS, min_size=1, max_size=7).map("".join), st.text("agsxyzobcel .1"))
def test_the_literal_check_never_hides_a_match(pattern: str, text: str) -> None:
    """A pattern finds with its literal check exactly what it finds without."""
    plain = [
        one.span() for one in compile_pattern(pattern).expression.finditer(text) if one.group()
    ]
    assert compile_pattern(pattern).spans(text) == plain


def test_the_literal_is_used_where_there_is_one() -> None:
    """The check is worth something: it finds the longest sure literals."""
    assert required_literals(r"\bcheir\w+ (?:\w+ ){0,2}gas\b") == ("cheir",)
    assert required_literals(r"\b(?:smell|reek)\w* .{0,9}gas") == ("reek", "smell")
