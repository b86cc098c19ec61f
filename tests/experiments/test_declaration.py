"""A declaration says what was settled, and each of its mistakes is named."""

from pathlib import Path

import pytest

from analytics.experiments.declaration import (
    SHIPPED,
    DeclarationInvalid,
    declared,
    find_declaration,
    read_declaration,
)

TEXT = (SHIPPED / "intelligent_triage_v2.toml").read_text()


def test_what_ships_is_ready() -> None:
    """The experiment that the flags assign is declared, with the same arms."""
    found = find_declaration("intelligent_triage_v2")
    assert found.control == "v1"
    assert found.treatments == ("v2",)
    assert {one.name for one in found.of_role("guardrail")} == {"accuracy", "cost"}
    names = {one.name for one in found.metrics}
    assert {"completion", "triage_time", "nps", "satisfaction", "accuracy", "cost"} <= names


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('control = "v1"', 'control = "v9"', "'v9' is none of the arms"),
        ('role = "primary"', 'role = "secondary"', "at least one is primary"),
        ("smallest_effect = 0.04", "", "a primary needs its smallest_effect"),
        ("margin = 0.05", "", "a guardrail needs its margin"),
        ('name = "nps"', 'name = "cost"', "'cost' is there twice"),
        ("q = 0.5", "", "q belongs to quantiles"),
        ("target = 8.0", "zero_is_known = true", "zero_is_known belongs to ratios"),
        ("format = 1", "format = 2", "Invalid enum value 2"),
        ("alpha = 0.05", "alpha = 2", "alpha"),
        ("alpha = 0.05", "alpha = 0.05\nstarts = 2026-02-01\nends = 2026-01-01", "before starts"),
        ("[arms]", "[arms", "line"),
        ("planned_persons", "planned_people", "planned_people"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    """With the file, in one line each."""
    path = tmp_path / "x.toml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(DeclarationInvalid, match=said) as found:
        read_declaration(path)
    assert all(line.startswith(f"{path}: ") for line in str(found.value).splitlines())


def test_a_folder_adds_and_replaces(tmp_path: Path) -> None:
    """What is not there is named, with what is."""
    (tmp_path / "mine.toml").write_text(TEXT.replace("intelligent_triage_v2", "mine"))
    assert set(declared(tmp_path)) == {"intelligent_triage_v2", "mine"}
    assert find_declaration("mine", tmp_path).key == "mine"
    with pytest.raises(DeclarationInvalid, match="there are: intelligent_triage_v2, mine"):
        find_declaration("none", tmp_path)
    with pytest.raises(DeclarationInvalid, match="cannot be read"):
        read_declaration(tmp_path / "none.toml")
