"""The pages of real processes: formats, who may read, outages, kills, several of them."""

import json
import os
import random
import re
import string
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.samples import Sample

from app.embedded import EmbeddedValkey
from tests.support.api import BASE, OPERATOR_TOKEN, Api
from tests.support.fleet import Fleet, Parent, fleet
from tests.support.processes import Program, environment, free_port, get, triage
from tests.support.scrapes import OPENMETRICS, Scrape, moved, scrape, until
from tests.telemetry.conftest import page_port

STORY = "Water has been dripping from my bathroom ceiling since yesterday."
MOST_SERIES = 5_000
RANDOM = random.Random(7)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A storage of the test's own, which may be killed."""
    with EmbeddedValkey(tmp_path / "var") as server:
        yield server


@pytest.fixture
def processes(forks: Parent, valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[Fleet]:
    """Instances and workers without a model."""
    settings = {"TRIAGE_METRICS_PORT": "0", "TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN}
    with fleet(forks, valkey.url, tmp_path, settings) as running:
        yield running


def told(api: Api) -> None:
    """Take one turn of a new case."""
    assert api.talk(api.start(locale="en"), STORY)[-1].event == "turn.completed"


def test_both_formats_say_the_same(processes: Fleet) -> None:
    """Each is read by its own parser, and comes under its own type."""
    (member,) = processes.some(1)
    told(member.api)
    worker = page_port(processes.worker())
    for port in (member.api.port, worker):
        plain = Api(port).call("GET", "/metrics")
        assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        modern = Api(port).call("GET", "/metrics", Accept=OPENMETRICS)
        assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1")
        assert modern.body.endswith(b"# EOF\n")
        names = {one.name for one in scrape(port).samples}
        assert names == {one.name for one in scrape(port, openmetrics=True).samples}
        assert "triage_turns_total" in names


def test_who_may_read(processes: Fleet) -> None:
    """This machine and operators; not a stranger whose request a proxy of ours passed on."""
    (member,) = processes.some(1)
    worker = page_port(processes.worker())
    for port in (member.api.port, worker):
        api = Api(port)
        assert api.call("GET", "/metrics").status == 200
        for header in ("Via", "Forwarded", "X_Forwarded_For", "X_Real_IP"):
            refused = api.call("GET", "/metrics", None, **{header: "192.0.2.1"})
            assert refused.status == 401
            assert refused.headers["www-authenticate"] == "Bearer"
        stranger = {"X_Forwarded_For": "192.0.2.1"}
        assert api.call("GET", "/metrics", None, token="x" * 20, **stranger).status == 401
        assert api.call("GET", "/metrics", None, token=OPERATOR_TOKEN, **stranger).status == 200
        assert api.call("GET", "/metrics/anything").status == 404


def test_everybody_may_read_where_the_settings_say_so(
    forks: Parent, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """For a network that nobody else is in."""
    settings = {"TRIAGE_METRICS_PORT": "0", "TRIAGE_METRICS_OPEN": "true"}
    with fleet(forks, valkey.url, tmp_path, settings) as running:
        (member,) = running.some(1)
        for port in (member.api.port, page_port(running.worker())):
            assert Api(port).call("GET", "/metrics", X_Forwarded_For="192.0.2.1").status == 200


def test_without_its_storage_the_page_is_still_served(
    processes: Fleet, valkey: EmbeddedValkey
) -> None:
    """It says that the storage is away, keeps its counters, and tells nothing it cannot know."""
    (member,) = processes.some(1)
    worker = page_port(processes.worker())
    told(member.api)
    for port in (member.api.port, worker):
        assert scrape(port).value("triage_storage_up") == 1
    valkey.kill()
    for port in (member.api.port, worker):
        away = until(partial(scrape, port), lambda page: not _is_up(page))
        assert not away.found("triage_queue_depth")
        assert not away.found("triage_ai_spend_usd")
        assert away.found("triage_turns_total")
    assert scrape(member.api.port).value("triage_turns_total", outcome="completed") == 1
    valkey.start()
    for port in (member.api.port, worker):
        back = until(partial(scrape, port), _is_up)
        assert back.found("triage_queue_depth")


def _is_up(page: Scrape) -> bool:
    return page.value("triage_storage_up") == 1


def test_a_worker_that_is_killed_and_started_again(
    forks: Parent, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """The same port serves again; counters begin anew, with a start time that says so."""
    port = free_port()
    settings = {"TRIAGE_METRICS_PORT": str(port)}
    with fleet(forks, valkey.url, tmp_path, settings) as running:
        first = running.worker()
        assert page_port(first) == port
        before = until(lambda: scrape(port), lambda page: page.value("triage_sweeps_total") == 1)
        first.kill()
        assert get(port, "/metrics")[0] == 0
        assert page_port(running.worker()) == port
        after = scrape(port)
        assert moved(before, after, "process_start_time_seconds") > 0
        assert after.value("triage_build_info", process="worker") == 1


def test_a_port_that_is_taken_stops_a_worker(
    forks: Parent, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """It says why, instead of serving no metrics in silence."""
    settings = {"TRIAGE_METRICS_PORT": str(free_port())}
    with fleet(forks, valkey.url, tmp_path, settings) as running:
        page_port(running.worker())
        env = environment(TRIAGE_REDIS_URL=valkey.url, TRIAGE_VAR=str(tmp_path), **settings)
        late = Program("worker", triage("worker"), env, tmp_path / "late.log")
        try:
            assert late.wait_ended() != 0
            assert "TRIAGE_METRICS_PORT: cannot listen on" in late.output()
            assert "Traceback" not in late.output()
        finally:
            late.close()


def test_two_instances_are_two_targets(processes: Fleet) -> None:
    """What each has done is its own; what the storage says is the same at both."""
    first, second = processes.pair()
    for member, times in ((first, 1), (second, 2)):
        for _ in range(times):
            told(member.api)
    pages = [scrape(member.api.port) for member in (first, second)]
    assert [one.value("triage_turns_total", outcome="completed") for one in pages] == [1, 2]
    assert [one.value("triage_cases_total", status="started") for one in pages] == [1, 2]
    kept = [one.value("triage_facts_waiting") for one in pages]
    assert kept[0] == kept[1] > 0


def test_a_turn_that_another_instance_takes_over(
    forks: Parent, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """Whoever goes on after a kill counts it; who is merely told that it ends does not."""
    with fleet(forks, valkey.url, tmp_path, {"TRIAGE_PACE_MS": "200"}) as running:
        first, second = running.pair()
        case = first.api.start(locale="en")
        value = json.dumps({"case_id": case.id, "message": STORY}).encode()
        headers = {"Content_Type": "application/json", "Idempotency_Key": "one"}
        with first.api.stream(
            "POST", f"{BASE}/continue-stream", value, token=case.token, **headers
        ) as stream:
            stream.until("delta")
            first.kill()
        done = until(
            lambda: scrape(second.api.port),
            lambda page: page.value("triage_turns_total", outcome="completed") == 1,
        )
        assert done.value("triage_turn_takeovers_total") == 1


def test_hostile_requests_leave_no_series_behind(processes: Fleet) -> None:
    """Random paths, methods, ids, headers and bodies: only kinds of problems are counted."""
    (member,) = processes.some(1)
    before = scrape(member.api.port)
    for _ in range(400):
        path = RANDOM.choice(
            [
                f"/{_word()}/{_word()}",
                f"{BASE}/cases/{_word()}/turns/{RANDOM.randint(-9, 9**9)}",
                f"{BASE}/status/{os.urandom(16).hex()}",
                f"{BASE}/jobs/{os.urandom(16).hex()}.{RANDOM.randint(0, 99)}",
                f"{BASE}/start",
            ]
        )
        method = RANDOM.choice(["GET", "POST", "PUT", "DELETE", "PATCH", _word().upper()])
        body = None if method == "GET" else RANDOM.choice([b"{}", b"[1", os.urandom(20)])
        kind = RANDOM.choice(["application/json", "text/plain", _word()])
        token = RANDOM.choice([None, _word(), OPERATOR_TOKEN])
        member.api.call(method, path, body, token=token, Content_Type=kind, Traceparent=_word())
    after = scrape(member.api.port)
    assert moved(before, after, "triage_cases_total", status="started") < 400
    born = {_series(one) for one in after.samples} - {_series(one) for one in before.samples}
    assert 0 < len(born) < 20
    assert {name for name, _ in born} == {"triage_problems_total"}
    assert len(after.samples) <= MOST_SERIES
    kinds = {dict(labels)["problem"] for _, labels in born}
    assert all(re.fullmatch(r"[a-z0-9-]+", kind) for kind in kinds)


def _series(sample: Sample) -> tuple[str, tuple[tuple[str, str], ...]]:
    return sample.name, tuple(sorted(sample.labels.items()))


def _word() -> str:
    return "".join(RANDOM.choices(string.ascii_letters + string.digits, k=12))
