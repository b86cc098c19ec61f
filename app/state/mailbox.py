"""What waits for one reader, in the order in which it came.

An `asyncio.Queue` is for many on both sides and holds 3 kB while it is empty, of which an instance
with thousands of readers has thousands. This one is for a single reader and holds next to nothing.
"""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A bounded queue with one reader; it goes by the names of `asyncio.Queue`."""

    __slots__ = ("_came", "_most", "_waiting")

    def __init__(self, most: int) -> None:
        """Take how much may wait."""
        self._most = most
        self._waiting: list[T] = []
        self._came: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def full(self) -> bool:
        """Whether as much waits as may."""
        return len(self._waiting) >= self._most

    def put_nowait(self, item: T) -> None:
        """Let something wait, and wake the reader.

        Raises:
            asyncio.QueueFull: if as much waits as may.
        """
        if self.full():
            raise asyncio.QueueFull
        self._waiting.append(item)
        if self._came is not None and not self._came.done():
            self._came.set_result(None)

    def get_nowait(self) -> T:
        """Take what came first.

        Raises:
            asyncio.QueueEmpty: if nothing waits.
        """
        if not self._waiting:
            raise asyncio.QueueEmpty
        return self._waiting.pop(0)

    async def get(self) -> T:
        """Take what came first, once something has; whoever gives up waiting loses nothing."""
        while not self._waiting:
            self._came = asyncio.get_running_loop().create_future()
            try:
                await self._came
            finally:
                self._came = None
        return self._waiting.pop(0)
