"""The stream by which facts leave the core, from a reader's side.

Scripts write to it as they commit; `facts.lua` is how. Whoever drains it first makes sure that what
it read is kept elsewhere and only then takes it off, so a crash in between shows the same facts
again: they arrive at least once, and their ids tell that they have come before.
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from app.state import keys
from app.state.store import Store

MANY_WAIT = 100_000
"""So many facts in the stream say that nobody keeps up."""
_TAKEN_AT_ONCE = 1_000


class Entry(Struct, frozen=True):
    """A fact on its way."""

    place: str
    """Its id in the stream."""
    data: bytes
    """As `app.domain.facts.encode` made it."""


class Backlog(Struct, frozen=True, kw_only=True):
    """How the stream stands."""

    waiting: Annotated[int, Meta(description="Facts that nobody has drained yet.")]
    oldest_ms: Annotated[
        int | None, Meta(description="When the oldest of them came: Unix time in milliseconds.")
    ]
    memory_bytes: Annotated[int, Meta(description="What they take up in Valkey.")]
    lost: Annotated[
        int, Meta(description="Facts that were not taken because too many waited, ever.")
    ]
    lost_since_ms: Annotated[int | None, Meta(description="When the first was.")]


class FactStream:
    """The facts on their way to the warehouse."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def waiting(self) -> int:
        """Return how many facts wait.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        return int(await self._store.command("XLEN", keys.FACTS))

    async def read(self, limit: int) -> list[Entry]:
        """Return the oldest facts that wait; they go on waiting until they are taken off.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        rows = await self._store.command("XRANGE", keys.FACTS, "-", "+", "COUNT", limit)
        return [Entry(place.decode(), _fact(fields)) for place, fields in rows]

    async def take_off(self, entries: Sequence[Entry]) -> None:
        """Take facts off that are kept elsewhere now.

        They are named one by one: after a failover a range could hold what nobody has read.

        Raises:
            StateUnavailable: if the storage does not answer; some may be off already.
        """
        places = [one.place for one in entries]
        for at in range(0, len(places), _TAKEN_AT_ONCE):
            await self._store.command("XDEL", keys.FACTS, *places[at : at + _TAKEN_AT_ONCE])

    async def backlog(self) -> Backlog:
        """Say how much waits.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        waiting, first, memory, lost, since = await self._store.commands(
            [
                ("XLEN", keys.FACTS),
                ("XRANGE", keys.FACTS, "-", "+", "COUNT", 1),
                ("MEMORY", "USAGE", keys.FACTS),
                ("HGET", keys.FACTS_LOST, "facts"),
                ("HGET", keys.FACTS_LOST, "since"),
            ]
        )
        return Backlog(
            waiting=int(waiting),
            oldest_ms=int(first[0][0].partition(b"-")[0]) if first else None,
            memory_bytes=int(memory or 0),
            lost=int(lost or 0),
            lost_since_ms=None if since is None else int(since) * 1_000,
        )


def _fact(fields: Sequence[bytes] | dict[bytes, bytes]) -> bytes:
    return fields[b"f"] if isinstance(fields, dict) else fields[1]
