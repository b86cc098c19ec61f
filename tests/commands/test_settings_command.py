"""`triage settings` shows what holds and hides what is secret; the page is what the code says."""

import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from app.commands.settings import Described, described, page
from app.settings import SECRETS, Settings
from tests.support.processes import environment, triage

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_up_to_date() -> None:
    """`make settings` would write what is committed."""
    assert PAGE.read_text("utf-8") == page(described({}))


def test_every_setting_says_what_it_is_for() -> None:
    """A newcomer need not read the code."""
    assert [one.variable for one in described({}) if not one.about] == []


@pytest.mark.parametrize("name", [field.name for field in msgspec.structs.fields(Settings)])
def test_what_sounds_like_a_secret_is_one(name: str) -> None:
    """A new setting that is a secret by its name is not shown by mistake."""
    counts = name.startswith(("rate_", "streams_"))
    secret = r"(_key|_secret|_token|password)$|^(slack_webhook_url|master_keys)$"
    sounds = re.search(secret, name) and not counts
    assert bool(sounds) == (name in SECRETS)


def test_secrets_are_not_shown() -> None:
    """Neither alone nor within an address; what is set is marked."""
    env = environment(
        OPENAI_API_KEY="sk-very-secret",
        TRIAGE_REDIS_URL="redis://triage:hidden@127.0.0.1:1/0",
        TRIAGE_PORT="81",
    )
    done = subprocess.run(
        triage("settings", "--json"), env=env, capture_output=True, text=True, check=True
    )
    assert "sk-very-secret" not in done.stdout
    assert "hidden" not in done.stdout
    found = {one.variable: one for one in msgspec.json.decode(done.stdout, type=list[Described])}
    assert (found["OPENAI_API_KEY"].value, found["OPENAI_API_KEY"].is_set) == ("***", True)
    assert (found["TRIAGE_PORT"].value, found["TRIAGE_PORT"].default) == ("81", "8000")
    assert not found["TRIAGE_HOST"].is_set
