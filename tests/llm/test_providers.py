"""The adapters and their failover against a mock of the providers in a process of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest

from app.domain.usage import Attempt, Provider
from app.llm.errors import (
    AccessDenied,
    CutShort,
    MalformedChunk,
    ModelError,
    NoModelLeft,
    Overloaded,
    ProviderFailed,
    ProviderTimeout,
    RateLimited,
    Refused,
    Stalled,
    StreamCut,
    Unreachable,
)
from app.llm.factory import build_models
from app.llm.failover import Answered, FailoverModel, Restarted
from app.llm.model import Finished, Model, TextDelta
from app.llm.streaming import StreamingModel
from app.llm.timeouts import Timeouts
from app.llm.transport import Pool
from app.settings import Settings
from tests.support.asks import Turn, ask, decode_turn, document
from tests.support.llmock import LLMock, free_port

Wire = Literal["responses", "chat", "messages"]
every_wire = pytest.mark.parametrize("wire", ["responses", "chat", "messages"])

REPLY = "Você assinou algum papel?"
SAYS = {"type": "reply", "text": document(REPLY), "times": None}
NAMES: dict[Provider, str] = {"openai": "gpt-asked", "anthropic": "claude-asked"}
PATIENT = Timeouts(first_token=20.0, read=20.0)


@asynccontextmanager
async def model_of(
    providers: LLMock, wire: Wire, timeouts: Timeouts = PATIENT
) -> AsyncIterator[Model]:
    """Build one adapter for the mock and close it at the end."""
    settings = {
        "responses": Settings(openai_base_url=providers.openai),
        "chat": Settings(openai_base_url=providers.openai, openai_api="chat"),
        "messages": Settings(anthropic_base_url=providers.anthropic),
    }[wire]
    (model,) = build_models(settings, timeouts)
    try:
        yield model
    finally:
        await model.aclose()


async def run(model: Model) -> tuple[str, Finished | ModelError]:
    """Ask once; return the words shown and the end, whose account was given once."""
    attempts: list[Attempt] = []
    shown = ""
    end: Finished | ModelError | None = None
    try:
        async for event in model.stream(ask(), attempts.append):
            if isinstance(event, TextDelta):
                shown += event.text
            else:
                end = event
    except ModelError as error:
        end = error
    assert end is not None
    assert attempts == [end.attempt]
    return shown, end


@every_wire
async def test_a_whole_answer(providers: LLMock, wire: Wire) -> None:
    """The words come first, the document is whole, and the usage is known."""
    providers.scenario([SAYS])
    async with model_of(providers, wire) as model:
        shown, end = await run(model)
    assert isinstance(end, Finished)
    assert end.raw is not None
    assert decode_turn(end.raw) == Turn(reply=REPLY, done=False)
    assert shown == end.text == REPLY
    assert end.attempt.usage is not None
    assert end.attempt.usage.input > 0
    assert end.attempt.usage.output > 0


@every_wire
async def test_a_cut_after_each_chunk(providers: LLMock, wire: Wire) -> None:
    """Dropped or ended after any chunk, an answer is complete only if its finish event came."""
    providers.scenario([SAYS])
    async with model_of(providers, wire) as model:
        await run(model)
        (request,) = providers.requests()
        chunks = int(request["chunks_sent"])
        assert chunks > 6
        # In chat completions the usage and the mark of the end follow the finish event.
        needed = chunks - 2 if wire == "chat" else chunks
        for kind in ("disconnect", "truncate"):
            for kept in range(chunks):
                providers.reset()
                providers.scenario(
                    [SAYS, {"type": "stream_fault", "kind": kind, "after_chunks": kept}]
                )
                shown, end = await run(model)
                assert REPLY.startswith(shown)
                assert isinstance(end, Finished) == (kept >= needed)
                if isinstance(end, Finished):
                    assert shown == REPLY
                    continue
                assert end.retryable
                if wire != "messages":  # there the final counts come before the finish event
                    assert end.attempt.usage is None
                assert end.attempt.outcome == ("cut" if end.attempt.output_chars else "failed")
                if shown:
                    assert isinstance(end, StreamCut)


@every_wire
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessDenied),
        (429, RateLimited),
        (500, ProviderFailed),
        (503, Overloaded),
        (529, Overloaded),
    ],
)
async def test_error_statuses(
    providers: LLMock, wire: Wire, status: int, kind: type[ModelError]
) -> None:
    """Each status has its kind, and a request is sent once: failing over is not the SDK's."""
    providers.scenario([{"type": "fail", "status": status, "retry_after": 7, "times": None}])
    async with model_of(providers, wire) as model:
        _, end = await run(model)
    assert type(end) is kind
    assert isinstance(end, ModelError)
    assert (end.attempt.status, end.retry_after) == (status, 7.0)
    assert len(providers.requests()) == 1


@every_wire
async def test_a_malformed_chunk(providers: LLMock, wire: Wire) -> None:
    """A chunk that is not JSON ends the answer."""
    providers.scenario([SAYS, {"type": "stream_fault", "kind": "malformed", "after_chunks": 4}])
    async with model_of(providers, wire) as model:
        _, end = await run(model)
    assert isinstance(end, MalformedChunk)


@every_wire
async def test_a_stall(providers: LLMock, wire: Wire) -> None:
    """A stream that stops is given up after the read timeout; the words until then were shown."""
    after = {"responses": 6, "messages": 5, "chat": 3}[wire]
    fault = {"type": "stream_fault", "kind": "stall", "after_chunks": after, "stall_seconds": 30}
    providers.scenario([SAYS, fault])
    async with model_of(providers, wire, Timeouts(first_token=20.0, read=0.2)) as model:
        shown, end = await run(model)
    assert isinstance(end, Stalled)
    assert REPLY.startswith(shown)
    assert shown
    assert end.attempt.latency_ms < 10_000


@every_wire
async def test_a_slow_first_token(providers: LLMock, wire: Wire) -> None:
    """Words that do not begin in time are not waited for; words that come late but in time are."""
    slow = {"type": "slow_first_token", "seconds": 1.0}
    providers.scenario([SAYS, slow, slow])
    async with model_of(providers, wire, Timeouts(first_token=0.3)) as model:
        shown, end = await run(model)
    assert (type(end), shown) == (ProviderTimeout, "")
    async with model_of(providers, wire, PATIENT) as model:
        shown, end = await run(model)
    assert isinstance(end, Finished)
    assert end.attempt.first_token_ms is not None
    assert end.attempt.first_token_ms > 900


@every_wire
async def test_a_refusal_and_an_answer_at_the_limit(providers: LLMock, wire: Wire) -> None:
    """A finish reason other than the usual one is no answer, but its usage is known."""
    async with model_of(providers, wire) as model:
        providers.scenario([{**SAYS, "finish_reason": "length"}])
        _, end = await run(model)
        assert isinstance(end, CutShort)
        assert end.attempt.usage is not None
        if wire != "responses":
            providers.reset()
            providers.scenario([{**SAYS, "finish_reason": "content_filter"}])
            _, end = await run(model)
            assert isinstance(end, Refused)
            assert end.attempt.outcome == "refused"


@every_wire
async def test_nobody_listens(wire: Wire) -> None:
    """A connection that is refused or closed without a word is no slow provider."""
    nobody = LLMock(free_port())
    async with model_of(nobody, wire) as model:
        _, refused = await run(model)
    nobody.close()

    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1")
    rude = LLMock(server.sockets[0].getsockname()[1])
    async with server, model_of(rude, wire) as model:
        _, closed = await run(model)
    rude.close()
    assert [type(refused), type(closed)] == [Unreachable, Unreachable]


def connections(model: Model) -> tuple[int, int]:
    """Return how many connections a model has in use and how many it keeps for the next answer."""
    assert isinstance(model, StreamingModel)
    assert isinstance(model.transport, Pool)
    return model.transport.connections()


@every_wire
async def test_connections_are_kept(providers: LLMock, wire: Wire) -> None:
    """Answers one after the other come over one connection, which is left free each time."""
    providers.scenario([SAYS])
    async with model_of(providers, wire) as model:
        for _ in range(3):
            await run(model)
        busy, free = connections(model)
        assert (busy, free) == (0, 1)


@every_wire
async def test_a_consumer_that_leaves_frees_the_connection(providers: LLMock, wire: Wire) -> None:
    """An answer that is abandoned leaves no connection busy behind it."""
    providers.scenario([SAYS])
    async with model_of(providers, wire) as model:
        attempts: list[Attempt] = []
        stream = model.stream(ask(), attempts.append)
        assert isinstance(await anext(stream), TextDelta)
        await stream.aclose()
        assert [one.outcome for one in attempts] == ["cancelled"]
        busy, _ = connections(model)
        assert busy == 0


@asynccontextmanager
async def failover(providers: LLMock) -> AsyncIterator[FailoverModel]:
    """Build both providers behind one failover."""
    settings = Settings(openai_base_url=providers.openai, anthropic_base_url=providers.anthropic)
    model = FailoverModel(build_models(settings, PATIENT))
    try:
        yield model
    finally:
        await model.aclose()


def at(provider: str) -> dict[str, Any]:
    """Match one provider's requests."""
    return {"match": {"provider": provider}}


async def test_failing_over_after_words(providers: LLMock) -> None:
    """OpenAI drops the line after words; Anthropic answers whole; the screen holds one answer."""
    cut = {"type": "stream_fault", "kind": "disconnect", "after_chunks": 8, **at("openai")}
    providers.scenario([SAYS, cut])
    attempts: list[Attempt] = []
    async with failover(providers) as model:
        events = [e async for e in model.stream(ask(), NAMES, attempts.append, decode_turn)]
    restarts = [number for number, event in enumerate(events) if isinstance(event, Restarted)]
    assert len(restarts) == 1
    assert isinstance(events[0], TextDelta)
    after = events[restarts[0] + 1 :]
    answer = after.pop()
    assert isinstance(answer, Answered)
    assert answer.value == Turn(reply=REPLY, done=False)
    assert "".join(event.text for event in after if isinstance(event, TextDelta)) == REPLY
    assert [(one.provider, one.outcome) for one in attempts] == [
        ("openai", "cut"),
        ("anthropic", "completed"),
    ]
    asked = [json.loads(json.dumps(one["body"]))["model"] for one in providers.requests()]
    assert asked == ["gpt-asked", "claude-asked"]


async def test_both_down(providers: LLMock) -> None:
    """With every provider down the caller is told at once and has both accounts."""
    providers.scenario([{"type": "fail", "status": 503, "times": None}])
    attempts: list[Attempt] = []
    async with failover(providers) as model:
        stream = model.stream(ask(), NAMES, attempts.append, decode_turn)
        with pytest.raises(NoModelLeft) as caught:
            await anext(stream)
    assert caught.value.attempts == tuple(attempts)
    assert [one.error for one in attempts] == ["overloaded", "overloaded"]


async def test_a_refused_key_is_not_tried_again(providers: LLMock) -> None:
    """After a 401 the provider is passed over: the second turn asks only the other one."""
    providers.scenario([SAYS, {"type": "fail", "status": 401, **at("openai")}])
    async with failover(providers) as model:
        for _ in range(2):
            events = [e async for e in model.stream(ask(), NAMES, lambda _: None, decode_turn)]
            assert isinstance(events[-1], Answered)
    assert [one["provider"] for one in providers.requests()] == [
        "openai",
        "anthropic",
        "anthropic",
    ]
