"""A turn's feed: every reader gets every frame once, whenever it comes and however slow it is."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from app.core.feed import HEARTBEAT, TurnFeed
from app.domain.event import EventId


async def _everything(feed: TurnFeed, after: EventId) -> bytes:
    return b"".join([chunk async for chunk in feed.read(after)])


@given(st.lists(st.binary(min_size=1, max_size=5), max_size=20), st.data())
async def test_a_reader_gets_exactly_what_lies_beyond_its_place(
    frames: list[bytes], data: st.DataObject
) -> None:
    """Wherever it begins, and however many frames come while it reads."""
    place = data.draw(st.integers(min_value=0, max_value=len(frames)))
    early = data.draw(st.integers(min_value=0, max_value=len(frames)))
    feed = TurnFeed()
    for seq, frame in enumerate(frames[:early], start=1):
        feed.add(EventId(9, seq), frame)
    reading = asyncio.create_task(_everything(feed, EventId(9, place)))
    await asyncio.sleep(0)
    for seq, frame in enumerate(frames[early:], start=early + 1):
        feed.add(EventId(9, seq), frame)
        await asyncio.sleep(0)
    feed.end("finished")
    assert await reading == b"".join(frames[place:])


async def test_an_idle_reader_sends_a_sign_of_life() -> None:
    """A heartbeat reaches whoever waits, and moves nobody's place."""
    feed = TurnFeed()
    reading = asyncio.create_task(_everything(feed, EventId(0, 0)))
    await asyncio.sleep(0)
    assert feed.watched
    feed.beat()
    await asyncio.sleep(0)
    feed.add(EventId(1, 1), b"frame")
    feed.end("finished")
    assert await reading == HEARTBEAT + b"frame"


async def test_the_first_end_counts() -> None:
    """A finished turn is not left afterwards."""
    feed = TurnFeed()
    feed.end("finished")
    feed.end("left")
    assert feed.ended == "finished"
    await feed.over()


async def test_a_reader_that_went_away_harms_nobody() -> None:
    """Waking a cancelled reader is no error, and the others read on."""
    feed = TurnFeed()
    gone = asyncio.create_task(_everything(feed, EventId(0, 0)))
    stays = asyncio.create_task(_everything(feed, EventId(0, 0)))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    feed.add(EventId(1, 1), b"x")
    feed.end("left")
    assert await stays == b"x"


async def test_a_reader_watches_until_it_leaves() -> None:
    """Who is announced counts before it comes, and who reads counts also while it is busy."""
    feed = TurnFeed(awaited=True)
    assert feed.watched
    feed.add(EventId(1, 1), b"x")
    reading = feed.read(EventId(0, 0))
    assert await anext(reading) == b"x"
    assert feed.watched
    await reading.aclose()
    assert not feed.watched
