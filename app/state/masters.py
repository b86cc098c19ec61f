"""Which master keys a storage is used with, who knows them, and the wrapped keys of its cases.

The storage holds fingerprints of master keys and never a master key. By them a process with
another ring is found at its start, before it seals what nobody else could read.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

from msgspec import Struct

from app.domain.clock import now_ms
from app.domain.errors import CaseUnreadable, MasterKeysWrong
from app.domain.sealing import MasterKey, MasterRing, master_of
from app.state import keys
from app.state.keys import CaseKeys
from app.state.sealing import KEY
from app.state.store import Store

KNOWN_MS = 6_000
"""How long an instance that is not heard of still counts as living."""
_PAGE = 500
_META = re.compile(rb"tri:\{(.+)\}:m")


class RegisteredMaster(Struct, frozen=True, kw_only=True):
    """A master key that the storage is used with."""

    id: str
    fingerprint: str
    since_ms: int
    is_current: bool
    """New keys are wrapped by it."""
    is_coming: bool
    """It is being introduced: nothing is wrapped by it before all know it."""


class Wrapped(Struct, frozen=True):
    """The key of a case as it stands."""

    case_id: str
    """Empty for the installation's."""
    value: bytes

    @property
    def place(self) -> str:
        """The hash that holds it."""
        return CaseKeys(self.case_id).meta if self.case_id else keys.MASTERS

    @property
    def master(self) -> str | None:
        """The id of the master key that wraps it; None where it cannot be read."""
        try:
            return master_of(self.value)
        except CaseUnreadable:
            return None


class MasterBook:
    """The master keys of a storage."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def check(self, ring: MasterRing) -> str:
        """Return the id of the master key that wraps; the first ring that is checked is the one.

        Raises:
            MasterKeysWrong: if the storage is used with another ring.
            StateUnavailable: if the storage does not answer.
        """
        args: list[str | int] = [now_ms()]
        for one in ring.masters.values():
            args += [one.id, one.fingerprint()]
        word, name = await self._store.run("masters", [keys.MASTERS], args)
        if word == b"OK":
            return str(name.decode())
        what = "has another key under the id" if word == b"WRONG" else "lacks the key"
        raise MasterKeysWrong(
            f"this is not the ring of master keys that the storage is used with: it {what}"
            f" {name.decode()}. Give every process the same TRIAGE_MASTER_KEYS_FILE, or the same"
            " TRIAGE_VAR/master.keys; without it, what people said cannot be read"
        )

    async def all(self) -> list[RegisteredMaster]:
        """Return the master keys, the oldest first.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        found = await self._store.command("HGETALL", keys.MASTERS)
        current, coming = found.get(b"current"), found.get(b"coming")
        rows = []
        for name, value in found.items():
            if name.startswith(b"m:"):
                fingerprint, _, since = value.decode().partition(":")
                rows.append(
                    RegisteredMaster(
                        id=name[2:].decode(),
                        fingerprint=fingerprint,
                        since_ms=int(since),
                        is_current=name[2:] == current,
                        is_coming=name[2:] == coming,
                    )
                )
        return sorted(rows, key=lambda one: (one.since_ms, one.id))

    async def introduce(self, master: MasterKey) -> None:
        """Name a master key that is to wrap soon; processes may still lack it."""
        value = f"{master.fingerprint()}:{now_ms()}"
        await self._store.command("HSETNX", keys.MASTERS, f"m:{master.id}", value)
        await self._store.command("HSET", keys.MASTERS, "coming", master.id)

    async def promote(self, master: str) -> None:
        """Let a master key wrap from now on, which every living process knows."""
        await self._store.command("HSET", keys.MASTERS, "current", master)
        await self._store.command("HDEL", keys.MASTERS, "coming")

    async def drop(self, master: str) -> None:
        """Forget a master key that wraps nothing any more."""
        await self._store.command("HDEL", keys.MASTERS, f"m:{master}")

    # Who knows which.

    async def sign(self, owner: str, masters: Sequence[str]) -> None:
        """Say that a process lives, and which master keys it has."""
        value = f"{now_ms() + KNOWN_MS}:{','.join(masters)}"
        await self._store.commands(
            [
                ("HSET", keys.MASTERS_KNOWN, owner, value),
                ("PEXPIRE", keys.MASTERS_KNOWN, 10 * KNOWN_MS),
            ]
        )

    async def leave(self, owner: str) -> None:
        """Say that a process ends."""
        await self._store.command("HDEL", keys.MASTERS_KNOWN, owner)

    async def living(self) -> Mapping[str, frozenset[str]]:
        """Return the master keys of every living process, by its name."""
        found = await self._store.command("HGETALL", keys.MASTERS_KNOWN)
        now, living = now_ms(), {}
        for owner, value in found.items():
            until, _, known = value.decode().partition(":")
            if int(until) > now:
                living[owner.decode()] = frozenset(known.split(","))
        return living

    # What they wrap.

    async def wrapped(self) -> AsyncIterator[tuple[int, list[Wrapped]]]:
        """Yield all wrapped keys by pages, each with how many keys of the storage it took to find.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        mine = await self._store.command("HGET", keys.MASTERS, KEY)
        yield 0, [] if mine is None else [Wrapped("", mine)]
        async for names in self._store.scan("tri:{*}:m", _PAGE):
            found = dict.fromkeys(
                match[1].decode("utf-8", "surrogateescape")
                for name in names
                if (match := _META.fullmatch(name))
            )
            values = await self._store.commands(
                ("HGET", CaseKeys(case_id).meta, KEY) for case_id in found
            )
            yield (
                len(names),
                [Wrapped(*one) for one in zip(found, values, strict=True) if one[1] is not None],
            )

    async def counts(self) -> Counter[str]:
        """Return how many keys each master key wraps.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        found: Counter[str] = Counter()
        async for _, page in self.wrapped():
            found.update(one.master for one in page if one.master is not None)
        return found

    async def swap(self, changes: Sequence[tuple[Wrapped, bytes]]) -> None:
        """Put keys in place of those that were seen, where they still stand so.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        calls = [(one.place, [KEY, one.value, value]) for one, value in changes]
        await self._store.run_each("swap", calls)
