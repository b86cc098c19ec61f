"""Signs: reading them, and finding them in what people write."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.language.text import fold
from app.core.playbook.files import load_playbooks
from app.core.understanding.concepts import Concepts, said_of
from app.core.understanding.safety import SafetyFloor
from app.core.understanding.sign_search import Reading
from app.core.understanding.signs import SignError, concepts_of, cycle, read_sequence, read_sign
from app.domain.playbook import Concept

CONCEPTS = {
    "denial": Concept(words={"en": ("not", "never", "nobody")}, idioms={"en": ("never stops",)}),
    "husband": Concept(words={"en": ("husband", "ex")}),
    "relative": Concept(words={"en": ("{husband}", "uncle")}),
    "hit": Concept(
        words={"en": ("hit*", "beat* up")}, idioms={"en": ("hit* .. bumper",)}, deniable=True
    ),
    "gun": Concept(words={"en": ("gun",)}),
}
COMPILED = Concepts(CONCEPTS, "en")


def holds(sign: str, text: str) -> bool:
    """Say whether a text shows a sign."""
    return Reading(COMPILED, said_of(fold(text))).holds(read_sign(sign))


@pytest.mark.parametrize(
    ("sign", "text"),
    [
        ("my uncle", "It was MY uncle!"),
        ("hit*", "he keeps hitting"),
        ("{relative} ... {hit}", "My ex came home on a Sunday and hit me"),
        ("{relative} .. {hit}", "my husband has again beaten up the dog"),
        ("{hit} & {relative}", "I was hit, and it was my uncle"),
        ("out|on the street ... today", "we are on the street since today"),
        ("{gun} + {relative}", "He has a gun. Nobody knows. He is my uncle."),
        ("{relative} + !{gun}", "He is my uncle."),
        ("{husband} & !sister", "My ex called. My sister knows."),
    ],
)
def test_a_sign_is_found_as_it_is_written(sign: str, text: str) -> None:
    """Words, beginnings, gaps, alternatives, sentences and absences mean what the page says."""
    assert holds(sign, text)


@pytest.mark.parametrize(
    ("sign", "text"),
    [
        ("my uncle", "my old uncle"),
        ("hit", "hitting"),
        ("{relative} ... {hit}", "I hit my uncle"),
        ("{relative} .. {hit}", "my uncle went to the market and then hit me"),
        ("{relative} ... {hit}", "That is my uncle. Somebody hit me."),
        ("{hit} & {relative}", "I was hit. My uncle saw it."),
        ("{relative} & {husband}", "my husband"),
        ("{relative} + !{gun}", "He is my uncle. He has a gun."),
        ("{husband} & !sister", "My ex called my sister"),
        ("{gun} + {relative}", f"a gun {'and more ' * 60} my uncle"),
    ],
)
def test_a_sign_is_not_found_elsewhere(sign: str, text: str) -> None:
    """Order, distance, sentences, absences and one word for two parts rule a text out."""
    assert not holds(sign, text)


def test_a_denial_right_before_takes_back_what_can_be_denied() -> None:
    """It reaches over one word, but not over a comma, a further word or an idiom."""
    assert not holds("{hit}", "he never hit me")
    assert not holds("{hit}", "he never once hit me")
    assert holds("{hit}", "he never stops hitting me")
    assert holds("{hit}", "no, never, hit me he did")
    assert holds("{hit}", "never a week in which he hit only once")
    assert holds("{relative}", "not my uncle")


def test_an_idiom_is_taken_back_and_nothing_else() -> None:
    """The same word elsewhere in the message still counts."""
    assert not holds("{hit}", "he hit my bumper")
    assert holds("{hit}", "he hit my bumper. Then he hit me")


@pytest.mark.parametrize(
    ("sign", "reason"),
    [
        ("", "is empty"),
        ("a &", "'&' needs something on both sides"),
        ("+ a", "'+' needs something on both sides"),
        ("a ...", "ends with a gap"),
        (".. a", "'..' needs something on both sides"),
        ("a ... .. b", "'..' needs something on both sides"),
        ("a|", "nothing beside a '|'"),
        ("!a", "only what must not be there"),
        ("a + !b & !c", "'&' joins only what must not be there"),
        ("{Name}", "cannot be read"),
        ("a*b", "cannot be read"),
        ("a !b", "cannot be read"),
        ("*", "cannot be read"),
    ],
)
def test_a_sign_that_cannot_be_read_is_explained(sign: str, reason: str) -> None:
    """The reason says what is wrong, for the author of the playbook."""
    with pytest.raises(SignError) as raised:
        read_sign(sign)
    assert reason in str(raised.value)


def test_the_concepts_of_a_sign_are_known() -> None:
    """So that a name no list has can be reported."""
    assert list(concepts_of(read_sign("{a} ... x|{b} & !{c} + {d}"))) == ["a", "b", "c", "d"]
    assert list(concepts_of(read_sequence("x .. {b}"))) == ["b"]


def test_a_circle_of_concepts_is_found() -> None:
    """A concept may hold others, but not itself."""
    assert cycle(CONCEPTS) == ()
    round_trip = {
        "a": Concept(words={"en": ("{b}",)}),
        "b": Concept(words={"en": ("x", "{a}")}),
    }
    assert cycle(round_trip) == ("a", "b", "a")


_WORDS = st.sampled_from(["my", "uncle", "ex", "hit", "hitting", "never", "gun", ".", ",", "x"])


@given(st.lists(_WORDS, max_size=12).map(" ".join), st.lists(_WORDS, max_size=12).map(" ".join))
def test_sentences_around_hide_no_sign(before: str, after: str) -> None:
    """Whatever is said before and after, a sign without an absent part is found."""
    assert holds("{relative} ... {hit}", f"{before}. My uncle hit me. {after}")


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    """No text raises."""
    holds("{relative} ... {hit} & !{gun}", text)


@pytest.fixture(scope="module")
def shipped() -> SafetyFloor:
    """Return the safety floor of the legal playbook."""
    return SafetyFloor(load_playbooks()["legal_br"])


@pytest.mark.parametrize(
    "text",
    [
        "Fui mandada embora dia 3 de novembro e a empresa não pagou a rescisão nem liberou o FGTS.",
        "Meu marido e eu queremos nos separar em paz, ele nunca me bateu.",
        "Um ônibus bateu na minha moto e a empresa não paga o conserto.",
        "My company let me go on Friday and my final pay is wrong by two thousand reais.",
        "I nearly died laughing when the box arrived with a toy inside.",
        "A taxi hit my parked car last week and drove off, I have the plate.",
    ],
)
def test_an_ordinary_story_raises_no_alarm(shipped: SafetyFloor, text: str) -> None:
    """Words of danger in another sense, denied or of another matter are no danger."""
    assert shipped.find(text) == ()


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("Meu marido me bateu de novo ontem, estou com o olho roxo.", "domestic_violence"),
        ("He never stops hitting me, my husband.", "domestic_violence"),
        ("O dono trocou a fechadura hoje e minhas coisas estão na calçada.", "eviction_today"),
        ("não quero mais viver", "self_harm"),
        ("I do not want to live any more", "self_harm"),
        ("Meu filho foi preso ontem à noite", "imprisonment"),
        ("acabei de fazer um pix e era golpe", "fraud_in_progress"),
    ],
)
def test_plain_danger_is_heard(shipped: SafetyFloor, text: str, flag: str) -> None:
    """What leaves no doubt raises its flag, also where it is said with a denial."""
    assert flag in shipped.find(text)


@pytest.mark.parametrize(
    "text", ["a" * 6_000, "ele me bate nao " * 375, "my husband hit me to " * 280, "." * 6_000]
)
def test_the_longest_message_is_searched_at_once(shipped: SafetyFloor, text: str) -> None:
    """No text keeps the search busy, however often its words are words of danger."""
    start = time.process_time()
    shipped.find(text)
    assert time.process_time() - start < 1.0
