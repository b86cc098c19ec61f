"""Each mistake of a form is named with its line: what it leaves out, what nobody could answer."""

from pathlib import Path

import pytest

from app.core.form import fields_of
from app.core.playbook.files import load_playbook
from app.domain.errors import PlaybookInvalid
from tests.support.playbook_files import SOUND

FORM = """
[form]
greeting = { pt-BR = "Preencha.", en = "Fill this in." }

[[form.sections]]
name = "first"
title = { pt-BR = "Primeiro", en = "First" }

[[form.sections.fields]]
slot = "story"
long = true
hint = { pt-BR = "Conte.", en = "Tell." }

[[form.sections.fields]]
slot = "poison"

[[form.sections]]
name = "second"
title = { pt-BR = "Segundo", en = "Second" }

[[form.sections.fields]]
slot = "ground"

[[form.sections.fields]]
slot = "size"
when = { slot = "ground", equals = ["clay"] }
"""
SEVERAL = 'when = { areas = ["plants"], slot = "poison", equals = ["no"] }'
# What is replaced, by what, the text on whose line the mistake is expected, its field, its reason.
BROKEN = {
    "no section": (
        FORM[FORM.index("\n[[form.sections]]") :],
        "sections = []\n",
        "sections = []",
        "form.sections",
        "empty",
    ),
    "a section without fields": (
        (
            '[[form.sections.fields]]\nslot = "ground"\n\n[[form.sections.fields]]\nslot = "size"\n'
            'when = { slot = "ground", equals = ["clay"] }\n'
        ),
        "fields = []\n",
        "fields = []",
        "form.sections[1].fields",
        "empty",
    ),
    "a section twice": (
        'name = "second"',
        'name = "first"',
        'name = "first"\ntitle = { pt-BR = "Segundo"',
        "form.sections[1].name",
        "already section number 0",
    ),
    "an unknown slot": (
        'slot = "size"',
        'slot = "colour"',
        'slot = "colour"',
        "form.sections[1].fields[1].slot",
        "unknown slot 'colour'",
    ),
    "a slot twice": (
        'slot = "size"',
        'slot = "poison"',
        'slot = "poison"\nwhen',
        "form.sections[1].fields[1].slot",
        "asked before",
    ),
    "a required slot left out": (
        (
            '[[form.sections.fields]]\nslot = "story"\nlong = true\n'
            'hint = { pt-BR = "Conte.", en = "Tell." }\n'
        ),
        "",
        "[form]",
        "form",
        "what must be known: 'story'",
    ),
    "a question of danger left out": (
        '[[form.sections.fields]]\nslot = "poison"\n',
        "",
        "[form]",
        "form",
        "does not ask for danger; expected a field for 'poison'",
    ),
    "a story in one line": (
        "long = true\n",
        "",
        "[[form.sections.fields]]",
        "form.sections[0].fields[0]",
        "expected long = true",
    ),
    "a long number": (
        'slot = "size"\n',
        'slot = "size"\nlong = true\n',
        'long = true\nwhen = { slot = "ground"',
        "form.sections[1].fields[1].long",
        "'size' is a number",
    ),
    "a required slot under a condition": (
        'slot = "story"\n',
        'slot = "story"\nwhen = { slot = "poison", equals = ["yes"] }\n',
        'when = { slot = "poison", equals = ["yes"] }',
        "form.sections[0].fields[0].when",
        "asked of everybody",
    ),
    "a question of danger under a condition": (
        'slot = "poison"\n',
        'slot = "poison"\nwhen = { slot = "ground", equals = ["clay"] }\n',
        'when = { slot = "ground", equals = ["clay"] }\n\n[[form.sections]]',
        "form.sections[0].fields[1].when",
        "asked of everybody",
    ),
    "a condition on what comes later": (
        'slot = "poison"\n\n[[form.sections]]\nname = "second"',
        (
            'slot = "poison"\n\n[[form.sections.fields]]\nslot = "size"\n'
            'when = { slot = "ground", equals = ["clay"] }\n\n[[form.sections]]\nname = "second"'
        ),
        'when = { slot = "ground", equals = ["clay"] }\n\n[[form.sections]]',
        "form.sections[0].fields[2].when.slot",
        "no field before 'size'",
    ),
    "a condition on free text": (
        'when = { slot = "ground", equals = ["clay"] }',
        'when = { slot = "story", equals = ["clay"] }',
        'when = { slot = "story"',
        "form.sections[1].fields[1].when.slot",
        "'story' is a text",
    ),
    "a condition on nothing": (
        'when = { slot = "ground", equals = ["clay"] }',
        'when = { slot = "ground", equals = [] }',
        'when = { slot = "ground", equals = [] }',
        "form.sections[1].fields[1].when.equals",
        "empty",
    ),
    "a condition on an unknown value": (
        'when = { slot = "ground", equals = ["clay"] }',
        'when = { slot = "ground", equals = ["mud"] }',
        'when = { slot = "ground", equals = ["mud"] }',
        "form.sections[1].fields[1].when.equals[0]",
        "'mud' is no value of 'ground'; expected sand, clay",
    ),
    "an unknown key": (
        'hint = { pt-BR = "Conte."',
        'help = { pt-BR = "Conte."',
        "help =",
        "form.sections[0].fields[0].help",
        "unknown key",
    ),
    "a hint in one language": (
        'hint = { pt-BR = "Conte.", en = "Tell." }',
        'hint = { pt-BR = "Conte." }',
        "hint =",
        "form.sections[0].fields[0].hint",
        "no text for locale 'en'",
    ),
    "no greeting": (
        'greeting = { pt-BR = "Preencha.", en = "Fill this in." }\n',
        "",
        "[form]",
        "form.greeting",
        "missing",
    ),
}


def load(folder: Path, form: str, playbook: str = SOUND) -> list[str]:
    """Read the playbook with this form; returns its mistakes without the file's name."""
    path = folder / "garden.toml"
    path.write_text(playbook + form, encoding="utf-8")
    try:
        load_playbook(path)
    except PlaybookInvalid as error:
        return [one.removeprefix(f"{path}:") for one in error.mistakes]
    return []


def test_the_form_that_the_table_breaks_is_sound(tmp_path: Path) -> None:
    """Unbroken it loads, and its fields are shown as it says."""
    path = tmp_path / "garden.toml"
    path.write_text(SOUND + FORM, encoding="utf-8")
    fields = {one.slot.name: one for one in fields_of(load_playbook(path))}
    assert list(fields) == ["story", "poison", "ground", "size"]
    shown = {name: one.shown_when for name, one in fields.items()}
    assert shown["story"] is shown["poison"] is None
    assert shown["ground"] is not None, "taken over from its slot"
    assert (shown["ground"].slot, shown["ground"].equals) == ("poison", ("no",))
    assert shown["size"] is not None, "its own"
    assert (shown["size"].slot, shown["size"].equals) == ("ground", ("clay",))


@pytest.mark.parametrize("case", BROKEN)
def test_a_mistake_is_named_with_its_line_and_field(case: str, tmp_path: Path) -> None:
    """Each kind of mistake is reported as `line: field: reason`."""
    old, new, anchor, field, reason = BROKEN[case]
    assert old in FORM
    whole = SOUND + (broken := FORM.replace(old, new, 1))
    place = broken.index(anchor) + len(SOUND)
    line = whole[:place].count("\n") + 1
    mistakes = load(tmp_path, broken)
    start = f"{line}: {field}: "
    assert any(one.startswith(start) and reason in one for one in mistakes), mistakes


def test_a_list_of_dangers_has_to_be_answered(tmp_path: Path) -> None:
    """Nobody submits a form without a word on it."""
    choices = SOUND.replace(
        'kind = "yes_no"',
        'kind = "choice"\nseveral = true\noptions = [\n'
        '  { value = "yes", label = { pt-BR = "Sim", en = "Yes" } },\n'
        '  { value = "no", label = { pt-BR = "Nada", en = "None" }, alone = true },\n]',
        1,
    )
    (mistake,) = load(tmp_path, FORM, choices)
    assert "form.sections[0].fields[1]: 'poison' lists dangers; expected required" in mistake
    required = FORM.replace('slot = "poison"\n', 'slot = "poison"\nrequired = true\n')
    assert load(tmp_path, required, choices) == []


def test_what_only_some_kinds_of_problem_need_may_be_left_out(tmp_path: Path) -> None:
    """A form does not know the kind yet, so only what everybody is asked has to be in it."""
    required = SOUND.replace(
        'name = "ground"\nphase = "start"', 'name = "ground"\nphase = "start"\nrequired = true'
    ).replace("most = 3", "most = 4")
    without = FORM[: FORM.index('\n[[form.sections]]\nname = "second"')]
    assert load(tmp_path, without, required) == []
    everybody = required.replace(SEVERAL, "")
    (mistake,) = load(tmp_path, without, everybody)
    assert "form: does not ask for what must be known: 'ground'" in mistake
