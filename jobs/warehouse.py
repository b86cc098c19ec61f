"""Drains facts from the stream into the warehouse, once for each id, whoever is killed when.

What a round reads is on disk before it is taken off the stream. Where a round is cut short in
between, the next one finds the same facts and, by their ids, that they are there. One drains at a
time, by a right that dies with its process.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import msgspec
import structlog

from analytics.warehouse import (
    Warehouse,
    WarehouseBusy,
    WarehouseError,
    Writer,
    open_warehouse,
)
from analytics.warehouse.interface import Row
from analytics.warehouse.schema import NotAFact, check
from app.domain.errors import StateUnavailable
from app.domain.facts import ERASED, flattened
from app.settings import Settings
from app.state.facts import MANY_WAIT, Entry, FactStream
from app.state.store import Store

AT_ONCE = 5_000
"""Facts that a round takes."""
EVERY_SECONDS = 2.0
TOLD_EVERY_SECONDS = 60.0
_BUSY_SECONDS = 0.5

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

_log = structlog.get_logger(__name__)


class Drain:
    """What empties the stream into the warehouse."""

    def __init__(
        self,
        stream: FactStream,
        warehouse: Warehouse,
        *,
        at_once: int = AT_ONCE,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        """Take both ends."""
        self._stream = stream
        self._warehouse = warehouse
        self._at_once = at_once
        self._every = every_seconds
        self._told = 0.0
        # The allocator keeps for each thread what the engine once took on it: let it be one thread.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drain")

    async def run(self) -> None:
        """Drain for ever; what cannot be done now is done later, and nothing is lost meanwhile.

        Raises:
            StateUnavailable: if the storage goes away.
        """
        while True:
            try:
                more = await self.round() == self._at_once
            except WarehouseBusy:
                more = False
            except StateUnavailable:
                raise
            except Exception as error:  # noqa: BLE001
                # A warehouse that is full or broken must not stop what the worker does for people.
                _log.error("warehouse.waiting", reason=f"{type(error).__name__}: {error}")
                more = False
            await self._tell()
            if not more:
                await asyncio.sleep(self._every)

    async def _tell(self) -> None:
        """Warn now and then where nobody keeps up."""
        if time.monotonic() < self._told + TOLD_EVERY_SECONDS:
            return
        backlog = await self._stream.backlog()
        if backlog.waiting >= MANY_WAIT or backlog.lost:
            self._told = time.monotonic()
            _log.warning("facts.many", waiting=backlog.waiting, lost=backlog.lost)

    async def all(self, *, patience_seconds: float = 10.0) -> int:
        """Drain what is there now; returns how many facts came off the stream.

        Raises:
            WarehouseBusy: if others write for longer than one has patience.
            WarehouseError: if the warehouse cannot be used.
            StateUnavailable: if the storage goes away.
        """
        until = time.monotonic() + patience_seconds
        left = await self._stream.waiting()
        taken = 0
        while taken < left:
            try:
                done = await self.round()
            except WarehouseBusy:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(_BUSY_SECONDS)
                left = min(left, taken + await self._stream.waiting())
                continue
            taken += done
            if done < self._at_once:
                break
        return taken

    async def round(self) -> int:
        """Drain some facts; returns how many came off the stream.

        A round that has begun is finished also where its caller is cancelled, since the right to
        write must not be given back while a thread still writes.

        Raises:
            WarehouseBusy: somebody else drains.
            WarehouseError: the warehouse cannot be used.
            StateUnavailable: the storage went away.
        """
        task = asyncio.create_task(self._round(), name="drain")
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()
            raise

    async def _round(self) -> int:
        if not await self._stream.waiting():
            return 0
        writing = self._warehouse.writing()
        writer = await self._apart(writing.__enter__)
        try:
            entries = await self._stream.read(self._at_once)
            await self._apart(keep, writer, entries)
            await self._stream.take_off(entries)
        except BaseException:
            await self._apart(writing.__exit__, *sys.exc_info())
            raise
        await self._apart(writing.__exit__, None, None, None)
        return len(entries)

    async def _apart(self, work: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)


def place_of(settings: Settings) -> str | Path:
    """Return where the warehouse is: a folder, or the address of a database."""
    return settings.warehouse or settings.var / "warehouse"


async def drain(settings: Settings, store: Store) -> None:
    """Open the warehouse and drain into it for ever.

    Raises:
        StateUnavailable: if the storage goes away.
    """
    while True:
        try:
            # Its engine takes a moment to load.
            warehouse = await asyncio.to_thread(open_warehouse, place_of(settings))
        except WarehouseError as error:
            _log.error("warehouse.waiting", reason=str(error))
            await asyncio.sleep(TOLD_EVERY_SECONDS)
            continue
        try:
            every = settings.warehouse_seconds
            await Drain(FactStream(store), warehouse, every_seconds=every).run()
        finally:
            warehouse.close()


def keep(writer: Writer, entries: Sequence[Entry]) -> int:
    """Keep what came, in its order as far as erasures go; returns how many facts were new."""
    facts: list[Row] = []
    erased: dict[str, int] = {}
    for one in entries:
        try:
            row = flattened(one.data)
            if row["kind"] == ERASED:
                erased[row["case_id"]] = row["occurred_ms"]
                continue
            check(row)
        except (msgspec.DecodeError, NotAFact) as error:
            _log.error("fact.unread", place=one.place, reason=str(error))
            writer.keep_unread(one.place, one.data)
            continue
        facts.append(row)
    new = writer.append([row for row in facts if row["case_id"] not in erased])
    if erased:
        writer.erase(cases=sorted(erased), at_ms=max(erased.values()))
    return new
