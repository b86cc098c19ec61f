"""Clocks an hour apart: instances and workers that take another time for the right one do no harm.

The processes are whole ones whose system calls for the time are answered wrongly by Debian's
`faketime`.
"""

import asyncio
import itertools
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from app.embedded import EmbeddedValkey
from app.state import keys
from plugins.queue import ArqQueue, queue_name
from tests.faults.conftest import Show
from tests.support.api import Api
from tests.support.clocks import library, set_clock, wrong_clock
from tests.support.listener import Listener, settled
from tests.support.patient import Writers
from tests.support.processes import (
    Instance,
    Program,
    StartInstance,
    environment,
    instances,
    triage,
)
from tests.support.proofs import STORY, rounds
from tests.support.receivers import receiving
from tests.support.valkey import Wire
from tests.support.waiting import until

pytestmark = [
    pytest.mark.faketime,
    pytest.mark.skipif(library() is None, reason="needs Debian's faketime"),
    pytest.mark.timeout(3_600),
]

HOUR = 3_600
CLOCKS = {"behind": -HOUR, "right": 0, "ahead": HOUR}
WRITERS = 3
A_CASE = 10
A_ROUND = 30
RIGHT_MS = 60_000
"""What is written down may be off by this, on a busy machine: it is not an hour."""
PATIENCE = 120.0
RATE = 6
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def start(own_valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[StartInstance]:
    """Start instances on a storage of their own."""
    with instances(own_valkey.url, tmp_path) as starting:
        yield starting


def skewed(start: StartInstance, **settings: str) -> Mapping[str, Instance]:
    """Start an instance for each clock."""
    made = {
        name: start(env={**settings, **(wrong_clock(by) if by else {})}, wait=False)
        for name, by in CLOCKS.items()
    }
    for one in made.values():
        one.wait_ready()
    return made


def off_by(at_ms: float) -> float:
    """Return by how many milliseconds a time is not now."""
    return abs(at_ms - time.time() * 1_000)


def test_no_turn_is_lost_or_doubled_by_wrong_clocks(
    start: StartInstance, own_valkey: EmbeddedValkey, show: Show
) -> None:
    """Whoever writes at all three at once, while they are killed, finds everything once, in order.

    Nobody takes a turn over whose owner lives; keys are one turn everywhere; what is kept ends when
    it should; and what was written down is the right time.
    """
    running = dict(skewed(start, TRIAGE_PACE_MS="5"))
    killed = 0
    turn = itertools.cycle(CLOCKS)
    writers = Writers(lambda: Api(running[next(turn)].port), a_case=A_CASE)
    with ThreadPoolExecutor(WRITERS) as pool:
        written = [pool.submit(writers.write, f"writer {number}") for number in range(WRITERS)]
        try:
            for _, victim in zip(range(rounds(2)), itertools.cycle(CLOCKS), strict=False):
                writers.wait_for(A_ROUND)
                running[victim].kill()
                killed += 1
                by = CLOCKS[victim]
                running[victim] = start(
                    env={"TRIAGE_PACE_MS": "5", **(wrong_clock(by) if by else {})}
                )
            writers.wait_for(A_ROUND)
        finally:
            writers.stop()
        cases = [one for each in written for one in each.result()]
    apis = {name: Api(one.port) for name, one in running.items()}
    for case, said in cases:
        turns = settled(apis["right"], case)
        assert [one["message"] for one in turns] == said
        assert all(one["outcome"] == "completed" for one in turns)
    quiet = 0
    for name, api in apis.items():
        listener = Listener(api.start(locale="en"), STORY, uuid4().hex)
        assert listener.say(api)
        assert len({one.id.partition("-")[0] for one in listener.frames if one.id}) == 1, name
        quiet += 1
        key = uuid4().hex
        answers = {
            one.say(listener.case, "It got worse.", Idempotency_Key=key).headers["triage-turn"]
            for one in apis.values()
        }
        assert answers == {"2"}
        with Wire(own_valkey.socket) as wire:
            meta = keys.CaseKeys(listener.case.id).meta
            lives = int(wire.call("TTL", meta) or 0)
            wire.call("HGET", meta, "x")
            assert abs(lives - int(wire.call("HGET", meta, "x") or 0)) <= RIGHT_MS / 1_000
            listed = float(wire.call("ZSCORE", keys.live(listener.case.id), listener.case.id) or 0)
            assert off_by(listed) <= RIGHT_MS
        link = api.post(f"/cases/{listener.case.id}/links", None, listener.case.token)
        assert link.status == 201, link
        for other in apis.values():
            opened = other.post("/open-link", {"code": link.json()["code"]}, key=key)
            assert opened.status == 200, opened
    show(
        "clocks an hour behind, right and an hour ahead, under three writers",
        [
            ("instances killed", killed),
            ("messages acknowledged", sum(len(said) for _, said in cases)),
            ("lost, doubled or out of order", 0),
            ("turns of living owners that were taken over", f"0 of {quiet}"),
        ],
    )


def test_a_rate_is_one_rate_whatever_the_clocks_say(start: StartInstance) -> None:
    """What an instance has let in counts at one whose clock is an hour ahead, or behind."""
    made = skewed(start, TRIAGE_RATE_ADDRESS=str(RATE), TRIAGE_OPEN_INTAKE="1")
    apis = itertools.cycle([Api(one.port) for one in made.values()])
    began = time.monotonic()
    answers = [
        next(apis).post("/start", {"locale": "en"}, X_Forwarded_For="198.51.100.1")
        for _ in range(2 * RATE)
    ]
    later = (time.monotonic() - began) * RATE // 60 + 1
    refused = [one for one in answers if one.status == 429]
    assert RATE - later <= len(refused) <= RATE
    assert all(1 <= int(one.headers["retry-after"]) <= 60 for one in refused)


@pytest.mark.parametrize("clock", ["behind", "ahead"])
def test_workers_with_wrong_clocks_do_what_is_due(
    start: StartInstance, own_valkey: EmbeddedValkey, tmp_path: Path, clock: str
) -> None:
    """A wake is taken and a webhook sent at once, with a signature whose time receivers accept.

    The instance's clock is as wrong as the worker's, the other way round.
    """
    with receiving() as receiver:
        hooks = {
            "TRIAGE_WEBHOOK_URL": receiver.url,
            "TRIAGE_WEBHOOK_SECRET": SECRET,
            "TRIAGE_WEBHOOKS_ALLOW_LOOPBACK": "1",
        }
        api = Api(start(env={**hooks, **wrong_clock(-CLOCKS[clock])}).port)
        settings = environment(
            TRIAGE_VAR=str(tmp_path), TRIAGE_REDIS_URL=own_valkey.url, **hooks,
            **wrong_clock(CLOCKS[clock]),
        )  # fmt: skip
        worker = Program("worker", triage("worker"), settings, tmp_path / "worker.log")
        try:
            worker.wait_until(lambda: "worker.started" in worker.output())
            asyncio.run(_woken(own_valkey.url))
            with Wire(own_valkey.socket) as wire:
                until(
                    lambda: not int(wire.call("ZCARD", queue_name("simple")) or 0),
                    "the wake waits for another hour",
                    seconds=PATIENCE,
                )
            case = api.start(locale="en")
            assert api.say(case, STORY).status == 200
            force = api.post("/force-complete", {"case_id": case.id}, case.token, key="k")
            assert force.status == 200
            until(
                lambda: bool(receiver.requests),
                "the webhook waits for another hour",
                seconds=PATIENCE,
            )
            assert receiver.requests[0].verified(SECRET)
        finally:
            worker.close()


def test_a_clock_that_jumps_while_it_serves_moves_nothing(
    start: StartInstance, own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """Set an hour ahead and then two back, an instance goes on, and writes down the right time."""
    told_in = tmp_path / "clock"
    one = start(env=wrong_clock(0, told_in))
    api = Api(one.port)
    case = api.start(locale="en")
    for number, shift in enumerate((HOUR, -HOUR, 0), 1):
        set_clock(told_in, shift)
        _wait_dated(api, shift)
        assert api.say(case, f"{STORY} {number}").status == 200
        with Wire(own_valkey.socket) as wire:
            listed = float(wire.call("ZSCORE", keys.live(case.id), case.id) or 0)
        assert off_by(listed) <= RIGHT_MS
    assert [turn["message"] for turn in settled(api, case)] == [
        f"{STORY} {number}" for number in (1, 2, 3)
    ]


def _wait_dated(api: Api, shift: int) -> None:
    """Wait until the process itself takes another time for the right one."""
    from email.utils import parsedate_to_datetime

    def is_dated() -> bool:
        date = parsedate_to_datetime(api.get("/status/none").headers["date"])
        return abs(date.timestamp() - time.time() - shift) < RIGHT_MS / 1_000

    until(is_dated, "the clock does not jump")


async def _woken(url: str) -> None:
    queue = ArqQueue(url)
    try:
        await queue.wake(f"{uuid4().hex}:1", "simple", "a token")
    finally:
        await queue.close()
