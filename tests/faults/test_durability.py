"""Durability: Valkey is killed under writers, and whatever was acknowledged is there afterwards."""

import itertools
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import Api, Case
from tests.support.listener import Listener, conversation, settled, wait_for_words
from tests.support.patient import Writers
from tests.support.proofs import STORY, rounds, spread

WRITERS = 6
A_CASE = 25
SERVING_SECONDS = 3.0


@pytest.mark.timeout(3_600)
def test_nothing_acknowledged_is_lost_when_valkey_is_killed(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey, show: Show
) -> None:
    """Every acknowledged message is in its conversation, once, in order, and answered."""
    chance = random.Random(20_260_302)
    apis = itertools.cycle([one.api for one in make_fleet(own_valkey).pair()])
    writers = Writers(lambda: next(apis), a_case=A_CASE)
    serving: list[float] = []
    with ThreadPoolExecutor(WRITERS) as pool:
        written = [pool.submit(writers.write, f"writer {number}") for number in range(WRITERS)]
        try:
            for _ in range(rounds(3)):
                writers.wait_for(chance.randint(60, 180))
                own_valkey.kill()
                began = time.monotonic()
                own_valkey.start()
                serving.append(writers.wait_for(1) - began)
            writers.wait_for(60)
        finally:
            writers.stop()
        cases = [one for each in written for one in each.result()]
    for case, said in cases:
        turns = settled(next(apis), case)
        assert [one["message"] for one in turns] == said
        assert all(one["outcome"] == "completed" for one in turns)
    show(
        "kill -9 of Valkey under six writers at two instances",
        [
            ("kills", len(serving)),
            ("messages acknowledged", sum(len(said) for _, said in cases)),
            ("attempts repeated", writers.repeated.total()),
            ("lost, doubled or out of order", 0),
            ("restart to served", ", ".join(f"{k} {v}" for k, v in spread(serving).items())),
        ],
    )
    assert max(serving) <= SERVING_SECONDS


def test_a_restart_recovers_every_conversation(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey
) -> None:
    """After the end of all processes at once, everything is there and what was begun is finished.

    Some cases are completed, some between two turns, and in some a turn is half said while others
    wait behind it.
    """
    instances = make_fleet(own_valkey, TRIAGE_PACE_MS="40")
    first, second = (one.api for one in instances.pair())
    completed = [_completed(api) for api in (first, second) * 2]
    resting = [_resting(api) for api in (first, second) * 2]
    before = {case: conversation(first, case) for case in completed + resting}
    results = {case: first.get(f"/result/{case.id}", case.token).json() for case in completed}
    running = [Listener(api.start(locale="en"), STORY, "k") for api in (first, second) * 2]
    with ThreadPoolExecutor(len(running)) as pool:
        reading = [
            pool.submit(listener.say, api)
            for listener, api in zip(running, (first, second) * 2, strict=True)
        ]
        wait_for_words(running, 3)
        for listener in running:
            for text in ("The neighbour was not at home.", "Since then it got worse."):
                assert second.say(listener.case, text, Prefer="wait=0").status == 202
        own_valkey.kill()
        instances.kill_all()
        assert not any(one.result() for one in reading)
    own_valkey.start()
    (after, _) = (one.api for one in instances.pair())
    assert {case: conversation(after, case) for case in before} == before
    assert {case: after.get(f"/result/{case.id}", case.token).json() for case in results} == results
    for listener in running:
        listener.insist(lambda: after)
        turns = settled(after, listener.case)
        assert [one["message"] for one in turns] == [
            STORY, "The neighbour was not at home.", "Since then it got worse.",
        ]  # fmt: skip
        assert turns[0]["reply"] == listener.message()
        assert all(one["outcome"] == "completed" and one["reply"] for one in turns)


def _resting(api: Api) -> Case:
    case = api.start(locale="en")
    assert api.say(case, STORY).status == 200
    return case


def _completed(api: Api) -> Case:
    case = _resting(api)
    assert api.say(case, "that is all").json()["interview"] == "complete"
    return case
