"""The adapters' bounds of time, and consumers that go: all is accounted for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from app.domain.usage import Attempt
from app.llm.errors import (
    ProviderTimeout,
    Stalled,
)
from app.llm.model import Finished, TextDelta
from app.llm.timeouts import Timeouts
from tests.support.adapters import (
    QUICK,
    SLOW_START,
    Body,
    Build,
    Events,
    answering,
    chat,
    every_adapter,
    responses,
    run,
)
from tests.support.asks import ask, document
from tests.support.wires import responses_events


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
