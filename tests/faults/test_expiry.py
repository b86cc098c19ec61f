"""Expiry: nothing lives for ever, and of a case whose time has come nothing is left."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.embedded import EmbeddedValkey
from app.state.keys import ACCESS, AUDIT, AUDIT_HEAD, ERASED, MASTERS
from tests.faults.conftest import MakeFleet
from tests.support.api import Api, Case
from tests.support.listener import CaseListener, settled
from tests.support.processes import Program, environment, triage
from tests.support.proofs import FLEETING, SHORT_TTL, STORY
from tests.support.valkey import Wire

LIFE_SECONDS = SHORT_TTL.active
_STEP_SECONDS = 0.02
LASTING = {ACCESS, AUDIT, AUDIT_HEAD, ERASED, MASTERS}
"""What is configured, the audit trail, which a worker trims, and how often something was erased."""


def keys(wire: Wire, pattern: str = "*") -> dict[str, int]:
    """Return all keys of a pattern with the milliseconds they have left, negative for ever."""
    script = (
        "local found = '' for _, key in ipairs(redis.call('KEYS', ARGV[1])) do"
        " found = found .. key .. ' ' .. redis.call('PTTL', key) .. '\\n' end return found"
    )
    lines = (wire.call("EVAL", script, "0", pattern) or b"").decode().splitlines()
    return {name: int(left) for name, _, left in (line.rpartition(" ") for line in lines)}


def live_through_everything(api: Api, other: Api) -> list[Case]:
    """Do with cases what people do with them; returns those that were not erased."""

    def opened() -> Case:
        return api.start(locale="en", playbook=FLEETING, user_ref="somebody")

    talked, ended, corrected, stopped, forced, erased, silent = (opened() for _ in range(7))
    for case in (talked, ended, corrected, erased):
        api.talk(case, STORY)
    assert other.say(ended, "that is all").json()["interview"] == "complete"
    value = {"slot": "when", "value": "last week"}
    assert api.post(f"/cases/{corrected.id}/facts", value, corrected.token, key="k").status == 200
    for text in (STORY, "It got worse.", "And worse."):
        assert other.say(stopped, text, Prefer="wait=0").status in {200, 202}
    assert api.post(f"/cases/{stopped.id}/turns/3/cancel", token=stopped.token).status == 200
    assert api.say(stopped, "Quick!", query="?on_busy=interrupt").status == 200
    value = {"case_id": forced.id}
    assert other.post("/force-complete", value, forced.token, key="k").status == 200
    assert other.call("DELETE", f"/api/v2/triage/cases/{erased.id}", token=erased.token).status in {
        200, 204,
    }  # fmt: skip
    assert api.say(erased, STORY).status == 404
    CaseListener(talked).until(lambda: other, bool)
    left = [talked, ended, corrected, stopped, forced, silent]
    for case in left:
        settled(other, case)
    return left


def wait(holds: Callable[[], bool], seconds: float) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it took more than {seconds:g} s"
        time.sleep(_STEP_SECONDS)


def age(wire: Wire, seconds: int) -> None:
    """Take so many seconds from the life of every key and the activity of every case."""
    for name, left in keys(wire).items():
        wire.call("PEXPIRE", name, str(left - seconds * 1_000))
    script = (
        "for _, index in ipairs(redis.call('KEYS', 'tri:live:*')) do"
        " for _, case in ipairs(redis.call('ZRANGE', index, 0, -1)) do"
        " redis.call('ZINCRBY', index, ARGV[1], case) end end"
    )
    wire.call("EVAL", script, "0", str(-seconds * 1_000))


@pytest.mark.parametrize(
    "hurry", [True, pytest.param(False, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
def test_of_a_case_whose_time_has_come_nothing_is_left(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey, tmp_path: Path, hurry: bool
) -> None:
    """No key is without an end; at its end a case is gone for its owner, in keys and in lists.

    In a hurry, the minute that a case lives at least is taken from everything that is stored.
    """
    api, other = (one.api for one in make_fleet(own_valkey).pair())
    cases = live_through_everything(api, other)
    with Wire(own_valkey.socket) as wire:
        before = keys(wire)
        assert len([name for name in before if "{" in name]) >= 4 * len(cases)
        assert {name for name, left in before.items() if left < 0} <= LASTING
        # Who holds a case's streams open is nothing of the case, and outlives it by a moment; so do
        # facts on their way to the warehouse, until a worker takes them there.
        held = re.compile(r":w$|^tri:\{in:|:f$")
        of_cases = {
            name: left
            for name, left in before.items()
            if "{" in name and name not in LASTING and not held.search(name)
        }
        assert max(of_cases.values()) <= LIFE_SECONDS * 1_000
        words = [left for name, left in of_cases.items() if re.search(r":t:\d+$", name)]
        assert words
        assert max(words) <= SHORT_TTL.turn_log * 1_000
        if hurry:
            age(wire, LIFE_SECONDS - 1)
        wait(
            lambda: {one for one in keys(wire, "tri:{*") if not one.endswith(":f")} <= LASTING,
            LIFE_SECONDS + 5,
        )
        for case in cases:
            for path in (f"/cases/{case.id}", f"/status/{case.id}", f"/result/{case.id}"):
                assert api.get(path, case.token).status == 404
            assert other.say(case, "Hello?").status == 404
        if hurry:
            age(wire, LIFE_SECONDS)
        settings = environment(
            TRIAGE_VAR=str(tmp_path),
            TRIAGE_REDIS_URL=own_valkey.url,
            TRIAGE_PLAYBOOKS=os.environ.get("TRIAGE_PLAYBOOKS", ""),
        )
        worker = Program("worker", triage("worker"), settings, tmp_path / "worker.log")
        try:
            wait(lambda: not keys(wire, "tri:live:*") and not keys(wire, "tri:busy"), 100)
            lasting = [name for name, left in keys(wire).items() if left == -1]
            # What is configured stays, and so does a queue for as long as a wake is in it.
            assert [one for one in lasting if one not in LASTING and ":arq:" not in one] == []
        finally:
            worker.close()
