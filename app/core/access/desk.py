"""Making, rotating and revoking API keys; a token leaves here once and is kept nowhere."""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from app.domain.access import ApiKey, Hasher, KeySecret, Scope, new_key_id, new_key_token
from app.domain.clock import now_ms
from app.domain.errors import InvalidInput, KeyConflict, KeyNotFound, StateUnavailable
from app.state.access import AccessBook

LONGEST_NAME = 80
MOST_KEYS = 1_000
"""Every instance knows all of them by heart."""
_MOST_TRIES = 5
_DAY_MS = 86_400_000


class IssuedKey(Struct, frozen=True, kw_only=True):
    """A key, with the only copy of its token."""

    key: ApiKey
    token: str


class KeyDesk:
    """What can be done with keys."""

    def __init__(self, book: AccessBook, hasher: Hasher) -> None:
        self._book = book
        self._hasher = hasher

    async def create(
        self, name: str, scopes: Sequence[Scope], *, days: float | None = None
    ) -> IssuedKey:
        """Make a key.

        Args:
            name: whose it is, for people.
            scopes: what it is good for.
            days: after how many it expires; None is never.

        Raises:
            InvalidInput: without a name or a scope, or if there are too many keys.
        """
        if not (named := " ".join(name.split())) or len(named) > LONGEST_NAME:
            raise InvalidInput(f"name: say whose key it is, in 1 to {LONGEST_NAME} characters")
        if not scopes:
            raise InvalidInput("scopes: a key needs one at least")
        if len(await self._book.all()) >= MOST_KEYS:
            raise InvalidInput(f"there are {MOST_KEYS} keys already: let several share one")
        now, key_id = now_ms(), new_key_id()
        token = new_key_token(key_id)
        made = ApiKey(
            id=key_id,
            name=named,
            scopes=tuple(dict.fromkeys(scopes)),
            secrets=(KeySecret(digest=self._hasher.key(token)),),
            created_at=now,
            expires_at=None if days is None else now + round(days * _DAY_MS),
        )
        if not await self._book.swap(None, made):
            raise StateUnavailable("the key could not be kept: try again")
        return IssuedKey(key=made, token=token)

    async def all(self) -> list[ApiKey]:
        """Return all keys, the oldest first."""
        return await self._book.all()

    async def rotate(self, key_id: str, *, keep_seconds: float) -> IssuedKey:
        """Give a key another token; the one before stays good for so long.

        Raises:
            KeyNotFound: no such key.
            KeyConflict: it is good for nothing any more.
        """
        now, token = now_ms(), new_key_token(key_id)
        until = now + round(keep_seconds * 1_000)
        digest = self._hasher.key(token)

        def rotated(key: ApiKey) -> ApiKey:
            if (state := key.state(now)) != "active":
                raise KeyConflict(f"the key {key.name!r} is {state}: make another one")
            good = tuple(one for one in key.secrets if one.until is None or one.until > now)
            return replace(key, secrets=good).rotated(digest, until=until)

        return IssuedKey(key=await self._change(key_id, rotated), token=token)

    async def revoke(self, key_id: str) -> ApiKey:
        """Let a key be good for nothing any more, everywhere within a second. May be repeated.

        Raises:
            KeyNotFound: no such key.
        """
        now = now_ms()
        return await self._change(
            key_id, lambda key: key if key.revoked_at else replace(key, revoked_at=now)
        )

    async def revoke_case(self, case_id: str) -> None:
        """Let a case's token open nothing any more, and close its streams within a second.

        Raises:
            CaseNotFound: no such case.
        """
        await self._book.revoke_case(case_id)

    async def _change(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
        for _ in range(_MOST_TRIES):
            if (before := await self._book.get(key_id)) is None:
                raise KeyNotFound(f"there is no key {key_id}")
            after = change(before)
            if after == before or await self._book.swap(before, after):
                return after
        raise StateUnavailable("others change this key at the same time: try again")
