"""Shortage: where disk or memory is full, writing stops with a word, and reading goes on."""

import itertools
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.datafolder import socket_path
from app.diskroom import RESERVE_BYTES
from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import Answer, Api, Case
from tests.support.disks import Disk
from tests.support.listener import conversation, settled
from tests.support.patient import Writers
from tests.support.processes import Program, children, environment, free_port, get, triage
from tests.support.proofs import STORY, rounds
from tests.support.valkey import Wire
from tests.support.waiting import until

WRITERS = 4
A_CASE = 25
REFUSED = 20
"""So many writes are refused while reading goes on, in each round."""
MEGABYTES = 400


@contextmanager
def writing(api: Callable[[], Api]) -> Iterator[Writers]:
    """Let people write at an instance; in the end everything acknowledged is there and answered."""
    writers = Writers(api, a_case=A_CASE)
    with ThreadPoolExecutor(WRITERS) as pool:
        written = [pool.submit(writers.write, f"writer {number}") for number in range(WRITERS)]
        try:
            yield writers
        finally:
            writers.stop()
        cases = [one for each in written for one in each.result()]
    for case, said in cases:
        turns = settled(api(), case)
        assert [one["message"] for one in turns] == said
        assert all(one["outcome"] == "completed" for one in turns)


def told(api: Api) -> Case:
    """Return a case with a turn in it."""
    case = api.start(locale="en")
    assert api.say(case, STORY).status == 200
    return case


def is_refused(answer: Answer) -> bool:
    """Whether storage refused a write: that is told with a time to come back, or it is another."""
    if answer.status != 503:
        return False
    problem = answer.json()
    assert problem["type"].endswith("state-unavailable"), problem
    assert int(answer.headers["retry-after"]) >= 1
    return True


def write_until_refused(api: Api, case: Case) -> None:
    """Write until a write is refused, which is when it is full."""
    until(lambda: is_refused(api.say(case, "More.", Prefer="wait=0")), "nothing is refused")


def see_it_refused(api: Api, case: Case, *, stays: bool = True) -> None:
    """Let writes be refused, of every kind, and read meanwhile what is there.

    Where the server does not stay but ends and comes back, reading waits for it.
    """
    write_until_refused(api, case)
    seen: list[Any] = []

    def is_read() -> bool:
        whole, *others = (
            api.get(f"/{one}/{case.id}", case.token) for one in ("cases", "status", "result")
        )
        statuses = {one.status for one in others}
        if not stays and 503 in {whole.status, *statuses}:
            return False
        assert whole.status == 200, whole
        assert statuses <= {200, 409}, others
        seen.append(whole.json()["turns"])
        return True

    until(is_read, "it is not read")
    for number in range(REFUSED):
        if number % 2:
            assert is_refused(api.say(case, "One more.", Idempotency_Key=f"refused-{number}"))
        else:
            assert is_refused(api.post("/start", {"locale": "en"}))
        until(is_read, "it is not read")
    assert all(one == seen[0] for one in seen)
    assert get(api.port, "/health/live")[0] == 200
    assert get(api.port, "/health/ready")[0] == 503


def see_it_taken(api: Api, case: Case) -> None:
    """A write that was refused is taken with the same key, once."""
    said = len(settled(api, case))
    for _ in range(2):
        assert api.say(case, "One more.", Idempotency_Key="refused-1").status == 200
    assert len(conversation(api, case)) == said + 1
    assert get(api.port, "/health/ready")[0] == 200


@pytest.mark.timeout(3_600)
def test_full_memory_stops_writing_and_nothing_else(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey, show: Show
) -> None:
    """At `maxmemory` writes are refused whole, with a time to come back; reading goes on."""
    chance = random.Random(20_260_313)
    apis = [one.api for one in make_fleet(own_valkey).pair()]
    shared = itertools.cycle(apis)
    full = rounds(2)
    with Wire(own_valkey.socket) as wire, writing(lambda: next(shared)) as writers:
        case = told(apis[0])
        for _ in range(full):
            writers.wait_for(chance.randint(20, 60))
            used = _info(wire, "used_memory")
            wire.call("CONFIG", "SET", "maxmemory", str(used + chance.randint(0, 100_000)))
            until(
                lambda: is_refused(apis[0].say(case, "More.", Prefer="wait=0")),
                "nothing is refused",
            )
            # What a request needs for itself comes and goes, and would let one in now and then.
            wire.call("CONFIG", "SET", "maxmemory", str(used // 2))
            see_it_refused(apis[0], case)
            wire.call("CONFIG", "SET", "maxmemory", "0")
            writers.wait_for(WRITERS + 1)
        see_it_taken(apis[1], case)
    show(
        "maxmemory reached under four writers at two instances",
        [
            ("times full", full),
            ("writes refused besides, each whole", f"{REFUSED * full} of ours"),
            ("messages acknowledged", writers.count),
            ("lost, doubled or half written", 0),
        ],
    )


@pytest.mark.disk
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("left", [RESERVE_BYTES // 2, 0], ids=["nearly full", "full at once"])
def test_a_full_disk_stops_writing_and_nothing_else(
    tmp_path: Path, make_disk: Callable[[int], Disk], show: Show, left: int
) -> None:
    """`triage up` refuses writes before its disk is full, and goes on when there is room again.

    Where it was filled at once, Valkey ends, comes back, and takes no writes either.
    """
    disk = make_disk(MEGABYTES)
    chance = random.Random(20_260_314)
    port = free_port()
    env = environment(
        TRIAGE_PORT=str(port), TRIAGE_VAR=str(disk.path / "var"), TRIAGE_CACHE="off",
        TRIAGE_RATE_ADDRESS="0",
    )  # fmt: skip
    up = Program("triage up", triage("up", "--no-worker"), env, tmp_path / "up.log")
    full = rounds(2)
    try:
        up.wait_until(lambda: "triage is ready." in up.output())
        server = _valkey(up)
        api = Api(port)
        with writing(lambda: api) as writers:
            case = told(api)
            for number in range(full):
                writers.wait_for(chance.randint(20, 60))
                disk.fill(left)
                _wait_said(up, "no writes are taken", number + 1)
                up.wait_until(lambda: get(port, "/health/redis")[0] == 200)
                see_it_refused(api, case, stays=left > 0)
                disk.make_room()
                writers.wait_for(WRITERS + 1)
            see_it_taken(api, case)
        if left:
            assert _valkey(up) == server
        with Wire(socket_path(disk.path / "var" / "valkey")) as wire:
            assert wire.call("PING") == b"PONG"
    finally:
        up.close()
    show(
        f"a disk with {left // 1_000_000} MB left under four writers at triage up",
        [
            ("times full", full),
            ("writes refused besides, each whole", f"{REFUSED * full} of ours"),
            ("ends of Valkey", up.output().count("ended unexpectedly")),
            ("messages acknowledged", writers.count),
            ("lost, doubled or half written", 0),
        ],
    )


def _wait_said(up: Program, words: str, times: int) -> None:
    up.wait_until(lambda: up.output().count(words) >= times)


def _info(wire: Wire, name: str) -> int:
    lines = (wire.call("INFO", "memory") or b"").decode().splitlines()
    return next(int(line.partition(":")[2]) for line in lines if line.startswith(f"{name}:"))


def _valkey(up: Program) -> int:
    (found,) = [
        pid
        for pid in children(up.pid)
        if b"valkey-server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return found
