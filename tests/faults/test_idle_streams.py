"""People who leave the page open: streams on which nothing happens cost next to nothing."""

import asyncio
import time
from uuid import uuid4

import pytest

from app.core.runner import HEARTBEAT_SECONDS
from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import Api, Case
from tests.support.idling import Idle, cpu_seconds
from tests.support.memory import resident
from tests.support.proofs import STORY, rounds

A_CASE = 20
"""So many streams look at each case: a case takes 200."""
USUAL = 200
USUAL_SECONDS = 20
LONG_SECONDS = 600
SILENT_SECONDS = 30.0
"""Longer than two heartbeats apart on a machine that is busy with other things: somebody was
forgotten."""
STREAM_BYTES = 150_000
"""At most for one stream, with its connection, its task and its place among the subscriptions."""
PATIENCE = 60.0


@pytest.mark.timeout(1_800)
async def test_idle_streams_live_and_are_cheap(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey, show: Show
) -> None:
    """Each of them gets its heartbeats, lives to the end, and then hears what happens."""
    number = rounds(USUAL)
    seconds = LONG_SECONDS if number > USUAL else USUAL_SECONDS
    (instance,) = make_fleet(own_valkey).some(1)
    api = instance.api
    cases = [await asyncio.to_thread(api.start, locale="en") for _ in range(number // A_CASE)]
    streams = [Idle(api.port, case) for case in cases for _ in range(A_CASE)]
    before = resident(instance.pid)
    try:
        for one in streams:
            await one.open()
        opened = resident(instance.pid)
        used = cpu_seconds(instance.pid)
        began = time.monotonic()
        due = int(seconds // HEARTBEAT_SECONDS)
        async with asyncio.timeout(seconds + PATIENCE):
            await asyncio.gather(*(one.hear(":", due) for one in streams))
        idled = time.monotonic() - began
        used = cpu_seconds(instance.pid) - used
        after = resident(instance.pid)
        await asyncio.gather(*(asyncio.to_thread(_speak, api, one) for one in cases))
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(one.hear("event", 1) for one in streams))
        alive = sum(one.is_open for one in streams)
    finally:
        for one in streams:
            await one.close()
    show(
        f"streams on which nothing happens, for {idled:.0f} s",
        [
            ("streams", len(streams)),
            ("alive at the end, and heard what happened", alive),
            ("heartbeats", sum(one.told[":"] for one in streams)),
            ("longest silence", f"{max(one.longest for one in streams):.1f} s"),
            ("memory for each, opened", f"{(opened - before) / len(streams) / 1e3:.1f} kB"),
            ("memory for each, at the end", f"{(after - before) / len(streams) / 1e3:.1f} kB"),
            ("processor", f"{100 * used / idled:.1f} % of one"),
            ("lost", len(streams) - alive),
        ],
    )
    assert alive == len(streams)
    assert max(one.longest for one in streams) <= SILENT_SECONDS
    assert (after - before) / len(streams) <= STREAM_BYTES


def _speak(api: Api, case: Case) -> None:
    answer = api.say(case, STORY, Idempotency_Key=uuid4().hex)
    assert answer.status in {200, 202}, answer
