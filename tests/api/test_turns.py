"""Turns over HTTP: said once, answered whole or word by word, looked at, resumed, stopped."""

import hashlib
from uuid import uuid4

import pytest

from tests.support.api import BASE, TERMINALS, Answer, Api, Case, text_of

STORY = "Water has been dripping from my bathroom ceiling since yesterday."


def problem(answer: Answer, status: int, name: str) -> str:
    """Check that an answer is this problem and return its detail."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == status
    assert found["type"] == f"urn:triage:problem:{name}"
    assert found["title"]
    return str(found["detail"])


def test_a_turn_is_answered_as_json(api: Api, case: Case) -> None:
    """The answer says what was replied, where the interview stands and what is missing."""
    answer = api.say(case, STORY)
    assert answer.status == 200
    assert answer.headers["triage-turn"] == "1"
    found = answer.json()
    assert found["case_id"] == case.id
    assert found["turn"] == 1
    assert found["outcome"] == "completed"
    assert found["message"].endswith("?")
    assert (found["status"], found["interview"]) == ("active", "active")
    assert found["complexity"] == "low"
    assert 0 < found["confidence"] <= 1
    assert found["missing"] == ["wish"]
    assert found["analysis"] is None


def test_an_interview_ends_with_its_result(api: Api, case: Case) -> None:
    """Somebody who has nothing to add gets the result with the last answer, and afterwards."""
    api.say(case, STORY)
    assert api.get(f"/result/{case.id}", case.token).status == 409
    last = api.say(case, "that is all").json()
    assert last["interview"] == "complete"
    assert last["analysis"]["classification"]["code"] == "plumbing.leak"
    assert last["analysis"]["schema"] == "analysis/1"
    result = api.get(f"/result/{case.id}", case.token)
    assert result.status == 200
    assert result.json() == last["analysis"]


def test_what_is_added_after_the_end_makes_the_result_anew(api: Api, case: Case) -> None:
    """A completed case still listens."""
    api.say(case, STORY)
    first = api.say(case, "that is all").json()["analysis"]
    added = api.say(case, "I forgot: I can smell gas in the kitchen.").json()
    assert "Call 193" in added["message"]
    assert added["analysis"]["red_flags"] == ["gas_smell"]
    assert added["analysis"]["urgency"]["level"] == "critical"
    assert first["urgency"]["level"] == "medium"


def test_the_same_key_is_the_same_turn(api: Api, case: Case) -> None:
    """A retry gets the first answer and runs nothing."""
    key = uuid4().hex
    first = api.say(case, STORY, Idempotency_Key=key)
    again = api.say(case, STORY, Idempotency_Key=key)
    assert first.json() == again.json()
    assert api.get(f"/status/{case.id}", case.token).json()["turns"] == 1


def test_the_same_key_with_another_body_is_refused(api: Api, case: Case) -> None:
    """A key stands for one message."""
    api.say(case, STORY, Idempotency_Key="k1")
    answer = api.say(case, "Something else.", Idempotency_Key="k1")
    assert "turn 1" in problem(answer, 422, "idempotency-mismatch")
    assert api.get(f"/status/{case.id}", case.token).json()["turns"] == 1


def test_a_key_counts_within_its_case_only(api: Api) -> None:
    """Two cases may use the same key."""
    for _ in range(2):
        assert api.say(api.start(locale="en"), STORY, Idempotency_Key="k1").json()["turn"] == 1


@pytest.mark.parametrize("path", ["/continue", "/continue-stream", "/force-complete", "facts"])
def test_every_turn_needs_a_key(api: Api, case: Case, path: str) -> None:
    """Without a key nothing is accepted, whatever kind of turn it is."""
    value: dict[str, str] = {"case_id": case.id}
    if path == "facts":
        path, value = f"/cases/{case.id}/facts", {"slot": "when", "value": "yesterday"}
    elif path != "/force-complete":
        value["message"] = STORY
    detail = problem(api.post(path, value, case.token), 400, "idempotency-key-missing")
    assert "Idempotency-Key" in detail
    assert api.get(f"/status/{case.id}", case.token).json()["turns"] == 0


@pytest.mark.parametrize("key", ["", "two words", "x" * 201, "é"])
def test_a_key_is_printable_and_short(api: Api, case: Case, key: str) -> None:
    """What could not be kept as a key is refused."""
    problem(api.say(case, STORY, Idempotency_Key=key), 400, "idempotency-key-missing")


def test_a_stream_carries_the_turn_word_by_word(api: Api, case: Case) -> None:
    """The deltas add up to the message, whose length and hash are told, and the ids only grow."""
    frames = api.talk(case, STORY)
    assert frames[0].event == "turn.started"
    assert frames[0].data == {"type": "turn.started", "turn": 1, "attempt": 1, "variant": "v2"}
    last = frames[-1]
    assert last.event == "turn.completed"
    message = last.data["message"]
    assert text_of(frames) == message
    assert last.data["length"] == len(message)
    assert last.data["sha256"] == hashlib.sha256(message.encode()).hexdigest()
    assert sum(one.event == "delta" for one in frames) > 3
    places = [tuple(map(int, (one.id or "").split("-"))) for one in frames]
    assert places == sorted(set(places))
    assert len({epoch for epoch, _ in places}) == 1


def test_a_stream_opens_at_once_and_is_left_alone_on_its_way(api: Api, case: Case) -> None:
    """Its first line is a comment, its second says when to come back; nobody may buffer it."""
    value = f'{{"case_id": "{case.id}", "message": "{STORY}"}}'.encode()
    with api.stream(
        "POST",
        f"{BASE}/continue-stream",
        value,
        token=case.token,
        Content_Type="application/json",
        Idempotency_Key="k1",
        Accept_Encoding="gzip, br",
    ) as stream:
        headers = stream.answer.headers
        lines = stream.lines()
        first = [next(lines) for _ in range(3)]
    assert stream.answer.status == 200
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache, no-transform"
    assert headers["x-accel-buffering"] == "no"
    assert headers["triage-turn"] == "1"
    assert not {"connection", "content-encoding", "content-length"} & set(headers)
    assert first[0] == ": ok"
    assert first[1].startswith("retry: ")
    assert 200 <= int(first[1].removeprefix("retry: ")) <= 700
    assert first[2] == ""


def test_a_turn_can_be_read_again_from_any_place(api: Api, case: Case) -> None:
    """Whoever comes back gets exactly what they had not seen, by header or by query."""
    frames = api.talk(case, STORY)
    path = f"{BASE}/cases/{case.id}/turns/1/events"
    with api.stream("GET", path, token=case.token) as stream:
        assert stream.until(*TERMINALS) == frames
    for at in range(len(frames) - 1):
        seen = frames[at].id or ""
        with api.stream("GET", path, token=case.token, Last_Event_ID=seen) as stream:
            assert stream.until(*TERMINALS) == frames[at + 1 :]
    with api.stream("GET", f"{path}?after={frames[2].id}", token=case.token) as stream:
        assert stream.until(*TERMINALS) == frames[3:]


def test_whoever_has_seen_the_end_is_told_to_stop(api: Api, case: Case) -> None:
    """An EventSource that reconnects behind the terminal event gets 204."""
    last = api.talk(case, STORY)[-1].id or ""
    path = f"/cases/{case.id}/turns/1/events"
    answer = api.get(path, case.token, Last_Event_ID=last)
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize("place", ["x", "1", "1-", "-1", "1-2-3", "9" * 19 + "-1", "1.5-1", "*"])
def test_a_place_that_is_none_is_refused(api: Api, case: Case, place: str) -> None:
    """A reader who is confused learns of it instead of reading from the beginning."""
    api.say(case, STORY)
    path = f"/cases/{case.id}/turns/1/events"
    problem(api.get(path, case.token, Last_Event_ID=place), 400, "invalid-input")
    problem(api.get(f"{path}?after={place}", case.token), 400, "invalid-input")
    problem(
        api.get(f"/cases/{case.id}/events", case.token, Last_Event_ID=place), 400, "invalid-input"
    )


def test_whoever_is_lost_gets_the_whole_text(api: Api, case: Case) -> None:
    """A place that the turn never had is answered with one snapshot and the end."""
    last = api.talk(case, STORY)[-1]
    path = f"{BASE}/cases/{case.id}/turns/1/events"
    with api.stream("GET", path, token=case.token, Last_Event_ID="999999999999999999-1") as stream:
        found = stream.until(*TERMINALS)
    assert [one.event for one in found] == ["snapshot", "turn.completed"]
    assert text_of(found) == last.data["message"]
    assert found[-1] == last


def test_a_turn_can_be_looked_at_and_its_tag_compared(api: Api, case: Case) -> None:
    """A finished turn has its text, its last id, and a tag that saves sending it again."""
    last = api.talk(case, STORY)[-1]
    path = f"/cases/{case.id}/turns/1"
    answer = api.get(path, case.token)
    assert answer.status == 200
    assert answer.json() == {
        "case_id": case.id,
        "turn": 1,
        "status": "completed",
        "text": last.data["message"],
        "last_event_id": last.id,
    }
    tag = answer.headers["etag"]
    assert "retry-after" not in answer.headers
    for seen in (tag, f'"other", W/{tag}', "*"):
        again = api.get(path, case.token, If_None_Match=seen)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert api.get(path, case.token, If_None_Match='"other"').status == 200


def test_cancelling_a_finished_turn_changes_nothing(api: Api, case: Case) -> None:
    """Cancelling may be repeated and never takes back what was said."""
    api.say(case, STORY)
    path = f"/cases/{case.id}/turns/1"
    before = api.get(path, case.token).json()
    for _ in range(2):
        assert api.post(f"{path}/cancel", token=case.token).json() == before


@pytest.mark.parametrize("turn", ["2", "0", "-1", "1000001", "9" * 30, "9" * 5_000, "1.0", "0x1"])
@pytest.mark.parametrize("rest", ["", "/events", "/cancel"])
def test_a_turn_that_is_none_is_not_found(api: Api, case: Case, turn: str, rest: str) -> None:
    """Whatever stands for a turn in an address, only those of the case are found."""
    api.say(case, STORY)
    method = "POST" if rest == "/cancel" else "GET"
    path = f"{BASE}/cases/{case.id}/turns/{turn}{rest}"
    answer = api.call(method, path, token=case.token)
    assert answer.status == 404
    assert answer.json()["type"].removeprefix("urn:triage:problem:") in {
        "turn-not-found",
        "not-found",
    }


def test_a_message_may_be_empty_for_nobody(api: Api, case: Case) -> None:
    """White space and control characters are no message."""
    for text in ("", "  \n", "\u0000\u0007"):
        problem(api.say(case, text), 400, "invalid-input")
    assert api.get(f"/status/{case.id}", case.token).json()["turns"] == 0


def test_a_long_message_is_refused_with_its_limit(api: Api, case: Case) -> None:
    """The playbook's limit holds to the character."""
    assert api.say(case, "a" * 2_000).status == 200
    detail = problem(api.say(case, "a" * 2_001), 400, "invalid-input")
    assert "2001" in detail
    assert "2000" in detail


def test_an_unknown_choice_for_a_busy_case_is_refused(api: Api, case: Case) -> None:
    """The three choices are all there are."""
    detail = problem(api.say(case, STORY, query="?on_busy=wait"), 400, "invalid-input")
    assert detail == "on_busy: 'wait' is none of its values"
