"""Draining: an instance that is told to end hands over at once, and nobody's request fails."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from uuid import uuid4

import pytest

from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import Api
from tests.support.listener import Listener, settled, wait_for_words
from tests.support.patient import Writers
from tests.support.proofs import STORY, rounds, spread

STREAMS = 6
HANDED_OVER_SECONDS = 0.6
"""Sooner than any lease runs out; by the median, since processors are shared."""
LONGEST_SECONDS = 1.8
"""The protocol's own limit for whoever takes a turn over."""
EXIT_SECONDS = 5.0
WRITERS = 6


@pytest.mark.timeout(3_600)
def test_a_turn_goes_on_at_once_where_an_instance_is_told_to_end(
    make_fleet: MakeFleet, valkey: EmbeddedValkey, show: Show
) -> None:
    """Readers are told to look elsewhere, and the next owner begins before any lease runs out."""
    instances = make_fleet(valkey, TRIAGE_PACE_MS="15")
    gaps: list[float] = []
    exits: list[float] = []
    for _ in range(rounds(3)):
        first, second, _ = instances.some(3)
        listeners = [
            Listener(first.api.start(locale="en"), STORY, uuid4().hex) for _ in range(STREAMS)
        ]
        with ThreadPoolExecutor(STREAMS) as pool:
            reading = [pool.submit(one.say, first.api) for one in listeners]
            wait_for_words(listeners, 5)
            told = time.monotonic()
            first.terminate()
            assert not any(one.result() for one in reading)
            assert [one.closings for one in listeners] == [1] * STREAMS
            list(pool.map(_read_to_the_end, listeners, [second.api] * STREAMS))
        first.wait_ended()
        exits.append(time.monotonic() - told)
        instances.remove(first)
        instances.add()
        for one in listeners:
            restarted = [
                at for at, frame in enumerate(one.frames) if frame.event == "turn.restarted"
            ]
            assert [one.frames[at].data["reason"] for at in restarted] == ["handover"]
            gaps.append(one.came[restarted[0]] - told)
            (turn,) = settled(second.api, one.case)
            assert turn["reply"] == one.message()
    show(
        "SIGTERM while turns are being answered",
        [
            ("turns handed over", len(gaps)),
            ("signal to next event", ", ".join(f"{k} {v}" for k, v in spread(gaps).items())),
            ("signal to end", ", ".join(f"{k} {v}" for k, v in spread(exits).items())),
            ("words lost or doubled", 0),
        ],
    )
    assert median(gaps) <= HANDED_OVER_SECONDS
    assert max(gaps) <= LONGEST_SECONDS
    assert max(exits) <= EXIT_SECONDS


def _read_to_the_end(listener: Listener, api: Api) -> None:
    listener.insist(lambda: api)


@pytest.mark.timeout(3_600)
def test_a_rolling_restart_fails_no_request(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey, show: Show
) -> None:
    """Under load every instance is replaced; all that is asked of a client is to ask the other."""
    instances = make_fleet(own_valkey)
    serving = list(instances.pair())
    turns = itertools.count()

    def where() -> Api:
        return serving[next(turns) % len(serving)].api

    writers = Writers(where, a_case=12, wait=30)
    replaced = 0
    with ThreadPoolExecutor(WRITERS) as pool:
        written = [pool.submit(writers.write, f"writer {number}") for number in range(WRITERS)]
        try:
            for _ in range(rounds(3) * 2):
                writers.wait_for(30)
                another = instances.add()
                another.wait_ready()
                leaving = serving[0]
                leaving.terminate()
                leaving.wait_ended()
                serving[:] = [serving[1], another]
                instances.remove(leaving)
                replaced += 1
            writers.wait_for(30)
        finally:
            writers.stop()
        cases = [one for each in written for one in each.result()]
    for case, said in cases:
        found = settled(where(), case)
        assert [one["message"] for one in found] == said
        assert all(one["outcome"] == "completed" for one in found)
    show(
        "rolling restart under six writers",
        [
            ("instances replaced", replaced),
            ("requests answered", writers.count),
            ("asked again", dict(writers.repeated)),
            ("failed", 0),
        ],
    )
