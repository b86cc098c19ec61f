"""The gate: every request passes it once, and a stream not again for each word.

Whoever comes with a case's token, with an API key, or with no more than an address is let in or
refused here, and counted here.
"""

from msgspec import Struct

from app.core.access.live import LiveKeys
from app.core.access.streams import Credential, OpenStream, OpenStreams
from app.domain.access import ApiKey, Hasher, Scope, plain_digest
from app.domain.errors import (
    CaseNotFound,
    KeyRefused,
    ScopeMissing,
    TooManyRequests,
    TooManyStreams,
)
from app.state.access import Admissions, Rate, StreamHold, Verdict


class Limits(Struct, frozen=True, kw_only=True):
    """How much is let in; 0 is no limit."""

    case: int
    """Requests a minute of a case."""
    key: int
    """Requests a minute of an API key."""
    address: int
    """Cases opened, and links tried, a minute from an address."""
    case_streams: int
    """Open streams of a case, at all instances together."""
    key_streams: int
    """Open streams of an API key, at all instances together."""


class Gate:
    """Lets in."""

    def __init__(
        self,
        keys: LiveKeys,
        admissions: Admissions,
        hasher: Hasher,
        limits: Limits,
        *,
        owner: str,
    ) -> None:
        self.keys = keys
        self._admissions = admissions
        self._hasher = hasher
        self._limits = limits
        self._owner = owner
        self._rate = {
            "case": Rate(per_minute=limits.case),
            "key": Rate(per_minute=limits.key),
            "address": Rate(per_minute=limits.address),
        }

    @property
    def streams(self) -> OpenStreams:
        """The open streams of this instance."""
        return self.keys.streams

    async def case(self, case_id: str, token: str, *, streams: bool) -> OpenStream | None:
        """Let whoever holds a case's token in; a stream that it opens has to be closed.

        Raises:
            CaseNotFound: no such case for this token.
            TooManyRequests, TooManyStreams, InstanceFull: too much at once.
        """
        await self.keys.ready()
        digests = [self._hasher.case(token), plain_digest(token)]
        stream = self.streams.open(Credential("case", case_id)) if streams else None
        hold = self._hold(stream, self._limits.case_streams)
        try:
            _check(await self._admissions.case(case_id, digests, self._rate["case"], hold), "case")
        except BaseException:
            self._forget(stream)
            raise
        return stream

    async def known(self, token: str) -> ApiKey:
        """Return the API key with this token.

        Raises:
            KeyRefused: there is none that is good.
        """
        found = await self.keys.find(token)
        if found is None:
            raise KeyRefused("this key is not known here, was revoked, or has expired")
        return found

    async def key(
        self, token: str, scopes: frozenset[Scope], *, streams: bool
    ) -> tuple[ApiKey, OpenStream | None]:
        """Let whoever holds an API key with one of these scopes in.

        Raises:
            KeyRefused: there is no such key that is good.
            ScopeMissing: it is good, and for other things.
            TooManyRequests, TooManyStreams, InstanceFull: too much at once.
        """
        found = await self.known(token)
        check_scope(found, scopes)
        credential = Credential("key", found.id, self._hasher.key(token))
        stream = self.streams.open(credential) if streams else None
        hold = self._hold(stream, self._limits.key_streams)
        try:
            _check(await self._admissions.named(found.id, self._rate["key"], hold), "key")
        except BaseException:
            self._forget(stream)
            raise
        return found, stream

    async def visitor(self, address: str) -> None:
        """Let somebody in of whom only the address is known.

        Raises:
            TooManyRequests: too many came from there.
        """
        await self.keys.ready()
        name = self._hasher.address(address)
        _check(await self._admissions.named(name, self._rate["address"]), "address")

    def _hold(self, stream: OpenStream | None, most: int) -> StreamHold | None:
        if stream is None:
            return None
        here = self.streams.of(stream.credential.holder)
        return StreamHold(owner=self._owner, here=here, most=most)

    def _forget(self, stream: OpenStream | None) -> None:
        if stream is not None:
            self.streams.close(stream)


def check_scope(key: ApiKey, scopes: frozenset[Scope]) -> None:
    """Return if a key has one of these scopes.

    Raises:
        ScopeMissing: it has none of them.
    """
    if scopes.isdisjoint(key.scopes):
        wanted = " or ".join(sorted(scopes))
        raise ScopeMissing(
            f"this needs the scope {wanted}; the key {key.name!r} has {', '.join(key.scopes)}"
        )


def _check(verdict: Verdict, who: str) -> None:
    match verdict.code:
        case "unknown":
            raise CaseNotFound
        case "rate":
            wait = verdict.wait_ms / 1_000
            raise TooManyRequests(f"too many requests of this {who}", retry_after=wait)
        case "streams":
            raise TooManyStreams(f"this {who} has as many open streams as it may: close one")
        case _:
            return
