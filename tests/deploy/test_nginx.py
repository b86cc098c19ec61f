"""The shipped nginx before real instances: words pass one by one, and no restart is seen."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import uuid4

import pytest

from app.embedded import EmbeddedValkey
from tests.support.api import BASE, Api
from tests.support.fleet import Fleet, fleet, parent
from tests.support.listener import Listener, settled, wait_for_words
from tests.support.nginx import running_nginx
from tests.support.patient import Writers
from tests.support.proofs import STORY, rounds, write_proof_playbooks

pytestmark = pytest.mark.timeout(600)
WRITERS = 4
BEHIND = {
    "TRIAGE_PACE_MS": "20",
    "TRIAGE_OPEN_INTAKE": "1",
    "TRIAGE_TRUSTED_PROXIES": "127.0.0.1",
    "TRIAGE_RATE_ADDRESS": "0",  # all writers have one address
}


@pytest.fixture(scope="module")
def behind(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, Api]]:
    """Two instances, and nginx in front of them."""
    folder = tmp_path_factory.mktemp("behind")
    settings = write_proof_playbooks(tmp_path_factory.mktemp("playbooks"))
    with ExitStack() as stack:
        valkey = stack.enter_context(EmbeddedValkey(folder / "var"))
        forks = stack.enter_context(parent(folder, settings))
        made = stack.enter_context(fleet(forks, valkey.url, folder, BEHIND))
        ports = [one.port for one in made.pair()]
        proxy = stack.enter_context(running_nginx(nginx, folder / "nginx", ports))
        yield made, Api(proxy.port)


def test_words_pass_one_by_one(behind: tuple[Fleet, Api]) -> None:
    """The first word is there long before the last: nothing is collected on the way."""
    _, api = behind
    listener = Listener(api.start(locale="en"), STORY, uuid4().hex)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(listener.say, api)
        wait_for_words([listener], 1)
        assert not listener.ended
        assert reading.result()
    listener.message()
    first = next(at for at, one in enumerate(listener.frames) if one.event == "delta")
    words = listener.came[first:-1]
    assert len(set(words)) > len(words) / 4, "they came in a few large pieces"


def test_the_stream_is_neither_compressed_nor_stored(behind: tuple[Fleet, Api]) -> None:
    """Also for a caller who would take it compressed."""
    _, api = behind
    case = api.start(locale="en")
    body = json.dumps({"case_id": case.id, "message": STORY}).encode()
    headers = {
        "Content_Type": "application/json",
        "Idempotency_Key": uuid4().hex,
        "Accept_Encoding": "gzip, br",
    }
    path = f"{BASE}/continue-stream"
    with api.stream("POST", path, body, token=case.token, **headers) as stream:
        assert stream.answer.status == 200
        assert "content-encoding" not in stream.answer.headers
        assert "no-cache" in stream.answer.headers["cache-control"]
        stream.until("turn.completed")


def test_what_is_for_this_machine_stays_here(behind: tuple[Fleet, Api]) -> None:
    """A stranger reads no metrics, whatever the headers claim; the instances themselves say no."""
    made, api = behind
    claimed = "127.0.0.1"
    for path in ("/metrics", "/health/redis"):
        answer = api.call("GET", path, X_Forwarded_For=claimed, X_Real_IP=claimed)
        assert answer.status == 404
    instance = made.pair()[0].api
    assert instance.call("GET", "/metrics", X_Forwarded_For=claimed).status == 401


def test_bodies_are_judged_by_the_instances(behind: tuple[Fleet, Api]) -> None:
    """One that is too large gets a problem document, not nginx's own page."""
    _, api = behind
    answer = api.post("/start", {"locale": "en", "attributes": {"a": "x" * 280_000}})
    assert answer.status == 413
    assert answer.json()["type"] == "urn:triage:problem:too-large"


def test_slow_heads_hold_up_nobody(behind: tuple[Fleet, Api]) -> None:
    """Half a request line on two hundred connections, and a case is opened as ever."""
    _, api = behind
    with ExitStack() as stack:
        for _ in range(200):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", api.port), 5))
            slow.sendall(b"POST /api/v2/triage/start HTTP/1.1\r\nHost: te")
        began = time.monotonic()
        api.start(locale="en")
        assert time.monotonic() - began < 5


def test_a_rolling_restart_is_not_seen(behind: tuple[Fleet, Api]) -> None:
    """Instances are replaced at their ports under load, and nobody has to ask again."""
    made, api = behind
    writers = Writers(lambda: api, a_case=12, wait=30)
    with ThreadPoolExecutor(WRITERS) as pool:
        written = [pool.submit(writers.write, f"writer {number}") for number in range(WRITERS)]
        try:
            for _ in range(rounds(2)):
                writers.wait_for(10)
                leaving = made.pair()[0]
                leaving.terminate()
                leaving.wait_ended()
                made.remove(leaving)
                made.add(leaving.port).wait_ready()
            writers.wait_for(10)
        finally:
            writers.stop()
        cases = [one for each in written for one in each.result()]
    assert writers.repeated == {}
    for case, said in cases:
        assert [one["message"] for one in settled(api, case)] == said


def test_a_killed_instance_is_passed_over(behind: tuple[Fleet, Api]) -> None:
    """Its streams break off and go on at the other one, word for word; others notice nothing."""
    made, api = behind
    listener = Listener(api.start(locale="en"), STORY, uuid4().hex)
    words = 0
    for _ in range(2):  # one of the two is whom the stream was read from
        victim = made.pair()[0]
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(listener.listen, api)
            wait_for_words([listener], words := words + 3)
            victim.kill()
            made.remove(victim)
            assert api.start(locale="en").id
            made.add(victim.port).wait_ready()
            reading.result()
    listener.insist(lambda: api)
    listener.message()


def test_with_nobody_there_it_says_when_to_come_back(behind: tuple[Fleet, Api]) -> None:
    """503 with a problem document and Retry-After, as an instance itself would say it."""
    made, api = behind
    gone = made.pair()
    for one in gone:
        one.kill()
        made.remove(one)
    answer = api.post("/start", {"locale": "en"})
    assert answer.status == 503
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["status"] == 503
    for one in gone:
        made.add(one.port).wait_ready()
    assert api.start(locale="en").id
