"""What is revoked is worth nothing at once: also for streams that are open, at every instance."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import BASE, OPERATOR_TOKEN, Api, Case
from tests.support.listener import Listener, wait_for_words
from tests.support.proofs import STORY, rounds, spread
from tests.support.valkey import Wire
from tests.support.waiting import until

WITHIN_SECONDS = 1.0
SLOWLY = {"TRIAGE_PACE_MS": "400", "TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN}
"""An answer of sixty words lasts half a minute, so that its stream would be open for long."""


class Open:
    """Streams that are read in threads of their own until they end."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._streams: list[Future[float]] = []

    def read(self, api: Api, path: str, token: str) -> None:
        """Open a stream and go on once its first bytes are there."""
        here: Future[int] = Future()

        def run() -> float:
            with api.stream("GET", BASE + path, token=token) as stream:
                here.set_result(stream.answer.status)
                for _ in stream.lines():
                    pass
            return time.monotonic()

        self._streams.append(self._pool.submit(run))
        assert here.result(30) == 200

    def apart(self) -> "Open":
        """Return another set of streams."""
        return Open(self._pool)

    def ended(self) -> list[float]:
        """Wait for the end of all of them; returns when each came, on the monotonic clock."""
        return [one.result(30) for one in self._streams]

    @property
    def are_open(self) -> bool:
        """Whether none has ended yet."""
        return not any(one.done() for one in self._streams)


@pytest.fixture
def streams() -> Iterator[Open]:
    """No stream yet; a test asks for it first, so that the instances end before it waits."""
    with ThreadPoolExecutor(16) as pool:
        yield Open(pool)


@contextmanager
def talking(api: Api) -> Iterator[Case]:
    """A case in which an answer is on its way, read by whoever posted the message.

    Once nobody watches, the rest of it comes at once: the last reader may still see its end.
    """
    case = api.start(locale="en")
    listener = Listener(case, STORY, "once")
    with ThreadPoolExecutor(1) as pool:
        posted = pool.submit(listener.say, api)
        wait_for_words([listener], 1)
        yield case
        posted.result(30)


def closed_in(streams: Open, revoke: Callable[[], None]) -> list[float]:
    """Revoke something; returns how many seconds after that each stream had ended."""
    assert streams.are_open
    revoke()
    done = time.monotonic()
    return [one - done for one in streams.ended()]


def erase(api: Api, case: Case) -> None:
    """Erase a case, as its person does."""
    assert api.call("DELETE", f"{BASE}/cases/{case.id}", token=case.token).status == 204


def revoke(api: Api, case: Case) -> None:
    """Revoke a case's token, as an operator does."""
    path = f"/operator/cases/{case.id}/revoke-token"
    assert api.post(path, None, OPERATOR_TOKEN).status == 204


@pytest.mark.parametrize("how", [erase, revoke])
def test_a_cases_streams_close_when_its_token_is_revoked(
    streams: Open,
    make_fleet: MakeFleet,
    valkey: EmbeddedValkey,
    show: Show,
    how: Callable[[Api, Case], None],
) -> None:
    """At the instance where it was revoked, and at the other; idle ones and in mid-sentence."""
    here, there = (one.api for one in make_fleet(valkey, **SLOWLY).pair())
    with talking(here) as case:
        for api in (here, there):
            streams.read(api, f"/cases/{case.id}/events", case.token)
            streams.read(api, f"/cases/{case.id}/turns/1/events", case.token)
        took = closed_in(streams, lambda: how(there, case))
        for api in (here, there):
            for path in (f"/cases/{case.id}/events", f"/cases/{case.id}/turns/1/events"):
                assert api.get(path, case.token).status == 404
    show(f"streams of a case, after its token ended ({how.__name__})", list(spread(took).items()))
    assert max(took) <= WITHIN_SECONDS


@pytest.mark.parametrize("way", ["revoke", "rotate", "expire"])
def test_a_keys_streams_close_when_it_ends(
    streams: Open, make_fleet: MakeFleet, valkey: EmbeddedValkey, show: Show, way: str
) -> None:
    """Revoked, rotated without delay, or expired: only the streams of that token close."""
    fleet = make_fleet(valkey, **SLOWLY)
    here, there = (one.api for one in fleet.pair())
    case = here.start(locale="en")
    path = f"/operator/cases/{case.id}/events"
    took: list[float] = []
    for _ in range(rounds(1)):
        asked = {"name": "Ana", "scopes": ["operator"]}
        made = here.post("/operator/keys", asked, OPERATOR_TOKEN).json()
        key, token = made["key"]["id"], made["token"]
        mine = streams.apart()
        for api in (here, there):
            mine.read(api, path, token)

        def end(key: str = key) -> None:
            if way == "revoke":
                answer = there.post(f"/operator/keys/{key}/revoke", None, OPERATOR_TOKEN)
            else:
                keep = {"keep_seconds": 1 if way == "expire" else 0}
                answer = there.post(f"/operator/keys/{key}/rotate", keep, OPERATOR_TOKEN)
            assert answer.status == 200

        took += closed_in(mine, end)
        assert here.get(path, token).status == there.get(path, token).status == 401
    show(f"streams of a key, after its end ({way})", list(spread(took).items()))
    assert max(took) <= WITHIN_SECONDS + (1.0 if way == "expire" else 0.0)


def test_others_streams_stay_open(
    streams: Open, make_fleet: MakeFleet, valkey: EmbeddedValkey
) -> None:
    """Whoever has another key, or another case, does not notice."""
    here, there = (one.api for one in make_fleet(valkey, **SLOWLY).pair())
    asked = {"name": "Ana", "scopes": ["operator"]}
    made = [here.post("/operator/keys", asked, OPERATOR_TOKEN).json() for _ in range(2)]
    (ends, stays), watched = made, here.start(locale="en")
    other = here.start(locale="en")
    path = f"/operator/cases/{watched.id}/events"
    going = streams.apart()
    going.read(there, path, stays["token"])
    going.read(there, f"/cases/{other.id}/events", other.token)
    streams.read(there, path, ends["token"])
    streams.read(there, f"/cases/{watched.id}/events", watched.token)
    here.post(f"/operator/keys/{ends['key']['id']}/revoke", None, OPERATOR_TOKEN)
    revoke(here, watched)
    streams.ended()
    assert going.are_open
    revoke(here, other)
    here.post(f"/operator/keys/{stays['key']['id']}/revoke", None, OPERATOR_TOKEN)
    going.ended()


def test_a_closed_stream_gives_its_place_back(
    streams: Open, make_fleet: MakeFleet, valkey: EmbeddedValkey
) -> None:
    """However it ended, nothing of it is counted any more, here or there."""
    here, there = (one.api for one in make_fleet(valkey, **SLOWLY).pair())
    case = here.start(locale="en")
    for api in (here, there):
        streams.read(api, f"/cases/{case.id}/events", case.token)
    held = f"tri:{{{case.id}}}:w"
    with Wire(valkey.socket) as wire:
        assert wire.call("HLEN", held) == b"2"
        revoke(here, case)
        streams.ended()
        until(lambda: wire.call("EXISTS", held) == b"0", "both have let go")
