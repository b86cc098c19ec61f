"""Logs name what happened, and never what was said."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import sys
import structlog
from app.logging import set_up_logging
from app.settings import Settings

set_up_logging(Settings(log_format=sys.argv[1]), "test")
log = structlog.get_logger("x")

def tell(secret_story):
    raise ValueError("broken")

try:
    tell("o que a pessoa contou")
except ValueError:
    log.exception("turn.failed", case="c1")
log.debug("not.shown")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_does_not_give_away_what_was_said(form: str) -> None:
    """Records carry the error and the case, not the values of variables."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, form], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert "turn.failed" in done.stderr
    assert "broken" in done.stderr
    assert "pessoa contou" not in done.stderr.replace('tell("o que a pessoa contou")', "")
    assert "not.shown" not in done.stderr


def test_records_for_machines_are_one_json_object_a_line() -> None:
    """With their names, their level and the process they come from."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "json"], capture_output=True, text=True, check=True
    )
    (record,) = map(json.loads, done.stderr.splitlines())
    assert record["event"] == "turn.failed"
    assert record["case"] == "c1"
    assert record["process"] == "test"
    assert record["level"] == "error"
