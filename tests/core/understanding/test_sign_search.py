"""Finding signs: what is ruled out beforehand would not have been found."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import app
from app.core.evaluation.stories import read_stories
from app.core.language.text import fold, squeeze
from app.core.playbook.files import load_playbooks
from app.core.understanding.concepts import Concepts, said_of
from app.core.understanding.sign_search import Reading
from app.core.understanding.signs import Sign, needs_of, read_sign
from app.domain.playbook import Playbook

STORIES = Path(app.__file__).parent / "playbooks" / "stories"


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    """The playbook with the most signs."""
    return load_playbooks(None)["legal_br"]


def signs_of(playbook: Playbook, locale: str) -> Sequence[Sign]:
    """Return all signs of one language."""
    return [read_sign(one) for flag in playbook.red_flags for one in flag.signs.get(locale, ())]


def test_what_a_sign_needs_is_there_wherever_it_holds(playbook: Playbook) -> None:
    """The quick check before the search hides no sign in any story, nor lets everything pass."""
    stories = read_stories(STORIES / "legal_br.tuned.jsonl")[::3]
    held = ruled_out = searched = 0
    for locale in playbook.locales:
        concepts = Concepts(playbook.concepts, locale)
        signs = [(sign, needs_of(sign)) for sign in signs_of(playbook, locale)]
        for story in stories:
            reading = Reading(concepts, said_of(squeeze(fold(story.text))))
            for sign, needs in signs:
                searched += 1
                holds = reading.holds(sign)
                held += holds
                ruled_out += not reading.may_hold(needs)
                assert reading.may_hold(needs) or not holds
    assert held > 0
    assert ruled_out > 0.9 * searched
