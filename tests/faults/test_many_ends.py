"""Many cases end in the same second: nobody has to wait for that, and nothing of them stays."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.embedded import EmbeddedValkey
from app.state import keys
from app.state.conversations import ConversationStateManager
from tests.faults.conftest import Show
from tests.support.api import Api, Case
from tests.support.copies import Original, copy, end_at, original, present
from tests.support.processes import instances
from tests.support.proofs import STORY, rounds
from tests.support.sealed import store_at
from tests.support.valkey import Wire
from tests.support.waiting import until

CLIENTS = 4
AWAY_FROM_NOW = 8
"""Seconds until they end, at least."""
SLOWER = 4
"""So much longer than in a rehearsal it may take to tell them their end."""
LONGEST_SECONDS = 20.0
"""Even where machines are busy, no answer takes longer."""
LEFT_OVER = 0.1
"""Of the memory they took: what the allocator and the lists that name them may keep."""


class Clients:
    """People who read and write without a break; what every answer took is kept."""

    def __init__(self, api: Api) -> None:
        """Nobody has begun."""
        self._api = api
        self._stopped = threading.Event()
        self.took: list[tuple[float, float]] = []
        """When each request began, and what it took."""

    def go_on(self) -> None:
        """Read and write until told to stop; every answer has to be a good one."""
        case = self._api.start(locale="pt-BR")
        said = 0
        while not self._stopped.is_set():
            for path in ("/status/", "/cases/"):
                began = time.monotonic()
                assert self._api.get(path + case.id, case.token).status == 200
                self.took.append((began, time.monotonic() - began))
            if said < 60:
                began = time.monotonic()
                assert self._api.say(case, f"{STORY} {said}").status == 200
                self.took.append((began, time.monotonic() - began))
                said += 1

    def stop(self) -> None:
        """Let everybody finish what they are at."""
        self._stopped.set()


@pytest.mark.timeout(3_600)
def test_many_cases_that_end_at_once_hold_nobody_up(
    own_valkey: EmbeddedValkey, tmp_path: Path, show: Show
) -> None:
    """While they end, requests are answered; then their memory is free and no list names them."""
    number = rounds(2_000)
    with (
        instances(own_valkey.url, tmp_path) as start,
        Wire(own_valkey.socket) as wire,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        api = Api(start().port)
        case = api.start(locale="pt-BR")
        assert api.say(case, STORY).status == 200
        used = _info(wire, "used_memory")
        model, ids = asyncio.run(_copied(own_valkey.url, case, number))
        full = _info(wire, "used_memory")
        assert asyncio.run(_present(own_valkey.url, model, ids)) == number * len(model.parts)
        clients = Clients(api)
        going = [pool.submit(clients.go_on) for _ in range(CLIENTS)]
        try:
            began = time.monotonic()
            asyncio.run(_ended(own_valkey.url, model, ids, int(time.time()) + 86_400))
            rehearsed = time.monotonic() - began
            second = int(time.time() + AWAY_FROM_NOW + SLOWER * rehearsed)
            asyncio.run(_ended(own_valkey.url, model, ids, second))
            assert time.time() < second, "telling them their end took too long"
            until(lambda: time.time() >= second, "the time does not come", seconds=1_800)
            began = time.monotonic()
            until(
                lambda: _expired(wire) >= number * len(model.parts), "they do not end", seconds=300
            )
            took = time.monotonic() - began
            until(lambda: _info(wire, "used_memory") < used + (full - used) / 2, "memory is kept")
        finally:
            clients.stop()
        for one in going:
            one.result()
        assert asyncio.run(_present(own_valkey.url, model, ids)) == 0
        swept = asyncio.run(_swept(own_valkey.url))
        left = (_info(wire, "used_memory") - used) / (full - used)
        meanwhile = sorted(t for at, t in clients.took if at <= began + took and at + t >= began)
        before = sorted(t for at, t in clients.took if at < began)
    show(
        "cases that end in the same second, under four clients",
        [
            ("cases, keys", f"{number:,}, {number * len(model.parts):,}"),
            ("all gone after", f"{took:.1f} s"),
            ("requests meanwhile, all answered", f"{len(meanwhile):,}"),
            ("p50, p99, longest before", _percentiles(before)),
            ("p50, p99, longest meanwhile", _percentiles(meanwhile)),
            ("memory before, full", f"{used / 1e6:.0f} MB, {full / 1e6:.0f} MB"),
            ("of what they took still taken", f"{left:.1%}"),
            ("swept off the lists", f"{swept:,}"),
        ],
    )
    assert meanwhile
    assert max(meanwhile) <= LONGEST_SECONDS
    assert left <= LEFT_OVER or full - used < 50_000_000  # in little memory buffers weigh much
    assert swept >= number


def _percentiles(took: list[float]) -> str:
    if not took:
        return "none"
    picked = (took[len(took) // 2], took[len(took) * 99 // 100], took[-1])
    return ", ".join(f"{one * 1_000:.0f} ms" for one in picked)


async def _copied(url: str, case: Case, number: int) -> tuple[Original, list[str]]:
    store = store_at(url)
    try:
        model = await original(store, case.id)
        return model, await copy(store, model, number, ends_at=int(time.time()) + 86_400)
    finally:
        await store.close()


async def _ended(url: str, model: Original, ids: list[str], second: int) -> None:
    store = store_at(url)
    try:
        await end_at(store, model, ids, second)
    finally:
        await store.close()


async def _present(url: str, model: Original, ids: list[str]) -> int:
    store = store_at(url)
    try:
        return await present(store, model, ids)
    finally:
        await store.close()


async def _swept(url: str) -> int:
    """Do once what every worker does twice a minute; returns how many names went off the lists."""
    store = store_at(url)
    lists = [keys.CASES, *(keys.live_shard(one) for one in range(keys.LIVE_SHARDS))]
    conversations = ConversationStateManager(store, "sweeper")
    try:
        before = sum(await store.commands(("ZCARD", one) for one in lists))
        await conversations.sweep(stale_ms=0)
        after = sum(await store.commands(("ZCARD", one) for one in lists))
        for one in lists:
            for case_id in await store.command("ZRANGE", one, 0, -1):
                assert await store.command("EXISTS", keys.CaseKeys(case_id.decode()).meta)
        return int(before - after)
    finally:
        await store.close()


def _expired(wire: Wire) -> int:
    return _info(wire, "expired_keys")


def _info(wire: Wire, name: str) -> int:
    lines = (wire.call("INFO", "everything") or b"").decode().splitlines()
    return next(int(line.partition(":")[2]) for line in lines if line.startswith(f"{name}:"))
