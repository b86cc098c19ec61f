"""The keys of cases as one process uses them: few are unwrapped twice, and none is taken on trust.

A key stands with its case, wrapped, in the field `dk` of its hash. Whoever reads a case reads it
along. Whoever writes without reading says under which key it sealed: the script takes the value if
that is the case's key, and answers with the right one if not.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from app.domain.errors import MasterUnknown, StateUnavailable
from app.domain.sealing import CaseKey, MasterRing, new_case_key
from app.state import keys
from app.state.keys import CaseKeys

if TYPE_CHECKING:
    from app.state.store import Store

KEY = "dk"
_MOST_KEYS = 5_000
"""Keys of cases that a process remembers, three kilobytes each with their cipher."""
_REMEMBERED_SECONDS = 300.0
"""For how long one is remembered that no case was read with: what is over takes no memory."""
_REREAD_SECONDS = 1.0
"""Between two looks at the ring because of a master key that is not known."""
_TRIES = 4


class Sealer:
    """One process's ring of master keys, and the keys of the cases it works on."""

    def __init__(
        self,
        ring: MasterRing,
        *,
        reread: Callable[[], MasterRing] | None = None,
        checked: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the ring.

        Args:
            ring: the master keys.
            reread: returns them as they are now; None where they never change.
            checked: whether it is known that the storage is used with this ring. Until then no key
                is made: the others could not read what it seals.
            clock: seconds that never go back.
        """
        self.ring = ring
        self.master = ring.first.id
        """The id of the master key that wraps new keys."""
        self.checked = checked
        self._reread = reread
        self._clock = clock
        self._looked = float("-inf")
        self._known: dict[str, tuple[CaseKey, float]] = {}
        """With when each was last met, the latest last."""

    def look(self) -> None:
        """Read the ring again, where it may have changed."""
        if self._reread is not None:
            self.ring = self._reread()

    def fresh(self, case_id: str) -> CaseKey:
        """Make a key for a case that has none.

        Raises:
            StateUnavailable: if it is not known yet whether this is the storage's ring.
        """
        if not self.checked:
            raise StateUnavailable("it is not known yet whether it is used with our master keys")
        return new_case_key(self.ring, case_id, self.master)

    def known(self, case_id: str) -> CaseKey | None:
        """Return the key of a case if this process has met it lately."""
        key, _ = self._known.get(case_id, (None, 0.0))
        return key

    def key(self, case_id: str, wrapped: bytes | None) -> CaseKey | None:
        """Return the key of a case as it stands with it; None where an earlier version gave none.

        Raises:
            MasterUnknown: if no master key of the ring wraps it.
            StateDamaged: if it is not what was written for this case.
        """
        if wrapped is None:
            return None
        known = self.known(case_id)
        if known is None or known.wrapped != wrapped:
            known = CaseKey(case_id, self._unwrapped(case_id, wrapped), wrapped)
        self.remember(known)
        return known

    def remember(self, key: CaseKey) -> None:
        """Remember the key of a case, and forget those that were not met for too long."""
        now = self._clock()
        self._known.pop(key.case_id, None)
        self._known[key.case_id] = (key, now)
        while self._is_too_much(now):
            del self._known[next(iter(self._known))]

    def _is_too_much(self, now: float) -> bool:
        _, met = next(iter(self._known.values()))
        return len(self._known) > _MOST_KEYS or now - met > _REMEMBERED_SECONDS

    def forget(self, case_id: str) -> None:
        """Forget the key of a case."""
        self._known.pop(case_id, None)

    def _unwrapped(self, case_id: str, wrapped: bytes) -> bytes:
        try:
            return self.ring.unwrap(case_id, wrapped)
        except MasterUnknown:
            now = self._clock()
            if self._reread is None or now - self._looked < _REREAD_SECONDS:
                raise
            self._looked = now
            self.look()
            return self.ring.unwrap(case_id, wrapped)


async def case_key(store: "Store", case_id: str) -> CaseKey | None:
    """Return the key of a case; None where it has none, or there is no such case.

    Raises:
        StateUnavailable: if the storage does not answer, or the key cannot be read.
    """
    known = store.sealer.known(case_id)
    if known is not None:
        return known
    wrapped = await store.command("HGET", CaseKeys(case_id).meta, KEY)
    return store.sealer.key(case_id, wrapped)


async def key_to_write(store: "Store", case_id: str) -> CaseKey | None:
    """Return the key of a case, which gets one if an earlier version gave it none.

    None where there is no such case.

    Raises:
        StateUnavailable: if the storage does not answer, or the key cannot be read.
    """
    found = await case_key(store, case_id)
    if found is not None:
        return found
    args = [store.sealer.fresh(case_id).wrapped]
    return store.sealer.key(case_id, await store.run("case_key", CaseKeys(case_id).all(), args))


async def run_sealed(
    store: "Store",
    script: str,
    case_id: str,
    args: Callable[[CaseKey], Sequence[Any]],
    *,
    before: Sequence[Sequence[Any]] = (),
) -> Any:
    """Run a script that takes sealed values, and the key under which they are as its last argument.

    Args:
        store: the storage.
        script: its name.
        case_id: the case.
        args: makes the arguments but the last, sealed under a key.
        before: commands that run before it in the same round trip.

    Raises:
        StateUnavailable: if the storage does not answer, or the key cannot be read.
    """
    sealer = store.sealer
    key = sealer.known(case_id) or sealer.fresh(case_id)
    for _ in range(_TRIES):
        answer = await store.run(
            script, CaseKeys(case_id).all(), [*args(key), key.wrapped], before=before
        )
        match answer:
            case [b"KEY", wrapped]:
                key = sealer.key(case_id, wrapped) or sealer.fresh(case_id)
            case _:
                return answer
    raise StateUnavailable("the key of the case changes again and again")


class Installation:
    """The key of what belongs to the installation and to no case."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._key: CaseKey | None = None

    async def key(self) -> CaseKey:
        """Return the key, which is made where there is none.

        Raises:
            StateUnavailable: if the storage does not answer, or the key cannot be read.
        """
        if self._key is None:
            sealer = self._store.sealer
            wrapped = await self._store.command("HGET", keys.MASTERS, KEY)
            if wrapped is None:
                made = sealer.fresh("").wrapped
                _, wrapped = await self._store.commands(
                    [("HSETNX", keys.MASTERS, KEY, made), ("HGET", keys.MASTERS, KEY)]
                )
            self._key = sealer.key("", wrapped)
        if self._key is None:
            raise StateUnavailable("it has lost what was just written")
        return self._key
