"""`triage flags`: see what decides, try it on somebody, set it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.embedded import EmbeddedValkey
from plugins.flags.payload import shipped
from tests.support.growthbook import flags_with

Run = Callable[..., Result]


@pytest.fixture
def run(own_valkey: EmbeddedValkey, tmp_path: Path) -> Run:
    """Call `triage flags` on a storage of the test's own and check how it ends."""
    env = {
        "TRIAGE_REDIS_URL": own_valkey.url,
        "TRIAGE_VAR": str(tmp_path),
        "COLUMNS": "160",
        "TRIAGE_GROWTHBOOK_CLIENT_KEY": "",
    }

    def call(*args: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["flags", *args], env=env)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return call


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of flags that give everybody v1."""
    path = tmp_path / "flags.json"
    path.write_bytes(flags_with((1.0, 0.0)))
    return path


def test_what_ships_decides_until_something_else_does(run: Run, file: Path) -> None:
    """`show` says what decides and since when; `reset` goes back."""
    shown = run("show").stdout
    assert f"flags {shipped().hash} (shipped)" in shown
    assert "v1 50%, v2 50%" in shown
    assert run("set-file", "--check", str(file)).stdout.startswith(f"{file}: 1 features")
    assert shipped().hash in run("show").stdout
    run("set-file", str(file))
    shown = run("show").stdout
    assert "(file, " in shown
    assert "v1 100%, v2 0%" in shown
    kept = json.loads(run("show", "--json").stdout)
    assert kept["features"]["intelligent_triage_v2"]["defaultValue"] == "v2"
    run("reset")
    assert f"flags {shipped().hash} (shipped, " in run("show").stdout


def test_what_somebody_gets_can_be_tried(run: Run, file: Path) -> None:
    """With the reason, and without leaving a trace: trying is not assigning."""
    run("set-file", str(file))
    told = run("eval", "--person", "ana").stdout
    assert 'intelligent_triage_v2 = "v1" (experiment)' in told
    assert "variation v1, by id" in told
    file.write_bytes(flags_with((0.0, 1.0)))
    run("set-file", str(file))
    assert '= "v2" (experiment)' in run("eval", "--person", "ana").stdout
    assert "nobody can be assigned" in run("eval").stdout
    all_of_it = json.loads(run("eval", "--person", "ana", "--json").stdout)
    assert all_of_it["experimentResult"]["hashUsed"] is True


def test_attributes_are_json_or_text(run: Run, tmp_path: Path) -> None:
    """So that rules on numbers and on words can both be tried."""
    rules = [{"condition": {"age": {"$gt": 59}, "channel": "app"}, "force": "v1"}]
    flags = {"features": {"f": {"defaultValue": "v2", "rules": rules}}}
    path = tmp_path / "aged.json"
    path.write_text(json.dumps(flags))
    run("set-file", str(path))
    told = run("eval", "f", "--attribute", "age=60", "--attribute", "channel=app").stdout
    assert 'f = "v1" (force)' in told
    assert 'f = "v2"' in run("eval", "f", "--attribute", "age=12").stdout
    assert "NAME=VALUE" in run("eval", "f", "--attribute", "age", code=1).stderr
    assert "no feature 'g'" in run("eval", "g", code=1).stderr


@pytest.mark.parametrize("text", ["", "{", "[]", '{"features": {"a": 1}}'])
def test_a_file_with_mistakes_changes_nothing(run: Run, tmp_path: Path, text: str) -> None:
    """One line names the file and says why."""
    path = tmp_path / "bad.json"
    path.write_text(text)
    (line,) = run("set-file", str(path), code=1).stderr.splitlines()
    assert line.startswith(f"triage: {path}: ")
    assert "cannot be read" in run("set-file", str(tmp_path / "none.json"), code=1).stderr
    assert shipped().hash in run("show").stdout
