"""Streams in the providers' wire formats, one event to a chunk, written out for tests."""

import json
from collections.abc import Sequence
from typing import Any


def sse(data: Any, name: str | None = None) -> bytes:
    """Return one event; a string is sent as it is, anything else as JSON."""
    payload = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    head = "" if name is None else f"event: {name}\n"
    return f"{head}data: {payload}\n\n".encode()


def _named(data: dict[str, Any]) -> bytes:
    return sse(data, data["type"])


RESPONSES_USAGE = {
    "input_tokens": 120,
    "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 5},
    "output_tokens": 40,
    "output_tokens_details": {"reasoning_tokens": 8},
    "total_tokens": 160,
}
CHAT_USAGE = {
    "prompt_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 100},
    "completion_tokens": 40,
    "completion_tokens_details": {"reasoning_tokens": 8},
    "total_tokens": 160,
}


def responses_events(
    pieces: Sequence[str],
    *,
    end: str = "completed",
    usage: dict[str, Any] | None = RESPONSES_USAGE,
    **response: Any,
) -> list[bytes]:
    """Return a Responses stream; `end` names its last event, `response` adds to what that holds."""
    base = {"id": "resp_1", "object": "response", "model": "gpt-dated", "output": []}
    whole = {**base, "status": end, "usage": usage, **response}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**base, "status": "in_progress"}},
        {"type": "response.in_progress", "response": {**base, "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}},
        {"type": "response.content_part.added", **place, "part": {"type": "output_text"}},
        *(
            {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
            for piece in pieces
        ),
        {"type": "response.output_text.done", **place, "text": "".join(pieces), "logprobs": []},
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message"}},
        {"type": f"response.{end}", "response": whole},
    ]
    return [_named({**event, "sequence_number": at}) for at, event in enumerate(events)]


def chat_events(
    pieces: Sequence[str],
    *,
    finish: str = "stop",
    usage: dict[str, Any] | None = CHAT_USAGE,
    done: bool = True,
) -> list[bytes]:
    """Return a chat completions stream, with its usage in a chunk of its own."""

    def chunk(choices: list[dict[str, Any]], **more: Any) -> bytes:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
        return sse({**head, "model": "gpt-dated", "choices": choices, "usage": None, **more})

    def choice(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}

    return [
        chunk([choice({"role": "assistant", "content": "", "refusal": None})]),
        *(chunk([choice({"content": piece})]) for piece in pieces),
        chunk([choice({}, finish)]),
        *([chunk([], usage=usage)] if usage is not None else []),
        *([sse("[DONE]")] if done else []),
    ]


def anthropic_events(
    pieces: Sequence[str],
    *,
    stop_reason: str = "end_turn",
    start_usage: dict[str, Any] | None = None,
    end_usage: dict[str, Any] | None = None,
) -> list[bytes]:
    """Return a Messages stream."""
    begin = {
        "input_tokens": 15,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 100,
        "output_tokens": 1,
    }
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "claude-dated",
        "stop_reason": None,
        "stop_sequence": None,
        "usage": start_usage or begin,
    }
    return [
        _named({"type": "message_start", "message": message}),
        _named(
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
            }
        ),
        _named({"type": "ping"}),
        *(
            _named(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": piece},
                }
            )
            for piece in pieces
        ),
        _named({"type": "content_block_stop", "index": 0}),
        _named(
            {
                "type": "message_delta",
                "delta": {"stop_reason": stop_reason, "stop_sequence": None},
                "usage": end_usage or {"output_tokens": 40},
            }
        ),
        _named({"type": "message_stop"}),
    ]
