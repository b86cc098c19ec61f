"""Cases over HTTP: opened, looked at, followed, corrected, ended, erased."""

from typing import Any

import pytest

from app.core.playbook.files import load_playbooks
from tests.support.api import BASE, Answer, Api, Case

STORY = "Water has been dripping from my bathroom ceiling since yesterday."


def refused(answer: Answer, status: int, name: str) -> Any:
    """Check that an answer is this problem and return it."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:triage:problem:{name}"
    return answer.json()


def test_a_case_opens_with_the_playbooks_greeting(api: Api) -> None:
    """Nothing needs to be said to begin; the token is there and nowhere else."""
    found = api.post("/start", {}).json()
    assert found["status"] == "active"
    assert found["variant"] == "v2"
    assert found["playbook"] == "house_repairs"
    assert found["playbook_version"] == "1.0.0"
    assert found["locale"] == "pt-BR"
    assert found["message"].startswith("Olá!")
    assert "triagem" in found["notice"]
    assert len(found["case_token"]) >= 40
    again = api.get(f"/status/{found['case_id']}", found["case_token"])
    assert found["case_token"] not in again.body.decode()


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("pt", "pt-BR"),
        ("fr", "pt-BR"),
        ("", "pt-BR"),
        (None, "pt-BR"),
    ],
)
def test_a_case_is_held_in_the_nearest_locale(api: Api, wanted: str | None, given: str) -> None:
    """An unknown language gets the playbook's own rather than an error."""
    assert api.post("/start", {"locale": wanted}).json()["locale"] == given


def test_any_installed_playbook_may_be_chosen(api: Api) -> None:
    """Whoever opens a case names the domain."""
    for name in load_playbooks():
        assert api.post("/start", {"playbook": name}).json()["playbook"] == name


def test_an_unknown_playbook_is_refused_with_the_known_ones(api: Api) -> None:
    """The refusal says what there is."""
    found = refused(api.post("/start", {"playbook": "astrology"}), 400, "invalid-input")
    assert "house_repairs" in found["detail"]


def test_whose_case_it_is_and_what_for_can_be_said(api: Api) -> None:
    """References and attributes are taken, up to their limits."""
    members = {"user_ref": "u" * 200, "attributes": {str(n): "x" * 200 for n in range(32)}}
    assert api.post("/start", members).status == 201
    for wrong in (
        {"user_ref": "u" * 201},
        {"attributes": {str(n): "" for n in range(33)}},
        {"attributes": {"a": "x" * 201}},
        {"attributes": {"a" * 65: "x"}},
        {"attributes": {"a": 1}},
        {"locale": "x" * 36},
        {"playbook": "x" * 41},
    ):
        refused(api.post("/start", wrong), 400, "invalid-input")


def test_the_status_tells_all_that_a_frontend_polls_for(api: Api, case: Case) -> None:
    """Before anything was said, after a turn, and after the end."""
    before = api.get(f"/status/{case.id}", case.token)
    assert before.headers["retry-after"] in {"1", "2", "5"}
    assert before.json()["turns"] == 0
    api.say(case, STORY)
    found = api.get(f"/status/{case.id}", case.token).json()
    assert (found["turns"], found["turns_done"], found["running"]) == (1, 1, None)
    assert found["candidates"][0]["code"] == "plumbing.leak"
    assert found["missing"] == ["wish"]
    assert found["result_ready"] is False
    facts = {one["slot"]: one for one in found["facts"]}
    assert facts["story"]["value"] == STORY
    assert facts["story"]["label"] == "What happened"
    assert facts["when"]["turn"] == 1
    assert facts["when"]["source"] == "rules"
    api.say(case, "that is all")
    found = api.get(f"/status/{case.id}", case.token).json()
    assert (found["status"], found["result_ready"]) == ("completed", True)


def test_a_conversation_can_be_drawn_anew(api: Api, case: Case) -> None:
    """The whole conversation is there, whoever said what and in which order."""
    first = api.say(case, STORY).json()["message"]
    api.post(
        f"/cases/{case.id}/facts", {"slot": "when", "value": "01/02/2026"}, case.token, key="k1"
    )
    api.post("/force-complete", {"case_id": case.id, "reason": "no time"}, case.token, key="k2")
    found = api.get(f"/cases/{case.id}", case.token).json()
    assert found["greeting"].startswith("Hello!")
    assert found["status"] == "completed"
    assert [(one["turn"], one["kind"], one["message"]) for one in found["turns"]] == [
        (1, "say", STORY),
        (2, "correct", "when: 01/02/2026"),
        (3, "conclude", "no time"),
    ]
    assert found["turns"][0]["reply"] == first
    assert {one["outcome"] for one in found["turns"]} == {"completed"}


def test_a_fact_can_be_corrected_and_removed(api: Api, case: Case) -> None:
    """The person has the last word about facts; an empty value takes one away."""
    path = f"/cases/{case.id}/facts"
    answer = api.post(path, {"slot": "place", "value": "Recife"}, case.token, key="k1")
    assert (answer.status, answer.headers["triage-turn"]) == (200, "1")
    assert answer.json()["message"] == "Corrected."
    found = api.get(f"/status/{case.id}", case.token).json()["facts"]
    assert [(one["slot"], one["value"], one["source"]) for one in found] == [
        ("place", "Recife", "person")
    ]
    api.post(path, {"slot": "place", "value": ""}, case.token, key="k2")
    assert api.get(f"/status/{case.id}", case.token).json()["facts"] == []


def test_only_facts_of_the_playbook_can_be_corrected(api: Api, case: Case) -> None:
    """The refusal names those that there are."""
    value = {"slot": "astrology", "value": "x"}
    answer = api.post(f"/cases/{case.id}/facts", value, case.token, key="k1")
    assert "place" in refused(answer, 400, "invalid-input")["detail"]


def test_a_correction_after_the_end_makes_the_result_anew(api: Api, case: Case) -> None:
    """What was understood wrong does not stay in the result."""
    api.say(case, STORY)
    api.say(case, "that is all")
    value = {"slot": "place", "value": "Recife"}
    answer = api.post(f"/cases/{case.id}/facts", value, case.token, key="k1").json()
    facts = {one["name"]: one["value"] for one in answer["analysis"]["facts"]}
    assert facts["place"] == "Recife"
    assert api.get(f"/result/{case.id}", case.token).json() == answer["analysis"]


def test_an_interview_can_be_ended_at_any_time(api: Api, case: Case) -> None:
    """Even before anything was said; then a human is needed."""
    value = {"case_id": case.id, "reason": ""}
    answer = api.post("/force-complete", value, case.token, key="k1")
    assert answer.status == 200
    assert answer.json()["interview"] == "complete"
    assert answer.json()["analysis"]["needs_human"] is True
    again = api.post("/force-complete", value, case.token, key="k1")
    assert again.json() == answer.json()


def test_there_is_no_result_before_the_end(api: Api, case: Case) -> None:
    """The refusal says how the case stands and when to look again."""
    answer = api.get(f"/result/{case.id}", case.token)
    found = refused(answer, 409, "result-not-ready")
    assert found["case_status"] == "active"
    assert answer.headers["retry-after"] == "1"


def test_a_full_case_takes_no_more(api: Api, case: Case) -> None:
    """The playbook's limit of messages holds; everything before it is kept."""
    for _ in range(40):
        assert api.say(case, "And another thing.").status == 200
    refused(api.say(case, "One more."), 409, "case-full")
    assert api.get(f"/status/{case.id}", case.token).json()["turns"] == 40


def test_a_case_can_be_followed(api: Api, case: Case) -> None:
    """Its own life comes as events with growing ids, and the stream stays open."""
    api.say(case, "I smell gas in my kitchen since this morning.")
    api.say(case, "that is all")
    path = f"{BASE}/cases/{case.id}/events"
    with api.stream("GET", path, token=case.token) as stream:
        assert stream.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        frames = stream.until("analysis.completed")
    assert stream.comments[0] == ": ok"
    assert len(stream.retries) == 1
    names = [one.event for one in frames]
    assert names[:2] == ["case.red_flag", "case.status"]
    assert frames[0].data == {"type": "case.red_flag", "turn": 1, "code": "gas_smell"}
    places = [tuple(map(int, (one.id or "").split("-"))) for one in frames]
    assert places == sorted(set(places))
    with api.stream("GET", path, token=case.token, Last_Event_ID=frames[0].id or "") as stream:
        assert stream.until("analysis.completed") == frames[1:]


def test_an_erased_case_is_gone(api: Api, case: Case) -> None:
    """Nothing answers any more, not even to a retry of what was accepted before."""
    api.say(case, STORY, Idempotency_Key="k1")
    answer = api.call("DELETE", f"{BASE}/cases/{case.id}", token=case.token)
    assert (answer.status, answer.body) == (204, b"")
    for path in ("/cases/{}", "/status/{}", "/result/{}", "/cases/{}/turns/1", "/cases/{}/events"):
        refused(api.get(path.format(case.id), case.token), 404, "case-not-found")
    refused(api.say(case, STORY, Idempotency_Key="k1"), 404, "case-not-found")
    again = api.call("DELETE", f"{BASE}/cases/{case.id}", token=case.token)
    refused(again, 404, "case-not-found")


@pytest.mark.parametrize("name", ["live", "ready", "redis"])
def test_probes_answer_without_a_credential(api: Api, name: str) -> None:
    """They say that all is well, and nothing about any case."""
    answer = api.call("GET", f"/health/{name}")
    assert answer.status == 200
    assert answer.json()["status"] == "ok"


def test_the_storages_probe_tells_its_measures(api: Api) -> None:
    """An operator sees the server, its latency, its memory and how writes are kept."""
    found = api.call("GET", "/health/redis").json()
    assert found["server"].lower().startswith(("valkey", "redis"))
    assert found["ping_ms"] > 0
    assert found["used_memory_bytes"] > 0
    assert found["persistence"]


@pytest.mark.parametrize("path", [f"{BASE}/start", f"{BASE}/continue", f"{BASE}/cases/x/facts"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"])
def test_a_wrong_method_is_refused_with_the_right_ones(api: Api, method: str, path: str) -> None:
    """405 comes with Allow, and with a body where the method has one."""
    headers = {"Content_Type": "application/json"}
    answer = api.call(method, path, None, token="x", **headers)
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"POST", "OPTIONS"}
    assert answer.headers["content-type"] == "application/problem+json"
    if method != "HEAD":
        refused(answer, 405, "method-not-allowed")


def test_options_are_told_without_a_credential(api: Api) -> None:
    """OPTIONS names the methods and gives nothing away."""
    answer = api.call("OPTIONS", f"{BASE}/status/x")
    assert (answer.status, answer.body) == (204, b"")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "OPTIONS"}
    assert "access-control-allow-origin" not in answer.headers


def test_an_unknown_address_is_a_problem(api: Api) -> None:
    """So that clients need to read errors in one form only."""
    for path in ("/nothing/here", f"{BASE}/", f"{BASE}/status/", f"{BASE}/nothing"):
        refused(api.call("GET", path), 404, "not-found")
