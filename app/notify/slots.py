"""How many requests may wait for one target, so that one that hangs does not hold up the others."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

PATIENCE_SECONDS = 1.0
"""How long a request waits for a slot; a target that answers has one free long before."""


class _Slot:
    __slots__ = ("free", "users")

    def __init__(self, count: int) -> None:
        self.free = asyncio.Semaphore(count)
        self.users = 0


class TargetSlots:
    """A bounded number of slots for each target; nothing is kept of targets that nobody uses."""

    def __init__(self, per_target: int, *, patience: float = PATIENCE_SECONDS) -> None:
        self._per_target = per_target
        self._patience = patience
        self._slots: dict[str, _Slot] = {}

    @contextlib.asynccontextmanager
    async def one(self, target: str) -> AsyncIterator[bool]:
        """Give a slot for as long as the block runs; False where none became free in time."""
        slot = self._slots.setdefault(target, _Slot(self._per_target))
        slot.users += 1
        held = False
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    held = await slot.free.acquire()
            yield held
        finally:
            if held:
                slot.free.release()
            slot.users -= 1
            if not slot.users:
                del self._slots[target]
