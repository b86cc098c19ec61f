"""Every metric moves by the event it names: a real instance, a real worker, real Valkey, llmock."""

from collections.abc import Iterator

import pytest

from tests.support.api import BASE, TERMINALS, Case, Frame
from tests.support.replies import analysis_document, report_document, text, turn_document
from tests.support.scrapes import moved, until
from tests.telemetry.conftest import ANALYSES, INTERVIEWS, OTHERS, PLAYBOOK, House

STORY = "Water has been dripping from my bathroom ceiling since yesterday."
SLOTS = {"story": "It drips.", "when": "2026-01-02", "wish": "A plumber."}
OPENAI = {"provider": "openai"}
ANTHROPIC = {"provider": "anthropic"}
GOOD = turn_document("I am sorry to hear it. What would you like us to do?", asking="wish")
ENDING = turn_document("Thank you.", slots=SLOTS, done=True)
HARD = turn_document("Thank you.", slots=SLOTS, complexity="high", done=True)


@pytest.fixture(autouse=True)
def clean(house: House) -> Iterator[None]:
    """Every test begins with providers that have forgotten the one before."""
    house.mock.reset()
    yield
    assert house.member.is_alive
    assert house.worker.is_alive


def says(document: dict[str, object], match: dict[str, str] | None = None) -> dict[str, object]:
    """Return the behaviour of answering once with a document."""
    return {"type": "reply", "text": text(document), **({"match": match} if match else {})}


def opened(house: House) -> Case:
    """Open a case in English."""
    return house.api.start(locale="en")


def whole(frames: list[Frame]) -> Frame:
    """Return the event of a turn that went well."""
    assert frames[-1].event == "turn.completed", frames[-1]
    return frames[-1]


def test_an_attempt_at_a_model(house: House) -> None:
    """It counts once, with its time, its first words, its tokens and its cost."""
    house.mock.scenario([says(GOOD)])
    before = house.page()
    whole(house.api.talk(opened(house), STORY))
    after = house.page()
    of = {"provider": "openai", "model": INTERVIEWS, "operation": "interview"}
    assert moved(before, after, "triage_ai_calls_total", **of) == 1
    done = {"outcome": "completed", "error_type": "none"}
    assert moved(before, after, "triage_ai_calls_total", **of, **done) == 1
    assert moved(before, after, "gen_ai_client_operation_duration_seconds_count", **of) == 1
    assert moved(before, after, "gen_ai_client_operation_duration_seconds_sum", **of) > 0
    first = "gen_ai_client_operation_time_to_first_chunk_seconds"
    assert moved(before, after, f"{first}_count", **of) == 1
    read = moved(before, after, "gen_ai_client_inference_usage_input_tokens_total", **of)
    written = moved(before, after, "gen_ai_client_inference_usage_output_tokens_total", **of)
    assert read > 0
    assert written > 0
    # A million tokens of gpt-5-mini cost 0.25 USD to read and 2 USD to write.
    cost = moved(before, after, "triage_ai_cost_usd_total", **of, arm="none", source="catalogue")
    assert cost == pytest.approx((read * 0.25 + written * 2) / 1e6)
    assert moved(before, after, "triage_ai_unpriced_calls_total") == 0


def test_a_failed_attempt_and_the_one_after_it(house: House) -> None:
    """Each counts for itself: who failed and how, and who answered in the end."""
    house.mock.scenario([{"type": "fail", "status": 529, "match": OPENAI}, says(GOOD, ANTHROPIC)])
    before = house.page()
    whole(house.api.talk(opened(house), STORY))
    after = house.page()
    failed = {"provider": "openai", "outcome": "failed", "error_type": "overloaded"}
    answered = {"provider": "anthropic", "model": OTHERS, "outcome": "completed"}
    assert moved(before, after, "triage_ai_calls_total", **failed) == 1
    assert moved(before, after, "triage_ai_calls_total", **answered) == 1
    assert moved(before, after, "triage_ai_calls_total") == 2


def test_a_turn(house: House) -> None:
    """It tells who answered, what the person waited for, and what of it was our own share."""
    house.mock.scenario([{"type": "slow_first_token", "seconds": 0.5}, says(GOOD)])
    before = house.page()
    whole(house.api.talk(opened(house), STORY))
    after = house.page()
    by = {"interviewer": "model"}
    assert moved(before, after, "triage_turns_total", outcome="completed", **by) == 1
    assert moved(before, after, "triage_turns_total") == 1
    assert moved(before, after, "triage_turn_duration_seconds_sum", **by) > 0.5
    assert moved(before, after, "triage_turn_first_word_seconds_sum", **by) > 0.5
    assert moved(before, after, "triage_turn_overhead_seconds_count") == 1
    assert 0 < moved(before, after, "triage_turn_overhead_seconds_sum") < 0.5
    assert moved(before, after, "triage_cases_total", status="started", playbook=PLAYBOOK) == 1


def test_a_turn_that_somebody_stops(house: House) -> None:
    """It is counted as cancelled, and nobody is told how long it would have taken."""
    house.mock.scenario([{"type": "slow_first_token", "seconds": 20.0}])
    before = house.page()
    case = opened(house)
    path = f"{BASE}/continue-stream"
    body = b'{"case_id": "%s", "message": "It drips."}' % case.id.encode()
    headers = {"Content_Type": "application/json", "Idempotency_Key": "one"}
    with house.api.stream("POST", path, body, token=case.token, **headers) as stream:
        stream.until("status")
        stopped = house.api.post(f"/cases/{case.id}/turns/1/cancel", {}, case.token)
        assert stopped.json()["status"] == "cancelled"
        stream.until(*TERMINALS)
    after = house.page()
    assert moved(before, after, "triage_turns_total", outcome="cancelled") == 1
    assert moved(before, after, "triage_turn_overhead_seconds_count") == 0


def test_an_open_stream_and_one_that_is_resumed(house: House) -> None:
    """The gauge follows who reads; coming back with a place counts as resuming."""
    house.mock.scenario([{"type": "slow_first_token", "seconds": 1.0}, says(GOOD)])
    case = opened(house)
    path = f"{BASE}/continue-stream"
    body = b'{"case_id": "%s", "message": "It drips."}' % case.id.encode()
    headers = {"Content_Type": "application/json", "Idempotency_Key": "one"}
    before = house.page()
    with house.api.stream("POST", path, body, token=case.token, **headers) as stream:
        place = stream.until("status")[-1].id
        assert place is not None
        assert house.page().value("triage_streams_open") == 1
    until(house.page, lambda page: page.value("triage_streams_open") == 0)
    path = f"{BASE}/cases/{case.id}/turns/1/events"
    with house.api.stream("GET", path, token=case.token, Last_Event_ID=place) as stream:
        stream.until(*TERMINALS)
    after = until(house.page, lambda page: page.value("triage_streams_open") == 0)
    assert moved(before, after, "triage_stream_resumes_total") == 1


def test_a_case_that_ends_within_its_turn(house: House) -> None:
    """Its first result is counted with its time; with a call of no known price, without a cost."""
    house.mock.scenario([says(ENDING), says(analysis_document())])
    before = house.page()
    whole(house.api.talk(opened(house), STORY))
    after = house.page()
    of = {"strategy": "simple", "arm": "none"}
    assert moved(before, after, "triage_cases_total", status="completed", arm="none") == 1
    assert moved(before, after, "triage_case_duration_seconds_count", **of) == 1
    unpriced = {"provider": "openai", "model": ANALYSES}
    assert moved(before, after, "triage_ai_unpriced_calls_total", **unpriced) == 1
    assert moved(before, after, "triage_case_cost_usd_count", **of) == 0


def test_a_background_analysis(house: House) -> None:
    """The worker tells how long it waited and took, and what the case has cost from its start."""
    house.mock.scenario(
        [
            says(HARD),
            says(analysis_document(), OPENAI),
            says(analysis_document(), ANTHROPIC),
            says(report_document()),
        ]
    )
    before, at_api = house.worker_page(), house.page()
    case = opened(house)
    asked = whole(house.api.talk(case, "The kitchen ceiling leaks since Monday, in 3 rooms."))
    assert asked.data["complexity"] == "high"
    done = {"queue": "complex", "outcome": "done"}
    after = until(
        house.worker_page, lambda page: moved(before, page, "triage_jobs_total", **done) >= 1
    )
    assert moved(before, after, "triage_job_wait_seconds_count", queue="complex") == 1
    assert moved(before, after, "triage_job_duration_seconds_count", queue="complex") == 1
    assert moved(before, after, "triage_job_duration_seconds_sum", queue="complex") > 0
    of = {"strategy": "ensemble", "arm": "none"}
    assert moved(before, after, "triage_case_cost_usd_count", **of) == 1
    assert moved(before, after, "triage_case_duration_seconds_count", **of) == 1
    assert moved(before, after, "triage_ai_calls_total", operation="analysis") == 2
    assert moved(before, after, "triage_ai_calls_total", operation="report") == 1
    # The interview's call was made by the instance, and belongs to the case all the same.
    known = {"source": "catalogue"}
    spent = moved(before, after, "triage_ai_cost_usd_total", **known)
    spent += moved(at_api, house.page(), "triage_ai_cost_usd_total", **known)
    assert moved(before, after, "triage_case_cost_usd_sum", **of) == pytest.approx(spent)


def test_jobs_that_wait(house: House) -> None:
    """While nobody works, the queue grows and its oldest gets older; both are the same anywhere."""
    before = house.worker_page()
    house.worker.freeze()
    try:
        house.mock.scenario([says(HARD)])
        whole(house.api.talk(opened(house), "The hall ceiling leaks since Friday, in 4 rooms."))
        deep = until(
            house.page, lambda page: page.value("triage_queue_depth", queue="complex") == 1
        )
        assert deep.value("triage_queue_depth", queue="simple") == 0
        until(house.page, lambda page: page.value("triage_queue_oldest_age_seconds") > 1)
    finally:
        house.mock.scenario(
            [
                says(analysis_document(), OPENAI),
                says(analysis_document(), ANTHROPIC),
                says(report_document()),
            ]
        )
        house.worker.thaw()
    done = {"queue": "complex", "outcome": "done"}
    until(house.worker_page, lambda page: moved(before, page, "triage_jobs_total", **done) >= 1)
    until(house.worker_page, lambda page: page.value("triage_queue_depth", queue="complex") == 0)


def test_an_analysis_that_is_used_again(house: House) -> None:
    """The second case told in the same words is a hit, and saves what the first one had cost."""
    analyses = [
        says(analysis_document(), OPENAI),
        says(analysis_document(), ANTHROPIC),
        says(report_document()),
    ]
    told = "The cellar ceiling leaks since Sunday, in 5 rooms."
    where = {"analysis": "ensemble"}
    missed = house.worker_page()
    house.mock.scenario([says(HARD), *analyses])
    whole(house.api.talk(opened(house), told))
    before = until(
        house.worker_page,
        lambda page: moved(missed, page, "triage_jobs_total", outcome="done") >= 1,
    )
    assert moved(missed, before, "triage_cache_requests_total", **where, result="miss") == 1
    house.mock.reset()
    house.mock.scenario([says(HARD)])
    whole(house.api.talk(opened(house), told))
    after = until(
        house.worker_page,
        lambda page: moved(before, page, "triage_jobs_total", outcome="done") >= 1,
    )
    assert moved(before, after, "triage_cache_requests_total", **where, result="hit") == 1
    saved = moved(before, after, "triage_cache_saved_usd_total", **where)
    assert saved == pytest.approx(moved(missed, before, "triage_ai_cost_usd_total"))
    assert moved(before, after, "triage_ai_calls_total") == 0


def test_what_the_world_is_told(house: House) -> None:
    """A webhook that arrived counts as delivered, one that was refused as postponed."""
    before = house.worker_page()
    came = len(house.hooks.requests)
    house.hooks.answer = lambda _: 500 if len(house.hooks.requests) == came + 1 else 204
    house.api.post(f"/cases/{(case := opened(house)).id}/handoff", {"reason": ""}, case.token,
                   key="one")  # fmt: skip
    arrived = {"kind": "webhook", "outcome": "delivered"}
    after = until(
        house.worker_page,
        lambda page: moved(before, page, "triage_deliveries_total", **arrived) >= 1,
    )
    assert moved(before, after, "triage_deliveries_total", kind="webhook", outcome="postponed") >= 1


def test_a_problem(house: House) -> None:
    """What a request is refused for is counted by its kind, whichever part of us refused it."""
    before = house.page()
    assert house.api.get("/status/" + "0" * 32, "nobody's token").status == 404
    assert house.api.call("POST", f"{BASE}/start", b"a=1", Content_Type="text/plain").status == 415
    after = house.page()
    unknown = {"problem": "case-not-found", "status": "404"}
    assert after.value("triage_problems_total", **unknown) == 1
    assert after.value("triage_problems_total", problem="unsupported-media-type") == 1
    assert not before.found("triage_problems_total", **unknown)


def test_a_model_that_is_passed_over(house: House) -> None:
    """Once its breaker opens, the gauge says so; the other provider's stays closed."""
    where = {"provider": "openai", "model": INTERVIEWS}
    assert house.page().value("triage_breaker_open", **where) == 0
    house.mock.scenario(
        [
            {"type": "fail", "status": 429, "retry_after": 2.0, "match": OPENAI},
            says(GOOD, ANTHROPIC),
        ]
    )
    whole(house.api.talk(opened(house), STORY))
    page = house.page()
    assert page.value("triage_breaker_open", **where) == 1
    assert page.value("triage_breaker_open", provider="anthropic") == 0


def test_what_runs(house: House) -> None:
    """Who it is, how old its prices are, how its storage answers, what the worker has tidied."""
    page, worker = house.page(), house.worker_page()
    assert page.value("triage_build_info", process="api") == 1
    assert worker.value("triage_build_info", process="worker") == 1
    for one in (page, worker):
        assert one.value("triage_storage_up") == 1
        assert 0 < one.value("triage_storage_ping_seconds") < 1
        assert one.value("triage_storage_memory_bytes", what="used") > 0
        assert one.value("triage_price_catalog_age_seconds") > 0
        assert one.value("process_resident_memory_bytes") > 0
        assert one.value("triage_workers") == 1
        assert one.value("triage_worker_slots", queue="complex") == 4
        assert one.value("triage_dead_letters") == 0
        assert one.value("triage_orphaned_conversations") == 0
    until(house.worker_page, lambda page: page.value("triage_sweeps_total") > 0)
