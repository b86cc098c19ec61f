"""Writes rows of the ledger apart from whoever waits for words, and loses none it can keep.

What is entered waits in memory until Valkey has taken it. If the process dies before, its
reservations run out and another process writes their rows.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct

from app.domain.errors import StateUnavailable
from app.domain.ledger import LedgerRow, scopes_of
from app.state.ledger import Ledger

MOST_WAITING = 100_000
"""Rows that wait in memory while Valkey is away; beyond, they are left to be found as lost."""
_AT_ONCE = 16
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0

_log = structlog.get_logger(__name__)


class Entry(Struct, frozen=True, kw_only=True):
    """A row to write, or, without one, a reservation to give back."""

    row_id: str
    row: LedgerRow | None = None
    reserved: bool = True


class LedgerWriter:
    """Writes what is entered, in about the order in which it was."""

    def __init__(
        self, ledger: Ledger, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Write to this ledger."""
        self._ledger = ledger
        self._sleep = sleep
        self._waiting: deque[Entry] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many entries are not written yet."""
        return len(self._waiting)

    def enter(self, entry: Entry) -> None:
        """Take an entry; it never waits."""
        if len(self._waiting) >= MOST_WAITING:
            _log.error("ledger.too_much_waits", row=entry.row_id)
            return
        self._waiting.append(entry)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all(), name="ledger writer")

    async def written(self) -> None:
        """Wait until everything that was entered is written."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def close(self, seconds: float) -> None:
        """Write what still waits, for as long as this; the rest is found as lost."""
        try:
            async with asyncio.timeout(seconds):
                await self.written()
        except TimeoutError:
            _log.error("ledger.not_written", rows=self.waiting)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _write_all(self) -> None:
        pause = _FIRST_PAUSE
        while self._waiting:
            batch = [self._waiting[at] for at in range(min(_AT_ONCE, len(self._waiting)))]
            results = await asyncio.gather(*map(self._write, batch), return_exceptions=True)
            for _ in batch:
                self._waiting.popleft()
            failed = False
            for entry, result in zip(batch, results, strict=True):
                if isinstance(result, StateUnavailable):
                    self._waiting.append(entry)
                    failed = True
                elif isinstance(result, Exception):
                    # One row that cannot be written must not stop all that come after it.
                    _log.error("ledger.row_refused", row=entry.row_id, reason=repr(result))
                elif isinstance(result, BaseException):
                    raise result
            if failed:
                _log.warning("ledger.waiting", rows=self.waiting)
                await self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE) if failed else _FIRST_PAUSE

    async def _write(self, entry: Entry) -> None:
        row = entry.row
        if row is None:
            await self._ledger.void(entry.row_id)
        else:
            scopes = scopes_of(row.operation, row.arm)
            await self._ledger.settle(row, scopes, reserved=entry.reserved)
