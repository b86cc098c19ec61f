"""A request to a model and the document it asks for, as tests use them."""

from typing import Any

import msgspec
from msgspec import Struct

from app.llm.model import ChatMessage, ModelRequest
from app.llm.schema import strict_schema


class Turn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the model answers: words to show, then what it understood."""

    reply: str
    done: bool


decode_turn = msgspec.json.Decoder(Turn).decode
NAMES = {"openai": "gpt-asked", "anthropic": "claude-asked"}


def ask(**changes: Any) -> ModelRequest:
    """Return a request for a turn, with these changes."""
    request = ModelRequest(
        operation="interview",
        model="asked",
        system="Ask one plain question.",
        messages=(
            ChatMessage(role="user", content="Fui demitida ontem."),
            ChatMessage(role="assistant", content="Sinto muito. Quando?"),
            ChatMessage(role="user", content="Ontem \N{HEAVY BLACK HEART} à tarde."),
        ),
        schema_name="turn",
        schema=strict_schema(Turn),
        stream_field="reply",
        max_output_tokens=500,
    )
    return msgspec.structs.replace(request, **changes)


def document(reply: str = "Você assinou algum papel?", *, done: bool = False) -> str:
    """Return the document of a turn as JSON text."""
    return msgspec.json.encode(Turn(reply=reply, done=done)).decode()
