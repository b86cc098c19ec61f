"""The cache of similar analyses in Valkey: analyses by context, bands of near ones, counters.

Analyses belong to no case and live in slots of their own, but a case remembers which are of its
making, so that erasing it takes them along.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec

from app.domain.analysis import Strategy
from app.domain.cached import CacheCounts, CacheReport, Counted, Kept
from app.domain.errors import CaseUnreadable
from app.domain.sealing import CaseKey
from app.state import codec, keys
from app.state.sealing import Installation
from app.state.store import Store

COUNTED_DAYS = 40
_LONGEST_BAND = 16
"""Analyses that a band remembers; older ones are not looked at."""
_PAGE = 500


class KeptAnalyses:
    """Analyses that may serve other cases."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._installation = Installation(store)

    async def get(self, contexts: Sequence[str]) -> dict[str, Kept]:
        """Return what is kept for these contexts; what another version wrote is as good as absent.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        key = await self._installation.key()
        names = {_name(key, one): one for one in contexts}
        return {names[name]: kept for name, kept in (await self.look(list(names))).items()}

    async def look(self, names: Sequence[str]) -> dict[str, Kept]:
        """Return what is kept under these names, as `near` gives them.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        if not names:
            return {}
        key = await self._installation.key()
        found = await self._store.commands(("GET", keys.cached(one)) for one in names)
        opened = ((name, _read(key, raw)) for name, raw in zip(names, found, strict=True))
        return {name: kept for name, kept in opened if kept is not None}

    async def put(
        self, context: str, kept: Kept, *, seconds: int, bands: Iterable[str], case_id: str
    ) -> bool:
        """Keep an analysis of a case; False if the case is gone, and nothing was kept.

        Raises:
            StateUnavailable: if the storage does not answer or is full.
        """
        if not await self._store.command("EXISTS", keys.CaseKeys(case_id).meta):
            return False
        key = await self._installation.key()
        of_case, name = keys.cached_of(case_id), _name(key, context)
        commands: list[Sequence[object]] = [
            ("SADD", of_case, name),
            ("EXPIRE", of_case, seconds),
            ("SET", keys.cached(name), codec.KEPT.seal(key, kept), "EX", seconds),
        ]
        for band in (keys.cache_band(_name(key, one)) for one in bands):
            commands += [
                ("LREM", band, 0, name),
                ("LPUSH", band, name),
                ("LTRIM", band, 0, _LONGEST_BAND - 1),
                ("EXPIRE", band, seconds),
            ]
        await self._store.commands(commands)
        return True

    async def near(self, bands: Iterable[str]) -> list[str]:
        """Return the names of what shares a band, that which shares most first.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        key = await self._installation.key()
        listed = await self._store.commands(
            ("LRANGE", keys.cache_band(_name(key, one)), 0, _LONGEST_BAND - 1) for one in bands
        )
        shared: dict[str, int] = {}
        for name in (one.decode() for band in listed for one in band):
            shared[name] = shared.get(name, 0) + 1
        return sorted(shared, key=lambda one: -shared[one])

    async def count(self, strategy: Strategy, counted: Mapping[Counted, int]) -> None:
        """Add to today's counters.

        Raises:
            StateUnavailable: if the storage does not answer or is full.
        """
        key = keys.cache_counts(_day(0))
        adds = (("HINCRBY", key, f"{strategy} {what}", by) for what, by in counted.items() if by)
        await self._store.commands([*adds, ("EXPIRE", key, COUNTED_DAYS * 86_400)])

    async def report(self, days: int) -> CacheReport:
        """Return what the cache holds and what it did in the latest days, today included.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        fields = await self._store.commands(
            ("HGETALL", keys.cache_counts(_day(back))) for back in range(days)
        )
        sums: dict[str, dict[str, int]] = {}
        for name, value in (pair for one in fields for pair in _pairs(one)):
            strategy, _, what = name.decode().partition(" ")
            counts = sums.setdefault(strategy, {})
            counts[what] = counts.get(what, 0) + int(value)
        by_strategy = {
            strategy: msgspec.convert(sums[strategy], CacheCounts)
            for strategy in get_args(Strategy)
            if strategy in sums
        }
        entries = sum([len(page) async for page in self._store.scan(keys.cached("*"), _PAGE)])
        return CacheReport(days=days, entries=entries, by_strategy=by_strategy)

    async def clear(self) -> int:
        """Forget every analysis; counters stay. Returns how many there were.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        forgotten = 0
        async for page in self._store.scan(keys.cached("*"), _PAGE):
            forgotten += int(await self._store.command("UNLINK", *page))
        async for page in self._store.scan(keys.cache_band("*"), _PAGE):
            await self._store.command("UNLINK", *page)
        return forgotten


async def forget(store: Store, case_id: str) -> None:
    """Forget the analyses that are kept of a case.

    Raises:
        StateUnavailable: if the storage does not answer.
    """
    of_case = keys.cached_of(case_id)
    names = await store.command("SMEMBERS", of_case)
    await store.commands([*(("DEL", keys.cached(one.decode())) for one in names), ("DEL", of_case)])


def _name(key: CaseKey, digest: str) -> str:
    """Return under what name something is kept: of words, not even a digest can be guessed."""
    return key.digest(b"cache", digest.encode())


def _read(key: CaseKey, raw: bytes | None) -> Kept | None:
    try:
        return None if raw is None else codec.KEPT.open(key, raw)
    except CaseUnreadable:
        return None


def _day(back: int) -> str:
    return (datetime.fromtimestamp(time.time(), UTC) - timedelta(days=back)).date().isoformat()


def _pairs(answer: Any) -> Iterable[tuple[bytes, bytes]]:
    """Return a hash's fields, whichever way the client answers."""
    if isinstance(answer, dict):
        return answer.items()
    return zip(answer[::2], answer[1::2], strict=True)
