"""The rules of a process: read from files or kept by an earlier start, and always those of now."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from app.domain.errors import PlaybookInvalid
from app.engine import load_rules
from app.settings import Settings
from tests.support.playbooks import tiny_playbook
from tests.support.toml_text import write_playbook

TINY = tiny_playbook()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a folder of playbooks that holds the tiny one."""
    folder = tmp_path / "playbooks"
    folder.mkdir()
    write_playbook(TINY, folder)
    return Settings(var=tmp_path / "var", playbooks=folder, playbook=TINY.id)


def folder_of(settings: Settings) -> Path:
    """Return the folder of playbooks."""
    assert settings.playbooks is not None
    return settings.playbooks


def test_a_second_start_goes_by_the_same_playbooks(settings: Settings) -> None:
    """What was kept is what was read, to the last word."""
    first, second = load_rules(settings), load_rules(settings)
    assert second.keys() == first.keys() > {TINY.id}
    told = "I smell gas, and water drips from the ceiling"
    for name, rules in first.items():
        assert second[name].playbook == rules.playbook
        lexicon = second[name].understanding.lexicon
        assert lexicon.scores([told]) == rules.understanding.lexicon.scores([told])
    assert len(list((settings.var / "cache").iterdir())) == 1


def test_an_edited_playbook_counts_at_the_next_start(settings: Settings) -> None:
    """Whatever was kept of the earlier one."""
    load_rules(settings)
    write_playbook(replace(TINY, version="9.9.9"), folder_of(settings))
    assert load_rules(settings)[TINY.id].playbook.version == "9.9.9"


def test_a_broken_playbook_never_starts(settings: Settings) -> None:
    """Even where a sound one was kept a moment ago."""
    load_rules(settings)
    (folder_of(settings) / "broken.toml").write_text("id = ")
    with pytest.raises(PlaybookInvalid, match=r"broken\.toml:1"):
        load_rules(settings)


def test_a_file_that_cannot_be_read_is_named(settings: Settings) -> None:
    """A folder in a playbook's place is a mistake, and told as one."""
    (folder_of(settings) / "odd.toml").mkdir()
    with pytest.raises(PlaybookInvalid, match=r"odd\.toml:1: file: cannot be read"):
        load_rules(settings)
