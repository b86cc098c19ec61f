"""Which case an idempotency key has opened lately: kept for ten minutes, and of no use to thieves.

What is kept is a random number. With it the case's id and token can be made again from the caller's
key and the secret of this installation, neither of which is kept here.
"""

from msgspec import Struct

from app.state import keys
from app.state.store import Store

OPENING_SECONDS = 600
_DONE = b"d"
_BEGUN = b"b"


class Noted(Struct, frozen=True):
    """What is kept of an opening."""

    nonce: str
    fingerprint: str
    """Of what was asked for, so that a key is not used for two cases."""
    done: bool
    """Whether the case was there, so that one that is not was erased or has expired."""


class Openings:
    """Openings of cases, by the digests of their keys."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def note(self, name: str, nonce: str, fingerprint: str) -> Noted:
        """Return what was noted first under a name; this, if there was nothing."""
        key = keys.opening(name)
        ours = b":".join((_BEGUN, nonce.encode(), fingerprint.encode()))
        _, found = await self._store.commands(
            [("SET", key, ours, "NX", "EX", OPENING_SECONDS), ("GET", key)]
        )
        state, first, asked = (found or ours).split(b":")
        return Noted(first.decode(), asked.decode(), state == _DONE)

    async def done(self, name: str, noted: Noted) -> None:
        """Note that the case is there."""
        value = b":".join((_DONE, noted.nonce.encode(), noted.fingerprint.encode()))
        await self._store.command("SET", keys.opening(name), value, "XX", "KEEPTTL")
