"""Reading streams that another process writes: one blocking read for all that are followed.

A blocking connection per reader does not carry thousands of readers, so a process has one. A small
stream of its own, the bell, is read along with the others and rung whenever the set changes.

In a cluster no read spans slots. There a process looks at its streams by turns, all that are due in
one round trip for each node: what moves is looked at again within milliseconds, what stands still
ever less often.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import structlog
from msgspec import Struct

from app.domain import event as events
from app.domain.errors import CaseUnreadable, StateUnavailable
from app.domain.event import Delta, EventId, TurnRestarted, TurnStarted
from app.domain.sealing import CaseKey, is_sealed
from app.state import codec
from app.state.keys import case_of
from app.state.mailbox import Mailbox
from app.state.sealing import case_key
from app.state.store import Store

_BLOCK_MS = 2_000
_COUNT = 200
_BELL_TTL = 3_600
_RETRY_SECONDS = 0.2
_LOOK_SECONDS = 0.015
"""How soon a stream in which something came is looked at again, in a cluster."""
_LONGEST_LOOK_SECONDS = 0.5
"""How late at most one is in which nothing comes."""
_SLOWER = 1.3
_BUFFER = 1_000
"""Entries that may wait for a slow reader before it is let go; it resumes by its place."""

_log = structlog.get_logger(__name__)


_Rows = list[tuple[bytes, dict[bytes, bytes]]]


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
        self.queue: Mailbox[list[StoredEvent] | None] = Mailbox(_BUFFER)

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
        self.sealing: CaseKey | None = None
        """The key of the stream's case, once something sealed has come."""
        self.pause = _LOOK_SECONDS
        self.due = 0.0
        """When to look at it, in a cluster: by the loop's clock."""


class Follower:
    """The process's reader of streams."""

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._bell = f"tri:bell:{owner}"
        self._rung = EventId(0, 0)
        self._followed: dict[str, _Followed] = {}
        self._any = asyncio.Event()
        self._changed = asyncio.Event()
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
        rows: _Rows = await self._store.command("XRANGE", key, f"({after}", "+")
        sealing = await self._key(key) if _sealed(rows) else None
        return [one for row in rows for one in read_entry(*row, sealing) if one.id > after]

    async def last_id(self, key: str) -> EventId | None:
        """Return the id of a stream's last entry; None if there is no such stream."""
        rows = await self._store.command("XREVRANGE", key, "+", "-", "COUNT", 1)
        return EventId.parse(rows[0][0].decode()) if rows else None

    async def _ring(self) -> None:
        if self._store.is_cluster:
            self._changed.set()
            return
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
                await (self._look_once() if self._store.is_cluster else self._read_once())
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
            if name == self._bell:
                self._rung = _last(rows)
                continue
            await self._learn(name, asked[name][0], rows)
            self._take(name, *asked[name], rows)

    async def _look_once(self) -> None:
        """Look at the streams that are due, and wait until others are or some come."""
        clock = asyncio.get_running_loop().time
        self._changed.clear()
        now = clock()
        asked = {
            key: (followed, followed.after)
            for key, followed in self._followed.items()
            if followed.due <= now
        }
        answers = await self._store.tries(
            (
                ("XRANGE", key, f"({after}", "+", "COUNT", _COUNT)
                for key, (_, after) in asked.items()
            ),
            seconds=_RETRY_SECONDS,
        )
        now = clock()
        for (key, (followed, after)), rows in zip(asked.items(), answers, strict=True):
            if rows and not isinstance(rows, StateUnavailable):
                followed.pause = _LOOK_SECONDS
                await self._learn(key, followed, rows)
                self._take(key, followed, after, rows)
            else:
                followed.pause = min(followed.pause * _SLOWER, _LONGEST_LOOK_SECONDS)
            followed.due = now + followed.pause
        wait = min((one.due for one in self._followed.values()), default=now) - now
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._changed.wait()

    async def _learn(self, name: str, followed: _Followed, rows: _Rows) -> None:
        """Learn the key of a stream's case before it is needed."""
        if followed.sealing is None and _sealed(rows):
            # What cannot be read is told to those who wait for it, when it is handed out.
            with suppress(CaseUnreadable):
                followed.sealing = await self._key(name)

    async def _key(self, name: str) -> CaseKey | None:
        return await case_key(self._store, case_of(name))

    def _take(self, name: str, followed: _Followed, after: EventId, rows: _Rows) -> None:
        # If all readers left and others came meanwhile, these rows may begin beyond them.
        if self._followed.get(name) is followed and followed.after == after:
            followed.after = _last(rows)
            self._hand_out(followed, rows)

    def _hand_out(self, followed: _Followed, rows: _Rows) -> None:
        try:
            found = [one for row in rows for one in read_entry(*row, followed.sealing)]
        except Exception:  # noqa: BLE001
            followed.sealing = None
            # What one stream holds must not stop the task that reads all the others.
            _log.exception("stream.unreadable")
            for reader in followed.readers:
                reader.end()
            return
        for reader in list(followed.readers):
            if not reader.offer(found):
                followed.readers.discard(reader)
                reader.end()


def _sealed(rows: _Rows) -> bool:
    return any(is_sealed(fields.get(b"p") or fields.get(b"e") or b"") for _, fields in rows)


def read_entry(
    entry_id: bytes, fields: dict[bytes, bytes], key: CaseKey | None
) -> Sequence[StoredEvent]:
    """Return the events that one entry of a stream holds.

    Args:
        entry_id: its id.
        fields: what it holds.
        key: of the stream's case; None where the entry is not sealed.
    """
    last = EventId.parse(entry_id.decode())
    if last is None:
        raise ValueError("a stream answered with an id that is none")
    if (packed := fields.get(b"p")) is not None:
        pieces = codec.PIECES.open(key, packed)
        first = last.seq - len(pieces) + 1
        return [
            StoredEvent(EventId(last.epoch, first + at), "delta", events.encode(Delta(t=piece)))
            for at, piece in enumerate(pieces)
        ]
    if (sealed := fields.get(b"e")) is not None:
        data = codec.EVENT.open(key, sealed)
        return [StoredEvent(last, _decode_head(data).type, data)]
    opened = _opening(fields)
    return (
        [] if opened is None else [StoredEvent(last, events.name_of(opened), events.encode(opened))]
    )


def _last(rows: _Rows) -> EventId:
    last = EventId.parse(rows[-1][0].decode())
    if last is None:
        raise ValueError("a stream answered with an id that is none")
    return last


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
