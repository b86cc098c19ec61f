"""The lexical classifier."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.language.typos import TypoIndex
from app.core.understanding.lexical import ABSTAIN_BELOW, Lexicon
from app.domain.playbook import Concept
from tests.support.playbooks import tiny_playbook

LEXICON = Lexicon(tiny_playbook())
CODES = set(tiny_playbook().subareas())


@pytest.mark.parametrize(
    ("story", "code"),
    [
        ("A pia da cozinha está entupida", "plumbing.blockage"),
        ("tem um vazamento no teto do quarto", "plumbing.leak"),
        ("a tomada solta faísca", "electric.socket"),
        ("estou sem luz em casa", "electric.outage"),
        ("the sink is clogged and sewage is backing up", "plumbing.blockage"),
        ("there are sparks at the light switch", "electric.socket"),
        ("The power went: a breaker tripped", "electric.outage"),
    ],
)
def test_a_story_is_placed_by_its_words(story: str, code: str) -> None:
    """Inflected words and phrases of the playbook place a story, in every locale."""
    found = LEXICON.classify([story])
    assert found[0].code == code
    assert found[0].confidence >= ABSTAIN_BELOW


@pytest.mark.parametrize("story", ["vazamneto no teto", "vasamento no teto", "vazameto no teto"])
def test_a_single_wrong_letter_hides_nothing(story: str) -> None:
    """A swapped, changed or dropped letter still leads to the right kind."""
    assert LEXICON.classify([story])[0].code == "plumbing.leak"


@pytest.mark.parametrize("story", ["", "bom dia", "I would like to talk to a person", "123", "!!!"])
def test_nothing_is_made_of_nothing(story: str) -> None:
    """Where no word is known there is no candidate."""
    assert LEXICON.classify([story]) == ()


def test_earlier_messages_count() -> None:
    """A message that adds nothing leaves the story's kind in the lead."""
    assert LEXICON.classify(["a pia entupiu", "em Recife"])[0].code == "plumbing.blockage"


def test_a_later_message_corrects_an_earlier_one() -> None:
    """What somebody takes back loses to what they say instead."""
    said = ["acho que é a tomada", "na verdade o cano furado está pingando"]
    assert LEXICON.classify(said)[0].code == "plumbing.leak"


@given(st.lists(st.text(), max_size=4))
def test_confidences_are_probabilities(texts: list[str]) -> None:
    """Any texts give at most five known codes, likeliest first, that sum to at most one."""
    found = LEXICON.classify(texts)
    shares = [one.confidence for one in found]
    assert len(found) <= 5
    assert {one.code for one in found} <= CODES
    assert shares == sorted(shares, reverse=True)
    assert all(0 <= share <= 1 for share in shares)
    assert sum(shares) <= 1 + 1e-9


@given(st.permutations(["vazamento", "tomada", "aquecedor", "disjuntor", "entupido"]))
def test_the_same_words_give_the_same_answer(said: list[str]) -> None:
    """Classifying is deterministic, and a text is not changed by being read twice."""
    text = " ".join(said)
    assert LEXICON.classify([text]) == LEXICON.classify([text])


WORDS = st.text(alphabet="abcd", min_size=5, max_size=8)


@given(WORDS, st.integers(1, 4), st.sampled_from("abcd"))
def test_one_changed_letter_is_mended(word: str, place: int, letter: str) -> None:
    """A word is found with one letter changed or added, but never with another first letter."""
    index = TypoIndex([word])
    assert index.nearest(word[:place] + letter + word[place + 1 :]) == word
    assert index.nearest(word[:place] + letter + word[place:]) == word
    assert index.nearest("z" + word[1:]) is None


@given(WORDS, WORDS)
def test_only_near_words_are_taken_for_a_word(known: str, said: str) -> None:
    """Words of which more than two letters differ are never taken for each other."""
    found = TypoIndex([known]).nearest(said)
    if found is not None and len(known) == len(said):
        assert sum(one != other for one, other in zip(known, said, strict=True)) <= 2


def test_a_danger_speaks_for_the_kinds_it_suggests() -> None:
    """A suggestion lifts its kinds and leaves the order of the others."""
    story = ["A pia da cozinha está entupida e tem um vazamento no teto"]
    plain = {one.code: one.confidence for one in LEXICON.classify(story)}
    lifted = {one.code: one.confidence for one in LEXICON.classify(story, [("electric.outage",)])}
    assert lifted["electric.outage"] > plain.get("electric.outage", 0.0)
    others = [code for code in lifted if code != "electric.outage"]
    assert others == [code for code in plain if code in others]


def test_a_suggestion_alone_is_a_candidate() -> None:
    """Where no word is known, what a danger suggests is still named."""
    assert LEXICON.classify(["xyzzy"], [("electric.socket",)])[0].code == "electric.socket"


def test_a_word_that_no_example_has_speaks_by_its_concept() -> None:
    """What the playbook says with one word of a concept is recognised by another."""
    concepts = {"seat": Concept(words={"en": ("quaffle", "bludger")})}
    playbook = replace(tiny_playbook(), concepts=concepts)
    sub = playbook.areas[0].subareas[0]
    told = replace(sub, examples={**sub.examples, "en": (*sub.examples["en"], "The quaffle.")})
    area = replace(playbook.areas[0], subareas=(told, *playbook.areas[0].subareas[1:]))
    playbook = replace(playbook, areas=(area, *playbook.areas[1:]))
    assert Lexicon(playbook).classify(["bludger"])[0].code == sub.code
    assert LEXICON.classify(["bludger"]) == ()
