"""Takeover: the generating instance is killed at random moments, and no reader can tell."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from msgspec import Struct

from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import Api, Case, Frame
from tests.support.fleet import Fleet
from tests.support.listener import CaseListener, Listener, settled
from tests.support.llmock import LLMock, running_llmock
from tests.support.proofs import STORY, rounds, spread
from tests.support.replies import text, turn_document

NEXT_EVENT_SECONDS = 1.8
PACE_MS = 15
GUIDED_SECONDS = 0.9
"""About as long as an answer takes that nobody disturbs."""
MODEL_SECONDS = 0.6
ACCEPT_SECONDS = 0.03
REPLY = "I am so sorry – that sounds wet! " * 6 + "What would you like us to do? 🚰"


class Kill(Struct, frozen=True):
    """One kill and what came of it."""

    taken_over: bool
    words: int
    """Words that the reader had seen before."""
    gap: float
    """Seconds from the kill to the next owner's first event, where there was one."""


def act(instances: Fleet, after: float, reply: str | None) -> Kill:
    """Say something, kill whoever answers at a moment, and read on elsewhere to the end."""
    first, second, _ = instances.some(3)
    generator, survivor = first.api, second.api
    case = generator.start(locale="en")
    killed: list[float] = []

    def kill() -> None:
        killed.append(time.monotonic())
        first.kill()
        instances.remove(first)
        instances.add()

    life = CaseListener(case)
    listener = Listener(case, STORY, uuid4().hex)
    timer = threading.Timer(after, kill)
    with ThreadPoolExecutor(1) as pool:
        lives = pool.submit(life.until, lambda: survivor if killed else generator, _is_over)
        timer.start()
        listener.say(generator)
        timer.join()
        seen = len(listener.frames)
        listener.insist(lambda: survivor)
        assert [one.data["turn"] for one in lives.result() if one.event == "case.status"] == [1]
    check(listener, survivor, case, reply)
    return Kill(
        taken_over=_was_taken_over(listener.frames),
        words=sum(one.event == "delta" for one in listener.frames[:seen]),
        gap=_gap(listener, killed[0]),
    )


def _is_over(frames: list[Frame]) -> bool:
    return any(one.event == "case.status" for one in frames)


def _was_taken_over(frames: list[Frame]) -> bool:
    restarts = [one.data for one in frames if one.event == "turn.restarted"]
    assert len(restarts) <= 1
    assert all(one["reason"] == "takeover" and one["attempt"] == 2 for one in restarts)
    return bool(restarts)


def _gap(listener: Listener, killed: float) -> float:
    """Return how long after the kill the next owner's first event came; 0 if there was no need."""
    for frame, came in zip(listener.frames, listener.came, strict=True):
        if frame.event == "turn.restarted":
            return came - killed
    return 0.0


def check(listener: Listener, api: Api, case: Case, reply: str | None) -> None:
    """Check that the turn is whole for its reader, in store, and for whoever reads it again."""
    message = listener.message()
    assert reply is None or message == reply
    (stored,) = settled(api, case)
    assert (stored["message"], stored["reply"]) == (STORY, message)
    assert stored["outcome"] == "completed"
    again = Listener(case, STORY, listener.key)
    assert again.say(api)
    assert again.message() == message


def prove(instances: Fleet, least: int, seconds: float, reply: str | None) -> list[Kill]:
    """Kill until so many turns were taken over; a kill that came too late is not counted."""
    chance = random.Random(20_260_301)
    kills: list[Kill] = []
    while sum(one.taken_over for one in kills) < least:
        # Every fifth strikes around the moment in which the message is taken in.
        within = seconds if len(kills) % 5 else ACCEPT_SECONDS
        kills.append(act(instances, chance.uniform(0.0, within), reply))
        assert len(kills) < 3 * least + 10, "kills hardly ever hit a running turn"
    return kills


def report(show: Show, title: str, kills: list[Kill]) -> None:
    """Print the figures and hold the longest wait to its limit."""
    gaps = [one.gap for one in kills if one.taken_over]
    words = [one.words for one in kills if one.taken_over]
    show(
        title,
        [
            ("kills", len(kills)),
            ("of a running turn", len(gaps)),
            ("words seen before the kill", f"{min(words)} to {max(words)}"),
            ("kill to next event", ", ".join(f"{k} {v}" for k, v in spread(gaps).items())),
            ("words lost or doubled", 0),
        ],
    )
    assert max(gaps) <= NEXT_EVENT_SECONDS


@pytest.mark.timeout(3_600)
def test_no_word_is_lost_or_doubled_when_the_generator_is_killed(
    make_fleet: MakeFleet, valkey: EmbeddedValkey, show: Show
) -> None:
    """The reader gets the whole answer once, at another instance, soon, as does the case's."""
    instances = make_fleet(valkey, TRIAGE_PACE_MS=str(PACE_MS))
    kills = prove(instances, rounds(20), GUIDED_SECONDS, None)
    report(show, "kill -9 of the guided interviewer", kills)


@pytest.fixture
def mock() -> Iterator[LLMock]:
    """A model that takes its time between chunks."""
    with running_llmock("--stream-chunk-delay-ms", "10") as process:
        process.scenario(
            [{"type": "reply", "text": text(turn_document(REPLY, asking="wish")), "times": None}]
        )
        yield process


@pytest.mark.timeout(3_600)
def test_a_killed_model_call_is_made_again(
    make_fleet: MakeFleet, valkey: EmbeddedValkey, mock: LLMock, show: Show
) -> None:
    """A model's half answer is dropped, and the next owner's whole one is what is kept."""
    instances = make_fleet(valkey, OPENAI_API_KEY="k", OPENAI_BASE_URL=mock.openai)
    kills = prove(instances, rounds(20) // 2, MODEL_SECONDS, REPLY)
    report(show, "kill -9 during a model's answer", kills)
