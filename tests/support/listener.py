"""A client as the protocol asks for one: it comes back to its place, and doubts what it is told."""

import hashlib
import http.client
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from tests.support.api import BASE, TERMINALS, Api, Case, Frame, Stream, text_of

AWAY = (OSError, http.client.HTTPException)
"""What a client meets where nobody listens, or where somebody was killed."""
_PAUSE_SECONDS = 0.01

Place = tuple[int, int]


class Listener:
    """Reads one turn, at one instance after the other, until its terminal event."""

    def __init__(self, case: Case, text: str, key: str) -> None:
        """Name what is to be said; nothing happens before `say` or `listen`."""
        self.case = case
        self.text = text
        self.key = key
        self.turn: int | None = None
        self.frames: list[Frame] = []
        self.came: list[float] = []
        """When each frame came, on the monotonic clock."""
        self.closings = 0
        """How often an instance said that it was draining."""

    @property
    def ended(self) -> bool:
        """Whether the terminal event was seen."""
        return bool(self.frames) and self.frames[-1].event in TERMINALS

    @property
    def place(self) -> str | None:
        """The last id seen."""
        return next((one.id for one in reversed(self.frames) if one.id is not None), None)

    def say(self, api: Api, *, most: int | None = None) -> bool:
        """Post the message and read its answer; True once the turn has ended.

        Whether a post that broke off was taken in cannot be known: it is posted again, with the
        same key, wherever somebody answers.
        """
        body = json.dumps({"case_id": self.case.id, "message": self.text}).encode()
        headers = {"Content_Type": "application/json", "Idempotency_Key": self.key}
        return self._read(api, "POST", f"{BASE}/continue-stream", body, headers, most)

    def listen(self, api: Api, *, most: int | None = None) -> bool:
        """Read on from the last place at an instance; True once the turn has ended."""
        if self.ended:
            return True
        if self.turn is None:
            return self.say(api, most=most)
        headers = {} if self.place is None else {"Last_Event_ID": self.place}
        path = f"{BASE}/cases/{self.case.id}/turns/{self.turn}/events"
        return self._read(api, "GET", path, None, headers, most)

    @classmethod
    def of_turn(cls, case: Case, turn: int) -> "Listener":
        """Return a listener to a turn that was posted before."""
        listener = cls(case, "", "")
        listener.turn = turn
        return listener

    def insist(self, where: Callable[[], Api], seconds: float = 30.0) -> None:
        """Come back again and again, until the turn has ended."""
        _insist(lambda: self.listen(where()), seconds)

    def message(self) -> str:
        """Check that what was read is exact and complete, and return the answer."""
        assert sum(one.event in TERMINALS for one in self.frames) == 1
        last = self.frames[-1]
        if last.event == "turn.failed":
            raise AssertionError(f"the turn failed: {last.data}")
        message: str = last.data["message"]
        assert text_of(self.frames) == message
        assert last.data["length"] == len(message)
        assert last.data["sha256"] == hashlib.sha256(message.encode()).hexdigest()
        return message

    def _read(
        self,
        api: Api,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        most: int | None,
    ) -> bool:
        read = 0
        try:
            with api.stream(method, path, body, token=self.case.token, **headers) as stream:
                if stream.answer.status == 503:
                    return False
                assert stream.answer.status == 200, stream.answer
                self.turn = int(stream.answer.headers["triage-turn"])
                for frame in stream.frames():
                    if read == most:
                        return self.ended
                    self._take(frame)
                    read += 1
        except AWAY:
            return self.ended
        return self.ended

    def _take(self, frame: Frame) -> None:
        assert not self.ended, f"{frame} came after the end"
        if frame.event == "stream.closing":
            assert frame.id is None
            self.closings += 1
            return
        if frame.id is not None:
            assert self.place is None or place_of(frame.id) > place_of(self.place), frame
        self.frames.append(frame)
        self.came.append(time.monotonic())


class CaseListener:
    """Reads a case's own events, at one instance after the other."""

    def __init__(self, case: Case) -> None:
        """Name the case."""
        self.case = case
        self.frames: list[Frame] = []

    def until(
        self, where: Callable[[], Api], holds: Callable[[list[Frame]], bool], seconds: float = 30.0
    ) -> list[Frame]:
        """Come back again and again until what was read satisfies; returns all of it."""
        _insist(lambda: self._read(where(), holds), seconds)
        return self.frames

    def _read(self, api: Api, holds: Callable[[list[Frame]], bool]) -> bool:
        headers = {"Last_Event_ID": self.frames[-1].id or ""} if self.frames else {}
        path = f"{BASE}/cases/{self.case.id}/events"
        try:
            with api.stream("GET", path, None, token=self.case.token, **headers) as stream:
                return self._satisfied(stream, holds)
        except AWAY:
            return False

    def _satisfied(self, stream: Stream, holds: Callable[[list[Frame]], bool]) -> bool:
        if stream.answer.status == 503:
            return False
        assert stream.answer.status == 200, stream.answer
        for frame in stream.frames():
            if frame.id is not None:
                last = self.frames[-1].id if self.frames else None
                assert last is None or place_of(frame.id) > place_of(last), frame
                self.frames.append(frame)
            if holds(self.frames):
                return True
        return False


def wait_for_words(listeners: Iterable[Listener], number: int, seconds: float = 30.0) -> None:
    """Wait until each of them, read on other threads, has so many frames or has ended."""
    waited = list(listeners)
    _insist(lambda: all(one.ended or len(one.frames) >= number for one in waited), seconds)


def place_of(frame_id: str) -> Place:
    """Return an id as something that can be compared."""
    epoch, _, seq = frame_id.partition("-")
    return int(epoch), int(seq)


def conversation(api: Api, case: Case) -> list[dict[str, Any]]:
    """Return a case's turns, which are numbered from 1 without a gap."""
    answer = api.get(f"/cases/{case.id}", case.token)
    assert answer.status == 200, answer
    turns: list[dict[str, Any]] = answer.json()["turns"]
    assert [one["turn"] for one in turns] == list(range(1, len(turns) + 1))
    return turns


def settled(api: Api, case: Case, seconds: float = 60.0) -> list[dict[str, Any]]:
    """Wait until everything that was accepted is answered; returns the conversation."""

    def quiet() -> bool:
        try:
            answer = api.get(f"/status/{case.id}", case.token)
        except AWAY:
            return False
        if answer.status == 503:
            return False
        assert answer.status == 200, answer
        status = answer.json()
        return bool(status["turns"] == status["turns_done"])

    _insist(quiet, seconds)
    return conversation(api, case)


def _insist(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it took more than {seconds:g} s"
        time.sleep(_PAUSE_SECONDS)
