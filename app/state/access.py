"""Access as the storage has it: API keys, who was let in lately, and whose token was revoked."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from app.domain.access import REVOKED, ApiKey, decode_key, encode_key
from app.domain.errors import CaseNotFound
from app.state import keys
from app.state.keys import CaseKeys
from app.state.store import Store

HOLD_MS = 90_000
"""How long an instance that is not heard of still counts as holding its streams."""
REVOCATIONS = 10_000
"""How many of the latest are kept for instances to see."""
REVOCATIONS_SECONDS = 3_600
Holder = tuple[Literal["case", "key"], str]
"""Who has open streams: a case or a key, by its id."""
_VERSION = "version"
_SECRET = "secret"  # noqa: S105 - the name of a field


class Rate(Struct, frozen=True, kw_only=True):
    """How many requests may come: so many at once, and so many a minute."""

    per_minute: int
    """0 is no limit."""

    @property
    def interval_ms(self) -> float:
        """Milliseconds between two requests at this rate; 0 where there is no limit."""
        return 60_000 / self.per_minute if self.per_minute else 0.0


class StreamHold(Struct, frozen=True, kw_only=True):
    """What an instance says of the open streams of a credential."""

    owner: str
    """The instance."""
    here: int
    """How many it has, with the one that is asked for."""
    most: int
    """How many there may be at all instances together; 0 is no limit."""


class Verdict(Struct, frozen=True):
    """Whether a request is let in."""

    code: Literal["in", "rate", "streams", "unknown"]
    wait_ms: int = 0
    """With `rate`: after how long it makes sense to come back."""


class Admissions:
    """Lets requests in, one script each."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def case(
        self, case_id: str, digests: Sequence[str], rate: Rate, hold: StreamHold | None
    ) -> Verdict:
        """Let whoever holds a case's token in.

        Args:
            case_id: the case.
            digests: of the token as it is kept, then as earlier versions kept it.
            rate: of the case.
            hold: what is said of its streams, where the request opens one.
        """
        place = [CaseKeys(case_id).meta, keys.case_streams(case_id)]
        return await self._admit(place, digests, rate, "", hold)

    async def named(self, name: str, rate: Rate, hold: StreamHold | None = None) -> Verdict:
        """Let somebody in who is known already, by a key's id or the digest of an address."""
        lives = max(1, int(rate.interval_ms * rate.per_minute) + 1_000)
        return await self._admit(keys.admitted(name), [""], rate, lives, hold)

    async def _admit(
        self,
        place: Sequence[str],
        digests: Sequence[str],
        rate: Rate,
        lives: int | Literal[""],
        hold: StreamHold | None,
    ) -> Verdict:
        first, *earlier = digests
        held = ("", 0, 0) if hold is None else (hold.owner, hold.here, hold.most)
        args = [first, rate.interval_ms, rate.per_minute, lives, *held, HOLD_MS, *earlier]
        match await self._store.run("admit", place, args):
            case [0, _]:
                return Verdict("in")
            case [1, wait_ms]:
                return Verdict("rate", wait_ms)
            case [2, _]:
                return Verdict("streams")
            case _:
                return Verdict("unknown")

    async def holds(self, owner: str, counts: Mapping[Holder, int]) -> None:
        """Say how many streams an instance has open, for cases and for keys."""
        calls = [
            (
                keys.case_streams(name) if kind == "case" else keys.admitted(name)[1],
                [owner, here, HOLD_MS],
            )
            for (kind, name), here in counts.items()
        ]
        if calls:
            await self._store.run_each("hold_streams", calls)


class AccessBook:
    """The API keys of an installation, and what every instance has to hear of."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def is_secret(self, fingerprint: str) -> bool:
        """Say whether digests here are made under this secret; the first one asked for is."""
        first, held = await self._store.commands(
            [
                ("HSETNX", keys.ACCESS, _SECRET, fingerprint),
                ("HGET", keys.ACCESS, _SECRET),
            ]
        )
        return bool(first) or held == fingerprint.encode()

    async def version(self) -> int:
        """Return what changes whenever a key does."""
        return int(await self._store.command("HGET", keys.ACCESS, _VERSION) or 0)

    async def all(self) -> list[ApiKey]:
        """Return all keys, also those that are good for nothing any more; the oldest first."""
        found = await self._store.command("HGETALL", keys.ACCESS)
        rows = [value for name, value in found.items() if name.startswith(b"k:")]
        return sorted(map(decode_key, rows), key=lambda one: (one.created_at, one.id))

    async def get(self, key_id: str) -> ApiKey | None:
        """Return a key."""
        found = await self._store.command("HGET", keys.ACCESS, f"k:{key_id}")
        return None if found is None else decode_key(found)

    async def swap(self, before: ApiKey | None, after: ApiKey) -> bool:
        """Replace a key; False if it is not as it was any more."""
        was = b"" if before is None else encode_key(before)
        args = [f"k:{after.id}", was, encode_key(after)]
        return bool(await self._store.run("swap_key", [keys.ACCESS], args))

    async def revoke_case(self, case_id: str) -> None:
        """Let a case's token open nothing any more, and have every instance close its streams.

        Raises:
            CaseNotFound: no such case.
        """
        if not await self._store.run("revoke", CaseKeys(case_id).all(), [REVOKED]):
            raise CaseNotFound(case_id)
        await self._store.commands(told_revoked(case_id))

    async def last_revocation(self) -> str:
        """Return the place of the latest revocation of a case's token."""
        rows = await self._store.command("XREVRANGE", keys.REVOKED, "+", "-", "COUNT", 1)
        return rows[0][0].decode() if rows else "0-0"

    async def news(self, after: str) -> tuple[int, list[tuple[str, str]]]:
        """Return the keys' version, and revocations of cases' tokens: places and `case_mark`s."""
        version, rows = await self._store.commands(
            [
                ("HGET", keys.ACCESS, _VERSION),
                ("XRANGE", keys.REVOKED, f"({after}", "+"),
            ]
        )
        return int(version or 0), [(at.decode(), one[b"c"].decode()) for at, one in rows]


def case_mark(case_id: str) -> str:
    """Return what stands for a case among revocations: of an erased one not even the id is left."""
    return hashlib.sha256(b"triage revoked\0" + case_id.encode()).hexdigest()[:32]


def told_revoked(case_id: str) -> list[tuple[str | int, ...]]:
    """Return the commands that tell every instance to close a case's streams."""
    return [
        ("XADD", keys.REVOKED, "MAXLEN", "~", REVOCATIONS, "*", "c", case_mark(case_id)),
        ("EXPIRE", keys.REVOKED, REVOCATIONS_SECONDS),
    ]
