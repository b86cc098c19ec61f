"""Keeps a process's ring of master keys up to date, and tells the others which it has.

A master key is introduced, and wraps only once every living process has it: so a rotation stops
nobody. A process that does not know whether its ring is the storage's makes no key.
"""

import asyncio
import contextlib

import structlog

from app.domain.errors import InvalidInput, MasterKeysWrong, StateUnavailable
from app.state.masters import MasterBook
from app.state.store import Store

LOOK_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class MasterWatch:
    """Looks after the ring of one process. `owner` names it."""

    def __init__(self, store: Store, owner: str) -> None:
        self._book = MasterBook(store)
        self._sealer = store.sealer
        self._owner = owner
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look, and keep up; where the storage is away, as soon as it is back."""
        with contextlib.suppress(MasterKeysWrong, StateUnavailable):  # it is told by the task
            await self.look()
        self._task = asyncio.create_task(self.run(), name="masters")

    async def close(self) -> None:
        """Stop keeping up, and say that this process ends."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.leave()

    async def look(self) -> None:
        """Look once.

        Raises:
            MasterKeysWrong: if the storage is used with another ring.
            StateUnavailable: if the storage does not answer.
        """
        try:
            self._sealer.look()
        except InvalidInput as error:  # half written, or gone: what is known goes on
            _log.warning("masters.unreadable", reason=str(error))
        try:
            self._sealer.master = await self._book.check(self._sealer.ring)
        except MasterKeysWrong:
            self._sealer.checked = False
            raise
        self._sealer.checked = True
        await self._book.sign(self._owner, list(self._sealer.ring.masters))

    async def run(self) -> None:
        """Look until cancelled."""
        told = ""
        while True:
            try:
                await self.look()
                told = ""
            except (MasterKeysWrong, StateUnavailable) as error:
                if (reason := str(error)) != told:
                    told = reason
                    _log.warning("masters.waiting", reason=reason)
            await asyncio.sleep(LOOK_SECONDS)

    async def leave(self) -> None:
        """Say that this process ends."""
        with contextlib.suppress(StateUnavailable):
            await self._book.leave(self._owner)
