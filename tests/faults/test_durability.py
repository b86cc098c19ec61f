"""Durability: Valkey is killed under writers, and whatever was acknowledged is there afterwards."""

import asyncio
import itertools
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.embedded import EmbeddedValkey
from app.state.conversations import ConversationStateManager
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import Api, Case
from tests.support.cases import finished, opened, post
from tests.support.listener import Listener, conversation, settled, wait_for_words
from tests.support.patient import Writers, check_kept
from tests.support.processes import get
from tests.support.proofs import STORY, rounds, spread
from tests.support.sealed import store_at

WRITERS = 6
A_CASE = 25
SERVING_SECONDS = 3.0
AWAY_SECONDS = 10.0
MANY = 20_000
MANY_SERVING_SECONDS = 1.5


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
    check_kept(cases, lambda: next(apis))
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


@pytest.mark.timeout(600)
def test_valkey_may_be_away_for_ten_seconds(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey, show: Show
) -> None:
    """Meanwhile every request is answered with 503 and a time; afterwards all goes on, whole."""
    instances = make_fleet(own_valkey).pair()
    apis = itertools.cycle([one.api for one in instances])
    writers = Writers(lambda: next(apis), a_case=A_CASE)
    refused = 0
    with ThreadPoolExecutor(WRITERS) as pool:
        written = [pool.submit(writers.write, f"writer {number}") for number in range(WRITERS)]
        try:
            writers.wait_for(60)
            own_valkey.kill()
            until = time.monotonic() + AWAY_SECONDS
            while time.monotonic() < until:
                for one in instances:
                    answer = one.api.post("/start", {"locale": "en"})
                    assert answer.status == 503, answer
                    assert int(answer.headers["retry-after"]) >= 1
                    assert get(one.port, "/health/ready")[0] == 503
                    assert get(one.port, "/health/live")[0] == 200
                    refused += 1
            began = time.monotonic()
            own_valkey.start()
            serving = writers.wait_for(1) - began
            writers.wait_for(60)
        finally:
            writers.stop()
        cases = [one for each in written for one in each.result()]
    check_kept(cases, lambda: next(apis))
    show(
        "Valkey away for ten seconds under six writers at two instances",
        [
            ("messages acknowledged", sum(len(said) for _, said in cases)),
            ("requests answered with 503 and a time meanwhile", refused),
            ("lost, doubled or out of order", 0),
            ("restart to served", f"{serving * 1_000:.0f} ms"),
        ],
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_conversations_are_served_soon_after_a_kill(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey, show: Show
) -> None:
    """Twenty thousand conversations are all there, and whoever writes hardly had to wait."""
    began = time.monotonic()
    ids = asyncio.run(_filled(own_valkey.url))
    filled = time.monotonic() - began
    (instance,) = make_fleet(own_valkey).some(1)
    writers = Writers(lambda: instance.api, a_case=A_CASE)
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(writers.write, "a writer")
        writers.wait_for(20)
        own_valkey.kill()
        began = time.monotonic()
        own_valkey.start()
        serving = writers.wait_for(1) - began
        writers.stop()
        cases = written.result()
    assert asyncio.run(_whole(own_valkey.url, ids)) == MANY
    for case, said in cases:
        assert [one["message"] for one in settled(instance.api, case)] == said
    size = sum(one.stat().st_size for one in own_valkey.folder.rglob("*.aof"))
    show(
        "kill -9 of Valkey that holds many conversations",
        [
            ("conversations of one turn", MANY),
            ("written in", f"{filled:.0f} s"),
            ("append-only file", f"{size / 1e6:.0f} MB"),
            ("restart to served", f"{serving * 1_000:.0f} ms"),
        ],
    )
    assert serving <= MANY_SERVING_SECONDS


async def _filled(url: str) -> list[str]:
    """Keep many conversations of one turn each; returns their ids."""
    store = store_at(url)
    conversations = ConversationStateManager(store, "filler")
    free = asyncio.Semaphore(50)

    async def one() -> str:
        async with free:
            case_id = (await opened(conversations, ttl=3_600)).case_id
            claim = (await post(conversations, case_id, STORY, claim=True)).claim
            assert claim is not None
            await finished(conversations, claim, f"And then, {case_id}?", ttl=3_600)
            return case_id

    try:
        return list(await asyncio.gather(*(one() for _ in range(MANY))))
    finally:
        await store.close()


async def _whole(url: str, ids: list[str]) -> int:
    """Return how many of these conversations are there as they were written."""
    store = store_at(url)
    conversations = ConversationStateManager(store, "counter")
    try:
        found = 0
        for case_id in ids:
            (turn,) = await conversations.turns(case_id)
            found += turn.reply == f"And then, {case_id}?"
        return found
    finally:
        await store.close()


def _resting(api: Api) -> Case:
    case = api.start(locale="en")
    assert api.say(case, STORY).status == 200
    return case


def _completed(api: Api) -> Case:
    case = _resting(api)
    assert api.say(case, "that is all").json()["interview"] == "complete"
    return case
