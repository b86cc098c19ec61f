"""How facts leave the core for the warehouse: with a commit, and then off to a reader.

A script may touch the slot of its case alone, so the facts of a case wait in a list of its own; a
sorted set, written before, says which cases have some. The ledger's rows wait in a stream of their
own. Whoever drains them first makes sure that what it read is kept elsewhere and only then takes it
off, so a crash in between shows the same facts again: they arrive at least once, and their ids tell
that they have come before.
"""

import time
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Annotated, Any

from msgspec import Meta, Struct

from app.domain.errors import StateUnavailable
from app.domain.facts import Fact
from app.domain.facts import encode as encode_fact
from app.state import keys
from app.state.indexes import Command, listed, now_ms, scored
from app.state.keys import CaseKeys
from app.state.store import Store

MANY_WAIT = 100_000
"""So many facts that wait say that nobody keeps up."""
MOST_CASES = 100_000
"""Beyond so many cases with facts that wait, what comes is counted as lost rather than filling the
memory that people's words need. A case leaves about ten."""
MOST_OF_CASE = 1_000
"""So many of one case may wait before what is said of it is counted as lost."""
SETTLE_MS = 600_000
"""How long after its facts were taken off a case is looked at once more: a commit that an outage
held up may come after its listing was found empty."""
FRESH_MS = 10_000
"""For so long after its listing a case without facts tells nothing: the commit comes next."""
_ROOM_SECONDS = 5.0
_TAKEN_AT_ONCE = 1_000
_PAGE = 200
_COUNTED = 2_000
"""Cases of which what waits is counted; where there are more, those tell of the others."""
_WEIGHED = 50
_LOST_SECONDS = 40 * 86_400


class Entry(Struct, frozen=True):
    """A fact on its way."""

    place: str
    """A name of its own: its id in the stream, or a digest."""
    data: bytes
    """As `app.domain.facts.encode` made it."""
    case_id: str | None = None
    """In whose list it waits; None for the stream."""


class Backlog(Struct, frozen=True, kw_only=True):
    """How it stands with the facts that wait."""

    waiting: Annotated[
        int,
        Meta(
            description="Facts that nobody has drained yet; an estimate where there are very many."
        ),
    ]
    oldest_ms: Annotated[
        int | None,
        Meta(
            description="Since when the oldest have waited, and nothing of their case has been"
            " added: Unix time in milliseconds."
        ),
    ]
    memory_bytes: Annotated[int, Meta(description="What they take up in Valkey, about.")]
    lost: Annotated[
        int, Meta(description="Facts that were not taken because too many waited, ever.")
    ]
    lost_since_ms: Annotated[int | None, Meta(description="When the first was.")]


class LeavingFacts:
    """The way out for whoever commits."""

    def __init__(self, store: Store) -> None:
        """Take the storage."""
        self._store = store
        self._room = True
        self._looked_at = float("-inf")

    async def with_commit(
        self, case_id: str, facts: Iterable[Fact]
    ) -> tuple[list[bytes], list[Command]]:
        """Return what goes into the script, and the commands that run before it.

        Where too many wait, nothing goes in, and that is counted.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        leaving = [encode_fact(one) for one in facts]
        if leaving and not await self._has_room():
            await count_lost(self._store, len(leaving))
            return [], []
        return leaving, facts_listed(case_id) if leaving else []

    async def _has_room(self) -> bool:
        """Look now and then; the bound may be passed by what a few seconds bring."""
        if time.monotonic() >= self._looked_at + _ROOM_SECONDS:
            self._room = int(await self._store.command("ZCARD", keys.FACT_CASES)) < MOST_CASES
            self._looked_at = time.monotonic()
        return self._room


def facts_listed(case_id: str) -> list[Command]:
    """Return the commands that say that facts of a case wait."""
    return listed(now_ms(), case_id, keys.FACT_CASES)


async def count_lost(store: Store, number: int) -> None:
    """Count facts that found no room.

    Raises:
        StateUnavailable: if the storage does not answer.
    """
    await store.commands(
        [
            ("HINCRBY", keys.FACTS_LOST, "facts", number),
            ("HSETNX", keys.FACTS_LOST, "since", now_ms() // 1_000),
            ("EXPIRE", keys.FACTS_LOST, _LOST_SECONDS),
        ]
    )


class _Waiting(Struct):
    """A case with facts that wait."""

    case_id: str
    since_ms: int
    number: int


class _Sample(Struct):
    """Of the listed cases those that have waited longest."""

    found: list[_Waiting] = []
    looked_at: int = 0
    listed: int = 0

    @property
    def facts(self) -> int:
        """How many wait in all cases; an estimate where not all were looked at."""
        number = sum(one.number for one in self.found)
        return number * max(self.listed, self.looked_at) // max(1, self.looked_at)


class FactStream:
    """The facts on their way to the warehouse, from a reader's side."""

    def __init__(
        self, store: Store, *, settle_ms: int = SETTLE_MS, fresh_ms: int = FRESH_MS
    ) -> None:
        """Take the storage, and how long to look at a case without facts, and when once more."""
        self._store = store
        self._settle_ms = settle_ms
        self._fresh_ms = fresh_ms

    async def waiting(self) -> int:
        """Return how many facts wait; an estimate where there are very many.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        streamed = int(await self._store.command("XLEN", keys.FACTS))
        return streamed + (await self._sample()).facts

    async def read(self, limit: int) -> list[Entry]:
        """Return facts that wait, of each case the oldest first, until they are taken off.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        rows = await self._store.command("XRANGE", keys.FACTS, "-", "+", "COUNT", limit)
        streamed = [Entry(place.decode(), _fact(fields)) for place, fields in rows]
        # Neither way may starve the other.
        of_cases = await self._read_cases(limit - min(len(streamed), (limit + 1) // 2))
        return streamed[: limit - len(of_cases)] + of_cases

    async def take_off(self, entries: Sequence[Entry]) -> None:
        """Take facts off that are kept elsewhere now.

        They are named one by one: after a failover a range could hold what nobody has read.

        Raises:
            StateUnavailable: if the storage does not answer; some may be off already.
        """
        places = [one.place for one in entries if one.case_id is None]
        for at in range(0, len(places), _TAKEN_AT_ONCE):
            await self._store.command("XDEL", keys.FACTS, *places[at : at + _TAKEN_AT_ONCE])
        taken = [
            ("LREM", CaseKeys(one.case_id).facts, 1, one.data)
            for one in entries
            if one.case_id is not None
        ]
        for at in range(0, len(taken), _TAKEN_AT_ONCE):
            await self._store.commands(taken[at : at + _TAKEN_AT_ONCE])

    async def backlog(self) -> Backlog:
        """Say how much waits.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        streamed, first, memory, (lost, since) = await self._store.commands(
            [
                ("XLEN", keys.FACTS),
                ("XRANGE", keys.FACTS, "-", "+", "COUNT", 1),
                ("MEMORY", "USAGE", keys.FACTS),
                ("HMGET", keys.FACTS_LOST, "facts", "since"),
            ]
        )
        of_cases = await self._sample()
        oldest = [int(first[0][0].partition(b"-")[0])] if first else []
        oldest += [one.since_ms for one in of_cases.found]
        return Backlog(
            waiting=int(streamed) + of_cases.facts,
            oldest_ms=min(oldest, default=None),
            memory_bytes=int(memory or 0) + await self._weigh(of_cases),
            lost=int(lost or 0),
            lost_since_ms=None if since is None else int(since) * 1_000,
        )

    async def _weigh(self, sample: _Sample) -> int:
        """Return the bytes of all facts, by those of a few."""
        few = sample.found[:_WEIGHED]
        if not few:
            return 0
        sizes = await self._store.commands(
            ("MEMORY", "USAGE", CaseKeys(one.case_id).facts) for one in few
        )
        return sum(int(one or 0) for one in sizes) * sample.facts // sum(one.number for one in few)

    async def _sample(self) -> _Sample:
        """Look at the cases that have waited longest."""
        sample = _Sample()
        for index, until in self._indexes():
            rows = scored(
                await self._store.command(
                    "ZRANGE", index, "-inf", until, "BYSCORE", "LIMIT", 0, _COUNTED, "WITHSCORES"
                )
            )
            sizes = await self._of_each(rows, "LLEN")
            sample.looked_at += len(rows)
            sample.found += [
                _Waiting(case_id, since_ms, int(size))
                for (case_id, since_ms), size in zip(rows, sizes, strict=True)
                if size
            ]
            sample.looked_at -= await self._settle(index, rows, sizes)
        sample.listed = int(await self._store.command("ZCARD", keys.FACT_CASES))
        return sample

    async def _read_cases(self, limit: int) -> list[Entry]:
        found: list[Entry] = []
        for index, until in self._indexes():
            kept, more = 0, True
            while more and len(found) < limit:
                rows = scored(
                    await self._store.command(
                        "ZRANGE", index, "-inf", until, "BYSCORE", "LIMIT", kept, _PAGE,
                        "WITHSCORES",
                    )
                )  # fmt: skip
                lists = await self._of_each(rows, "LRANGE", 0, limit - len(found) - 1)
                found += [
                    Entry(_place(data), data, case_id)
                    for (case_id, _), waiting in zip(rows, lists, strict=True)
                    for data in waiting or ()
                ]
                kept += len(rows) - await self._settle(index, rows, lists)
                more = len(rows) == _PAGE
        return found[:limit]

    async def _of_each(
        self, rows: Sequence[tuple[str, int]], verb: str, *args: Any
    ) -> Sequence[Any]:
        """Ask the list of each case; None where its slot is away: those facts wait."""
        answers = await self._store.tries(
            (verb, CaseKeys(case_id).facts, *args) for case_id, _ in rows
        )
        return [None if isinstance(one, StateUnavailable) else one for one in answers]

    async def _settle(
        self, index: str, rows: Sequence[tuple[str, int]], found: Sequence[Any]
    ) -> int:
        """Take cases off in whose lists nothing was found, for a last look or for good."""
        until = now_ms() - (self._fresh_ms if index == keys.FACT_CASES else 0)
        empty = [
            row
            for row, one in zip(rows, found, strict=True)
            if one is not None and not one and row[1] <= until
        ]
        if not empty:
            return 0
        if index == keys.FACT_CASES:
            at = now_ms() + self._settle_ms
            settling = [part for case_id, _ in empty for part in (at, case_id)]
            await self._store.commands(
                [
                    ("ZADD", keys.FACT_CASES_SETTLING, *settling),
                    ("EXPIRE", keys.FACT_CASES_SETTLING, keys.INDEX_TTL),
                ]
            )
        await self._store.run_each("unlist", [(index, row) for row in empty])
        return len(empty)

    def _indexes(self) -> tuple[tuple[str, str | int], ...]:
        return ((keys.FACT_CASES, "+inf"), (keys.FACT_CASES_SETTLING, now_ms()))


def _place(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def _fact(fields: Sequence[bytes] | dict[bytes, bytes]) -> bytes:
    return fields[b"f"] if isinstance(fields, dict) else fields[1]
