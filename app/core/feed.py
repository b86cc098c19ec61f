"""What a turn says, as it is said, for readers in the same process.

A feed keeps the frames of one running turn once, however many read them: a reader is a place in the
list. So a slow one costs nothing but its place, and one that comes late misses nothing.
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator
from typing import Literal

from app.domain.event import EventId

HEARTBEAT = b": hb\n\n"


class TurnFeed:
    """The frames of one turn, from its opening to its end in this process."""

    def __init__(self, *, awaited: bool = False) -> None:
        """Begin; `awaited` says that somebody is about to read."""
        self.ended: Literal["finished", "left"] | None = None
        """`left`: this process stopped working on the turn before its end; look elsewhere."""
        self.last = EventId(0, 0)
        self._ids: list[EventId] = []
        self._frames: list[bytes] = []
        self._waiting: list[asyncio.Future[bool]] = []
        self._over = asyncio.Event()
        self._awaited = awaited
        self._readers = 0

    @property
    def watched(self) -> bool:
        """Whether somebody follows the words as they come, or is about to."""
        return self._awaited or self._readers > 0

    def add(self, event_id: EventId, frame: bytes) -> None:
        """Add a frame and wake the readers."""
        self.last = event_id
        self._ids.append(event_id)
        self._frames.append(frame)
        self._wake(beat=False)

    def end(self, how: Literal["finished", "left"]) -> None:
        """Say that no frame will follow."""
        if self.ended is None:
            self.ended = how
            self._over.set()
            self._wake(beat=False)

    def beat(self) -> None:
        """Let every idle reader send a sign of life."""
        self._wake(beat=True)

    async def over(self) -> None:
        """Wait for the end without reading along."""
        await self._over.wait()

    async def read(self, after: EventId) -> AsyncGenerator[bytes, None]:
        """Yield everything beyond a place, as much at once as there is, until the end."""
        self._awaited = False
        self._readers += 1
        try:
            place = bisect_right(self._ids, after)
            loop = asyncio.get_running_loop()
            while True:
                if place < len(self._frames) and self._ids[place] <= after:
                    place += 1  # the reader is ahead of what there was when it came
                elif place < len(self._frames):
                    chunk = b"".join(self._frames[place:])
                    place = len(self._frames)
                    yield chunk
                elif self.ended is not None:
                    return
                elif await self._next(loop):
                    yield HEARTBEAT
        finally:
            self._readers -= 1

    async def _next(self, loop: asyncio.AbstractEventLoop) -> bool:
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(future)
        return await future

    def _wake(self, *, beat: bool) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(beat)
