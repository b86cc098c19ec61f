"""Playbook files are read whole, and every mistake is named with its line and field."""

import re
import time
from pathlib import Path

import pytest

from app.core.playbook.files import load_playbook, load_playbooks
from app.domain.errors import PlaybookInvalid
from app.domain.playbook import Playbook
from tests.support.playbook_files import SOUND, line_of, write

_OPTIONS = """
  { value = "sand", label = { pt-BR = "areia", en = "sand" } },
  { value = "clay", label = { pt-BR = "argila", en = "clay" } },
"""
# What is replaced, by what, the text on whose line the mistake is expected, its field, its reason.
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
    "slot twice": (
        'name = "size"',
        'name = "poison"',
        'name = "size"',
        "slots[3].name",
        "already slot number 1",
    ),
    "phase twice": (
        'name = "more"',
        'name = "start"',
        'name = "more"',
        "phases[1].name",
        "already phase number 0",
    ),
    "sub-area twice": (
        'code = "plants.tree"',
        'code = "plants.lawn"',
        'code = "plants.tree"',
        "areas[0].subareas[1].code",
        "already at areas[0].subareas[0]",
    ),
    "option twice": (
        '{ value = "clay"',
        '{ value = "sand"',
        '{ value = "clay"',
        "slots[2].options[1].value",
        "already option number 0",
    ),
    "unknown phase": (
        'phase = "more"',
        'phase = "later"',
        'phase = "more"',
        "slots[3].phase",
        "unknown phase 'later'",
    ),
    "condition with an unknown area": (
        'areas = ["plants"]',
        'areas = ["animals"]',
        "when =",
        "slots[2].when.areas[0]",
        "unknown area 'animals'",
    ),
    "condition with an unknown slot": (
        'slot = "poison", equals = ["no"]',
        'slot = "venom", equals = ["no"]',
        "when =",
        "slots[2].when.slot",
        "unknown slot 'venom'",
    ),
    "condition with an impossible value": (
        'equals = ["no"]',
        'equals = ["maybe"]',
        "when =",
        "slots[2].when.equals[0]",
        "'maybe' is no value of 'poison'",
    ),
    "condition on a later slot": (
        'slot = "poison", equals = ["no"]',
        'slot = "size"',
        "when =",
        "slots[2].when.slot",
        "unreachable",
    ),
    "condition on itself": (
        'slot = "poison", equals = ["no"]',
        'slot = "ground", equals = ["clay"]',
        "when =",
        "slots[2].when.slot",
        "unreachable",
    ),
    "condition that says nothing": (
        'when = { areas = ["plants"], slot = "poison", equals = ["no"] }',
        "when = {}",
        "when =",
        "slots[2].when",
        "says nothing",
    ),
    "equals without a slot": (
        'slot = "poison", equals = ["no"]',
        'equals = ["no"]',
        "when =",
        "slots[2].when.equals",
        "stands without a slot",
    ),
    "sub-area of another area": (
        'code = "plants.tree"',
        'code = "animals.tree"',
        'code = "plants.tree"',
        "areas[0].subareas[1].code",
        "expected 'plants.…'",
    ),
    "area with a dot": (
        'code = "plants"',
        'code = "plants.all"',
        'code = "plants"',
        "areas[0].code",
        "has a dot",
    ),
    "choice without options": (
        _OPTIONS,
        "",
        "options =",
        "slots[2].options",
        "at least two",
    ),
    "several answers to another kind": (
        'name = "size"\nphase = "more"\nkind = "number"',
        'name = "size"\nphase = "more"\nkind = "number"\nseveral = true',
        'label = { pt-BR = "Tamanho"',
        "slots[3].several",
        "expected kind = 'choice'",
    ),
    "alone among options that exclude each other": (
        '{ value = "clay", label',
        '{ value = "clay", alone = true, label',
        '{ value = "clay"',
        "slots[2].options[1].alone",
        "expected several = true",
    ),
    "options on another kind": (
        'kind = "choice"',
        'kind = "text"',
        "options =",
        "slots[2].options",
        "options on a text slot",
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
    "red flag answer of an unknown slot": (
        'answers = [{ slot = "poison"',
        'answers = [{ slot = "venom"',
        "answers =",
        "red_flags[0].answers[0].slot",
        "unknown slot 'venom'",
    ),
    "red flag answer with an impossible value": (
        'equals = ["yes"]',
        'equals = ["yes", "lots"]',
        "answers =",
        "red_flags[0].answers[0].equals[1]",
        "'lots' is no value of 'poison'",
    ),
    "red flag answer of free text": (
        'answers = [{ slot = "poison"',
        'answers = [{ slot = "story"',
        "answers =",
        "red_flags[0].answers[0].slot",
        "expected yes_no or choice",
    ),
    "no required slot": (
        "required = true\n",
        "",
        "[[slots]]",
        "slots",
        "no slot is required",
    ),
    "required slot behind a closed phase": (
        'phase = "more"\nkind',
        'phase = "more"\nrequired = true\nkind',
        'kind = "number"',
        "slots[3].required",
        "opens only for high cases",
    ),
    "phase without slots": (
        'name = "more"\nmost = 2',
        'name = "other"\nmost = 2',
        'name = "more"',
        "phases[1].name",
        "no slot is in phase 'other'",
    ),
    "phase that takes no question": (
        'name = "more"\nmost = 2',
        'name = "more"\nmost = 0',
        'phase = "more"',
        "slots[3].phase",
        "takes no question",
    ),
    "phase with more questions than slots": (
        "least = 1\nmost = 3",
        "least = 9\nmost = 9",
        "least = 1",
        "phases[0].least",
        "only 3 slots",
    ),
    "budget above what the phases take": (
        "low = { least = 1, most = 3 }",
        "low = { least = 4, most = 5 }",
        "low = {",
        "limits.questions.low.least",
        "above the 3 questions",
    ),
    "budget upside down": (
        "medium = { least = 1, most = 3 }",
        "medium = { least = 3, most = 2 }",
        "medium = {",
        "limits.questions.medium.least",
        "above most = 2",
    ),
    "budget missing": (
        "medium = { least = 1, most = 3 }\n",
        "",
        "[limits.questions]",
        "limits.questions.medium",
        "missing",
    ),
    "thresholds upside down": (
        "high = 3.0",
        "high = 1.5",
        "high = 3.0",
        "complexity.high",
        "not above medium = 1.5",
    ),
    "signal of an unknown area": (
        'areas = ["plants.tree"]',
        'areas = ["plants.bush"]',
        'areas = ["plants.tree"]',
        "complexity.signals[0].areas[0]",
        "unknown area 'plants.bush'",
    ),
    "signal that can never hold": (
        'words.en = ["park"]\nareas = ["plants.tree"]\n',
        "",
        "[[complexity.signals]]",
        "complexity.signals[0]",
        "can never hold",
    ),
    "no model": (
        'small = { openai = "tiny" }',
        "small = {}",
        "small =",
        "models.small",
        "empty",
    ),
    "nameless strong model": (
        'strong = { openai = "big" }',
        'strong = { openai = " " }',
        "strong =",
        "models.strong.openai",
        "name of a model",
    ),
    "nameless judge": (
        'judge = { anthropic = "wise" }',
        'judge = { anthropic = "" }',
        "judge =",
        "models.judge.anthropic",
        "name of a model",
    ),
    "model of nobody": (
        'strong = { openai = "big" }',
        'strong = { acme = "big" }',
        "strong =",
        "models.strong.acme",
        "acme",
    ),
    "unknown strategy": (
        'strategy = { high = "failover" }',
        'strategy = { high = "best" }',
        "strategy =",
        "analysis.strategy.high",
        "best",
    ),
    "strategy of no complexity": (
        'strategy = { high = "failover" }',
        'strategy = { huge = "simple" }',
        "strategy =",
        "analysis.strategy.huge",
        "low, medium, high",
    ),
    "cache for ever": (
        "cache_seconds = { simple = 60 }",
        "cache_seconds = { simple = 99999999 }",
        "cache_seconds =",
        "analysis.cache_seconds.simple",
        "<= 2592000",
    ),
    "wrong type": (
        "weight = 1.0",
        'weight = "heavy"',
        "weight =",
        "complexity.signals[0].weight",
        "Expected `float`, got `str`",
    ),
    "unknown key": (
        'kind = "number"',
        'colour = "green"',
        'kind = "number"',
        "slots[3].colour",
        "unknown key",
    ),
    "missing key": (
        'nature = "plants"\n',
        "",
        "[[areas.subareas]]",
        "areas[0].subareas[0].nature",
        "missing; expected a text",
    ),
    "value out of a closed list": (
        'urgency = "critical"',
        'urgency = "terrible"',
        "urgency =",
        "red_flags[0].urgency",
        "Invalid enum value 'terrible'",
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
    "suggestion of an unknown kind": (
        "patterns.en = [",
        'suggests = ["plants.moss"]\npatterns.en = [',
        "patterns.en =",
        "red_flags[0].suggests[0]",
        "unknown area 'plants.moss'",
    ),
    "flag of an unknown kind": (
        "patterns.en = [",
        'areas = ["moss"]\npatterns.en = [',
        "patterns.en =",
        "red_flags[0].areas[0]",
        "unknown area 'moss'",
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
    "a case that lives longer than is promised": (
        "conversation_days = 40",
        "conversation_days = 29",
        "conversation_days =",
        "retention.conversation_days",
        "29, but [ttl] lets a case live for 30 days (completed); expected at least that",
    ),
    "facts that are kept for ever": (
        "facts_months = 12",
        "facts_months = 1200",
        "facts_months =",
        "retention.facts_months",
        "<= 120",
    ),
    "retention that is none": (
        "facts_months = 12",
        "fact_months = 12",
        "facts_months =",
        "retention.fact_months",
        "fact_months",
    ),
    "another format": ("format = 1", "format = 2", "format", "format", "Invalid enum value 2"),
    "version of another shape": (
        'version = "1.0.0"',
        'version = "one"',
        "version",
        "version",
        "matching regex",
    ),
    "syntax": ('id = "garden"', 'id "garden"', "id =", "syntax", "expected '='"),
    "unclosed text at the end": (
        'small = { openai = "tiny" }\n',
        'small = """',
        "small =",
        "syntax",
        "not TOML",
    ),
}


@pytest.mark.parametrize("case", _BROKEN)
def test_a_mistake_is_named_with_its_line_and_field(case: str, tmp_path: Path) -> None:
    """Each kind of mistake is reported as `file:line: field: reason`."""
    old, new, anchor, field, reason = _BROKEN[case]
    path = write(tmp_path, old, new)
    with pytest.raises(PlaybookInvalid) as raised:
        load_playbook(path)
    mistakes = raised.value.mistakes
    start = f"{path}:{line_of(anchor)}: {field}: "
    assert any(one.startswith(start) and reason in one for one in mistakes), mistakes


def test_a_budget_must_leave_room_for_what_phases_take(tmp_path: Path) -> None:
    """A total below the sum of the phases' least is a contradiction."""
    text = SOUND.replace("least = 1\nmost = 3", "least = 3\nmost = 3", 1).replace(
        "low = { least = 1, most = 3 }", "low = { least = 1, most = 2 }"
    )
    path = tmp_path / "garden.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlaybookInvalid) as raised:
        load_playbook(path)
    place = f"{path}:{line_of('low = {')}: limits.questions.low.most"
    assert raised.value.mistakes == [
        f"{place}: 2 is below the 3 questions its phases take at least"
    ]


def test_the_playbook_that_the_table_breaks_is_sound(tmp_path: Path) -> None:
    """Unbroken, the file loads; so each case fails by its own mistake."""
    assert load_playbook(write(tmp_path)).id == "garden"


def test_every_structural_mistake_is_reported(tmp_path: Path) -> None:
    """Three places of the wrong shape give three lines, in the order of the file."""
    text = SOUND.replace("format = 1", 'format = "1"').replace("weight = 1.0", "wait = 1.0")
    path = tmp_path / "garden.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlaybookInvalid) as raised:
        load_playbook(path)
    fields = [one.split(": ")[1] for one in raised.value.mistakes]
    assert fields == ["format", "complexity.signals[0].weight", "complexity.signals[0].wait"]


def test_every_semantic_mistake_is_reported(tmp_path: Path) -> None:
    """Mistakes in different sections are all found at once, sorted by line."""
    text = (
        SOUND.replace('en = "Garden" }', "}")
        .replace('pt-BR = "Jardim", }', 'pt-BR = "Jardim" }')
        .replace('phase = "more"', 'phase = "later"')
        .replace("high = 3.0", "high = 1.0")
        .replace('code = "plants.tree"', 'code = "bush"')
    )
    path = tmp_path / "garden.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlaybookInvalid) as raised:
        load_playbook(path)
    found = raised.value.mistakes
    assert len(found) >= 4
    lines = [int(one.removeprefix(f"{path}:").split(":")[0]) for one in found]
    assert lines == sorted(lines)
    assert str(raised.value).splitlines() == found


def test_a_missing_file_is_a_mistake(tmp_path: Path) -> None:
    """A path without a file says so instead of a traceback."""
    path = tmp_path / "none.toml"
    with pytest.raises(PlaybookInvalid) as raised:
        load_playbook(path)
    assert raised.value.mistakes == [f"{path}:1: file: cannot be read: No such file or directory"]


def test_text_of_another_encoding_is_a_mistake(tmp_path: Path) -> None:
    """The line of the first byte that is not UTF-8 is named."""
    path = tmp_path / "latin.toml"
    path.write_bytes(SOUND.encode("latin-1", errors="replace"))
    with pytest.raises(PlaybookInvalid) as raised:
        load_playbook(path)
    assert raised.value.mistakes == [
        f"{path}:{line_of('Você')}: file: not UTF-8; expected UTF-8 text"
    ]


def test_windows_line_ends_count_as_one_line(tmp_path: Path) -> None:
    """A file saved with CRLF loads, and its lines are numbered as an editor shows them."""
    path = tmp_path / "garden.toml"
    path.write_bytes(SOUND.replace("high = 3.0", "high = 1.0").replace("\n", "\r\n").encode())
    with pytest.raises(PlaybookInvalid) as raised:
        load_playbook(path)
    assert raised.value.mistakes[0].startswith(f"{path}:{line_of('high = 3.0')}: complexity.high")


def test_a_further_folder_adds_and_replaces(tmp_path: Path) -> None:
    """Its playbooks come on top of the shipped ones, and the same id wins."""
    write(tmp_path)
    write(tmp_path, 'id = "garden"', 'id = "legal_br"', name="mine.toml")
    found = load_playbooks(tmp_path)
    assert found["garden"].title["en"] == "Garden"
    assert found["legal_br"].title["en"] == "Garden"
    assert load_playbooks()["legal_br"].title["en"] != "Garden"


def test_the_mistakes_of_all_files_of_a_folder_are_reported(tmp_path: Path) -> None:
    """One bad file does not hide another."""
    one = write(tmp_path, "high = 3.0", "high = 1.0", name="one.toml")
    two = write(tmp_path, 'small = { openai = "tiny" }', "small = {}", name="two.toml")
    with pytest.raises(PlaybookInvalid) as raised:
        load_playbooks(tmp_path)
    assert [Path(each.split(":")[0]) for each in raised.value.mistakes] == [one, two]


def test_one_folder_may_not_hold_an_id_twice(tmp_path: Path) -> None:
    """Which of two files would win is not left to chance."""
    write(tmp_path, name="one.toml")
    two = write(tmp_path, name="two.toml")
    with pytest.raises(PlaybookInvalid) as raised:
        load_playbooks(tmp_path)
    assert raised.value.mistakes == [f"{two}:2: id: 'garden' is already the id of one.toml"]


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """A misspelt folder is not taken for an empty one."""
    with pytest.raises(PlaybookInvalid, match="no such folder"):
        load_playbooks(tmp_path / "nowhere")


_CODES = {
    "work": "dismissal unpaid_wages overtime harassment accident unregistered pregnancy "
    "domestic_worker",
    "family": "divorce child_support custody paternity guardianship",
    "violence": "domestic sexual threats child_abuse elder_abuse",
    "consumer": "defective_product service_failure improper_charge credit_blacklist "
    "online_purchase telecom air_travel utilities",
    "banking": "fraud unrequested_loan overindebtedness repossession account_block",
    "housing": "eviction rent condominium purchase land_title neighbours",
    "health": "plan_denial public_care malpractice",
    "social_security": "retirement disability_benefit assistance_benefit survivor_pension "
    "maternity_pay",
    "criminal": "arrest accusation property_crime honour",
    "traffic": "accident fine licence",
    "inheritance": "probate will dispute",
    "tax": "income property_tax enforcement small_business",
    "digital": "data_leak intimate_images account_takeover fake_profile",
    "discrimination": "race gender_identity disability religion",
    "migration": "documents refuge nationality deportation",
    "education": "enrolment fees bullying",
    "public_sector": "police_abuse public_exam civil_registry public_servant",
    "business": "contract debt_collection partners",
}
_RED_FLAGS = (
    "domestic_violence sexual_violence child_in_danger elder_in_danger threat_to_life self_harm "
    "imprisonment eviction_today deadline_running medical_emergency forced_labour "
    "essential_service_cut deportation intimate_images fraud_in_progress undisclosed"
)


@pytest.fixture(scope="module")
def shipped() -> dict[str, Playbook]:
    """The shipped playbooks, read once."""
    return load_playbooks()


def test_the_legal_taxonomy_is_complete(shipped: dict[str, Playbook]) -> None:
    """Stored cases and labelled stories rest on these codes, so none may vanish or be renamed."""
    legal = shipped["legal_br"]
    assert {area.code: [sub.code for sub in area.subareas] for area in legal.areas} == {
        area: [f"{area}.{sub}" for sub in subs.split()] for area, subs in _CODES.items()
    }
    assert [flag.code for flag in legal.red_flags] == _RED_FLAGS.split()
    assert legal.locales == ("pt-BR", "en")


def test_the_support_taxonomy_is_complete(shipped: dict[str, Playbook]) -> None:
    """The second domain proves that nothing is legal-only."""
    support = shipped["it_support"]
    codes = [area.code for area in support.areas]
    assert codes == ["access", "hardware", "network", "software", "email", "security"]
    assert all(3 <= len(area.subareas) <= 4 for area in support.areas)
    flags = {flag.code for flag in support.red_flags}
    assert flags == {"security_breach", "data_loss", "safety_hazard", "outage"}


@pytest.mark.parametrize(
    ("name", "synonyms", "examples"), [("legal_br", 10, 3), ("it_support", 6, 2)]
)
def test_every_kind_of_problem_can_be_learnt_and_answered(
    shipped: dict[str, Playbook], name: str, synonyms: int, examples: int
) -> None:
    """Each has words and stories to recognise it by, and steps and papers to go on with."""
    playbook = shipped[name]
    for code, sub in playbook.subareas().items():
        for locale in playbook.locales:
            assert len(sub.synonyms[locale]) >= synonyms, (code, locale)
            assert len(sub.examples[locale]) >= examples, (code, locale)
            assert sub.steps.get(locale), (code, locale)
            assert sub.documents.get(locale), (code, locale)


def test_no_story_trains_two_kinds_of_problem(shipped: dict[str, Playbook]) -> None:
    """An example under two codes would teach the classifier a contradiction."""
    for playbook in shipped.values():
        seen: dict[str, str] = {}
        for code, sub in playbook.subareas().items():
            for listed in sub.examples.values():
                for story in listed:
                    assert seen.setdefault(story.casefold(), code) == code, story


@pytest.mark.parametrize(
    "text", ["a" * 6_000, "ele me " * 900, "me bate " * 800, "0" * 6_000, "my husband to me " * 350]
)
def test_no_pattern_is_slow(shipped: dict[str, Playbook], text: str) -> None:
    """The longest message there may be does not keep any pattern busy."""
    for playbook in shipped.values():
        listed = [
            *(flag.patterns for flag in playbook.red_flags),
            *(flag.unless for flag in playbook.red_flags),
            *(signal.patterns for signal in playbook.complexity.signals),
            *(slot.patterns for slot in playbook.slots),
        ]
        for patterns in listed:
            for pattern in (one for each in patterns.values() for one in each):
                compiled = re.compile(pattern)
                start = time.process_time()
                list(compiled.finditer(text))
                assert time.process_time() - start < 1.0, pattern


def test_people_are_told_for_how_long_their_conversation_is_kept(
    shipped: dict[str, Playbook],
) -> None:
    """The notice that everybody reads first names the days, in every language, and they hold."""
    for playbook in shipped.values():
        days = playbook.retention.conversation_days
        assert days is not None
        assert max(playbook.ttl.active, playbook.ttl.completed) == days * 86_400
        for locale in playbook.locales:
            assert f" {days} " in playbook.notice[locale], (playbook.id, locale)
        assert playbook.retention.facts_months <= 24


def test_every_legal_danger_is_on_the_list_that_everybody_sees(
    shipped: dict[str, Playbook],
) -> None:
    """Each has a line of its own, and there is a way to say none, and a way to say nothing."""
    legal = shipped["legal_br"]
    screening = legal.screening
    assert screening is not None
    assert screening.besides
    assert screening.phase == legal.phases[0].name
    assert screening.when is not None
    assert not screening.when.calm
    raised = {
        value: flag.code
        for flag in legal.red_flags
        for answer in flag.answers
        if answer.slot == screening.name
        for value in answer.equals
    }
    assert sorted(raised.values()) == sorted(flag.code for flag in legal.red_flags)
    assert [one.value for one in screening.options if one.value not in raised] == ["none"]
    assert [one.value for one in screening.options if one.unsaid] == ["undisclosed"]
    calling = next(flag for flag in legal.red_flags if flag.code == "undisclosed")
    assert calling.handoff
