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
