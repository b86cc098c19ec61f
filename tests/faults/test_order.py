"""Order: however many post to one case at once, there is one order, and one turn for each key."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

from msgspec import Struct

from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import Api, Case
from tests.support.listener import Listener, settled
from tests.support.proofs import STORY, spread

AT_ONCE = 100
EQUAL = 50


class Posted(Struct, frozen=True):
    """One post and when it was made."""

    text: str
    turn: int
    began: float
    ended: float


def test_a_hundred_posts_at_once_keep_one_order(
    make_fleet: MakeFleet, valkey: EmbeddedValkey, show: Show
) -> None:
    """Turns are numbered without a gap; who was acknowledged before another began comes first."""
    apis = [one.api for one in make_fleet(valkey).pair()]
    case = apis[0].start(locale="en")
    together = Barrier(AT_ONCE)

    def post(number: int) -> Posted:
        text = f"Message {number}: the water still drips."
        together.wait()
        began = time.monotonic()
        answer = apis[number % 2].say(case, text, Prefer="wait=0")
        ended = time.monotonic()
        assert answer.status in {200, 202}, answer
        return Posted(text, int(answer.headers["triage-turn"]), began, ended)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        posted = sorted(pool.map(post, range(AT_ONCE)), key=lambda one: one.turn)
    assert [one.turn for one in posted] == list(range(1, AT_ONCE + 1))
    latest = 0.0
    for one in posted:
        assert latest < one.ended, "a message overtook one that was acknowledged before"
        latest = max(latest, one.began)
    for api in apis:
        turns = settled(api, case)
        assert [one["message"] for one in turns] == [one.text for one in posted]
        assert {one["outcome"] for one in turns} == {"completed"}
    took = spread([one.ended - one.began for one in posted])
    show(
        "a hundred posts to one case at once, at two instances",
        [("post to acknowledged", ", ".join(f"{k} {v}" for k, v in took.items()))],
    )


def test_fifty_equal_keys_run_once(make_fleet: MakeFleet, valkey: EmbeddedValkey) -> None:
    """Whoever posts with the same key, wherever and whenever, reads the same one turn."""
    apis = [one.api for one in make_fleet(valkey, TRIAGE_PACE_MS="5").pair()]
    case = apis[0].start(locale="en")
    key = uuid4().hex
    together = Barrier(EQUAL)

    def post(number: int) -> Listener:
        listener = Listener(case, STORY, key)
        together.wait()
        assert listener.say(apis[number % 2])
        return listener

    with ThreadPoolExecutor(EQUAL) as pool:
        listeners = list(pool.map(post, range(EQUAL)))
    assert {one.turn for one in listeners} == {1}
    assert all(one.frames == listeners[0].frames for one in listeners)
    assert [one.data["attempt"] for one in listeners[0].frames if "attempt" in one.data] == [1]
    (turn,) = settled(apis[1], case)
    assert turn["reply"] == listeners[0].message()
    _is_refused_for_another_body(apis[1], case, key)


def _is_refused_for_another_body(api: Api, case: Case, key: str) -> None:
    assert api.say(case, "Something else.", Idempotency_Key=key).status == 422
    assert len(settled(api, case)) == 1
