"""The calls that our adapters make, made with the SDKs' own typed parameters."""

from typing import Any

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from app.llm.model import ModelRequest


async def typed_call(wire: str, client: AsyncOpenAI | AsyncAnthropic, request: ModelRequest) -> Any:
    """Ask as `request` says, in the wire format of that name; return the SDK's stream."""
    said: list[Any] = [{"role": one.role, "content": one.content} for one in request.messages]
    named: Any = {"name": request.schema_name, "schema": request.schema, "strict": True}
    if isinstance(client, AsyncAnthropic):
        return await client.messages.create(
            model=request.model,
            system=[
                {"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}
            ],
            messages=said,
            max_tokens=request.max_output_tokens,
            output_config={"format": {"type": "json_schema", "schema": request.schema}},
            stream=True,
        )
    if wire == "chat":
        return await client.chat.completions.create(
            model=request.model,
            messages=[{"role": "system", "content": request.system}, *said],
            max_tokens=request.max_output_tokens,
            stream=True,
            stream_options={"include_usage": True},
            response_format={"type": "json_schema", "json_schema": named},
        )
    text: Any = {"format": {"type": "json_schema", **named}}
    return await client.responses.create(
        model=request.model,
        instructions=request.system,
        input=said,
        max_output_tokens=request.max_output_tokens,
        store=False,
        stream=True,
        text=text,
    )
