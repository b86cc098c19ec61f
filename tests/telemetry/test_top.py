"""`triage top` on a running installation: what it shows has happened."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from app.domain.ledger import Budget, Scope
from app.state.budgets import Budgets
from tests.support.api import OPERATOR_TOKEN
from tests.support.processes import environment, free_port, triage
from tests.support.replies import turn_document
from tests.support.sealed import store_at
from tests.telemetry.conftest import INTERVIEWS, House
from tests.telemetry.test_events import ANTHROPIC, OPENAI, opened, says, whole

ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07)")
GOOD = turn_document("I see. What would you like?", asking="wish")


def env_of(house: House, **settings: str) -> dict[str, str]:
    """Return the environment of somebody who looks at the installation."""
    ours = {"TRIAGE_PORT": str(house.api.port), "TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN}
    found = environment(**{**ours, **settings})
    return {**found, "COLUMNS": "80", "LINES": "40", "TERM": "xterm-256color"}


def top(house: House, *options: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return subprocess.run(
        triage("top", *options),
        env=env_of(house, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def talking(house: House, *behaviours: Mapping[str, object]) -> Iterator[None]:
    """Take turn after turn while the block runs, with providers that behave so again and again."""
    house.mock.reset()
    house.mock.scenario([{**one, "times": None} for one in behaviours])
    stopping = threading.Event()
    broken: list[BaseException] = []

    def talk() -> None:
        try:
            while not stopping.is_set():
                whole(house.api.talk(opened(house), "It drips."))
        except BaseException as error:  # noqa: BLE001 - told below
            broken.append(error)

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
    assert not broken, broken


async def test_what_it_tells_has_happened(house: House) -> None:
    """Turns, calls, spend, budgets, queues, workers and the pages that it has found by itself."""
    store = store_at(house.valkey.url)
    try:
        scope = Scope(kind="global")
        await Budgets(store).set(Budget(scope=scope, period="month", limit_nano_usd=10**12))
    finally:
        await store.close()
    with talking(house, says(GOOD)):
        seen = top(house, "--json", "--interval", "1.5")
    assert seen.returncode == 0, seen.stderr
    told: dict[str, Any] = json.loads(seen.stdout)
    assert told["span_seconds"] > 1
    assert [one["up"] for one in told["targets"]] == [True, True]
    assert told["targets"][0]["address"] == f"http://127.0.0.1:{house.api.port}/metrics"
    assert told["turns_per_minute"]["model"] > 0
    assert told["turns_per_minute"]["human"] == 0
    (call,) = told["calls"]
    assert (call["provider"], call["model"]) == ("openai", INTERVIEWS)
    assert call["per_minute"] > 0
    assert call["usd_per_hour"] > 0
    assert call["p95_seconds"] > 0
    assert not call["passed_over"]
    assert told["first_word_p50_seconds"] > 0
    assert told["spend_usd"]["month"] > 0
    (budget,) = told["budgets"]
    assert (budget["scope"], budget["limit_usd"]) == ("global", 1_000)
    assert budget["spent_usd"] == pytest.approx(told["spend_usd"]["month"])
    assert {one["queue"]: one["slots"] for one in told["queues"]} == {
        "simple": 16,
        "standard": 8,
        "complex": 4,
    }
    (worker,) = told["workers"]
    assert worker["metrics"] == told["targets"][1]["address"]
    assert told["active_cases"] > 0
    assert told["dead"] == {"job": 0, "delivery": 0}


def test_errors_are_named(house: House) -> None:
    """What failed within the window, and how often."""
    garbage = {"type": "reply", "text": "{", "match": OPENAI}
    with talking(house, garbage, says(GOOD, ANTHROPIC)):
        seen = top(house, "--json", "--interval", "2.5")
    told = json.loads(seen.stdout)
    assert any(
        re.fullmatch(rf"\d+ × openai {INTERVIEWS}: invalid_output", one["what"])
        for one in told["errors"]
    ), told["errors"]


def test_the_picture_fits_a_terminal_of_eighty_columns(house: House) -> None:
    """Printed once, for whoever pipes it or looks from afar."""
    seen = top(house, "--once", "--interval", "0.2")
    assert seen.returncode == 0, seen.stderr
    lines = seen.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    for word in ("Cases", "Turns", "Waiting", "MODEL", "QUEUE", "Spent", "Workers", "Errors"):
        assert any(line.startswith(word) for line in lines), word


def test_it_draws_anew_until_it_is_interrupted(house: House) -> None:
    """On a terminal it stays, follows what happens, and leaves cleanly on Ctrl-C.

    It does so also where it was started with that signal ignored, as shells do with `&`.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *triage("top", "--interval", "0.3")],
        env=env_of(house),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = ""
    try:
        while len(re.findall(r"2 of 2 metrics pages", shown)) < 3:
            found = os.read(ours, 65_536)
            assert found, shown
            shown = ESCAPES.sub("", shown + found.decode(errors="replace"))
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # what a closed terminal answers with
            while os.read(ours, 65_536):
                pass
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_who_may_not_look_is_told_so(house: House) -> None:
    """A wrong token, a key for other things, none, nobody there: one line each, and a status."""
    wrong = top(house, "--once", TRIAGE_OPERATOR_TOKEN="w" * 20)
    assert (wrong.returncode, "401" in wrong.stderr) == (1, True)
    answer = house.api.post("/operator/keys", {"name": "K", "scopes": ["analyst"]}, OPERATOR_TOKEN)
    other = top(house, "--once", TRIAGE_OPERATOR_TOKEN=answer.json()["token"])
    assert other.returncode == 1
    assert "403" in other.stderr
    assert "operator" in other.stderr
    none = top(house, "--once", TRIAGE_OPERATOR_TOKEN="", TRIAGE_VAR="/nowhere")
    assert none.returncode == 1
    assert "there is no operators' token" in none.stderr
    nobody = top(house, "--once", TRIAGE_PORT=str(free_port()))
    assert nobody.returncode == 1
    assert "no server answers" in nobody.stderr
    for seen in (wrong, other, none, nobody):
        assert len(seen.stderr.strip().splitlines()) == 1
