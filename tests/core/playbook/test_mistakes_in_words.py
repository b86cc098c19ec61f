"""Mistakes in texts, lists, patterns, signs and concepts are named with their line and field."""

from pathlib import Path

import pytest

from tests.support.playbook_files import assert_named

_BROKEN = {
    "text missing for a locale": (
        'title = { pt-BR = "Jardim", en = "Garden" }',
        'title = { pt-BR = "Jardim" }',
        "title =",
        "title",
        "no text for locale 'en'",
    ),
    "unknown locale": (
        'greeting = { pt-BR = "O que houve?", en',
        'greeting = { pt-BR = "O que houve?", fr = "Quoi ?", en',
        "greeting =",
        "greeting.fr",
        "unknown locale 'fr'",
    ),
    "key that is no locale": (
        'greeting = { pt-BR = "O que houve?", en',
        'greeting = { pt-BR = "O que houve?", English = "Hi", en',
        "greeting =",
        "greeting.English",
        "matching regex",
    ),
    "empty text": (
        'en = "What happened?" }\n\n[[slots]]\nname = "poison"',
        'en = " " }\n\n[[slots]]\nname = "poison"',
        'question = { pt-BR = "O que houve?"',
        "slots[0].question.en",
        "empty",
    ),
    "list missing for a locale": (
        'done = { pt-BR = ["só isso"], en',
        'done = { pt-BR = ["só isso"] }\n# en',
        "done =",
        "phrases.done",
        "no list for locale 'en'",
    ),
    "empty synonyms": (
        'en = ["grass"]',
        "en = []",
        "synonyms =",
        "areas[0].subareas[0].synonyms.en",
        "empty list",
    ),
    "empty example": (
        'en = ["The tree fell."]',
        'en = ["The tree fell.", ""]',
        'examples = { pt-BR = ["A árvore',
        "areas[0].subareas[1].examples.en[1]",
        "empty",
    ),
    "synonym twice": (
        'en = ["tree"]',
        'en = ["tree", "Tree"]',
        'synonyms = { pt-BR = ["árvore"]',
        "areas[0].subareas[1].synonyms.en[1]",
        "already entry 0",
    ),
    "locale twice": (
        '["pt-BR", "en"]',
        '["pt-BR", "en", "en"]',
        "locales",
        "locales[2]",
        "already",
    ),
    "pattern that does not compile": (
        "'ate (?:",
        "'ate ((?:",
        "'ate (?:",
        "red_flags[0].patterns.en[0]",
        "does not compile",
    ),
    "pattern that can take for ever": (
        "'drank (?:\\w+ ){0,2}poison'",
        "'drank (?:\\w+ ?)+poison'",
        "'drank",
        "red_flags[0].patterns.en[1]",
        "can take for ever",
    ),
    "pattern that matches nothing": (
        "'(\\d+) metros'",
        "'(\\d*)'",
        "patterns.pt-BR",
        "slots[3].patterns.pt-BR[0]",
        "matches the empty text",
    ),
    "sign of an unknown concept": (
        "patterns.en = [",
        'signs.en = ["{plant} ... dead"]\npatterns.en = [',
        "patterns.en =",
        "red_flags[0].signs.en[0]",
        "unknown concept '{plant}'",
    ),
    "sign that cannot be read": (
        "patterns.en = [",
        'signs.en = ["ate ..."]\npatterns.en = [',
        "patterns.en =",
        "red_flags[0].signs.en[0]",
        "ends with a gap",
    ),
    "concept that no sign uses": (
        'id = "garden"',
        'concepts.sick = { words.en = ["ill"] }\nid = "garden"',
        "id =",
        "concepts.sick",
        "no sign uses '{sick}'",
    ),
    "concept that holds itself": (
        'id = "garden"',
        'concepts.sick = { words.en = ["{sick}"] }\nid = "garden"',
        "id =",
        "concepts.sick",
        "contains itself: sick > sick",
    ),
    "concept without words": (
        'id = "garden"',
        'concepts.denial = {}\nid = "garden"',
        "id =",
        "concepts.denial",
        "lists nothing",
    ),
    "deniable without denials": (
        'id = "garden"',
        'concepts.sick = { words.en = ["{sick}"], deniable = true }\nid = "garden"',
        "id =",
        "concepts.sick.deniable",
        "there is no concept 'denial'",
    ),
    "idiom that cannot be read": (
        'id = "garden"',
        'concepts.sick = { words.en = ["ill"], idioms.en = ["ill|"] }\nid = "garden"',
        "id =",
        "concepts.sick.idioms.en[0]",
        "nothing beside a '|'",
    ),
    "concept without words in the sign's language": (
        'id = "garden"',
        'concepts.sick = { words.pt-BR = ["mal"], idioms.en = ["{sick} of"] }\nid = "garden"',
        "id =",
        "concepts.sick.idioms.en[0]",
        "lists nothing for 'en'",
    ),
}


@pytest.mark.parametrize("case", _BROKEN)
def test_a_mistake_in_words_is_named_with_its_line_and_field(case: str, tmp_path: Path) -> None:
    """Each kind of mistake is reported as `file:line: field: reason`."""
    assert_named(_BROKEN[case], tmp_path)
