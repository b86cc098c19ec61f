"""The `triage` command: quick to list, whole, and plain about what goes wrong."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from app.cli import main

NAMES = ["up", "serve", "worker", "chat", "doctor", "playbook", "eval"]


def test_help_lists_every_command_and_loads_none() -> None:
    """`triage --help` answers without importing a framework, a client or a provider's SDK."""
    script = (
        "import sys; from app.cli import main; main(['--help'], standalone_mode=False);"
        "heavy = {'litestar', 'redis', 'openai', 'anthropic', 'uvicorn', 'rich'};"
        "print('loaded:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "loaded: []" in done.stdout
    positions = [done.stdout.index(f"\n  {name} ") for name in NAMES]
    assert positions == sorted(positions)


@pytest.mark.parametrize("name", NAMES)
def test_every_listed_command_is_there(name: str) -> None:
    """Each name of the listing loads and explains itself."""
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.output


def test_an_unknown_command_is_refused() -> None:
    """A name that is not in the table is an error of usage."""
    result = CliRunner().invoke(main, ["upp"])
    assert result.exit_code == 2
    assert "No such command 'upp'" in result.output


def test_what_is_raised_on_purpose_is_one_line() -> None:
    """A wrong setting ends with status 1 and one line that names it."""
    result = CliRunner().invoke(main, ["up"], env={"TRIAGE_PORT": "many"})
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("triage: TRIAGE_PORT: ")


@pytest.mark.parametrize(
    ("args", "env"),
    [(["--debug", "up"], {}), (["up"], {"TRIAGE_LOG_LEVEL": "debug"})],
    ids=["option", "setting"],
)
def test_where_it_came_from_is_shown_on_request(args: list[str], env: dict[str, str]) -> None:
    """With --debug or TRIAGE_LOG_LEVEL=debug the traceback stands before that line."""
    result = CliRunner().invoke(main, args, env={"TRIAGE_PORT": "many", **env})
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "triage: TRIAGE_PORT: " in result.stderr
