"""A case at a running server: what to call, and a turn's events whatever the network does."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from itertools import count
from typing import Final, Literal, get_args
from uuid import uuid4

import httpx2
import msgspec

from app.api.form_schema import FormView
from app.api.problems import Problem
from app.api.schema import CaseView, Started, TurnSnapshot
from app.domain.analysis import Analysis
from app.domain.errors import TriageError
from app.domain.event import CaseEvent, EventId, Snapshot, Terminal, TurnEvent, decode
from app.domain.form import FormMistake

Trouble = Literal["unreachable", "interrupted", "busy"]

_BASE: Final = "/api/v2/triage"
_HEARD: Final = httpx2.Timeout(30.0, connect=3.0)
"""The server sends a heartbeat every 10 s, so half a minute of silence is a dead connection."""
_PASSING: Final = {425, 429, 502, 503, 504}
_MOST_TRIES: Final = 12
_LONGEST_PAUSE: Final = 5.0
_NAMES: Final = frozenset(
    str(kind.__struct_config__.tag) for kind in (*get_args(TurnEvent), *get_args(CaseEvent))
)
"""The events that this version knows; a newer server may tell more."""


class ServerUnreachable(TriageError):
    """No server answers, although it was asked again and again."""


class Refused(TriageError):
    """The server answered that it will not do it; the text is its own."""

    def __init__(self, status: int, detail: str, mistakes: Sequence[FormMistake] = ()) -> None:
        """Keep the HTTP status with the sentence, and what is wrong with a form."""
        super().__init__(detail)
        self.status = status
        self.mistakes = mistakes


class _PassingProblem(Exception):
    """The server asked to be asked again."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"again in {wait} s")
        self.wait = wait


class RemoteCase:
    """One case at one server. Every call is tried again while a try makes sense."""

    def __init__(
        self,
        client: httpx2.Client,
        case_id: str,
        token: str,
        *,
        trouble: Callable[[Trouble], None],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the connection, the credential, and whom to tell about a troubled network."""
        self.case_id = case_id
        self.token = token
        self._client = client
        self._trouble = trouble
        self._pause = pause

    def view(self) -> CaseView:
        """Return the conversation so far."""
        response = self._request("GET", f"/cases/{self.case_id}")
        return msgspec.json.decode(response.content, type=CaseView)

    def result(self) -> Analysis | None:
        """Return the result; None while there is none."""
        try:
            response = self._request("GET", f"/result/{self.case_id}")
        except Refused as refusal:
            if refusal.status == HTTPStatus.CONFLICT:
                return None
            raise
        return msgspec.json.decode(response.content, type=Analysis)

    def cancel(self, turn: int) -> None:
        """Stop the answer to a turn; its events tell when it has stopped."""
        self._request("POST", f"/cases/{self.case_id}/turns/{turn}/cancel", {})

    def finish(self, reason: str) -> Iterator[TurnEvent]:
        """End the interview with what is known, and yield the events of that turn."""
        body = {"case_id": self.case_id, "reason": reason}
        response = self._request("POST", "/force-complete", body)
        return self.follow(int(response.headers["Triage-Turn"]))

    def ask_human(self, reason: str) -> Iterator[TurnEvent]:
        """Ask for a human, and yield the events of that turn."""
        path = f"/cases/{self.case_id}/handoff"
        response = self._request("POST", path, {"reason": reason})
        return self.follow(int(response.headers["Triage-Turn"]))

    def form(self) -> FormView:
        """Return the form of the case and how it stands."""
        response = self._request("GET", f"/cases/{self.case_id}/form")
        return msgspec.json.decode(response.content, type=FormView)

    def begin_form(self) -> None:
        """Tell that the person has begun to fill in the form."""
        self._request("POST", f"/cases/{self.case_id}/form/begin", {})

    def submit_form(self, answers: Mapping[str, str | list[str]]) -> Iterator[TurnEvent]:
        """Submit the form, and yield the events of that turn.

        Raises:
            Refused: with `mistakes` where answers cannot be taken.
        """
        path = f"/cases/{self.case_id}/form"
        response = self._request("POST", path, {"answers": answers})
        return self.follow(int(response.headers["Triage-Turn"]))

    def text(self, turn: int) -> str:
        """Return what was said in a turn so far."""
        response = self._request("GET", f"/cases/{self.case_id}/turns/{turn}")
        return msgspec.json.decode(response.content, type=TurnSnapshot).text

    def life(self) -> Iterator[CaseEvent]:
        """Yield the case's own events from the beginning, each once, for as long as it lives."""
        seen: EventId | None = None
        path = f"{_BASE}/cases/{self.case_id}/events"
        for tries in count():
            headers = {**self._headers(), "Accept": "text/event-stream"}
            headers |= {} if seen is None else {"Last-Event-ID": str(seen)}
            try:
                with self._client.stream("GET", path, headers=headers, timeout=_HEARD) as response:
                    _check(response)
                    for place, event in _events(response):
                        if isinstance(event, CaseEvent) and place is not None:
                            seen = place
                            yield event
            except (httpx2.TransportError, _PassingProblem):
                self._pause(_backoff(min(tries, _MOST_TRIES)))

    def say(self, text: str) -> Iterator[TurnEvent]:
        """Post a message and yield the events of its turn, each once, to the terminal one."""
        body = {"case_id": self.case_id, "message": text}
        return self._follow(msgspec.json.encode(body), str(uuid4()), None)

    def follow(self, turn: int) -> Iterator[TurnEvent]:
        """Yield the events of a turn that was posted before."""
        return self._follow(b"", "", turn)

    def _follow(self, body: bytes, key: str, turn: int | None) -> Iterator[TurnEvent]:
        seen: EventId | None = None
        tries = 0
        while True:
            try:
                with self._open(body, key, turn, seen) as response:
                    turn = turn or int(response.headers["Triage-Turn"])
                    if response.status_code == HTTPStatus.NO_CONTENT:
                        return
                    for place, event in _events(response):
                        if not isinstance(event, TurnEvent):
                            continue
                        told = seen is not None and place is not None and place <= seen
                        if told and not isinstance(event, Snapshot):
                            continue  # a snapshot says where to go on from
                        seen, tries = place or seen, 0
                        yield event
                        if isinstance(event, Terminal):
                            return
            except (httpx2.TransportError, _PassingProblem) as error:
                self._tried(error, tries)
            tries += 1

    @contextmanager
    def _open(
        self, body: bytes, key: str, turn: int | None, seen: EventId | None
    ) -> Iterator[httpx2.Response]:
        """Post the message while its turn is unknown; from then on go on behind what was seen."""
        headers = {**self._headers(), "Accept": "text/event-stream"}
        if turn is None:
            method, path = "POST", "/continue-stream"
            headers |= {"Idempotency-Key": key, "Content-Type": "application/json"}
        else:
            method, path, body = "GET", f"/cases/{self.case_id}/turns/{turn}/events", b""
            headers |= {} if seen is None else {"Last-Event-ID": str(seen)}
        with self._client.stream(
            method, _BASE + path, content=body or None, headers=headers, timeout=_HEARD
        ) as response:
            _check(response)
            yield response

    def _request(self, method: str, path: str, body: object = None) -> httpx2.Response:
        headers, content = self._headers(), None
        if body is not None:
            content = msgspec.json.encode(body)
            headers |= {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
        for tries in count():
            try:
                response = self._client.request(
                    method, _BASE + path, content=content, headers=headers, timeout=_HEARD
                )
                _check(response)
            except (httpx2.TransportError, _PassingProblem) as error:
                self._tried(error, tries)
            else:
                return response
        raise AssertionError("unreachable: the last try raises")

    def _tried(self, error: Exception, tries: int) -> None:
        """Tell of a failure, and give up after the last try."""
        if tries >= _MOST_TRIES:
            raise ServerUnreachable(_nobody(self._client)) from None
        match error:
            case _PassingProblem(wait=wait):
                self._trouble("busy")
                self._pause(wait)
            case httpx2.ConnectError():
                self._trouble("unreachable")
                self._pause(_backoff(tries))
            case _:
                self._trouble("interrupted")
                self._pause(_backoff(tries))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def open_case(
    client: httpx2.Client,
    *,
    locale: str | None,
    playbook: str | None,
    user_ref: str | None = None,
    intake_key: str | None = None,
) -> Started:
    """Open a case at the server, with a key that may where not everybody may.

    Raises:
        ServerUnreachable: if no server answers there.
        Refused: if it will not, for instance because it has no such playbook, or wants a key.
    """
    wanted = {"locale": locale, "playbook": playbook, "user_ref": user_ref}
    body = {name: value for name, value in wanted.items() if value is not None}
    try:
        headers = {} if intake_key is None else {"Authorization": f"Bearer {intake_key}"}
        response = client.post(_BASE + "/start", json=body, headers=headers, timeout=_HEARD)
        _check(response)
    except (httpx2.TransportError, _PassingProblem):
        raise ServerUnreachable(_nobody(client)) from None
    return msgspec.json.decode(response.content, type=Started)


def _events(response: httpx2.Response) -> Iterator[tuple[EventId | None, TurnEvent | CaseEvent]]:
    for frame in httpx2.EventSource(response):
        if frame.event == "stream.closing":
            return
        if frame.event in _NAMES:
            yield EventId.parse(frame.id), decode(frame.data.encode())


def _check(response: httpx2.Response) -> None:
    if response.is_success:
        return
    response.read()
    if response.status_code in _PASSING:
        wait = response.headers.get("Retry-After", "")
        raise _PassingProblem(float(wait) if wait.isdigit() else 1.0)
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        detail = f"the server answered {response.status_code} {response.reason_phrase}"
        raise Refused(response.status_code, detail) from None
    raise Refused(response.status_code, problem.detail, problem.errors or ())


def _backoff(tries: int) -> float:
    """Return seconds before the next try: doubling, and spread."""
    return float(min(_LONGEST_PAUSE, 0.1 * 2**tries) * random.uniform(0.5, 1.0))  # noqa: S311


def _nobody(client: httpx2.Client) -> str:
    return (
        f"no server answers at {client.base_url}. Start one with `triage up`, "
        "or name another with --url"
    )
