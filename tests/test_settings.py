"""Settings come from the environment once, or say which variable is wrong."""

from pathlib import Path

import pytest

from app.domain.errors import InvalidInput
from app.settings import Settings, read_settings


def test_an_empty_environment_gives_the_defaults() -> None:
    """Nothing has to be set; an empty variable counts as absent."""
    assert read_settings({"TRIAGE_PORT": "", "UNRELATED": "x"}) == Settings()


def test_variables_are_read_by_their_own_names() -> None:
    """Ours begin with TRIAGE_; the SDKs keep theirs."""
    settings = read_settings(
        {
            "TRIAGE_PORT": "81",
            "TRIAGE_VAR": "/srv/triage",
            "OPENAI_API_KEY": " k ",
            "TRIAGE_PACE_MS": "0",
        }
    )
    assert settings.port == 81
    assert settings.var == Path("/srv/triage")
    assert settings.openai_api_key == "k"
    assert settings.pace_ms == 0


@pytest.mark.parametrize(
    ("variable", "value"),
    [("TRIAGE_PORT", "http"), ("TRIAGE_STRATEGY", "best"), ("TRIAGE_OPENAI_API", "soap")],
)
def test_a_wrong_value_names_its_variable(variable: str, value: str) -> None:
    """The message can be acted on without reading code."""
    with pytest.raises(InvalidInput, match=rf"^{variable}: "):
        read_settings({variable: value})


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    """`<VARIABLE>_FILE` names a file with the value, for the SDKs' variables as well."""
    secret = tmp_path / "key"
    secret.write_text("sk-in-a-file\n")
    settings = read_settings({"OPENAI_API_KEY_FILE": str(secret)})
    assert settings.openai_api_key == "sk-in-a-file"


def test_a_secret_that_cannot_be_read_names_its_variable_and_file(tmp_path: Path) -> None:
    """Missing, a folder, no text, and a value beside the file: each is told."""
    missing = tmp_path / "missing"
    with pytest.raises(InvalidInput, match=r"^TRIAGE_PORT_FILE: .*missing: No such file"):
        read_settings({"TRIAGE_PORT_FILE": str(missing)})
    with pytest.raises(InvalidInput, match=r"^TRIAGE_PORT_FILE: .*Is a directory"):
        read_settings({"TRIAGE_PORT_FILE": str(tmp_path)})
    missing.write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match=r"^TRIAGE_PORT_FILE: .*is not text"):
        read_settings({"TRIAGE_PORT_FILE": str(missing)})
    with pytest.raises(InvalidInput, match="both set"):
        read_settings({"TRIAGE_PORT": "1", "TRIAGE_PORT_FILE": str(missing)})
