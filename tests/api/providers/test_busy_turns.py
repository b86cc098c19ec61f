"""What can be done with a case while its model speaks, and how words are sent."""

from typing import Any

from tests.support.api import BASE, TERMINALS, Api, text_of
from tests.support.llmock import LLMock
from tests.support.mocked import GOOD, OTHER, STORY, begun, fault, keys, reply, whole
from tests.support.processes import StartInstance
from tests.support.replies import turn_document


def slow(seconds: float) -> dict[str, Any]:
    """Return the behaviour of taking that long to the first word, within the limits set."""
    return {"type": "slow_first_token", "seconds": seconds, "match": {"stream": True}}


def test_words_can_be_sent_on_together(
    start: StartInstance, mock: LLMock, settings: dict[str, str]
) -> None:
    """After the first word, what comes within the time set makes one frame; the text is whole."""
    chosen = {**settings, **keys(mock, "openai"), "TRIAGE_COALESCE_MS": "200"}
    api = Api(begun(start, chosen).port)
    said = turn_document(" ".join(f"word{number}" for number in range(40)))
    mock.scenario([reply(said)])
    frames = api.talk(api.start(locale="en"), STORY)
    assert whole(frames)["message"] == said["reply"]
    assert text_of(frames) == said["reply"]
    assert 2 <= sum(frame.event == "delta" for frame in frames) <= 20


def test_whoever_does_not_wait_is_told_where_to_look(patient: Api, mock: LLMock) -> None:
    """`Prefer: wait=0` answers at once with 202, and the turn goes on by itself."""
    mock.scenario([slow(1.0), reply(GOOD)])
    case = patient.start(locale="en")
    answer = patient.say(case, STORY, Prefer="respond-async, wait=0")
    assert answer.status == 202
    assert answer.headers["location"] == f"{BASE}/cases/{case.id}/turns/1"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["triage-turn"] == "1"
    assert answer.json()["status"] in {"queued", "running"}
    look = patient.call("GET", answer.headers["location"], token=case.token)
    assert look.json()["text"] == ""
    assert look.headers["retry-after"] == "1"
    with patient.stream("GET", f"{answer.headers['location']}/events", token=case.token) as stream:
        frames = stream.until(*TERMINALS)
    assert whole(frames)["message"] == GOOD["reply"]
    done = patient.call("GET", answer.headers["location"], token=case.token)
    assert done.json()["text"] == GOOD["reply"]
    assert done.headers["etag"] != look.headers["etag"]


def test_a_busy_case_refuses_when_asked_to(patient: Api, mock: LLMock) -> None:
    """`on_busy=reject` names the running turn; nothing is queued."""
    mock.scenario([slow(20.0), reply(GOOD)])
    case = patient.start(locale="en")
    patient.say(case, STORY, Prefer="wait=0")
    answer = patient.say(case, "And it is cold.", query="?on_busy=reject")
    assert answer.status == 409
    assert answer.json()["type"] == "urn:triage:problem:turn-busy"
    assert answer.json()["turn"] == 1
    status = patient.get(f"/status/{case.id}", case.token).json()
    assert (status["turns"], status["running"]) == (1, 1)
    cancelled = patient.post(f"/cases/{case.id}/turns/1/cancel", token=case.token)
    assert cancelled.json()["status"] == "cancelled"


def test_a_busy_case_can_be_interrupted(patient: Api, mock: LLMock) -> None:
    """`on_busy=interrupt` stops the running turn and answers the new message."""
    mock.scenario([slow(20.0), reply(GOOD), reply(OTHER)])
    case = patient.start(locale="en")
    patient.say(case, STORY, Prefer="wait=0")
    path = f"{BASE}/cases/{case.id}/turns/1/events"
    with patient.stream("GET", path, token=case.token) as stream:
        stream.until("status")
        found = patient.say(case, "No, wait.", query="?on_busy=interrupt").json()
        assert stream.until(*TERMINALS)[-1].event == "turn.cancelled"
    assert (found["turn"], found["message"]) == (2, OTHER["reply"])
    turns = patient.get(f"/cases/{case.id}", case.token).json()["turns"]
    assert [one["outcome"] for one in turns] == ["cancelled", "completed"]


def test_a_busy_case_takes_messages_in_order(patient: Api, mock: LLMock) -> None:
    """By default a message waits for its turn, and says so."""
    mock.scenario([slow(0.5), reply(GOOD), reply(OTHER)])
    case = patient.start(locale="en")
    patient.say(case, STORY, Prefer="wait=0")
    waiting = patient.say(case, "And it is cold.", Prefer="wait=0")
    assert (waiting.status, waiting.headers["triage-turn"]) == (202, "2")
    path = f"{waiting.headers['location']}/events"
    with patient.stream("GET", path, token=case.token) as stream:
        assert whole(stream.until(*TERMINALS))["message"] == OTHER["reply"]
    turns = patient.get(f"/cases/{case.id}", case.token).json()["turns"]
    assert [one["reply"] for one in turns] == [GOOD["reply"], OTHER["reply"]]


def test_a_turn_can_be_cancelled_while_it_speaks(patient: Api, mock: LLMock) -> None:
    """What was said so far is kept, for the reader and for the record."""
    mock.scenario([fault("stall", 9), reply(GOOD)])
    case = patient.start(locale="en")
    patient.say(case, STORY, Prefer="wait=0")
    path = f"{BASE}/cases/{case.id}/turns/1"
    with patient.stream("GET", f"{path}/events", token=case.token) as stream:
        before = stream.until("delta")
        cancelled = patient.call("POST", f"{path}/cancel", token=case.token).json()
        frames = before + stream.until(*TERMINALS)
    assert frames[-1].event == "turn.cancelled"
    assert frames[-1].data["message"] == cancelled["text"] == text_of(frames)
    assert GOOD["reply"].startswith(cancelled["text"])
    assert cancelled["text"]
    again = patient.call("POST", f"{path}/cancel", token=case.token).json()
    assert again == cancelled
