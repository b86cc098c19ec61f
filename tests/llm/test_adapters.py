"""The adapters over a transport of our own: requests, errors, accounts and what is left behind."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import httpx2
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from app.domain.usage import Attempt
from app.llm.anthropic_messages import AnthropicMessages
from app.llm.drafts import nowhere
from app.llm.errors import (
    AccessDenied,
    InvalidOutput,
    MalformedChunk,
    ModelError,
    Overloaded,
    ProviderFailed,
    ProviderRejected,
    ProviderTimeout,
    RateLimited,
    Stalled,
    StreamCut,
    Unreachable,
)
from app.llm.model import Finished, Model, ModelRequest, TextDelta
from app.llm.openai_chat import OpenAIChat
from app.llm.openai_responses import OpenAIResponses
from app.llm.streaming import StreamingModel, sdk_timeout
from app.llm.timeouts import Timeouts
from app.llm.transport import Head
from tests.support.asks import ask, document
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


@every_adapter
async def test_the_request_is_the_one_the_sdk_would_send(build: Build, events: Events) -> None:
    """Same address, same headers, same body: only the encoding of the body is ours."""
    seen: list[httpx2.Request] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, headers=EVENT_STREAM, stream=Body(*events([document()])))

    await run(build(keep))
    await asked_by_the_sdk(build, keep)
    ours, theirs = seen
    assert (ours.method, ours.url) == (theirs.method, theirs.url)
    assert json.loads(ours.content) == json.loads(theirs.content)
    assert of_interest(ours) == of_interest(theirs)


@every_adapter
async def test_the_schema_keeps_the_order_of_its_properties(build: Build, events: Events) -> None:
    """The words to show come first in the schema, so that they come first in the answer."""
    seen: list[bytes] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.content)
        return httpx2.Response(200, headers=EVENT_STREAM, stream=Body(*events([document()])))

    await run(build(keep))
    assert list(schema_of(json.loads(seen[0]))["properties"]) == ["reply", "done"]


@every_adapter
async def test_words_come_as_they_are_read(build: Build, events: Events) -> None:
    """Each piece is shown when its chunk is there; the document follows whole, with its account."""
    text = document("Você assinou\nalgum \N{WAVING HAND SIGN} papel?")
    pieces = [text[at : at + 5] for at in range(0, len(text), 5)]
    body = Body(*events(pieces))
    deltas, end, attempt = await run(build(answering(body)))
    assert isinstance(end, Finished)
    assert end.raw == text.encode()
    assert "".join(delta.text for delta in deltas) == end.text == json.loads(text)["reply"]
    assert len(deltas) > 3
    assert (attempt.outcome, attempt.error, attempt.status) == ("completed", None, 200)
    assert attempt.usage is not None
    assert attempt.usage.input == 120
    assert attempt.answered_by in {"gpt-dated", "claude-dated"}
    assert (attempt.model, attempt.request_id) == ("asked", "req_7")
    assert attempt.output_chars == len(text)
    assert attempt.first_token_ms is not None
    assert 0 <= attempt.first_token_ms <= attempt.latency_ms
    assert body.closed


@every_adapter
async def test_one_read_gives_one_piece(build: Build, events: Events) -> None:
    """What one read delivered is shown at once, in one piece."""
    body = Body(b"".join(events(["{", '"reply"', ":", '"a', "b", 'c"', ',"done":true}'])))
    deltas, end, _ = await run(build(answering(body)))
    assert deltas == [TextDelta("abc")]
    assert isinstance(end, Finished)


@every_adapter
async def test_a_document_in_another_order_is_shown_late(build: Build, events: Events) -> None:
    """A model that did not begin with the words still has them shown, once they are known."""
    body = Body(*events(['{"done": false, ', '"reply": "Quan', 'do?"}']))
    deltas, end, _ = await run(build(answering(body)))
    assert deltas == [TextDelta("Quando?")]
    assert isinstance(end, Finished)
    assert end.text == "Quando?"


@every_adapter
async def test_plain_text_is_shown_as_it_is(build: Build, events: Events) -> None:
    """A server that ignores the schema is not silenced."""
    deltas, end, attempt = await run(build(answering(Body(*events(["Quando ", "foi?"])))))
    assert isinstance(end, Finished)
    assert (end.raw, end.text, attempt.outcome) == (None, "Quando foi?", "completed")
    assert [delta.text for delta in deltas] == ["Quando ", "foi?"]


@every_adapter
@pytest.mark.parametrize(
    "text", ["", "  ", '{"reply": "x"', '{"reply": "x",}', '{"done": true}', "{}x", '{"reply": 7}']
)
async def test_a_broken_document_is_invalid(build: Build, events: Events, text: str) -> None:
    """Finished is not enough: what was asked for must be there."""
    _, end, attempt = await run(build(answering(Body(*events([text])))))
    assert isinstance(end, InvalidOutput)
    assert attempt.outcome == "invalid"
    assert attempt.usage is not None


@every_adapter
async def test_a_cut_anywhere_is_never_complete(build: Build, events: Events) -> None:
    """After each chunk the server may end or drop the stream; only the whole one is an answer."""
    chunks = events([document()[at : at + 6] for at in range(0, len(document()), 6)])
    finishes = len(chunks) - (2 if build is chat else 0)
    for kept in range(len(chunks) + 1):
        lost = httpx2.RemoteProtocolError("the peer closed the connection")
        for end_of_body in ((), (lost,)):
            body = Body(*chunks[:kept], *end_of_body)
            deltas, end, attempt = await run(build(answering(body)))
            if kept >= finishes:
                assert isinstance(end, Finished)
                continue
            assert isinstance(end, StreamCut | MalformedChunk | Unreachable)
            assert attempt.outcome == ("cut" if attempt.output_chars else "failed")
            counted = build is messages and kept == finishes - 1  # the final counts had come
            assert (attempt.usage is not None) == counted
            assert attempt.output_chars >= sum(len(delta.text) for delta in deltas)
            assert body.closed


@every_adapter
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Welcome to the hotel's network</html>", b'{"object": "list"}', b"\x00\xff" * 99],
)
async def test_a_response_that_is_no_stream_is_malformed(
    build: Build, events: Events, body: bytes
) -> None:
    """Status 200 with garbage is a failure of the provider, and is told apart from a cut."""
    del events
    _, end, attempt = await run(build(answering(Body(body))))
    assert isinstance(end, MalformedChunk)
    assert (attempt.outcome, attempt.status) == ("failed", 200)


@every_adapter
async def test_an_event_without_end_is_refused(build: Build, events: Events) -> None:
    """A server cannot fill the memory with one event."""
    del events
    _, end, _ = await run(build(answering(Body(*[b"data: " + b"x" * 2_000_000] * 6))))
    assert isinstance(end, MalformedChunk)


@every_adapter
async def test_a_stall_ends_in_time(build: Build, events: Events) -> None:
    """An answer that stops coming is given up after the read timeout, and counts as cut."""
    chunks = events(['{"reply": "Quan'])
    body = Body(*chunks[: 5 if build is not chat else 2], asyncio.Event())
    deltas, end, attempt = await run(build(answering(body), QUICK))
    assert isinstance(end, Stalled)
    assert deltas == [TextDelta("Quan")]
    assert (attempt.outcome, attempt.error) == ("cut", "stall")
    assert body.closed


@every_adapter
async def test_the_first_words_have_their_own_time(build: Build, events: Events) -> None:
    """Signs of life without words extend nothing."""
    del events
    life = asyncio.Event()
    body = Body(b": ping\n\n", b'data: {"type": "ping"}\n\n', life)
    _, end, attempt = await run(build(answering(body), SLOW_START))
    assert type(end) is ProviderTimeout
    assert (attempt.outcome, attempt.error) == ("failed", "timeout")


@pytest.mark.parametrize("unhurried", [False, True])
async def test_a_request_that_nobody_waits_for_may_take_longer(unhurried: bool) -> None:
    """A model may think for a while before an analysis; a person who waits gets another one."""
    thought = asyncio.Event()
    asyncio.get_running_loop().call_later(0.75, thought.set)
    body = Body(thought, *responses_events([document()]))
    model = responses(answering(body), Timeouts(first_token=0.5, read=0.5))
    _, end, _ = await run(model, ask(unhurried=unhurried))
    assert isinstance(end, Finished if unhurried else ProviderTimeout)


@every_adapter
async def test_an_answer_that_drips_has_an_end(build: Build, events: Events) -> None:
    """Pieces that come in time one by one do not keep the answer going for ever."""

    async def drip() -> AsyncIterator[bytes]:
        first, *_ = chunks = events(['{"reply": "a', "b"])
        yield first
        words = next(chunk for chunk in chunks if b"reply" in chunk)
        yield words
        loop = asyncio.get_running_loop()
        while True:
            due = asyncio.Event()
            loop.call_later(0.005, due.set)
            await due.wait()
            yield b": drip\n\n"

    class Drip(Body):
        def __aiter__(self) -> AsyncIterator[bytes]:
            return drip()

    limits = Timeouts(first_token=5.0, read=5.0, total=0.5)
    _, end, _ = await run(build(answering(Drip()), limits))
    assert isinstance(end, Stalled)


@every_adapter
async def test_a_server_that_keeps_the_line_open_does_not_hold_the_answer(
    build: Build, events: Events
) -> None:
    """Once the finish event was seen, the wait for the rest is short and harmless."""
    body = Body(*events([document()]), asyncio.Event())
    _, end, attempt = await run(build(answering(body), QUICK))
    assert isinstance(end, Finished)
    assert attempt.usage is not None
    assert body.closed


@pytest.mark.parametrize("build", [responses, chat, messages])
@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (400, {"error": {"message": "no"}}, ProviderRejected, False),
        (401, {"error": {"message": "no"}}, AccessDenied, False),
        (403, {"error": {"message": "no"}}, AccessDenied, False),
        (404, {"error": {"message": "no"}}, ProviderRejected, False),
        (408, {}, ProviderTimeout, True),
        (413, {}, ProviderRejected, False),
        (429, {"error": {"message": "slow down"}}, RateLimited, True),
        (500, {"error": {"message": "oops"}}, ProviderFailed, True),
        (502, None, ProviderFailed, True),
        (503, {}, Overloaded, True),
        (504, None, ProviderTimeout, True),
        (529, {"error": {"type": "overloaded_error"}}, Overloaded, True),
    ],
)
async def test_every_status_has_its_kind(
    build: Build, status: int, body: Any, kind: type[ModelError], *, retryable: bool
) -> None:
    """HTTP errors are told apart, are asked once only, and keep their status."""
    asked: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(status, headers={"retry-after": "3"}, json=body)

    _, end, attempt = await run(build(handler))
    assert type(end) is kind
    assert isinstance(end, ModelError)
    assert (end.retryable, end.retry_after, attempt.status) == (retryable, 3.0, status)
    assert (attempt.outcome, attempt.first_token_ms) == ("failed", None)
    assert len(asked) == 1


async def test_an_empty_purse_is_not_haste() -> None:
    """OpenAI says 429 for both; waiting helps against one of them only."""
    body = {"error": {"code": "insufficient_quota", "message": "no credit"}}
    _, end, _ = await run(responses(lambda _: httpx2.Response(429, json=body)))
    assert isinstance(end, AccessDenied)


@pytest.mark.parametrize("build", [responses, chat, messages])
@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpx2.ConnectError("no route"), Unreachable),
        (httpx2.ConnectTimeout("slow"), ProviderTimeout),
        (httpx2.ReadTimeout("slow"), ProviderTimeout),
        (httpx2.RemoteProtocolError("gone"), Unreachable),
        (OSError("no descriptors"), Unreachable),
        (ValueError("nobody foresaw this"), ModelError),
    ],
)
async def test_whatever_the_network_raises_has_its_kind(
    build: Build, raised: Exception, kind: type[ModelError]
) -> None:
    """What is no SDK error is caught too, and its cause is kept."""

    def handler(_: httpx2.Request) -> httpx2.Response:
        raise raised

    _, end, attempt = await run(build(handler))
    assert isinstance(end, kind)
    assert end.__cause__ is not None
    assert attempt.outcome == "failed"


@every_adapter
async def test_an_unforeseen_error_in_the_middle_is_a_failure(build: Build, events: Events) -> None:
    """Nothing that happens while reading escapes as anything but a model error."""
    body = Body(*events(['{"reply": "Qu'])[:5], ZeroDivisionError("what"))
    _, end, attempt = await run(build(answering(body)))
    assert isinstance(end, ProviderFailed)
    assert attempt.outcome == "cut"


@every_adapter
async def test_a_consumer_that_closes_is_accounted_for(build: Build, events: Events) -> None:
    """Leaving in the middle closes the response and books the attempt as cancelled."""
    body = Body(*events([document()[:14], document()[14:]]))
    attempts: list[Attempt] = []
    stream = build(answering(body)).stream(ask(), attempts.append)
    async with aclosing(stream):
        await anext(stream)
    assert [one.outcome for one in attempts] == ["cancelled"]
    assert attempts[0].usage is None
    assert body.closed


@every_adapter
async def test_a_consumer_that_is_cancelled_is_accounted_for(build: Build, events: Events) -> None:
    """A cancelled task closes the response, and its cancellation is not swallowed."""
    waiting = asyncio.Event()

    class Waiting(Body):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            """Send some chunks, then wait for ever."""
            for chunk in events([document()[:14]])[:5]:
                yield chunk
            waiting.set()
            await asyncio.Event().wait()

    body = Waiting()
    attempts: list[Attempt] = []

    async def read() -> None:
        async for _ in build(answering(body)).stream(ask(), attempts.append):
            pass

    task = asyncio.create_task(read())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [one.outcome for one in attempts] == ["cancelled"]
    assert body.closed


@every_adapter
async def test_a_generator_that_never_began_asked_nothing(build: Build, events: Events) -> None:
    """No account is written for a question that was never put."""
    attempts: list[Attempt] = []
    stream = build(answering(Body(*events([document()])))).stream(ask(), attempts.append)
    await stream.aclose()
    assert attempts == []


@every_adapter
async def test_adapters_are_models_and_close_their_clients(build: Build, events: Events) -> None:
    """Each keeps the protocol and leaves no connection behind."""
    model = build(answering(Body(*events([document()]))))
    assert isinstance(model, Model)
    await model.aclose()
    _, end, _ = await run(model)
    assert isinstance(end, ModelError)
