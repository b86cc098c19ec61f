"""Keeping this process's clock with the storage's."""

import asyncio
import contextlib
import time

import structlog

from app.domain import clock
from app.domain.errors import StateUnavailable
from app.state.store import Store

ASK_SECONDS = 5.0
_GOOD_MS = 100
"""An answer that took longer says the time too vaguely, where there was a better one before."""
_APART_MS = 1_000
"""Clocks of machines that are further apart are worth a word."""

_log = structlog.get_logger(__name__)


class Timekeeper:
    """Asks the storage for the time, again and again."""

    def __init__(self, store: Store) -> None:
        """Take the storage; nobody is asked before `ask` or `run`."""
        self._store = store
        self._apart_ms = 0
        self._has_asked = False

    async def ask(self) -> None:
        """Ask once, and go by the answer.

        Raises:
            StateUnavailable: the storage does not answer.
        """
        began = time.monotonic_ns()
        answer = await self._store.command("TIME")
        took = time.monotonic_ns() - began
        if self._has_asked and took > _GOOD_MS * 1_000_000:
            return
        seconds, microseconds = next(iter(answer.values())) if isinstance(answer, dict) else answer
        at_ms = int(seconds) * 1_000 + int(microseconds) // 1_000
        clock.go_by(at_ms, began + took // 2)
        self._has_asked = True
        self._tell_apart(clock.now_ms() - time.time_ns() // 1_000_000)

    async def try_once(self) -> None:
        """Ask once; where nobody answers, the clock goes on as it was set."""
        with contextlib.suppress(StateUnavailable):
            await self.ask()

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self.try_once()
            await asyncio.sleep(ASK_SECONDS)

    def _tell_apart(self, apart_ms: int) -> None:
        if abs(apart_ms - self._apart_ms) > _APART_MS:
            _log.warning("clock.apart", storage_ahead_ms=apart_ms)
            self._apart_ms = apart_ms
