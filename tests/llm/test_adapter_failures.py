"""Whatever a provider or the network does wrong has its kind, and is never complete."""

from typing import Any

import httpx2
import pytest

from app.llm.errors import (
    AccessDenied,
    MalformedChunk,
    ModelError,
    Overloaded,
    ProviderFailed,
    ProviderRejected,
    ProviderTimeout,
    RateLimited,
    StreamCut,
    Unreachable,
)
from app.llm.model import Finished
from tests.support.adapters import (
    Body,
    Build,
    Events,
    answering,
    chat,
    every_adapter,
    messages,
    responses,
    run,
)
from tests.support.asks import document


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
