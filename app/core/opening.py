"""Opening a case once, however often it is asked for: a lost answer can be had again.

Equal keys of a caller make the same case and the same token for ten minutes, at whichever instance
and at the same moment. Nothing that opens a case is kept for that: id and token are made from the
caller's key, the secret of this installation and a random number, and that alone is stored.
"""

import base64
import secrets

from msgspec import Struct

from app.domain.access import Hasher
from app.domain.errors import IdempotencyMismatch
from app.state.openings import Noted, Openings

SHORTEST_KEY = 16
"""Whoever has the key gets the case's token, so nobody should come upon one by chance."""
_NONCE_BYTES = 16


class StartKey(Struct, frozen=True, kw_only=True):
    """An idempotency key, and whose it is: those of different callers do not meet."""

    key: str
    caller: str
    """The id of the API key; empty where there was none."""


class Opening(Struct, frozen=True, kw_only=True):
    """Which case a key opens."""

    case_id: str
    token: str
    name: str
    noted: Noted

    @property
    def was_open(self) -> bool:
        """Whether the case has been there."""
        return self.noted.done


class OpeningDesk:
    """Says which case a key opens."""

    def __init__(self, openings: Openings, hasher: Hasher) -> None:
        self._openings = openings
        self._hasher = hasher

    async def begin(self, start: StartKey, asked: str) -> Opening:
        """Return which case a key opens.

        Args:
            start: the key.
            asked: what is asked for, written so that equal texts ask for the same.

        Raises:
            IdempotencyMismatch: something else was asked for with it before.
        """
        digest = self._hasher.opening
        whole = f"{start.caller}\0{start.key}"
        name, fingerprint = digest("name", whole), digest("asked", asked)
        noted = await self._openings.note(name, secrets.token_hex(_NONCE_BYTES), fingerprint)
        if noted.fingerprint != fingerprint:
            raise IdempotencyMismatch("this key has opened another case: use a new one")
        made = f"{whole}\0{noted.nonce}"
        token = base64.urlsafe_b64encode(bytes.fromhex(digest("token", made)))
        return Opening(
            case_id=digest("case", made)[:32],
            token=token.rstrip(b"=").decode(),
            name=name,
            noted=noted,
        )

    async def done(self, opening: Opening) -> None:
        """Note that the case is there: from now on it is opened no more, if it is erased."""
        await self._openings.done(opening.name, opening.noted)
