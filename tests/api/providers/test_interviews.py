"""Whole interviews over HTTP with providers that answer, stall, break off and are away."""

import pytest

from tests.support.api import Api
from tests.support.llmock import LLMock
from tests.support.mocked import (
    ANTHROPIC,
    GOOD,
    OPENAI,
    OTHER,
    STORY,
    events,
    fault,
    heal,
    reply,
    whole,
)
from tests.support.replies import analysis_document, text, turn_document


@pytest.fixture(params=["both", "chat", "anthropic"])
def wire(request: pytest.FixtureRequest) -> Api:
    """Each of the three wire formats in turn."""
    api: Api = request.getfixturevalue(request.param)
    return api


def test_an_interview_runs_from_the_greeting_to_the_analysis(wire: Api, mock: LLMock) -> None:
    """Model replies come word by word, its facts are kept, its analysis becomes the result."""
    mock.scenario(
        [
            reply(turn_document("I see. In which town is the house?", asking="place")),
            reply(
                turn_document(
                    "Thank you. What would you like us to do?",
                    slots={"place": "Recife", "when": "2026-03-01"},
                    message=2,
                    asking="wish",
                )
            ),
            reply(
                turn_document(
                    "Thank you, I have what I need.",
                    slots={"wish": "a plumber"},
                    message=3,
                    done=True,
                )
            ),
            reply(analysis_document()),
        ]
    )
    case = wire.start(locale="en")
    first = wire.talk(case, STORY)
    assert first[0].data["variant"] == "v2"
    told = whole(first)
    assert told["message"] == "I see. In which town is the house?"
    assert any(one.event == "delta" for one in first)
    assert events(first) == ["turn.started", "turn.completed"]
    assert told["usage"]["attempts"] == 1
    assert told["usage"]["output"] > 0
    assert "degradations" not in told
    assert whole(wire.talk(case, "In Recife, since the first of March."))["interview"] == "active"
    last = wire.talk(case, "Please send a plumber.")
    assert whole(last)["interview"] == "complete"
    assert any(one.event == "status" and one.data["status"] == "analysing" for one in last)
    facts = {
        one["slot"]: (one["value"], one["turn"], one["source"])
        for one in wire.get(f"/status/{case.id}", case.token).json()["facts"]
    }
    assert facts["place"] == ("Recife", 2, "model")
    assert facts["wish"] == ("a plumber", 3, "model")
    result = wire.get(f"/result/{case.id}", case.token).json()
    assert result["classification"]["code"] == "plumbing.leak"
    assert result["viability"]["level"] == "high"
    assert result["parties"] == [{"role": "neighbour", "name": "Zeca"}]
    assert result["provenance"]["strategy"] == "simple"
    assert result["provenance"]["prompt"] == "analysis.v1"
    assert result["provenance"]["degradations"] == []
    assert len(mock.requests()) == 4


def test_the_whole_answer_comes_as_json_as_well(wire: Api, mock: LLMock) -> None:
    """The same turn without a stream."""
    mock.scenario([reply(GOOD)])
    found = wire.say(wire.start(locale="en"), STORY).json()
    assert found["message"] == GOOD["reply"]
    assert found["outcome"] == "completed"


def test_plain_text_still_serves(wire: Api, mock: LLMock) -> None:
    """A model that ignores the schema is shown, rules assess, and the degradation is named."""
    mock.scenario([reply("I see. Since when does it drip?")])
    case = wire.start(locale="en")
    told = whole(wire.talk(case, STORY))
    assert told["message"] == "I see. Since when does it drip?"
    assert told["degradations"] == ["the model gave no assessment; rules assessed"]
    found = wire.get(f"/status/{case.id}", case.token).json()
    assert found["candidates"][0]["code"] == "plumbing.leak"
    assert found["missing"] == ["wish"]


def test_the_mocks_own_replies_serve(wire: Api) -> None:
    """Whatever a model says by itself, the interview reaches its result."""
    case = wire.start(locale="en")
    for message in (STORY, "In Recife.", "A plumber, please.", "that is all"):
        told = whole(wire.talk(case, message))
        if told["interview"] == "complete":
            break
    assert told["interview"] == "complete"
    assert wire.get(f"/result/{case.id}", case.token).status == 200


@pytest.mark.parametrize("status", [400, 401, 408, 429, 500, 502, 503, 529])
def test_an_error_is_answered_by_the_other_provider(
    both: Api, mock: LLMock, lane: str, status: int
) -> None:
    """Whatever the first provider answers instead of an answer, the person sees none of it."""
    mock.scenario([{"type": "fail", "status": status, "match": OPENAI}, reply(OTHER, ANTHROPIC)])
    frames = both.talk(both.start(locale="en", playbook=lane), STORY)
    assert whole(frames)["message"] == OTHER["reply"]
    assert events(frames) == ["turn.started", "turn.completed"]
    assert frames[-1].data["usage"]["attempts"] == 2


@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed"])
@pytest.mark.parametrize("name", ["both", "chat"])
def test_a_stream_that_breaks_anywhere_is_made_whole(
    request: pytest.FixtureRequest, mock: LLMock, name: str, kind: str
) -> None:
    """After each of its chunks: the text is exact, and what was shown before is taken back."""
    api: Api = request.getfixturevalue(name)
    outcomes = set()
    for after in range(40):
        mock.reset()
        case = heal(api, mock)
        mock.scenario([fault(kind, after), reply(GOOD, OPENAI), reply(OTHER, ANTHROPIC)])
        frames = api.talk(case, "It is still dripping.")
        told = whole(frames)
        shown = [one.event for one in frames]
        if told["message"] == GOOD["reply"]:
            assert "turn.restarted" not in shown, (kind, after)
            outcomes.add("unharmed")
            break
        assert told["message"] == OTHER["reply"], (kind, after)
        assert told["usage"]["attempts"] == 2
        if "turn.restarted" in shown:
            assert "delta" in shown[: shown.index("turn.restarted")], (kind, after)
            outcomes.add("taken back")
        else:
            outcomes.add("unseen")
    assert outcomes == {"unseen", "taken back", "unharmed"}


@pytest.mark.parametrize("after", [2, 8])
def test_a_stall_is_not_waited_out(both: Api, mock: LLMock, after: int) -> None:
    """A provider that falls silent before or within its words is left for the other."""
    case = heal(both, mock)
    mock.scenario([fault("stall", after), reply(GOOD, OPENAI), reply(OTHER, ANTHROPIC)])
    frames = both.talk(case, "It is still dripping.")
    assert whole(frames)["message"] == OTHER["reply"]
    assert ("turn.restarted" in events(frames)) is (after == 8)


def test_a_slow_first_word_is_not_waited_for(both: Api, mock: LLMock) -> None:
    """Meanwhile the person sees that somebody is thinking."""
    case = heal(both, mock)
    mock.scenario(
        [
            {"type": "slow_first_token", "seconds": 20.0, "match": {"stream": True, **OPENAI}},
            reply(GOOD, OPENAI),
            reply(OTHER, ANTHROPIC),
        ]
    )
    frames = both.talk(case, "It is still dripping.")
    assert whole(frames)["message"] == OTHER["reply"]
    thinking = [one.data["status"] for one in frames if one.event == "status"]
    assert thinking[0] == "thinking"


def test_garbage_with_status_200_is_no_answer(both: Api, mock: LLMock) -> None:
    """A document that does not hold together is asked for once more, then from the other."""
    case = heal(both, mock)
    broken = text(GOOD)[:-9]
    mock.scenario([reply(broken, OPENAI), reply(broken, OPENAI), reply(OTHER, ANTHROPIC)])
    frames = both.talk(case, "It is still dripping.")
    assert whole(frames)["message"] == OTHER["reply"]
    assert events(frames).count("turn.restarted") == 2
    assert frames[-1].data["usage"]["attempts"] == 3


def test_with_both_down_the_guided_interviewer_answers(both: Api, mock: LLMock, lane: str) -> None:
    """Never an error to the person: the next question comes, and the degradation is named."""
    mock.scenario([{"type": "fail", "status": 500, "times": None}])
    case = both.start(locale="en", playbook=lane)
    told = whole(both.talk(case, STORY))
    assert told["message"] == "I see. What should I call you?"
    assert told["degradations"] == [
        "guided: no model could answer: openai provider_error, anthropic provider_error"
    ]
    last = whole(both.talk(case, "that is all"))
    assert last["interview"] == "complete"
    result = both.get(f"/result/{case.id}", case.token).json()
    assert result["provenance"]["strategy"] == "guided"
    assert result["provenance"]["degradations"][0].startswith("guided: no model could answer")
    assert result["classification"]["code"] == "plumbing.leak"


def test_words_of_a_model_are_taken_back_before_the_guided_answer(
    patient: Api, mock: LLMock, lane: str
) -> None:
    """The person never reads half of one answer and half of another."""
    mock.scenario([fault("disconnect", 9), reply(GOOD)])
    frames = patient.talk(patient.start(locale="en", playbook=lane), STORY)
    assert whole(frames)["message"] == "I see. What should I call you?"
    assert events(frames) == ["turn.started", "turn.restarted", "turn.completed"]


def test_a_dead_provider_is_not_asked_again(both: Api, mock: LLMock, lane: str) -> None:
    """Once it has failed often enough, nobody waits for it any more; the other one serves."""
    mock.scenario(
        [
            {"type": "fail", "status": 500, "times": None, "match": OPENAI},
            {**reply(OTHER, ANTHROPIC), "times": None},
        ]
    )
    case = both.start(locale="en", playbook=lane)
    for _ in range(5):
        assert whole(both.talk(case, "It drips."))["message"].startswith(OTHER["reply"])
    asked = [one["provider"] for one in mock.requests()]
    assert asked.count("openai") == 4
    assert asked.count("anthropic") == 5


def test_a_provider_that_names_a_time_is_left_alone_for_it(
    both: Api, mock: LLMock, lane: str
) -> None:
    """One 429 with Retry-After is enough."""
    mock.scenario(
        [
            {"type": "fail", "status": 429, "retry_after": 30.0, "times": None, "match": OPENAI},
            {**reply(OTHER, ANTHROPIC), "times": None},
        ]
    )
    case = both.start(locale="en", playbook=lane)
    for _ in range(3):
        whole(both.talk(case, "It drips."))
    assert [one["provider"] for one in mock.requests()].count("openai") == 1
