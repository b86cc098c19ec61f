"""Mistakes in slots, phases, conditions and budgets are named with their line and field."""

from pathlib import Path

import pytest

from app.core.playbook.files import load_playbook
from app.domain.errors import PlaybookInvalid
from tests.support.playbook_files import SOUND, assert_named, line_of

_OPTIONS = """
  { value = "sand", label = { pt-BR = "areia", en = "sand" } },
  { value = "clay", label = { pt-BR = "argila", en = "clay" } },
"""
_BROKEN = {
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
}


@pytest.mark.parametrize("case", _BROKEN)
def test_a_mistake_in_questions_is_named_with_its_line_and_field(case: str, tmp_path: Path) -> None:
    """Each kind of mistake is reported as `file:line: field: reason`."""
    assert_named(_BROKEN[case], tmp_path)


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
