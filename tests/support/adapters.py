"""The adapters over a transport of our own, whose answers a handler gives."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from app.domain.usage import Attempt
from app.llm.anthropic_messages import AnthropicMessages
from app.llm.drafts import nowhere
from app.llm.errors import (
    ModelError,
)
from app.llm.model import Finished, ModelRequest, TextDelta
from app.llm.openai_chat import OpenAIChat
from app.llm.openai_responses import OpenAIResponses
from app.llm.streaming import StreamingModel, sdk_timeout
from app.llm.timeouts import Timeouts
from app.llm.transport import Head
from tests.support.asks import ask
from tests.support.typed_calls import typed_call
from tests.support.wires import anthropic_events, chat_events, responses_events

Handler = Callable[[httpx2.Request], httpx2.Response]
EVENT_STREAM = {"content-type": "text/event-stream", "x-request-id": "req_7"}
QUICK = Timeouts(first_token=5.0, read=0.1, settle=0.05)
SLOW_START = Timeouts(first_token=0.2, read=5.0)


def http(handler: Handler) -> httpx2.AsyncClient:
    """Return a client whose answers come from `handler`."""
    return httpx2.AsyncClient(transport=httpx2.MockTransport(handler))


class Handed:
    """An answer that a handler gave."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self._chunks = aiter(response.stream)
        self.status = response.status_code
        self.headers = response.headers

    async def read(self) -> bytes:
        """Return the next chunk."""
        return await anext(self._chunks, b"")

    async def close(self) -> None:
        """Close the answer."""
        await self._response.aclose()


class Handled:
    """A transport whose answers come from a handler."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._closed = False

    async def send(self, head: Head, body: bytes) -> Handed:
        """Let the handler answer."""
        assert not self._closed
        headers = list(head.headers)
        return Handed(
            self._handler(httpx2.Request(head.method, head.url, headers=headers, content=body))
        )

    async def aclose(self) -> None:
        """Send nothing any more."""
        self._closed = True


def responses(handler: Handler, timeouts: Timeouts | None = None) -> StreamingModel:
    """Return the Responses adapter."""
    client = AsyncOpenAI(api_key="key", http_client=nowhere())
    return OpenAIResponses(client, timeouts, Handled(handler))


def chat(handler: Handler, timeouts: Timeouts | None = None) -> StreamingModel:
    """Return the chat adapter."""
    client = AsyncOpenAI(api_key="key", http_client=nowhere())
    return OpenAIChat(client, timeouts, Handled(handler))


def messages(handler: Handler, timeouts: Timeouts | None = None) -> StreamingModel:
    """Return the Messages adapter."""
    client = AsyncAnthropic(api_key="key", http_client=nowhere())
    return AnthropicMessages(client, timeouts, Handled(handler))


every_adapter = pytest.mark.parametrize(
    ("build", "events"),
    [(responses, responses_events), (chat, chat_events), (messages, anthropic_events)],
    ids=["responses", "chat", "messages"],
)

Build = Callable[..., StreamingModel]
Events = Callable[..., list[bytes]]


class Body(httpx2.AsyncByteStream):
    """A body in chunks; an exception among them is raised, an event is waited for."""

    def __init__(self, *chunks: bytes | Exception | asyncio.Event) -> None:
        self._chunks = chunks
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the chunks."""
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            if isinstance(chunk, asyncio.Event):
                await chunk.wait()
                continue
            yield chunk

    async def aclose(self) -> None:
        """Note that the response was closed."""
        self.closed = True


def answering(body: Body) -> Handler:
    """Answer with a stream."""
    return lambda _: httpx2.Response(200, headers=EVENT_STREAM, stream=body)


async def run(
    model: StreamingModel, request: ModelRequest | None = None
) -> tuple[list[TextDelta], Finished | ModelError, Attempt]:
    """Ask once; return the words, the end, and the one account there is."""
    attempts: list[Attempt] = []
    deltas: list[TextDelta] = []
    end: Finished | ModelError | None = None
    try:
        async for event in model.stream(request or ask(), attempts.append):
            if isinstance(event, TextDelta):
                deltas.append(event)
            else:
                end = event
    except ModelError as error:
        end = error
    assert end is not None
    assert attempts == [end.attempt]
    return deltas, end, end.attempt


def schema_of(body: dict[str, Any]) -> dict[str, Any]:
    """Find the schema in a request of any format."""
    if "text" in body:
        return dict(body["text"]["format"]["schema"])
    if "response_format" in body:
        return dict(body["response_format"]["json_schema"]["schema"])
    return dict(body["output_config"]["format"]["schema"])


def of_interest(request: httpx2.Request) -> dict[str, str]:
    """Return the headers that do not differ from call to call."""
    return {
        name: value
        for name, value in request.headers.items()
        if name not in {"content-length", "x-stainless-raw-response", "idempotency-key"}
    }


async def asked_by_the_sdk(build: Build, handler: Handler) -> None:
    """Make the same call through the SDK's own typed parameters."""
    client: AsyncAnthropic | AsyncOpenAI
    limits, through = sdk_timeout(Timeouts()), http(handler)
    if build is messages:
        client = AsyncAnthropic(api_key="key", max_retries=0, timeout=limits, http_client=through)
    else:
        client = AsyncOpenAI(api_key="key", max_retries=0, timeout=limits, http_client=through)
    await typed_call(build.__name__, client, ask())
