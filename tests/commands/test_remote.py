"""The client of a case tries again while that makes sense, and says plainly when it does not."""

from collections.abc import Callable, Iterable

import httpx2
import msgspec
import pytest

from app.api.problems import Problem
from app.commands.remote import (
    Refused,
    RemoteCase,
    ServerUnreachable,
    Trouble,
    open_case,
)
from app.domain import event as events
from app.domain.event import Delta, EventId, Snapshot, TurnCancelled, TurnEvent, TurnStarted
from tests.web.analyses import leak_analysis

Step = httpx2.Response | Exception
DELTA, END = Delta(t="Onde?"), TurnCancelled(turn=1, message="Onde?", length=5, sha256="")
STARTED = TurnStarted(turn=1, attempt=1, variant="v1")


class Server:
    """Answers each request with the next step, and keeps what it was asked."""

    def __init__(self, *steps: Step, rest: Callable[[], Step] | None = None) -> None:
        """Take the answers in order, and how everything after them is answered."""
        self._steps = list(steps)
        self._rest = rest
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer, or fail as the network would."""
        self.asked.append(request)
        step = self._steps.pop(0) if self._steps or self._rest is None else self._rest()
        if isinstance(step, Exception):
            raise step
        return step

    def client(self) -> httpx2.Client:
        """Return a client that reaches this server."""
        return httpx2.Client(base_url="http://triage.test", transport=httpx2.MockTransport(self))


class Remote:
    """A case at such a server, the troubles that were told and the pauses that were made."""

    def __init__(self, *steps: Step, rest: Callable[[], Step] | None = None) -> None:
        """Begin."""
        self.server = Server(*steps, rest=rest)
        self.troubles: list[Trouble] = []
        self.pauses: list[float] = []
        self.case = RemoteCase(
            self.server.client(),
            "c1",
            "secret",
            trouble=self.troubles.append,
            pause=self.pauses.append,
        )


def stream(*told: tuple[str | None, TurnEvent], extra: bytes = b"") -> httpx2.Response:
    """Return a turn's stream that tells these events, with these bytes at its end."""
    frames = (events.frame(place, events.name_of(one), events.encode(one)) for place, one in told)
    return httpx2.Response(
        200,
        headers={"Content-Type": "text/event-stream", "Triage-Turn": "1"},
        content=b": ok\n\n" + b"".join(frames) + extra,
    )


def refusal(status: int, detail: str, **headers: str) -> httpx2.Response:
    """Return a problem."""
    problem = Problem(type="urn:test", title="Refused", status=status, detail=detail)
    return httpx2.Response(status, headers=headers, content=msgspec.json.encode(problem))


def away() -> Exception:
    """Nobody listens."""
    return httpx2.ConnectError("connection refused")


def places(requests: Iterable[httpx2.Request]) -> list[str | None]:
    """Return the place that each request goes on from."""
    return [one.headers.get("Last-Event-ID") for one in requests]


@pytest.mark.parametrize("status", [425, 429, 502, 503, 504])
def test_a_busy_server_is_asked_again_when_it_says(status: int) -> None:
    """After as many seconds as it names, one where it names none; the message keeps its key."""
    remote = Remote(
        refusal(status, "later", **{"Retry-After": "7"}),
        refusal(status, "later"),
        stream(("1-1", DELTA), ("1-2", END)),
    )
    assert list(remote.case.say("Pinga")) == [DELTA, END]
    assert remote.pauses == [7.0, 1.0]
    assert remote.troubles == ["busy", "busy"]
    assert len({one.headers["Idempotency-Key"] for one in remote.server.asked}) == 1


def test_pauses_grow_and_end_with_a_plain_word() -> None:
    """Nobody is left waiting for a server that is gone; pauses double up to five seconds."""
    remote = Remote(rest=away)
    with pytest.raises(ServerUnreachable, match=r"no server answers at http://triage\.test.*--url"):
        list(remote.case.say("Pinga"))
    assert set(remote.troubles) == {"unreachable"}
    assert len(remote.pauses) == len(remote.server.asked) - 1
    bounds = [min(5.0, 0.1 * 2**tries) for tries in range(len(remote.pauses))]
    assert all(most / 2 <= one <= most for one, most in zip(remote.pauses, bounds, strict=True))


def test_what_was_heard_counts_as_progress() -> None:
    """A connection that breaks again and again, and always brings something, is not given up."""
    told = [(f"1-{seq}", Delta(t=str(seq))) for seq in range(1, 31)]
    remote = Remote(*(stream(one) for one in told), stream(("1-31", END)))
    assert list(remote.case.say("Pinga")) == [*(one for _, one in told), END]
    assert places(remote.server.asked) == [None, *(place for place, _ in told)]
    assert [one.method for one in remote.server.asked[:2]] == ["POST", "GET"]


def test_what_was_heard_is_not_told_twice() -> None:
    """Events at or before the place are dropped; a snapshot is not, for it sets the text."""
    snapshot = Snapshot(text="Onde")
    remote = Remote(
        stream(("1-1", STARTED), ("1-2", DELTA)),
        stream(("1-1", STARTED), ("1-2", DELTA), ("1-2", snapshot), ("1-3", END)),
    )
    assert list(remote.case.say("Pinga")) == [STARTED, DELTA, snapshot, END]


def test_a_turn_whose_end_was_heard_has_nothing_more() -> None:
    """204 is how the server says so."""
    remote = Remote(httpx2.Response(204, headers={"Triage-Turn": "1"}))
    assert list(remote.case.follow(1)) == []


def test_events_of_a_newer_server_are_passed_over() -> None:
    """What this version does not know, and what is of the case, is none of the turn's events."""
    unknown = b'event: mood\ndata: {"type":"mood"}\n\n'
    of_case = b'event: case.red_flag\ndata: {"type":"case.red_flag","turn":1,"code":"x"}\n\n'
    remote = Remote(stream(("1-1", DELTA), extra=unknown + of_case), stream(("1-2", END)))
    assert list(remote.case.say("Pinga")) == [DELTA, END]


def test_an_instance_that_leaves_is_no_trouble() -> None:
    """After `stream.closing` the client comes back behind what it heard, without a pause."""
    closing = b'event: stream.closing\ndata: {"type":"stream.closing"}\n\n'
    remote = Remote(stream(("1-1", DELTA), extra=closing), stream(("1-2", END)))
    assert list(remote.case.say("Pinga")) == [DELTA, END]
    assert (remote.troubles, remote.pauses) == ([], [])
    assert places(remote.server.asked) == [None, str(EventId(1, 1))]


def test_a_refusal_is_the_servers_own_sentence() -> None:
    """It is final; where a gateway answers without a sentence, its status stands for one."""
    remote = Remote(refusal(409, "the case is full"), httpx2.Response(500, content=b"<html>"))
    with pytest.raises(Refused, match="the case is full") as first:
        list(remote.case.say("Pinga"))
    assert first.value.status == 409
    with pytest.raises(Refused, match="the server answered 500 Internal Server Error"):
        remote.case.view()
    assert remote.troubles == []


def test_a_result_is_there_or_not_yet() -> None:
    """409 means not yet; any other refusal is one."""
    found = leak_analysis()
    remote = Remote(
        refusal(409, "the case is active"),
        httpx2.Response(200, content=msgspec.json.encode(found)),
        refusal(404, "no such case"),
    )
    assert remote.case.result() is None
    assert remote.case.result() == found
    with pytest.raises(Refused, match="no such case"):
        remote.case.result()


def test_plain_requests_are_tried_again_too() -> None:
    """With the credential, and with one key for all tries of the same request."""
    remote = Remote(
        httpx2.ReadError("broke"),
        away(),
        refusal(503, "later", **{"Retry-After": "2"}),
        httpx2.Response(200, content=b"{}"),
    )
    remote.case.cancel(3)
    assert remote.troubles == ["interrupted", "unreachable", "busy"]
    assert remote.pauses[-1] == 2.0
    paths = {one.url.path for one in remote.server.asked}
    assert paths == {"/api/v2/triage/cases/c1/turns/3/cancel"}
    assert {one.headers["Authorization"] for one in remote.server.asked} == {"Bearer secret"}
    assert len({one.headers["Idempotency-Key"] for one in remote.server.asked}) == 1
    lost = Remote(rest=away)
    with pytest.raises(ServerUnreachable):
        lost.case.view()


@pytest.mark.parametrize("step", [away(), refusal(503, "later")], ids=["away", "busy"])
def test_a_case_is_opened_at_once_or_not_at_all(step: Step) -> None:
    """Opening has no key, so it is not tried again: the person is told what to do."""
    server = Server(step)
    with pytest.raises(ServerUnreachable, match="triage up"):
        open_case(server.client(), locale=None, playbook=None)
    assert len(server.asked) == 1


def test_only_what_is_wanted_is_asked_for() -> None:
    """The server's own defaults count where nothing was said."""
    server = Server(refusal(400, "there is no playbook 'x'"))
    with pytest.raises(Refused, match="there is no playbook 'x'"):
        open_case(server.client(), locale=None, playbook="x")
    assert msgspec.json.decode(server.asked[0].content) == {"playbook": "x"}
