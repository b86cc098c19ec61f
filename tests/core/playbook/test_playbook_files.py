"""Playbook files are read whole, folder by folder, and every mistake is named."""

from pathlib import Path

import pytest

from app.core.playbook.files import load_playbook, load_playbooks
from app.domain.errors import PlaybookInvalid
from tests.support.playbook_files import SOUND, assert_named, line_of, write

_BROKEN = {
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
def test_a_mistake_in_the_shape_is_named_with_its_line_and_field(case: str, tmp_path: Path) -> None:
    """Each kind of mistake is reported as `file:line: field: reason`."""
    assert_named(_BROKEN[case], tmp_path)


def test_the_playbook_that_the_tables_break_is_sound(tmp_path: Path) -> None:
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
