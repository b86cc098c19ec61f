"""Real instances go by the flags of a server, of a file and of webhooks, and by nothing bad."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.embedded import EmbeddedValkey
from app.state.store import Store
from plugins.flags.payload import read_payload
from plugins.flags.plugin import FlagsConfig
from tests.flags.conftest import StartMember
from tests.support.api import OPERATOR_TOKEN
from tests.support.fleet import Member
from tests.support.growthbook import KEY, SECRET, GrowthBookServer, flags_with, growthbook, hook

WITHIN_SECONDS = 1.0


def wait_until(holds: Callable[[], bool], seconds: float = 20.0) -> float:
    """Wait until something holds; returns how long that took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds
        time.sleep(0.01)
    return time.monotonic() - began


def flags_of(instance: Member) -> Any:
    """Return what an instance says of its flags."""
    answer = instance.api.get("/flags", OPERATOR_TOKEN)
    assert answer.status == 200, answer
    return answer.json()


def weights(instance: Member) -> list[float]:
    """Return the live weights of v1 and v2."""
    (experiment,) = flags_of(instance)["features"][0]["experiments"]
    return [one["weight"] for one in experiment["variations"]]


@pytest.fixture
def env(server: GrowthBookServer) -> dict[str, str]:
    """Settings with which an instance goes by the test's GrowthBook."""
    return {
        "TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN,
        "TRIAGE_GROWTHBOOK_HOST": server.url,
        "TRIAGE_GROWTHBOOK_CLIENT_KEY": KEY,
        "TRIAGE_GROWTHBOOK_WEBHOOK_SECRET": SECRET,
        "TRIAGE_GROWTHBOOK_POLL_SECONDS": "1",
        "TRIAGE_PACE_MS": "0",
    }


@pytest.fixture
def pair(start: StartMember, env: dict[str, str]) -> tuple[Member, Member]:
    """Two instances; only the first asks GrowthBook, so that the second hears of it from it."""
    first = start(**env)
    alone = {**env, "TRIAGE_GROWTHBOOK_CLIENT_KEY": ""}
    return first, start(**alone)


def test_a_change_reaches_every_instance(
    pair: tuple[Member, Member], server: GrowthBookServer
) -> None:
    """By poll and by webhook, within a second of its coming; nothing is restarted."""
    first, second = pair
    wait_until(lambda: flags_of(first)["source"] == "poll")
    by_poll, by_webhook = [], []
    for share in (0.2, 0.3, 0.4):
        server.flags = flags_with((share, 1 - share))
        wait_until(lambda share=share: weights(first) == [share, 1 - share])  # type: ignore[misc]
        by_poll.append(wait_until(lambda share=share: weights(second) == [share, 1 - share]))  # type: ignore[misc]
    for share in (0.2, 0.1, 0.0):
        wanted = flags_with((share, 1 - share))
        server.flags = wanted
        headers, body = hook(wanted)
        answer = second.api.call("POST", "/api/v2/triage/webhooks/growthbook", body, **headers)
        assert answer.status == 200, answer
        assert weights(second) == [share, 1 - share]
        by_webhook.append(wait_until(lambda share=share: weights(first) == [share, 1 - share]))  # type: ignore[misc]
    # A machine that runs tests may stand still for a moment, but not each time.
    assert max(min(by_poll), min(by_webhook)) < WITHIN_SECONDS
    assert flags_of(first)["hash"] == flags_of(second)["hash"] == answer.json()["hash"]
    started = first.api.post("/start", {"user_ref": "ana"}).json()
    assert started["variant"] == "v2"


def test_forged_and_repeated_webhooks_are_refused(pair: tuple[Member, Member]) -> None:
    """Also by another instance than the one that has seen the first."""
    first, second = pair
    headers, body = hook(flags_with((0.3, 0.7)))
    path = "/api/v2/triage/webhooks/growthbook"
    assert first.api.call("POST", path, body, **headers).status == 200
    assert second.api.call("POST", path, body, **headers).status == 401
    forged, _ = hook(flags_with((1.0, 0.0)), secret="wk_guessed")
    assert first.api.call("POST", path, body, **forged).status == 401
    bare = first.api.call("POST", path, body, Content_Type="application/json")
    assert bare.status == 401
    useless, nothing = hook(b"nonsense")
    assert first.api.call("POST", path, nothing, **useless).status == 422
    wait_until(lambda: flags_of(second)["source"] == "webhook")
    assert weights(second) == [0.3, 0.7]


def test_an_older_change_does_not_undo_a_newer_one(
    pair: tuple[Member, Member], server: GrowthBookServer
) -> None:
    """A poll that saw GrowthBook before a webhook came does not win over it."""
    first, _ = pair
    server.flags = flags_with((0.5, 0.5), dateUpdated="2026-01-01T00:00:00.000Z")
    asked = len(server.requests)
    newer = flags_with((0.1, 0.9), dateUpdated="2026-01-02T00:00:00.000Z")
    headers, body = hook(newer)
    path = "/api/v2/triage/webhooks/growthbook"
    assert first.api.call("POST", path, body, **headers).status == 200
    wait_until(lambda: len(server.requests) > asked + 1)
    assert weights(first) == [0.1, 0.9]


def test_nothing_fails_while_growthbook_does(
    start: StartMember, env: dict[str, str], server: GrowthBookServer
) -> None:
    """Cold start included: away, stalled, 500, garbage, too large; every case is opened."""
    server.stalled.clear()
    began = time.monotonic()
    cold = start(**env)
    assert time.monotonic() - began < 60
    assert flags_of(cold)["source"] == "shipped"
    failed: list[int] = []
    opened = 0
    done = threading.Event()

    def load() -> None:
        nonlocal opened
        while not done.is_set():
            answer = cold.api.post("/start", {"user_ref": uuid4().hex})
            opened += 1
            if answer.status != 201:
                failed.append(answer.status)

    workers = [threading.Thread(target=load) for _ in range(2)]
    for one in workers:
        one.start()
    try:
        server.stalled.set()
        wait_until(lambda: flags_of(cold)["source"] == "poll")
        good = flags_of(cold)["hash"]
        for status, body in (
            (500, b"oops"),
            (200, b"<html>"),
            (200, b"{}"),
            (200, b"[" * 200_000),
            (200, b'{"features": "' + b"x" * 3_000_000 + b'"}'),
        ):
            asked = len(server.requests)
            server.status, server.flags = status, body
            wait_until(lambda asked=asked: len(server.requests) > asked + 1)  # type: ignore[misc]
        server.close()
        time_to_notice = opened + 50
        wait_until(lambda: opened > time_to_notice)
        assert flags_of(cold)["hash"] == good
    finally:
        done.set()
        for one in workers:
            one.join()
    assert failed == []
    assert opened > 100
    again = start(**env)
    assert flags_of(again)["hash"] == flags_of(cold)["hash"]


def test_a_file_does_what_a_server_does(start: StartMember, tmp_path: Path) -> None:
    """It is taken up when it changes, also by instances that do not see it; mistakes are not."""
    file = tmp_path / "flags.json"
    file.write_bytes(flags_with((0.25, 0.75)))
    env = {"TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN}
    first = start(**{**env, "TRIAGE_FLAGS_FILE": str(file)})
    second = start(**env)
    wait_until(lambda: weights(first) == [0.25, 0.75] == weights(second))
    file.write_bytes(b"{")
    first.wait_said("flags.not_taken")
    assert weights(first) == [0.25, 0.75]
    file.write_bytes(flags_with((0.75, 0.25)))
    wait_until(lambda: weights(first) == [0.75, 0.25] == weights(second))


async def test_nobody_is_assigned_before_the_file_is_read(
    own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """An instance that has started goes by its file: the first person would stay where they are."""
    file = tmp_path / "flags.json"
    file.write_bytes(flags_with((0.25, 0.75)))
    store = Store(own_valkey.url)
    flags = FlagsConfig(file=file).build(store)
    try:
        await flags.start()
        assert flags.source == "file"
        assert flags.evaluator.payload.hash == read_payload(file.read_bytes()).hash
    finally:
        await flags.close()
        await store.close()


def test_a_person_stays_where_they_were(start: StartMember, env: dict[str, str]) -> None:
    """Whichever instance opens their next case, and whatever the weights have become."""
    with growthbook() as other:
        other.flags = flags_with((1.0, 0.0))
        first = start(**{**env, "TRIAGE_GROWTHBOOK_HOST": other.url})
        wait_until(lambda: flags_of(first)["source"] == "poll")
        assert first.api.post("/start", {"user_ref": "ana"}).json()["variant"] == "v1"
        other.flags = flags_with((0.0, 1.0))
        wait_until(lambda: weights(first) == [0.0, 1.0])
        second = start(**{**env, "TRIAGE_GROWTHBOOK_CLIENT_KEY": ""})
        wait_until(lambda: weights(second) == [0.0, 1.0])
        assert second.api.post("/start", {"user_ref": "ana"}).json()["variant"] == "v1"
        assert second.api.post("/start", {"user_ref": "rui"}).json()["variant"] == "v2"
