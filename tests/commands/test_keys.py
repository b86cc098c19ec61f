"""`triage keys`: what the terminal makes, an instance goes by."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.embedded import EmbeddedValkey
from tests.support.api import Api
from tests.support.processes import Instance, environment, instances, triage
from tests.support.waiting import until


@pytest.fixture
def settings(own_valkey: EmbeddedValkey, tmp_path: Path) -> dict[str, str]:
    """Without a secret that is set: the first process makes one, and the others find it."""
    return {
        "TRIAGE_REDIS_URL": own_valkey.url,
        "TRIAGE_VAR": str(tmp_path),
        "TRIAGE_ACCESS_SECRET": "",
    }


@pytest.fixture
def api(settings: dict[str, str], own_valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[Api]:
    """An instance that opens cases for holders of a key alone."""
    with instances(own_valkey.url, tmp_path) as start:
        shut: Instance = start(env={**settings, "TRIAGE_OPEN_INTAKE": "0"})
        yield Api(shut.port)


def run(settings: dict[str, str], *args: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `triage keys`."""
    done = subprocess.run(
        triage("keys", *args),
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done
    return done


def opens(api: Api, token: str) -> int:
    """Try to open a case; returns the status."""
    return api.post("/start", {"locale": "en"}, token).status


def test_a_key_is_made_rotated_and_revoked(api: Api, settings: dict[str, str]) -> None:
    """Each is told in words, the token alone on the output, and holds at the instance at once."""
    made = run(settings, "create", "Website", "--scope", "intake", "--days", "9")
    token = made.stdout.strip()
    assert token not in made.stderr
    assert opens(api, token) == 201
    (listed,) = json.loads(run(settings, "list", "--json").stdout)
    assert (listed["name"], listed["scopes"], listed["state"]) == ("Website", ["intake"], "active")
    assert token not in run(settings, "list").stdout
    rotated = run(settings, "rotate", "Website", "--keep", "1h").stdout.strip()
    assert opens(api, rotated) == opens(api, token) == 201
    assert "tokens" in run(settings, "list").stdout
    run(settings, "rotate", listed["id"], "--keep", "0s")
    until(lambda: opens(api, token) == opens(api, rotated) == 401, "both tokens have ended")
    run(settings, "revoke", "Website")
    assert "revoked" in run(settings, "rotate", listed["id"], status=1).stderr
    assert json.loads(run(settings, "list", "--json").stdout) == []
    (kept,) = json.loads(run(settings, "list", "--all", "--json").stdout)
    assert kept["state"] == "revoked"


def test_the_terminal_opens_a_conversation_with_a_key(api: Api, settings: dict[str, str]) -> None:
    """Where nobody may without one, who has none is told what is missing."""
    token = run(settings, "create", "Telephone", "--scope", "intake").stdout.strip()

    def chat(**given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            triage("chat", "--url", f"http://127.0.0.1:{api.port}", "--locale", "en"),
            input="I was fired yesterday.\n/finish\n/result\n",
            env=environment(**settings, **given),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    refused = chat()
    assert refused.returncode == 1
    assert "intake" in refused.stderr
    opened = chat(TRIAGE_INTAKE_KEY=token)
    assert opened.returncode == 0, opened.stderr
    assert "Dismissal and final pay" in opened.stdout


def test_mistakes_are_told(api: Api, settings: dict[str, str], tmp_path: Path) -> None:
    """An unknown name, two of the same name, an odd span, and the secret of something else."""
    del api
    assert "no key 'Ana'" in run(settings, "revoke", "Ana", status=1).stderr
    for _ in range(2):
        run(settings, "create", "Ana", "--scope", "operator")
    assert "name one by its id" in run(settings, "revoke", "Ana", status=1).stderr
    assert "--keep" in run(settings, "rotate", "Ana", "--keep", "soon", status=1).stderr
    elsewhere = {**settings, "TRIAGE_VAR": str(tmp_path / "elsewhere")}
    assert "is not the secret" in run(elsewhere, "list", status=1).stderr
