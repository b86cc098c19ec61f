"""What mocked providers are told to do, and what is expected of an interview with them."""

import hashlib
from typing import Any

from tests.support.api import Api, Case, Frame, text_of
from tests.support.llmock import LLMock
from tests.support.processes import Instance, StartInstance
from tests.support.replies import text, turn_document

STORY = "Water has been dripping from my bathroom ceiling since yesterday."
OPENAI = {"provider": "openai"}
ANTHROPIC = {"provider": "anthropic"}
GOOD = turn_document("I am sorry to hear it. What would you like us to do?", asking="wish")
OTHER = turn_document("That sounds wet! And what do you wish for now?", asking="wish")


def begun(start: StartInstance, env: dict[str, str]) -> Instance:
    """Start an instance and wait as long as a machine with other things to do may need."""
    instance = start(env=env, wait=False)
    instance.wait_ready(timeout=100)
    return instance


def keys(mock: LLMock, *providers: str) -> dict[str, str]:
    """Return settings with which these providers are asked."""
    both = {
        "openai": {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": mock.openai},
        "anthropic": {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": mock.anthropic},
    }
    return {name: value for one in providers for name, value in both[one].items()}


def reply(document: dict[str, Any] | str, match: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the behaviour of answering once with a document, or with plain text."""
    said = document if isinstance(document, str) else text(document)
    return {"type": "reply", "text": said, **({"match": match} if match else {})}


def fault(kind: str, after: int, match: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the behaviour of breaking one stream after so many chunks."""
    where = {"stream": True, **(match or OPENAI)}
    return {
        "type": "stream_fault", "kind": kind, "after_chunks": after, "stall_seconds": 20.0,
        "match": where,
    }  # fmt: skip


def heal(api: Api, mock: LLMock) -> Case:
    """Open a case whose first turn the first provider answers; that closes its breaker."""
    mock.scenario([reply(GOOD)])
    case = api.start(locale="en")
    last = api.talk(case, STORY)[-1]
    assert last.data["message"] == GOOD["reply"], last
    return case


def whole(frames: list[Frame]) -> dict[str, Any]:
    """Check that a stream is exact and complete; returns its terminal event's data."""
    last = frames[-1]
    assert last.event == "turn.completed", last
    message = last.data["message"]
    assert text_of(frames) == message
    assert last.data["length"] == len(message)
    assert last.data["sha256"] == hashlib.sha256(message.encode()).hexdigest()
    found: dict[str, Any] = last.data
    return found


def events(frames: list[Frame]) -> list[str]:
    """Return the names of the events, the words left out."""
    return [one.event for one in frames if one.event not in {"delta", "status"}]


def canary_of(mock: LLMock) -> str:
    """Return the secret word of the prompt, as the provider has seen it."""
    body = mock.requests()[-1]["body"]
    marker = "The word "
    prompt = str(body)
    at = prompt.index(marker) + len(marker)
    return prompt[at : prompt.index(" ", at)]
