"""Reading streams that another process writes: one blocking read for all that are followed.

A blocking connection per reader does not carry thousands of readers, so a process has one. A small
stream of its own, the bell, is read along with the others and rung whenever the set changes.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog
from msgspec import Struct

from app.domain import event as events
from app.domain.errors import StateUnavailable
from app.domain.event import Delta, EventId, TurnRestarted, TurnStarted
from app.state import codec
from app.state.store import Store

_BLOCK_MS = 2_000
_COUNT = 200
_BELL_TTL = 3_600
_RETRY_SECONDS = 0.2
_BUFFER = 1_000
"""Entries that may wait for a slow reader before it is let go; it resumes by its place."""

_log = structlog.get_logger(__name__)


class _Head(Struct):
    """The name of an event; the rest goes to the reader as it is, whatever version wrote it."""

    type: str


_decode_head = msgspec.json.Decoder(_Head).decode


class StoredEvent(Struct, frozen=True):
    """An event as a stream keeps it, apart for each piece of text."""

    id: EventId
    name: str
    data: bytes


class Subscription:
    """One reader's queue of entries. Ends with None: let go, or the reader must look again."""

    def __init__(self, after: EventId) -> None:
        self.after = after
        self.queue: asyncio.Queue[list[StoredEvent] | None] = asyncio.Queue(_BUFFER)

    def offer(self, found: list[StoredEvent]) -> bool:
        """Hand over what is new to this reader; False if it is too slow and must be let go."""
        fresh = [one for one in found if one.id > self.after]
        if not fresh:
            return True
        self.after = fresh[-1].id
        try:
            self.queue.put_nowait(fresh)
        except asyncio.QueueFull:
            return False
        return True

    def end(self) -> None:
        """Let the reader go, at the expense of what it has not read: it resumes by its place."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class _Followed:
    """A stream that is followed and the readers it has here."""

    def __init__(self, after: EventId) -> None:
        self.after = after
        self.readers: set[Subscription] = set()


class Follower:
    """The process's reader of streams."""

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._bell = f"tri:bell:{owner}"
        self._rung = EventId(0, 0)
        self._followed: dict[str, _Followed] = {}
        self._any = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._run(), name="follower")

    async def close(self) -> None:
        """Stop reading and let every reader go, also those that come later."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for followed in self._followed.values():
            for reader in followed.readers:
                reader.end()

    @property
    def followed(self) -> int:
        """How many streams are followed."""
        return len(self._followed)

    @asynccontextmanager
    async def follow(self, key: str, after: EventId) -> AsyncIterator[Subscription]:
        """Subscribe to a stream from a place on, without gap or repetition."""
        reader = Subscription(after)
        followed = self._followed.get(key)
        if is_first := followed is None:
            followed = self._followed[key] = _Followed(after)
        followed.readers.add(reader)
        try:
            if self._closed:
                reader.end()
            elif is_first:
                self._any.set()
                await self._ring()
            elif after < followed.after:
                await self._catch_up(key, followed, reader)
            yield reader
        finally:
            followed.readers.discard(reader)
            if not followed.readers and self._followed.get(key) is followed:
                del self._followed[key]

    async def _catch_up(self, key: str, followed: _Followed, reader: Subscription) -> None:
        """Read apart what lies between a reader and those ahead; the overlap is dropped."""
        after = reader.after
        missed = await self.read(key, after)
        late = _drained(reader)
        reader.after = after
        for batch in [missed, *late]:
            if batch is None or not reader.offer(batch):
                reader.end()
                return
        if reader.after < followed.after:
            # Whoever came first named a place that the stream has not reached.
            followed.after = reader.after
            await self._ring()

    async def read(self, key: str, after: EventId) -> list[StoredEvent]:
        """Return what a stream holds beyond a place."""
        rows = await self._store.command("XRANGE", key, f"({after}", "+")
        return [one for row in rows for one in read_entry(*row) if one.id > after]

    async def last_id(self, key: str) -> EventId | None:
        """Return the id of a stream's last entry; None if there is no such stream."""
        rows = await self._store.command("XREVRANGE", key, "+", "-", "COUNT", 1)
        return EventId.parse(rows[0][0].decode()) if rows else None

    async def _ring(self) -> None:
        await self._store.commands(
            [
                ("XADD", self._bell, "MAXLEN", 8, "*", "b", 1),
                ("EXPIRE", self._bell, _BELL_TTL),
            ]
        )

    async def _run(self) -> None:
        while True:
            if not self._followed:
                self._any.clear()
                await self._any.wait()
            try:
                await self._read_once()
            except StateUnavailable as error:
                _log.warning("follower.waiting", reason=str(error))
                await asyncio.sleep(_RETRY_SECONDS)

    async def _read_once(self) -> None:
        asked = {key: (followed, followed.after) for key, followed in self._followed.items()}
        places = {self._bell: self._rung} | {key: after for key, (_, after) in asked.items()}
        answer = await self._store.blocking_command(
            "XREAD", "COUNT", _COUNT, "BLOCK", _BLOCK_MS, "STREAMS", *places,
            *map(str, places.values()),
        )  # fmt: skip
        for key, rows in answer or ():
            name = key.decode()
            last = EventId.parse(rows[-1][0].decode())
            if last is None:
                raise ValueError("a stream answered with an id that is none")
            if name == self._bell:
                self._rung = last
                continue
            followed, after = asked[name]
            # If all readers left and others came meanwhile, these rows may begin beyond them.
            if self._followed.get(name) is followed and followed.after == after:
                followed.after = last
                self._hand_out(followed, rows)

    def _hand_out(self, followed: _Followed, rows: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        try:
            found = [one for row in rows for one in read_entry(*row)]
        except Exception:  # noqa: BLE001
            # What one stream holds must not stop the task that reads all the others.
            _log.exception("stream.unreadable")
            for reader in followed.readers:
                reader.end()
            return
        for reader in list(followed.readers):
            if not reader.offer(found):
                followed.readers.discard(reader)
                reader.end()


def read_entry(entry_id: bytes, fields: dict[bytes, bytes]) -> Sequence[StoredEvent]:
    """Return the events that one entry of a stream holds."""
    last = EventId.parse(entry_id.decode())
    if last is None:
        raise ValueError("a stream answered with an id that is none")
    if (packed := fields.get(b"p")) is not None:
        pieces = codec.decode_pieces(packed)
        first = last.seq - len(pieces) + 1
        return [
            StoredEvent(EventId(last.epoch, first + at), "delta", events.encode(Delta(t=piece)))
            for at, piece in enumerate(pieces)
        ]
    if (data := fields.get(b"e")) is not None:
        return [StoredEvent(last, _decode_head(data).type, data)]
    opened = _opening(fields)
    return (
        [] if opened is None else [StoredEvent(last, events.name_of(opened), events.encode(opened))]
    )


def _opening(fields: dict[bytes, bytes]) -> TurnStarted | TurnRestarted | None:
    """Return what E-0 says: who begins. A cancelling owner has nothing to say of itself."""
    if fields[b"o"] == b"cancel":
        return None
    turn, attempt = int(fields[b"n"]), int(fields[b"a"])
    if attempt == 1:
        return TurnStarted(turn=turn, attempt=1, variant=fields[b"v"].decode())
    reason: Any = fields[b"r"].decode()
    return TurnRestarted(turn=turn, attempt=attempt, reason=reason)


def _drained(reader: Subscription) -> list[list[StoredEvent] | None]:
    found = []
    while not reader.queue.empty():
        found.append(reader.queue.get_nowait())
    return found
