"""What the earlier system kept of a conversation, as JSON, in whichever of its spellings."""

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from app.domain.errors import InvalidInput
from app.domain.playbook import Level

Role = Literal["person", "interviewer", "other"]
_ROLES: dict[str, Role] = {
    "user": "person",
    "client": "person",
    "human": "person",
    "assistant": "interviewer",
    "ai": "interviewer",
    "bot": "interviewer",
    "model": "interviewer",
}
_ENDED = {"completed", "complete", "finished", "done", "cancelled", "canceled", "failed", "error"}
_SECONDS_BELOW = 100_000_000_000
"""A time below this is in seconds, one above it in milliseconds."""


class Message(Struct, frozen=True, kw_only=True):
    """Something that was said."""

    role: Role
    text: str
    at: int | None
    """Unix time in milliseconds; None where it was not kept."""


class Earlier(Struct, frozen=True, kw_only=True):
    """One conversation."""

    id: str
    messages: tuple[Message, ...]
    user: str | None
    complexity: Level | None
    is_over: bool
    created_at: int | None
    updated_at: int | None
    collected: tuple[str, ...]
    """Names of what was collected apart from the messages; its values rest on them."""


def read_conversation(name: str, data: bytes, orchestration: bytes | None) -> Earlier:
    """Read one conversation with what its orchestration adds.

    Args:
        name: Its id, by which it was kept.
        data: `conversation:{id}`, or the entry of `active_conversations`.
        orchestration: `orchestration:{id}`, or the entry of `active_orchestrations`.

    Raises:
        InvalidInput: saying what cannot be read; nothing is guessed.
    """
    kept = _object(data, "the conversation")
    run = {} if orchestration is None else _object(orchestration, "its orchestration")
    history = _first(kept, "messages", "conversation_history", "history")
    if not isinstance(history, list):
        raise InvalidInput("the conversation has no list of messages")
    collected = _first(kept, "collected_data", "extracted_data", "data")
    level = _first(kept, "complexity_level", "complexity") or run.get("complexity_level")
    states = [str(one.get("status", "")).lower() for one in (kept, run)]
    return Earlier(
        id=name,
        messages=tuple(_message(one, number) for number, one in enumerate(history, 1)),
        user=_text(_first(kept, "user_id", "client_id") or run.get("user_id")),
        complexity=_level(level),
        is_over=_first(kept, "is_complete", "completed") is True
        or any(state in _ENDED for state in states),
        created_at=_time(_first(kept, "created_at", "started_at") or run.get("started_at")),
        updated_at=_time(_first(kept, "updated_at", "last_activity") or run.get("updated_at")),
        collected=tuple(sorted(collected)) if isinstance(collected, dict) else (),
    )


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{what} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidInput(f"{what} is no JSON object")
    return found


def _first(kept: dict[str, Any], *names: str) -> Any:
    return next((kept[name] for name in names if kept.get(name) is not None), None)


def _message(kept: object, number: int) -> Message:
    if not isinstance(kept, dict):
        raise InvalidInput(f"message {number} is no JSON object")
    text = _first(kept, "content", "text", "message")
    if not isinstance(text, str):
        raise InvalidInput(f"message {number} has no text")
    role = str(_first(kept, "role", "sender", "type") or "").lower()
    if not role:
        raise InvalidInput(f"message {number} does not say whose it is")
    at = _time(_first(kept, "timestamp", "created_at", "at"))
    return Message(role=_ROLES.get(role, "other"), text=text, at=at)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _level(value: object) -> Level | None:
    text = str(value).lower().removeprefix("complexitylevel.")
    return next((level for level in ("low", "medium", "high") if level == text), None)


def _time(value: object) -> int | None:
    """Read a time: Unix seconds or milliseconds, or ISO 8601, which without a zone is UTC.

    >>> _time(1_700_000_000.5), _time("2026-01-01T00:00:00"), _time("2026-01-01T00:00:00-03:00")
    (1700000000500, 1767225600000, 1767236400000)
    >>> _time(None), _time("yesterday")
    (None, None)
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return int(value * 1_000) if value < _SECONDS_BELOW else int(value)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1_000)
