"""Traces go to a real collector when the environment asks for them, whole and without words."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec import Struct

from app.domain.errors import InvalidInput
from app.embedded import EmbeddedValkey
from app.telemetry.tracing import Untraced, build_tracing
from tests.support.api import BASE, TERMINALS, Case
from tests.support.collector import Collector, ReceivedSpan, collecting
from tests.support.fleet import Fleet, Member, Parent, Process, fleet
from tests.support.llmock import LLMock, running_llmock
from tests.support.replies import analysis_document, report_document, turn_document
from tests.support.scrapes import scrape
from tests.telemetry.conftest import INTERVIEWS, OTHERS, page_port
from tests.telemetry.test_events import ANTHROPIC, HARD, OPENAI, says

SERVER, CLIENT, INTERNAL, CONSUMER = 2, 3, 1, 5
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, SPAN = CALLER.split("-")[1:3]
SECRET = "zarabatana"
"""A word that stands in everything that people and models say here."""


class House(Struct):
    """What runs, and who takes its traces."""

    collector: Collector
    mock: LLMock
    fleet: Fleet
    member: Member
    worker: Process


@pytest.fixture(scope="module")
def house(forks: Parent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An instance and a worker whose environment asks for traces."""
    folder = tmp_path_factory.mktemp("traced")
    with (
        EmbeddedValkey(folder / "var") as valkey,
        running_llmock() as mock,
        collecting() as collector,
    ):
        settings = {
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": mock.openai,
            "ANTHROPIC_API_KEY": "k",
            "ANTHROPIC_BASE_URL": mock.anthropic,
            "TRIAGE_METRICS_PORT": "0",
            "TRIAGE_PACE_MS": "150",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with fleet(forks, valkey.url, folder, settings) as running:
            worker = running.worker()
            (member,) = running.some(1)
            page_port(worker)
            yield House(collector, mock, running, member, worker)


@pytest.fixture(autouse=True)
def clean(house: House) -> None:
    """Every test begins with providers that have forgotten the one before."""
    house.mock.reset()


def talk(house: House, case: Case, text: str, **headers: str) -> None:
    """Take a turn, within the caller's trace where the headers name one."""
    value = json.dumps({"case_id": case.id, "message": text}).encode()
    headers |= {"Content_Type": "application/json", "Idempotency_Key": uuid4().hex}
    with house.member.api.stream(
        "POST", f"{BASE}/continue-stream", value, token=case.token, **headers
    ) as stream:
        assert stream.until(*TERMINALS)[-1].event == "turn.completed"


def within(house: House, trace: str) -> dict[str, list[ReceivedSpan]]:
    """Return a trace's spans by their names."""
    found: dict[str, list[ReceivedSpan]] = {}
    for one in house.collector.spans:
        if one.trace == trace:
            found.setdefault(one.name, []).append(one)
    return found


def test_what_a_call_tells(house: House) -> None:
    """The conventions for generative AI, and the times of the call itself."""
    house.mock.scenario([says(turn_document("Hello."))])
    case = house.member.api.start(locale="en")
    talk(house, case, "The tap drips.")
    mine = {"gen_ai.conversation.id": case.id}
    house.collector.wait_for(lambda: any(_has(one, mine) for one in house.collector.named("chat ")))
    (call,) = (one for one in house.collector.named("chat ") if _has(one, mine))
    assert call.kind == CLIENT
    assert _has(
        call,
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": INTERVIEWS,
            "triage.operation": "interview",
            "triage.outcome": "completed",
        },
    )
    for name in ("gen_ai.usage.input_tokens", "gen_ai.response.time_to_first_chunk"):
        assert float(call.attributes[name] or 0) > 0
    house.collector.wait_for(
        lambda: any(_has(one, mine) for one in house.collector.named("triage.turn"))
    )
    (turn,) = (one for one in house.collector.named("triage.turn") if _has(one, mine))
    assert turn.start_ns - 2_000_000 <= call.start_ns <= call.end_ns <= turn.end_ns + 2_000_000
    assert _has(turn, {"triage.outcome": "completed", "triage.interviewer": "model"})


def test_one_trace_from_the_caller_to_the_last_step_of_the_analysis(house: House) -> None:
    """Request, turn, calls, and in another process the analysis: each under what it is part of."""
    said = turn_document(f"I see, {SECRET}.") | {"assessment": HARD["assessment"]}
    found = analysis_document(plain=SECRET, requests=[SECRET])
    house.mock.scenario(
        [
            {"type": "fail", "status": 529, "match": OPENAI},
            says(said, ANTHROPIC),
            says(found, OPENAI),
            says(found, ANTHROPIC),
            says(report_document(plain=SECRET)),
        ]
    )
    case = house.member.api.start(locale="en")
    talk(house, case, f"My {SECRET} leaks since Monday, in 3 rooms.", Traceparent=CALLER)
    house.collector.wait_for(lambda: "triage.analysis" in within(house, TRACE), 60)
    spans = within(house, TRACE)
    (accepted,), (turn,), (analysis,) = (
        spans[name] for name in ("triage.accept", "triage.turn", "triage.analysis")
    )
    assert (accepted.parent, accepted.kind) == (SPAN, SERVER)
    assert (turn.parent, turn.kind) == (accepted.id, INTERNAL)
    assert (analysis.parent, analysis.kind) == (turn.id, CONSUMER)
    assert (turn.service, analysis.service) == ("triage-api", "triage-worker")
    steps = {one.attributes["triage.step"]: one for one in spans["triage.analysis.step"]}
    assert set(steps) == {"openai", "anthropic", "report"}
    assert {one.parent for one in steps.values()} == {analysis.id}
    calls = {
        (one.parent, one.name, one.error)
        for name, ones in spans.items()
        if name.startswith("chat ")
        for one in ones
    }
    assert calls == {
        (turn.id, f"chat {INTERVIEWS}", "overloaded"),
        (turn.id, f"chat {OTHERS}", ""),
        (steps["openai"].id, f"chat {INTERVIEWS}", ""),
        (steps["anthropic"].id, f"chat {OTHERS}", ""),
        (steps["report"].id, f"chat {INTERVIEWS}", ""),
    }
    assert house.collector.paths == {"/v1/traces"}


def test_exemplars_lead_to_traces(house: House) -> None:
    """What moved within a trace names it."""
    house.mock.scenario([says(turn_document("Hello."))])
    case = house.member.api.start(locale="en")
    talk(house, case, "The tap drips.")
    mine = {"gen_ai.conversation.id": case.id}
    house.collector.wait_for(
        lambda: any(_has(one, mine) for one in house.collector.named("triage.turn"))
    )
    traces = {one.trace for one in house.collector.spans}
    page = scrape(house.member.api.port, openmetrics=True)
    named = [one for one in page.samples if one.exemplar is not None]
    assert any(one.name == "triage_ai_calls_total" for one in named)
    told = {one.exemplar.labels["trace_id"] for one in named if one.exemplar}
    assert told & traces


def test_a_turn_that_is_taken_over_stays_in_its_trace(house: House) -> None:
    """The instance that goes on begins a second span under the same request."""
    case = house.member.api.start(locale="en")
    other = "00-" + "5a" * 16 + "-" + "3b" * 8 + "-01"
    value = json.dumps({"case_id": case.id, "message": "It drips."}).encode()
    headers = {"Content_Type": "application/json", "Idempotency_Key": "1", "Traceparent": other}
    house.mock.scenario([{"type": "slow_first_token", "seconds": 20.0, "times": None}])
    survivor = house.fleet.add()
    survivor.wait_ready()
    with house.member.api.stream(
        "POST", f"{BASE}/continue-stream", value, token=case.token, **headers
    ) as stream:
        stream.until("status")
        house.collector.wait_for(lambda: "triage.accept" in within(house, "5a" * 16))
        house.mock.reset()
        house.mock.scenario([says(turn_document("Hello."))])
        house.member.kill()
    house.fleet.remove(house.member)
    house.member = survivor
    house.collector.wait_for(lambda: "triage.turn" in within(house, "5a" * 16))
    spans = within(house, "5a" * 16)
    (turn,) = spans["triage.turn"]
    assert turn.parent == spans["triage.accept"][0].id
    assert turn.attributes["triage.attempt"] == 2


def test_no_span_repeats_what_anybody_said(house: House) -> None:
    """Neither people's words nor models', in whatever came over the wire."""
    house.mock.scenario([says(turn_document(f"I see, {SECRET}."))])
    case = house.member.api.start(locale="en")
    talk(house, case, f"My {SECRET} drips.")
    mine = {"gen_ai.conversation.id": case.id}
    house.collector.wait_for(
        lambda: any(_has(one, mine) for one in house.collector.named("triage.turn"))
    )
    assert not any(SECRET.encode() in one for one in house.collector.raw)
    assert not any(b"drips" in one for one in house.collector.raw)


def test_a_strange_traceparent_begins_a_trace_of_its_own(house: House) -> None:
    """Whatever stands in the header, the person is served."""
    house.mock.scenario([says(turn_document("Hello."))])
    case = house.member.api.start(locale="en")
    talk(house, case, "The sink drips.", Traceparent="00-" + "f" * 500)
    mine = {"gen_ai.conversation.id": case.id}
    house.collector.wait_for(
        lambda: any(_has(one, mine) for one in house.collector.named("triage.accept"))
    )
    (accepted,) = (one for one in house.collector.named("triage.accept") if _has(one, mine))
    assert accepted.parent == ""


def _has(span: ReceivedSpan, attributes: dict[str, str]) -> bool:
    return attributes.items() <= span.attributes.items()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "mine"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_traced_unless_the_environment_asks(environ: dict[str, str]) -> None:
    """By default, and where it is turned off."""
    assert isinstance(build_tracing(environ, "api", "one"), Untraced)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
    ],
)
def test_what_is_not_there_is_refused_by_name(name: str, value: str) -> None:
    """A collector that would never hear anything is told at once."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", name: value}
    with pytest.raises(InvalidInput, match=name):
        build_tracing(environ, "api", "one")


def test_who_does_not_trace_does_not_import_the_sdk() -> None:
    """An instance that is put together without these variables has not paid for them."""
    script = (
        "import sys, app.main, jobs.worker\n"
        "from app.telemetry.tracing import build_tracing\n"
        "build_tracing({}, 'api', 'one')\n"
        "found = [one for one in sys.modules if one.startswith('opentelemetry.sdk')]\n"
        "assert not found, found\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", script], check=True, cwd=root)
