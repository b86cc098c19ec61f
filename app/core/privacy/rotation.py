"""Rotating the master key while everything runs: introduce, wait, promote, wrap anew, drop.

Each step can be repeated, and where one was cut off the next run goes on: which key is coming and
which one wraps stands in the storage, and which case is wrapped by which with the case itself.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from msgspec import Struct

from app.core.privacy.watching import LOOK_SECONDS
from app.core.private_file import write_private
from app.domain.errors import CaseUnreadable, InvalidInput
from app.domain.sealing import MasterKey, new_master
from app.state.masters import MasterBook, Wrapped
from app.state.store import Store

WAIT_SECONDS = 60.0
"""How long living processes may take to learn a key that is in their file."""
_STEP_SECONDS = 0.2
_LATE_SECONDS = 3 * LOOK_SECONDS
"""After so long no process wraps by the master key before any more."""

_log = structlog.get_logger(__name__)


class Rotated(Struct, frozen=True, kw_only=True):
    """What a rotation did."""

    master: str
    """The master key that wraps now."""
    wrapped: int
    """How many keys were wrapped anew."""
    unreadable: int
    """How many could not be: none of the master keys opens them."""
    dropped: tuple[str, ...]
    """Master keys that were forgotten."""


class Rotation:
    """One rotation of the master key."""

    def __init__(
        self,
        store: Store,
        path: Path | None,
        *,
        say: Callable[[str], None],
        progress: Callable[[int], None],
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        """Take the parts.

        Args:
            store: the storage.
            path: the file of the ring; None where it is set without one.
            say: is told in words what goes on.
            progress: is told how many keys of the storage were looked at.
            wait_seconds: how long living processes may take to learn a key.
        """
        self._store = store
        self._book = MasterBook(store)
        self._sealer = store.sealer
        self._path = path
        self._say = say
        self._progress = progress
        self._wait_seconds = wait_seconds

    async def run(self, *, drop_old: bool) -> Rotated:
        """Rotate, or go on with a rotation that was cut off.

        Raises:
            InvalidInput: if a living process does not learn the key, or the file cannot be written.
            StateUnavailable: if the storage does not answer.
        """
        target = await self._target()
        await self._book.introduce(target)
        await self._until_known(target.id)
        await self._book.promote(target.id)
        self._sealer.master = target.id
        self._say(f"{target.id} wraps from now on")
        wrapped, unreadable = await self._wrap_all(target.id)
        dropped = await self._drop(target.id) if drop_old and not unreadable else ()
        return Rotated(master=target.id, wrapped=wrapped, unreadable=unreadable, dropped=dropped)

    async def _target(self) -> MasterKey:
        """Return the key that is to wrap: the one of a rotation that was cut off, or a new one."""
        ring, known = self._sealer.ring, await self._book.all()
        current = next((one for one in known if one.is_current), None)
        coming = next((one for one in known if one.is_coming), None)
        if coming is not None and coming.id in ring.masters:
            self._say(f"going on with {coming.id}, which was being introduced")
            return ring.masters[coming.id]
        registered = {one.id for one in known}
        fresh = [one for one in ring.masters.values() if one.id not in registered]
        if fresh:
            self._say(f"taking {fresh[0].id}, which is in the ring and wraps nothing yet")
            return fresh[0]
        if current is not None and await self._is_unfinished(current.id):
            self._say(f"going on with {current.id}, by which not everything is wrapped yet")
            return ring.masters[current.id]
        made = new_master()
        self._append(made)
        self._say(f"made {made.id}")
        return made

    async def _is_unfinished(self, current: str) -> bool:
        return any(one != current for one in await self._book.counts())

    def _append(self, master: MasterKey) -> None:
        hint = "make one by `triage keys new-master` and add it to the ring of every process"
        if self._path is None:
            raise InvalidInput(f"the ring is set without a file, which cannot be added to: {hint}")
        line = f"{master.line()}\n"
        try:
            with self._path.open("r+", encoding="ascii") as file:
                text = file.read()
                file.write(line if text.endswith("\n") else f"\n{line}")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InvalidInput(
                f"{self._path} cannot be added to: {error.strerror}; {hint}"
            ) from error
        self._sealer.look()

    async def _until_known(self, target: str) -> None:
        deadline = time.monotonic() + self._wait_seconds
        while lacking := [
            name for name, known in (await self._book.living()).items() if target not in known
        ]:
            if time.monotonic() > deadline:
                raise InvalidInput(
                    f"these do not know {target} yet: {', '.join(sorted(lacking))}. Copy the file"
                    " of the ring to their machines, or restart them with the new ring; then run"
                    " this again"
                )
            await asyncio.sleep(_STEP_SECONDS)
        self._say("every living process knows it")

    async def _wrap_all(self, target: str) -> tuple[int, int]:
        """Wrap every key by a master key, until a pass that began late enough finds none."""
        late = time.monotonic() + _LATE_SECONDS
        wrapped = 0
        while True:
            began = time.monotonic()
            now, unreadable = await self._wrap_once(target)
            wrapped += now
            if now == 0 and began >= late:
                return wrapped, unreadable
            await asyncio.sleep(max(0.0, late - time.monotonic()))

    async def _wrap_once(self, target: str) -> tuple[int, int]:
        """Go over all keys once; returns how many were wrapped anew, and how many open for none."""
        wrapped = unreadable = 0
        async for looked_at, page in self._book.wrapped():
            changes: list[tuple[Wrapped, bytes]] = []
            for one in page:
                if one.master == target:
                    continue
                try:
                    changes.append((one, self._by(target, one)))
                except CaseUnreadable as error:
                    unreadable += 1
                    _log.warning("case.unreadable", case=one.case_id, reason=str(error))
            if changes:
                await self._book.swap(changes)
            wrapped += len(changes)
            self._progress(looked_at)
        return wrapped, unreadable

    def _by(self, target: str, one: Wrapped) -> bytes:
        ring = self._sealer.ring
        return ring.wrap(one.case_id, ring.unwrap(one.case_id, one.value), target)

    async def _drop(self, target: str) -> tuple[str, ...]:
        """Forget every other master key: in the file first, or nobody could start any more."""
        others = tuple(one.id for one in await self._book.all() if one.id != target)
        if self._path is None:
            self._say("the ring is set without a file: take the other keys out of it yourself")
            return ()
        text = f"{self._sealer.ring.masters[target].line()}\n"
        try:
            write_private(self._path, text)
        except OSError as error:
            raise InvalidInput(
                f"{self._path} cannot be written: {error.strerror}; take {', '.join(others)} out"
                " of it yourself"
            ) from error
        self._sealer.look()
        for one in others:
            await self._book.drop(one)
        return others
