"""The audit trail as the storage has it: a stream, and beside it where it begins and ends.

Both are in a slot of their own. An entry's number is its place in the stream, so pages are found by
it and nothing is there twice. It has no time to live: the worker trims it, once it is exported.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from redis.exceptions import ResponseError

from app.domain.audit import NOTHING, START, AuditEntry, Link, Mark, encode_entry, hash_of
from app.domain.errors import StateUnavailable
from app.state import keys
from app.state.store import Store

_KEYS = (keys.AUDIT, keys.AUDIT_HEAD)
_MOST_TRIES = 50
"""Others may write at the same time; in each round one of all gets through."""


class AuditState(Struct, frozen=True, kw_only=True):
    """How the trail stands."""

    anchor: Mark
    """The last entry that was trimmed, or the place before the first."""
    head: Mark
    """The last entry."""
    checked_ms: int | None
    """When a worker verified it last."""
    broken: int
    """The entry at which it did not hold then; 0 where it did."""


class AuditTrail:
    """Adds to the trail, reads it, and trims it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._adding = asyncio.Lock()

    async def add(self, make: Callable[[int, int], AuditEntry]) -> AuditEntry:
        """Add an entry behind the last one.

        Args:
            make: returns the entry with this number and this time.

        Raises:
            StateUnavailable: if it cannot be kept.
        """
        async with self._adding:
            _, n, before, at = await self._run("audit", ())
            for _ in range(_MOST_TRIES):
                entry = make(n + 1, at)
                data, hash_before = encode_entry(entry), before.decode()
                made = hash_of(hash_before, data)
                kept, n, before, at = await self._run(
                    "audit", (entry.n, hash_before, entry.at, data, made)
                )
                if kept:
                    return entry
        raise StateUnavailable("too many write to the audit trail at the same time")

    async def state(self) -> AuditState:
        """Return how the trail stands.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        fields = ("first", "before", "n", "hash", "checked", "broken")
        return _state(await self._store.command("HMGET", keys.AUDIT_HEAD, *fields))

    async def after(self, n: int, limit: int) -> list[Link]:
        """Return the entries that come after one, the oldest first."""
        rows = await self._store.command("XRANGE", keys.AUDIT, f"({n}-0", "+", "COUNT", limit)
        return [_link(one) for one in rows]

    async def before(self, n: int | None, limit: int) -> list[Link]:
        """Return the entries that come before one, or the last ones; the latest first."""
        if n is not None and n < 1:
            return []  # nothing comes before it, which the server takes for a mistake
        until = "+" if n is None else f"({n}-0"
        rows = await self._store.command("XREVRANGE", keys.AUDIT, until, "-", "COUNT", limit)
        return [_link(one) for one in rows]

    async def trim(self, last: Mark) -> int:
        """Let everything up to an entry go; returns how many entries that were.

        Raises:
            StateUnavailable: there is no such entry, or the storage does not answer.
        """
        gone = int(await self._run("audit_trim", (last.n, last.hash)))
        if gone < 0:
            raise StateUnavailable(f"entry {last.n} of the audit trail is not as it was")
        return gone

    async def note_checked(self, at_ms: int, broken: int) -> None:
        """Note when the trail was verified, and the entry at which it does not hold, or 0."""
        await self._store.command("HSET", keys.AUDIT_HEAD, "checked", at_ms, "broken", broken)

    async def _run(self, script: str, args: Sequence[Any]) -> Any:
        try:
            return await self._store.run(script, _KEYS, args)
        except ResponseError as error:
            raise StateUnavailable(
                f"the audit trail's entries and its head do not fit ({error}):"
                " see `triage audit verify`"
            ) from error


def _state(fields: Sequence[bytes | None]) -> AuditState:
    first, before, n, last, checked, broken = fields
    return AuditState(
        anchor=START if first is None else Mark(int(first), (before or b"").decode()),
        head=START if n is None else Mark(int(n), (last or NOTHING.encode()).decode()),
        checked_ms=None if checked is None else int(checked),
        broken=int(broken or 0),
    )


def _link(row: tuple[bytes, dict[bytes, bytes] | Sequence[bytes]]) -> Link:
    place, fields = row
    if not isinstance(fields, dict):
        fields = dict(zip(fields[::2], fields[1::2], strict=True))
    number = msgspec.convert(place.partition(b"-")[0].decode(), int, strict=False)
    return Link(fields.get(b"e", b""), fields.get(b"h", b"").decode(errors="replace"), number)
