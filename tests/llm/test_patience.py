"""Waiting for the pieces of an answer."""

import asyncio

import pytest

from app.llm.patience import Patience

LONG = 60.0


async def fired(loop_seconds: float) -> None:
    """Wait until the loop's own timer fires."""
    due = asyncio.Event()
    asyncio.get_running_loop().call_later(loop_seconds, due.set)
    await due.wait()


async def test_a_wait_that_is_too_long_ends() -> None:
    """The first words have their time, and the task goes on unharmed after it."""
    patience = Patience(first=0.02, between=LONG, total=LONG)
    with pytest.raises(TimeoutError), patience:
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_after_the_words_began_each_wait_counts_by_itself() -> None:
    """Many short waits are fine where one of the same length would not be."""
    patience = Patience(first=LONG, between=0.2, total=LONG)
    patience.words_came()
    for _ in range(6):
        with patience:
            await fired(0.05)
    with pytest.raises(TimeoutError), patience:
        await asyncio.Event().wait()
    patience.close()


async def test_only_waiting_counts() -> None:
    """A slow consumer does not use up the provider's time."""
    patience = Patience(first=LONG, between=0.05, total=LONG)
    patience.words_came()
    with patience:
        await fired(0.0)
    await fired(0.2)
    with patience:
        await fired(0.0)
    patience.close()


async def test_everything_together_has_an_end() -> None:
    """Waits that are each in time still add up."""
    patience = Patience(first=LONG, between=LONG, total=0.1)
    patience.words_came()

    async def drip() -> None:
        while True:
            with patience:
                await fired(0.01)

    with pytest.raises(TimeoutError):
        await drip()


async def test_a_cancellation_from_outside_stays_one() -> None:
    """Whoever cancels the task is not told of a time-out, not even where both come together."""
    waiting = asyncio.Event()
    patience = Patience(first=0.02, between=LONG, total=LONG)

    async def wait() -> None:
        with patience:
            waiting.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await waiting.wait()
    asyncio.get_running_loop().call_later(0.02, task.cancel)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    patience.close()


async def test_an_error_passes_through() -> None:
    """What is raised in time is raised as it is."""
    patience = Patience(first=LONG, between=LONG, total=LONG)
    with pytest.raises(ZeroDivisionError), patience:
        raise ZeroDivisionError
    patience.close()
