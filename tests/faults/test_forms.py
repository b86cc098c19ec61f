"""Forms: whoever takes one in is killed at random moments, and it is a triage all the same."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest

from app.domain.facts import flattened
from app.embedded import EmbeddedValkey
from app.state.facts import FactStream
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import Api, Case
from tests.support.fleet import Fleet, Member
from tests.support.forms import ANSWERS, structured, submit
from tests.support.listener import AWAY, settled
from tests.support.proofs import rounds
from tests.support.sealed import store_at

SUBMIT_SECONDS = 0.04
"""About as long as a form takes that nobody disturbs."""
MOST_TRIES = 40
ONCE = ("triage_started", "exposure", "turn", "triage_completed", "analysis_done")


def submitted(case: Case, key: str, api: Callable[[], Api]) -> Any:
    """Submit the form as a client does: again with the same key until somebody answers."""
    while True:
        try:
            answer = submit(api(), case, key=key)
        except AWAY:
            continue
        if answer.status == HTTPStatus.OK:
            return answer.json()
        assert answer.status in {HTTPStatus.ACCEPTED, HTTPStatus.SERVICE_UNAVAILABLE}, answer


def act(instances: Fleet, after: float) -> tuple[Case, bool]:
    """Submit a form, kill whoever takes it in, insist elsewhere; says whether it was taken over."""
    first, second = instances.some(2)
    case, key = structured(first.api), uuid4().hex
    killed = threading.Event()

    def kill() -> None:
        killed.set()
        first.kill()
        instances.remove(first)
        instances.add()

    timer = threading.Timer(after, kill)
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(
            submitted, case, key, lambda: second.api if killed.is_set() else first.api
        )
        timer.start()
        found = answers.result()
        timer.join()
    check(case, key, found, second.api)
    return case, was_taken_over(second, case)


def was_taken_over(survivor: Member, case: Case) -> bool:
    """Say whether an instance went on with what another had begun."""
    lines = survivor.output().splitlines()
    return any("turn.recovered" in one and case.id in one for one in lines)


def check(case: Case, key: str, found: Any, api: Api) -> None:
    """Check that the form is there once, whole, with its result, for whoever comes again."""
    assert (found["turn"], found["outcome"], found["status"]) == (1, "completed", "completed")
    (turn,) = settled(api, case)
    assert (turn["kind"], turn["reply"], turn["outcome"]) == ("fill", found["message"], "completed")
    form = api.get(f"/cases/{case.id}/form", case.token).json()
    assert (form["status"], form["answers"]) == ("submitted", ANSWERS)
    result = api.get(f"/result/{case.id}", case.token).json()
    assert result["classification"]["code"] == "plumbing.leak"
    again = submitted(case, key, lambda: api)
    assert (again["turn"], again["analysis"]) == (1, result)
    assert submit(api, case).json()["type"] == "urn:triage:problem:form-submitted"


async def facts_of(valkey: EmbeddedValkey) -> dict[str, Counter[str]]:
    """Return how often each kind of fact was told of each case."""
    store = store_at(valkey.url)
    found: dict[str, Counter[str]] = {}
    for one in await FactStream(store).read(100_000):
        fact = flattened(one.data)
        found.setdefault(fact["case_id"], Counter())[fact["kind"]] += 1
    await store.close()
    return found


@pytest.mark.timeout(600)
def test_a_form_survives_the_death_of_whoever_takes_it_in(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey, show: Show
) -> None:
    """Accepted or not, answered or not: it is taken once, answered, and counted once."""
    instances = make_fleet(own_valkey)
    chance = random.Random(20_261_125)
    cases: list[Case] = []
    taken_over = 0
    least = rounds(2)
    while taken_over < least:
        case, late = act(instances, chance.uniform(0.0, SUBMIT_SECONDS))
        cases.append(case)
        taken_over += late
        assert len(cases) < MOST_TRIES * least, "kills hardly ever hit a running turn"
    told = asyncio.run(facts_of(own_valkey))
    for case in cases:
        assert {kind: told[case.id][kind] for kind in ONCE} == dict.fromkeys(ONCE, 1)
    show(
        "kill -9 of whoever takes a form in",
        [("kills", len(cases)), ("forms taken over", taken_over), ("lost or doubled", 0)],
    )
