"""A client that repeats what was not acknowledged, and writers that use it until told to stop."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from uuid import uuid4

from tests.support.api import Answer, Api, Case
from tests.support.listener import AWAY, settled

_PAUSE_SECONDS = 0.01


class Patient:
    """Sends a request again, at whoever is next, until somebody acknowledges it."""

    def __init__(self, where: Callable[[], Api]) -> None:
        """Take what names the instance to try next."""
        self._where = where
        self.repeated: Counter[str] = Counter()
        """How often what kind of failure made it try again."""

    def start(self) -> Case:
        """Open a case."""
        answer = self._insist(lambda api: api.post("/start", {"locale": "en"}))
        assert answer.status == 201, answer
        return Case(answer.json()["case_id"], answer.json()["case_token"])

    def say(self, case: Case, text: str, wait: int) -> Answer:
        """Say something, with one key however often it has to be repeated."""
        key = uuid4().hex
        answer = self._insist(
            lambda api: api.say(case, text, Prefer=f"wait={wait}", Idempotency_Key=key)
        )
        assert answer.status in {200, 202}, answer
        return answer

    def _insist(self, send: Callable[[Api], Answer], seconds: float = 60.0) -> Answer:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                answer = send(self._where())
            except AWAY as error:
                self.repeated[type(error).__name__] += 1
            else:
                if answer.status != 503:
                    return answer
                assert "retry-after" in answer.headers
                self.repeated["503"] += 1
            time.sleep(_PAUSE_SECONDS)
        raise AssertionError(f"nobody acknowledged anything for {seconds:g} s")


class Writers:
    """Several people who go on writing; counts what was acknowledged, whosever it was."""

    def __init__(self, where: Callable[[], Api], *, a_case: int, wait: int = 0) -> None:
        """Write at these instances, so many messages in a case before another is opened."""
        self._where = where
        self._a_case = a_case
        self._wait = wait
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._latest = 0.0
        self._broken: BaseException | None = None
        self.count = 0
        self.repeated: Counter[str] = Counter()

    def write(self, name: str) -> list[tuple[Case, list[str]]]:
        """Go on until told to stop; returns what was acknowledged in which case, in order."""
        try:
            return self._write(name)
        except BaseException as error:
            with self._changed:  # whoever waits for more should hear why none comes
                self._broken = error
                self._changed.notify_all()
            raise

    def _write(self, name: str) -> list[tuple[Case, list[str]]]:
        patient = Patient(self._where)
        cases: list[tuple[Case, list[str]]] = []
        while not self._stopped.is_set():
            case = patient.start()
            said: list[str] = []
            cases.append((case, said))
            while not self._stopped.is_set() and len(said) < self._a_case:
                text = f"Water drips from the ceiling, says {name}: {len(cases)}/{len(said)}."
                answer = patient.say(case, text, self._wait)
                said.append(text)
                assert answer.headers["triage-turn"] == str(len(said))
                self._note()
        with self._changed:
            self.repeated += patient.repeated
        return cases

    def stop(self) -> None:
        """Let everybody finish the message they are at."""
        self._stopped.set()

    def wait_for(self, more: int, seconds: float = 60.0) -> float:
        """Wait until so many more are acknowledged; returns when the last of them was."""
        with self._changed:
            goal = self.count + more
            self._changed.wait_for(lambda: self.count >= goal or self._broken is not None, seconds)
            if self._broken is not None:
                raise AssertionError("a writer was refused") from self._broken
            assert self.count >= goal, f"{self.count} of {goal} were acknowledged"
            return self._latest

    def _note(self) -> None:
        with self._changed:
            self.count += 1
            self._latest = time.monotonic()
            self._changed.notify_all()


def check_kept(cases: Iterable[tuple[Case, list[str]]], where: Callable[[], Api]) -> None:
    """See that every case has what was acknowledged in it, once, in order, and answered."""
    for case, said in cases:
        turns = settled(where(), case)
        assert [one["message"] for one in turns] == said
        assert all(one["outcome"] == "completed" for one in turns)
