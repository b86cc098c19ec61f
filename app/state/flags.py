"""The feature flags that all instances share, what people were given by them, and webhooks seen."""

import hashlib

from msgspec import Struct

from app.state import keys
from app.state.store import Store

KEPT_ASSIGNMENT_SECONDS = 180 * 86_400
"""How long somebody keeps what they were given, counted from the last time it was looked at."""


class SharedPayload(Struct, frozen=True, kw_only=True):
    """A set of flags as it is kept."""

    raw: bytes
    source: str
    """`shipped`, `file`, `poll` or `webhook`."""
    at: int
    """When it came: Unix time in milliseconds."""


class Flags:
    """The copy of the flags that every instance goes by."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def hash(self) -> str | None:
        """Return the name of the flags that are kept; None where none are."""
        found: bytes | None = await self._store.command("HGET", keys.FLAGS, "hash")
        return None if found is None else found.decode()

    async def read(self) -> SharedPayload | None:
        """Return the flags that are kept; None where none are."""
        raw, source, at = await self._store.command("HMGET", keys.FLAGS, "raw", "source", "at")
        if raw is None:
            return None
        return SharedPayload(raw=raw, source=source.decode(), at=int(at))

    async def offer(self, shared: SharedPayload, *, name: str, updated: str) -> bool:
        """Keep flags unless newer ones are kept; returns whether they are the ones that count now.

        Args:
            shared: the flags.
            name: their hash.
            updated: when GrowthBook changed them, ISO 8601; empty counts as newer than anything.
        """
        args = [name, updated, shared.raw, shared.source, shared.at]
        return bool(await self._store.run("offer_flags", [keys.FLAGS], args))

    async def first_seen(self, webhook_id: str, seconds: int) -> bool:
        """Note a webhook's id for a while; False if it was noted before."""
        key = f"{keys.SEEN_WEBHOOK}{webhook_id}"
        return bool(await self._store.command("SET", key, 1, "NX", "EX", seconds))

    async def not_seen(self, webhook_id: str) -> None:
        """Forget a webhook's id: it was not acted on after all."""
        await self._store.command("DEL", f"{keys.SEEN_WEBHOOK}{webhook_id}")

    async def assignments(self, unit: str) -> bytes | None:
        """Return what a unit of randomisation was given, as it was kept."""
        key = _assigned(unit)
        found: bytes | None = await self._store.command("GETEX", key, "EX", KEPT_ASSIGNMENT_SECONDS)
        return found

    async def keep_assignments(self, unit: str, document: bytes) -> None:
        """Keep what a unit of randomisation was given."""
        key = _assigned(unit)
        await self._store.command("SET", key, document, "EX", KEPT_ASSIGNMENT_SECONDS)

    async def forget_assignments(self, unit: str) -> None:
        """Forget what a unit of randomisation was given."""
        await self._store.command("DEL", _assigned(unit))


def _assigned(unit: str) -> str:
    """Return the key of a unit: its digest, since a unit may be somebody's own name."""
    return f"{keys.ASSIGNED}{hashlib.sha256(unit.encode()).hexdigest()[:32]}"
