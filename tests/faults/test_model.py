"""Whatever is said, cancelled, killed and frozen, in whatever order: what must hold, holds.

A model remembers what was acknowledged. Readers follow some of the turns all the while, on threads
of their own, wherever somebody serves; so kills and freezes hit turns that are being answered.
"""

import itertools
import json
import os
import socket
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import BASE, Api, Case
from tests.support.fleet import Fleet, Member
from tests.support.listener import Listener, settled, wait_for_words
from tests.support.proofs import ROUNDS, rounds

INSTANCES = 3
STEPS = 20
PACE_MS = "8"
MOST_SECONDS = 60.0

places = st.integers(min_value=0, max_value=INSTANCES - 1)
numbers = st.integers(min_value=0, max_value=30)


class Told:
    """A case, and everything that was acknowledged in it, in order."""

    def __init__(self, case: Case) -> None:
        """Begin with nothing."""
        self.case = case
        self.said: list[tuple[str, str]] = []
        """Key and text of each turn."""
        self.may_be_cancelled: set[int] = set()

    def next(self) -> tuple[str, str]:
        """Return a new key and a new text."""
        return uuid4().hex, f"It drips, for the {len(self.said) + 1}. time."

    def acknowledged(self, key: str, text: str, turn: int) -> None:
        """Note a turn, which has the next number."""
        self.said.append((key, text))
        assert turn == len(self.said)


class Conversations(RuleBasedStateMachine):
    """Several cases at several instances."""

    cases = Bundle("cases")
    instances: ClassVar[Fleet]
    tally: ClassVar[Counter[str]]

    def __init__(self) -> None:
        """Begin with all instances up."""
        super().__init__()
        self.up: list[Member] = self.instances.some(INSTANCES)
        self.frozen: list[Member] = []
        self.told: list[Told] = []
        self.readers: list[tuple[Told, Listener, Future[None]]] = []
        self.pool = ThreadPoolExecutor(64)
        self.turns = itertools.count()
        self.tally["histories"] += 1

    def at(self, place: int) -> Api:
        """Return an instance that serves."""
        member = self.up[place % len(self.up)]
        member.wait_ready()
        return member.api

    def somewhere(self) -> Api:
        """Return one that probably serves: each in turn."""
        up = self.up
        return up[next(self.turns) % len(up)].api

    @initialize(target=cases)
    def open_first(self) -> Told:
        """There is always a case."""
        return self._open(0)

    @rule(target=cases, place=places)
    def open(self, place: int) -> Told:
        """Somebody opens a case."""
        return self._open(place)

    @rule(told=cases, place=places, on_busy=st.sampled_from(["enqueue", "reject", "interrupt"]))
    def say(self, told: Told, place: int, on_busy: str) -> None:
        """Somebody says something and does not wait; what is refused leaves nothing behind."""
        key, text = told.next()
        if on_busy == "interrupt":
            told.may_be_cancelled |= set(range(1, len(told.said) + 1))
        answer = self.at(place).say(
            told.case, text, query=f"?on_busy={on_busy}", Prefer="wait=0", Idempotency_Key=key
        )
        if on_busy == "reject" and answer.status == 409:
            self.tally["messages refused as the case was busy"] += 1
            return
        assert answer.status in {200, 202}, answer
        told.acknowledged(key, text, int(answer.headers["triage-turn"]))

    @rule(told=cases, place=places)
    def say_and_read(self, told: Told, place: int) -> None:
        """Somebody says something and reads along, through everything that follows."""
        self._say_and_read(told, self.at(place))

    @precondition(lambda self: len(self.up) > 1)
    @rule(told=cases, place=places, number=numbers)
    def kill_while_reading(self, told: Told, place: int, number: int) -> None:
        """Somebody reads along, and at some word the instance at which they read dies."""
        self._kill(self._reach(told, place, number))

    @precondition(lambda self: len(self.up) > 1 and not self.frozen)
    @rule(told=cases, place=places, number=numbers)
    def freeze_while_reading(self, told: Told, place: int, number: int) -> None:
        """Somebody reads along, and at some word the instance at which they read stalls."""
        victim = self._reach(told, place, number)
        self.up = [one for one in self.up if one is not victim]
        victim.freeze()
        self.frozen.append(victim)
        self.tally["freezes"] += 1

    @rule(told=cases, place=places, number=numbers)
    def read(self, told: Told, place: int, number: int) -> None:
        """Somebody opens a turn again, and reads along."""
        if told.said:
            turn = number % len(told.said) + 1
            self._follow(told, Listener.of_turn(told.case, turn), self.at(place))

    @rule(told=cases, place=places, number=numbers)
    def repeat(self, told: Told, place: int, number: int) -> None:
        """A message is posted again: it is the same turn, and nothing new; another body is not."""
        if told.said:
            turn = number % len(told.said) + 1
            self._repeat(told, self.at(place), turn)
            key = told.said[turn - 1][0]
            assert self.at(place).say(told.case, "Else.", Idempotency_Key=key).status == 422

    @rule(told=cases, place=places, number=numbers)
    def cancel(self, told: Told, place: int, number: int) -> None:
        """Somebody stops a turn, wherever it is made."""
        if told.said:
            turn = number % len(told.said) + 1
            told.may_be_cancelled.add(turn)
            path = f"/cases/{told.case.id}/turns/{turn}/cancel"
            answer = self.at(place).post(path, token=told.case.token)
            assert answer.status == 200, answer
            self.tally["cancels"] += 1

    @precondition(lambda self: len(self.up) > 1)
    @rule(told=cases, place=places)
    def say_and_kill(self, told: Told, place: int) -> None:
        """The instance dies with a message before anybody knows whether it was taken in."""
        victim = self.up[place % len(self.up)]
        victim.wait_ready()
        key, text = told.next()
        with socket.create_connection(("127.0.0.1", victim.api.port)) as connection:
            connection.sendall(_posted(told.case, text, key))
            self._kill(victim)
        answer = self.at(place).say(told.case, text, Prefer="wait=0", Idempotency_Key=key)
        assert answer.status in {200, 202}, answer
        told.acknowledged(key, text, int(answer.headers["triage-turn"]))

    @precondition(lambda self: self.frozen)
    @rule()
    def thaw(self) -> None:
        """It goes on as if nothing had been."""
        victim = self.frozen.pop()
        victim.thaw()
        self.up = [*self.up, victim]

    @precondition(lambda self: self.frozen)
    @rule(told=cases)
    def outlast(self, told: Told) -> None:
        """The others answer all that is open while one is stalled."""
        settled(self.somewhere(), told.case, MOST_SECONDS)

    def teardown(self) -> None:
        """Check everything that must hold, however it came about."""
        try:
            while self.frozen:
                self.thaw()
            self.up = self.instances.some(INSTANCES)
            for told in self.told:
                self._check(told)
            for told, listener, reading in self.readers:
                reading.result()
                self._check_reader(told, listener)
        finally:
            self.pool.shutdown()

    def _check(self, told: Told) -> None:
        turns = settled(self.somewhere(), told.case, MOST_SECONDS)
        assert [one["message"] for one in turns] == [text for _, text in told.said]
        for at, one in enumerate(turns, start=1):
            allowed = {"completed"} | ({"cancelled"} if at in told.may_be_cancelled else set())
            assert one["outcome"] in allowed, one
            first = self._read_again(told, at, one["reply"])
            assert self._read_again(told, at, one["reply"]) == first
            self._repeat(told, self.somewhere(), at)
            self.tally["turns"] += 1
        assert len(settled(self.somewhere(), told.case)) == len(told.said)

    def _read_again(self, told: Told, turn: int, reply: str) -> str:
        listener = Listener.of_turn(told.case, turn)
        assert listener.listen(self.somewhere())
        last = listener.frames[-1]
        assert last.data["message"] == reply
        if last.event == "turn.completed":
            assert listener.message() == reply
        return str(last.id)

    def _check_reader(self, told: Told, listener: Listener) -> None:
        """Check a reader that was there all the while: one end, and the text that was kept.

        Words that a stalled instance showed before another one cancelled the turn may be missing
        from what is kept; never the other way round.
        """
        assert listener.turn is not None
        last = listener.frames[-1]
        kept = settled(self.somewhere(), told.case)[listener.turn - 1]["reply"]
        assert last.data["message"] == kept
        if last.event == "turn.completed":
            assert listener.message() == kept
        if any(one.event == "turn.restarted" for one in listener.frames):
            self.tally["answers that a reader saw begin again"] += 1
        self.tally["readers"] += 1

    def _open(self, place: int) -> Told:
        told = Told(self.at(place).start(locale="en"))
        self.told.append(told)
        return told

    def _repeat(self, told: Told, api: Api, turn: int) -> None:
        key, text = told.said[turn - 1]
        answer = api.say(told.case, text, Prefer="wait=0", Idempotency_Key=key)
        assert answer.status in {200, 202}, answer
        assert answer.headers["triage-turn"] == str(turn)

    def _follow(self, told: Told, listener: Listener, api: Api) -> None:
        """Read on, first at one instance and then wherever somebody serves."""

        def read_on() -> None:
            if not listener.listen(api):
                listener.insist(self.somewhere, MOST_SECONDS)

        reading = self.pool.submit(read_on)
        self.readers.append((told, listener, reading))

    def _say_and_read(self, told: Told, api: Api) -> Listener:
        key, text = told.next()
        listener = Listener(told.case, text, key)
        self._follow(told, listener, api)
        wait_for_words([listener], 1)
        assert listener.turn is not None
        told.acknowledged(key, text, listener.turn)
        return listener

    def _reach(self, told: Told, place: int, number: int) -> Member:
        victim = self.up[place % len(self.up)]
        victim.wait_ready()
        listener = self._say_and_read(told, victim.api)
        wait_for_words([listener], number)
        self.tally["blows at an answer"] += not listener.ended
        return victim

    def _kill(self, victim: Member) -> None:
        victim.kill()
        self.instances.remove(victim)
        self.up = [one for one in self.up if one is not victim]
        self.up = [*self.up, self.instances.add()]
        self.tally["kills"] += 1


def _posted(case: Case, text: str, key: str) -> bytes:
    body = json.dumps({"case_id": case.id, "message": text}).encode()
    head: Sequence[str] = (
        f"POST {BASE}/continue HTTP/1.1",
        "Host: here",
        f"Authorization: Bearer {case.token}",
        f"Idempotency-Key: {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@pytest.mark.timeout(3_600)
def test_what_must_hold_holds_whatever_happens(
    make_fleet: MakeFleet, valkey: EmbeddedValkey, show: Show
) -> None:
    """Acknowledged messages are there once and in order; each turn has one end and its whole text.

    A test run takes the same histories every time; a proof takes new ones.
    """
    fleet = make_fleet(valkey, TRIAGE_PACE_MS=PACE_MS)

    class Here(Conversations):
        instances = fleet
        tally: ClassVar[Counter[str]] = Counter()

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=rounds(10),
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=ROUNDS not in os.environ,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    show("histories of conversations under kills and freezes", sorted(Here.tally.items()))
