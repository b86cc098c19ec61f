"""Earlier conversations become cases: every word stays, in order, and is understood."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.migration.adopting import Adopted, adopt
from app.core.migration.earlier import read_conversation
from app.core.rules import Rules
from app.domain import event as events
from app.domain.case import Say
from app.domain.errors import InvalidInput
from app.domain.event import TurnCompleted
from tests.support.playbooks import tiny_playbook

NOW = 1_764_115_200_000
_RULES = Rules(tiny_playbook())


def adopted(conversation: Any, orchestration: Any = None) -> Adopted:
    """Read a conversation and make a case of it."""
    run = None if orchestration is None else msgspec.json.encode(orchestration)
    earlier = read_conversation("one", msgspec.json.encode(conversation), run)
    return adopt(earlier, _RULES, case_id="c" * 32, locale="en", now_ms=NOW)


def message(role: str, text: str) -> dict[str, str]:
    """Return a message as the earlier system kept it."""
    return {"role": role, "content": text}


def test_words_and_answers_stay_in_order() -> None:
    """The greeting is left out, two answers in a row are one, and the last message waits."""
    case = adopted(
        {
            "messages": [
                message("assistant", "Hello!"),
                message("user", "My pipe leaks."),
                message("assistant", "Since when?"),
                message("assistant", "And where?"),
                message("system", "hidden"),
                message("user", "Since Monday."),
            ]
        }
    )
    assert case.said == [("My pipe leaks.", "Since when?\n\nAnd where?"), ("Since Monday.", "")]
    assert [turn.outcome for turn in case.turns] == ["completed"]
    assert case.waiting is not None
    assert case.waiting.command == Say(text="Since Monday.")
    assert case.left_out == (
        "1 messages of neither the person nor the interviewer",
        "1 messages before the person's first",
    )


def test_what_the_rules_read_is_there() -> None:
    """The case is understood as if it had been told here, and counts what was asked."""
    case = adopted(
        {"messages": [message("user", "My pipe leaks."), message("assistant", "Where?")]}
    )
    assert case.state.assessment.slots
    assert case.state.questions == 1
    assert case.state.said_chars == len("My pipe leaks.")
    (turn,) = case.turns
    told = events.decode(turn.terminal)
    assert isinstance(told, TurnCompleted)
    assert told.message == "Where?"


@pytest.mark.parametrize(
    ("conversation", "orchestration"),
    [
        ({"is_complete": True}, None),
        ({"status": "completed"}, None),
        ({}, {"status": "failed"}),
    ],
)
def test_what_is_over_is_left_out(conversation: dict[str, Any], orchestration: Any) -> None:
    """Only what goes on is moved, whichever of the two says that it is over."""
    messages = {"messages": [message("user", "My pipe leaks.")]}
    with pytest.raises(InvalidInput, match="it is over"):
        adopted(conversation | messages, orchestration)


@pytest.mark.parametrize(
    ("conversation", "why"),
    [
        ([], "no JSON object"),
        ({}, "no list of messages"),
        ({"messages": "none"}, "no list of messages"),
        ({"messages": [1]}, "message 1 is no JSON object"),
        ({"messages": [message("user", "a"), {"role": "user"}]}, "message 2 has no text"),
        ({"messages": [{"content": "a"}]}, "does not say whose"),
        ({"messages": [message("assistant", "Hello!")]}, "has not said anything"),
    ],
)
def test_what_cannot_be_read_says_why(conversation: Any, why: str) -> None:
    """Nothing is guessed and nothing is half moved."""
    with pytest.raises(InvalidInput, match=why):
        adopted(conversation)


def test_other_spellings_are_read() -> None:
    """Names of members, roles, levels and times as the earlier versions had them."""
    case = adopted(
        {
            "conversation_history": [
                {"sender": "client", "text": "My pipe leaks.", "timestamp": 1_700_000_000.5},
                {"sender": "ai", "text": "Where?", "timestamp": "2023-11-14T22:14:00"},
            ],
            "user_id": 7,
            "complexity_level": "ComplexityLevel.HIGH",
            "collected_data": {"city": "Recife"},
        },
        {"status": "interviewing", "started_at": 1_699_999_999},
    )
    assert case.state.created_at == 1_699_999_999_000
    assert case.turns[0].at == 1_700_000_000_500
    assert case.state.user_ref == "7"
    assert case.state.assessment.complexity == "high"
    assert case.left_out == ("collected apart from the messages: city",)


_roles = st.sampled_from(["user", "assistant", "system"])


@given(st.lists(st.tuples(_roles, st.text(min_size=1, max_size=40)), max_size=12))
def test_no_word_of_the_person_is_lost(messages: list[tuple[str, str]]) -> None:
    """Whatever the order of roles: the person's messages are the case's, one for one."""
    said = [text for role, text in messages if role == "user"]
    first = next((at for at, (role, _) in enumerate(messages) if role == "user"), 0)
    answers = "\n\n".join(text for role, text in messages[first:] if role == "assistant")
    kept = {"messages": [message(role, text) for role, text in messages]}
    if not said:
        with pytest.raises(InvalidInput):
            adopted(kept)
        return
    case = adopted(kept)
    assert [text for text, _ in case.said] == said
    assert "\n\n".join(reply for _, reply in case.said if reply) == answers
    assert [turn.turn for turn in case.turns] == list(range(1, len(case.turns) + 1))
