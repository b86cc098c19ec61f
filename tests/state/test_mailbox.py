"""A queue for a single reader."""

import asyncio

import pytest

from app.state.mailbox import Mailbox


async def test_things_come_out_in_their_order() -> None:
    """What came first is taken first, whether the reader waits for it or comes later."""
    box: Mailbox[int] = Mailbox(3)
    reading = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    assert not reading.done()
    for number in range(3):
        box.put_nowait(number)
    assert await reading == 0
    assert [await box.get(), box.get_nowait()] == [1, 2]
    assert box.empty()
    with pytest.raises(asyncio.QueueEmpty):
        box.get_nowait()


async def test_it_takes_no_more_than_it_may() -> None:
    """What is too much is refused, and what waits is as it was."""
    box: Mailbox[str] = Mailbox(1)
    box.put_nowait("first")
    assert box.full()
    with pytest.raises(asyncio.QueueFull):
        box.put_nowait("second")
    assert await box.get() == "first"
    assert box.empty()


async def test_whoever_gives_up_loses_nothing() -> None:
    """What comes at the very moment in which a reader gives up is there for its next look."""
    box: Mailbox[str] = Mailbox(9)
    reading = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    box.put_nowait("late")
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await box.get() == "late"
