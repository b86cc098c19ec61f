"""What reading one chunk of a provider's stream costs: our decoder against the SDKs' own.

Every row reads the same bytes, one event to a chunk as providers send them, with
no network: `process_time` of one thread, the best of several rounds.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import msgspec
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from app.llm.anthropic_messages import AnthropicMessages, MessagesDecoder
from app.llm.model import ChatMessage, ModelRequest, TextDelta
from app.llm.openai_chat import ChatDecoder, OpenAIChat
from app.llm.openai_responses import OpenAIResponses, ResponsesDecoder
from app.llm.partial import VisibleText
from app.llm.sse import EventSplitter
from app.llm.wire import WireDecoder
from tests.support.wires import anthropic_events, chat_events, responses_events

CHUNKS = 2_000
ROUNDS = 5

REQUEST = ModelRequest(
    operation="interview",
    model="a-model",
    system="You ask one plain question at a time.",
    messages=(ChatMessage(role="user", content="I need help."),),
    schema_name="turn",
    schema={
        "type": "object",
        "properties": {"reply": {"type": "string"}},
        "required": ["reply"],
        "additionalProperties": False,
    },
    stream_field="reply",
    max_output_tokens=CHUNKS,
)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk

    async def aclose(self) -> None:
        return


def _client(chunks: list[bytes]) -> httpx2.AsyncClient:
    def answer(_: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=_Body(chunks))

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


def _decode_only(chunks: list[bytes], decoder: type[WireDecoder]) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        splitter, wire, visible = EventSplitter(), decoder(), VisibleText("reply")
        for chunk in chunks:
            for data in splitter.feed(chunk):
                if text := wire.feed(data):
                    visible.feed(text)
        if not wire.finished:
            raise AssertionError("the stream did not finish")

    return run


def _ours(
    model: OpenAIResponses | OpenAIChat | AnthropicMessages,
) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        deltas = 0
        async for event in model.stream(REQUEST, lambda _: None):
            deltas += isinstance(event, TextDelta)
        if deltas < CHUNKS // 2:
            raise AssertionError("words are missing")

    return run


def _sdk_responses(client: AsyncOpenAI) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        async for event in await client.responses.create(model="m", input="hi", stream=True):
            if event.type == "response.output_text.delta" and event.delta is None:
                raise AssertionError("words are missing")

    return run


def _sdk_chat(client: AsyncOpenAI) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        async for chunk in stream:
            if chunk.id is None:
                raise AssertionError("words are missing")

    return run


def _sdk_messages(client: AsyncAnthropic) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        stream = await client.messages.create(
            model="m",
            messages=[{"role": "user", "content": "hi"}],
            max_tokens=CHUNKS,
            stream=True,
        )
        async for event in stream:
            if event.type == "content_block_delta" and event.delta is None:
                raise AssertionError("words are missing")

    return run


def _transport(client: httpx2.AsyncClient) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        async with client.stream("POST", "http://provider.test/") as response:
            async for _ in response.aiter_bytes():
                pass

    return run


async def _measure(run: Callable[[], Awaitable[None]]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        await run()
        best = min(best, time.process_time() - begun)
    return best / CHUNKS * 1e6


async def main() -> None:
    """Print the table."""
    document = msgspec.json.encode({"reply": "palavra " * CHUNKS}).decode()
    pieces = [document[at : at + 8] for at in range(0, len(document), 8)][:CHUNKS]
    pieces.append(document[8 * CHUNKS :])
    print(f"{'µs per chunk':12} {'decode only':>12} {'ours':>8} {'SDK':>8} {'httpx2 alone':>13}")
    for name, chunks, decoder in (
        ("responses", responses_events(pieces), ResponsesDecoder),
        ("chat", chat_events(pieces), ChatDecoder),
        ("messages", anthropic_events(pieces), MessagesDecoder),
    ):
        http = _client(chunks)
        openai = AsyncOpenAI(api_key="k", base_url="http://provider.test", http_client=http)
        anthropic = AsyncAnthropic(api_key="k", base_url="http://provider.test", http_client=http)
        runs = [_decode_only(chunks, decoder)]
        match name:
            case "responses":
                runs += [_ours(OpenAIResponses(openai)), _sdk_responses(openai)]
            case "chat":
                runs += [_ours(OpenAIChat(openai)), _sdk_chat(openai)]
            case _:
                runs += [_ours(AnthropicMessages(anthropic)), _sdk_messages(anthropic)]
        only, ours, sdk, alone = [await _measure(run) for run in (*runs, _transport(http))]
        print(f"{name:12} {only:12.2f} {ours:8.1f} {sdk:8.1f} {alone:13.1f}")
        await http.aclose()


if __name__ == "__main__":
    asyncio.run(main())
