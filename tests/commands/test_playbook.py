"""`triage playbook` explains mistakes, lists what there is and shows one."""

import json
from pathlib import Path

from click.testing import CliRunner

from app.commands.playbook import playbook
from app.domain.errors import InvalidInput
from tests.support.playbook_files import line_of, write

WIDE = {"COLUMNS": "160"}
"""A terminal in which no word of the tables is broken, wherever the tests run."""


def test_check_says_that_a_sound_file_is_sound(tmp_path: Path) -> None:
    """One line for a sound file, and exit 0."""
    path = write(tmp_path)
    result = CliRunner().invoke(playbook, ["check", str(path)])
    assert result.exit_code == 0
    assert result.output == (
        f"{path}: sound: garden 1.0.0, pt-BR, en, 4 slots, 1 areas, 2 kinds of problem, "
        "1 red flags\n"
    )


def test_check_prints_every_mistake_and_fails(tmp_path: Path) -> None:
    """All mistakes of all files, one a line, and exit 1 although another file is sound."""
    bad = write(tmp_path, "high = 3.0", "high = 1.0", name="bad.toml")
    good = write(tmp_path, name="good.toml")
    result = CliRunner().invoke(playbook, ["check", str(bad), str(good)])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{bad}:{line_of('high = 3.0')}: complexity.high: ")
    assert lines[1].startswith(f"{good}: sound")
    assert result.stderr == "1 mistake\n"


def test_check_of_a_missing_file_fails(tmp_path: Path) -> None:
    """A path that is not there is a mistake like any other."""
    result = CliRunner().invoke(playbook, ["check", str(tmp_path / "none.toml")])
    assert result.exit_code == 1
    assert "file: cannot be read" in result.stdout


def test_check_needs_a_file() -> None:
    """Without a file there is nothing to say."""
    assert CliRunner().invoke(playbook, ["check"]).exit_code == 2


def test_list_names_the_shipped_and_further_playbooks(tmp_path: Path) -> None:
    """Both shipped playbooks are there, and those of the folder."""
    write(tmp_path)
    result = CliRunner().invoke(playbook, ["list", "--playbooks", str(tmp_path)], env=WIDE)
    assert result.exit_code == 0
    for name in ("legal_br", "it_support", "garden"):
        assert name in result.output


def test_show_prints_slots_taxonomy_flags_and_limits(tmp_path: Path) -> None:
    """The tables speak the wanted locale."""
    write(tmp_path)
    call = ["show", "garden", "--playbooks", str(tmp_path), "--locale", "en"]
    result = CliRunner().invoke(playbook, call, env=WIDE)
    assert result.exit_code == 0
    for piece in ("Garden", "Did you use poison?", "plants.lawn", "poisoned", "1 to 5"):
        assert piece in result.output
    assert "Jardim" not in result.output


def test_show_prints_the_default_locale_first(tmp_path: Path) -> None:
    """Without a locale, the playbook's first is used."""
    write(tmp_path)
    call = ["show", "garden", "--playbooks", str(tmp_path)]
    result = CliRunner().invoke(playbook, call, env=WIDE)
    assert "Jardim" in result.output


def test_show_as_json_is_the_whole_playbook() -> None:
    """What is printed can be read back."""
    result = CliRunner().invoke(playbook, ["show", "legal_br", "--json"])
    assert json.loads(result.output)["id"] == "legal_br"


def test_show_of_an_unknown_playbook_names_those_there_are() -> None:
    """The error helps with the next try."""
    result = CliRunner().invoke(playbook, ["show", "gardening"])
    assert isinstance(result.exception, InvalidInput)
    assert "legal_br" in str(result.exception)


def test_show_in_an_unknown_locale_names_those_there_are() -> None:
    """No silent fallback to another language."""
    result = CliRunner().invoke(playbook, ["show", "legal_br", "--locale", "fr"])
    assert isinstance(result.exception, InvalidInput)
    assert "pt-BR" in str(result.exception)


TAUGHT = 'general_steps = { pt-BR = ["Tire fotos."], en = ["Take pictures."] }'
STORIES = {
    "one.jsonl": [
        ("the dog chewed the blue bottle from the shed", ["poisoned"]),
        ("he chewed a blue bottle and shivers", ["poisoned"]),
        ("the lawn is brown", []),
    ],
    "other.jsonl": [
        ("my cat chewed that blue bottle", ["poisoned"]),
        ("a blue bottle, chewed, lay in the shed", ["poisoned"]),
        ("the old oak fell down", []),
    ],
}


def taught(tmp_path: Path) -> list[str]:
    """Write a playbook that names weights, and stories to teach it by; return the paths."""
    write(tmp_path, TAUGHT, f'{TAUGHT}\ntaught = {{ file = "garden.weights" }}')
    for name, told in STORIES.items():
        lines = (
            {"id": f"{name}{n}", "locale": "en", "text": text, "code": None, "red_flags": flags}
            for n, (text, flags) in enumerate(told)
        )
        (tmp_path / name).write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    return [str(tmp_path / name) for name in ("garden.toml", *STORIES)]


def test_a_playbook_is_taught_by_stories(tmp_path: Path) -> None:
    """The weights stand beside it, every command knows of them, and teaching again changes none."""
    paths = taught(tmp_path)
    result = CliRunner().invoke(playbook, ["teach", *paths, "--alarms", "0.5"], env=WIDE)
    assert result.exit_code == 0, result.output
    assert "one.jsonl" in result.output
    content = (tmp_path / "garden.weights").read_bytes()
    assert f"{len(content):,} bytes" in result.output
    checked = CliRunner().invoke(playbook, ["check", paths[0]])
    assert checked.output.endswith("1 red flags, taught by 6 stories\n")
    folder = ["--playbooks", str(tmp_path)]
    assert "6 stories" in CliRunner().invoke(playbook, ["list", *folder], env=WIDE).output
    shown = CliRunner().invoke(playbook, ["show", "garden", *folder], env=WIDE).output
    assert "other.jsonl" in shown
    as_json = CliRunner().invoke(playbook, ["show", "garden", "--json", *folder]).output
    assert json.loads(as_json)["taught"] == {"file": "garden.weights", "content": ""}
    CliRunner().invoke(playbook, ["teach", *paths, "--alarms", "0.5"], env=WIDE)
    assert (tmp_path / "garden.weights").read_bytes() == content


def test_weights_that_are_missing_broken_or_stale_are_mistakes(tmp_path: Path) -> None:
    """Each is named at the line that asks for them, with what to do."""
    paths = taught(tmp_path)
    line = line_of(TAUGHT) + 1

    def mistake() -> str:
        result = CliRunner().invoke(playbook, ["check", paths[0]])
        assert result.exit_code == 1
        start = f"{paths[0]}:{line}: taught.file: 'garden.weights' "
        assert result.stdout.startswith(start)
        assert "triage playbook teach" in result.stdout
        return result.stdout.removeprefix(start)

    assert mistake().startswith("cannot be read: No such file")
    (tmp_path / "garden.weights").write_bytes(b"what is this")
    assert mistake().startswith("is no file of weights")
    CliRunner().invoke(playbook, ["teach", *paths, "--alarms", "0.5"], env=WIDE)
    text = Path(paths[0]).read_text("utf-8").replace("1.0.0", "1.0.1")
    Path(paths[0]).write_text(text, "utf-8")
    assert mistake().startswith("is stale: taught from version 1.0.0, and this is version 1.0.1")


def test_what_names_no_weights_cannot_be_taught(tmp_path: Path) -> None:
    """The playbook says where its weights are kept; content of its own is a mistake."""
    paths = taught(tmp_path)
    write(tmp_path)
    result = CliRunner().invoke(playbook, ["teach", *paths])
    assert isinstance(result.exception, InvalidInput)
    assert "names no file of weights" in str(result.exception)
    write(tmp_path, TAUGHT, f'{TAUGHT}\ntaught = {{ file = "w", content = "aGk=" }}')
    checked = CliRunner().invoke(playbook, ["check", paths[0]])
    assert "taught.content: is read from the file" in checked.output
