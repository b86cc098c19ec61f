"""Pools of connections to the storage: one server, or whichever a Sentinel calls the primary.

    redis://…  rediss://…  unix://…
    redis+sentinel://user:password@one:26379,two:26379,three:26379/service/0?sentinel_password=…
    rediss+sentinel://…

With Sentinel, each new connection asks most of them who is the primary now, and one on which a
server says that it takes no writes is given up. So a pool follows a failover by itself, as its
connections break.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct
from redis import BlockingConnectionPool as SyncPool
from redis import connection as sync_connection
from redis.asyncio import connection
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import ReadOnlyError

from app.state import primaries
from app.state.pool import LeanPool

_SCHEMES = {"redis+sentinel": False, "rediss+sentinel": True}
_USUAL_PORT = 26379
_ASK_SECONDS = 0.3
"""How long one Sentinel may take to name the primary before the next one is asked."""


class Place(Struct, frozen=True, kw_only=True):
    """What an address with Sentinels says."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    tls: bool
    options: Mapping[str, Any]
    """For connections to the primary: credentials, database."""
    sentinel_options: Mapping[str, Any]
    """For connections to the Sentinels."""

    def asking(self) -> dict[str, Any]:
        """Return all options for connections to the Sentinels."""
        quick = {"socket_timeout": _ASK_SECONDS, "socket_connect_timeout": _ASK_SECONDS}
        return {**quick, **self.sentinel_options, **({"ssl": True} if self.tls else {})}


def place_of(url: str) -> Place | None:
    """Read an address; None where it names a server itself.

    >>> place = place_of("redis+sentinel://:secret@a,b:26380/main/2")
    >>> place.sentinels, place.service, dict(place.options)
    ((('a', 26379), ('b', 26380)), 'main', {'password': 'secret', 'db': 2})

    Raises:
        ValueError: if it names Sentinels in a way that cannot be read.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        return None
    credentials, _, hosts = parts.netloc.rpartition("@")
    sentinels = tuple(_host(one) for one in hosts.split(",") if one)
    service, _, database = parts.path.strip("/").partition("/")
    if not sentinels or not service:
        raise ValueError("name the Sentinels and the service: redis+sentinel://a,b,c/service/0")
    user, _, password = credentials.partition(":")
    options: dict[str, Any] = {}
    if user:
        options["username"] = unquote(user)
    if password:
        options["password"] = unquote(password)
    if database:
        options["db"] = int(database)
    known = {"sentinel_username": "username", "sentinel_password": "password"}
    asked = dict(parse_qsl(parts.query))
    if further := set(asked) - set(known):
        raise ValueError(f"unknown in the address: {', '.join(sorted(further))}")
    return Place(
        sentinels=sentinels,
        service=unquote(service),
        tls=_SCHEMES[parts.scheme],
        options=options,
        sentinel_options={known[name]: value for name, value in asked.items()},
    )


def _host(text: str) -> tuple[str, int]:
    name, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return text.strip("[]"), _USUAL_PORT
    return name.strip("[]"), int(port)


class _Following(connection.Connection):
    """A connection to whoever is the primary when it is made."""

    def __init__(self, *, place: Place, **options: Any) -> None:
        self._place = place
        super().__init__(**options)

    async def _connect(self) -> None:
        place = self._place
        found = await primaries.primary(place.sentinels, place.service, place.asking())
        self.host, self.port = found
        await super()._connect()  # type: ignore[no-untyped-call]

    async def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*args, **options)
        except ReadOnlyError:
            await self.disconnect()
            raise NotConnected("it is no longer the primary") from None


class _FollowingByTls(_Following, connection.SSLConnection):
    """The same with TLS."""


class _SyncFollowing(sync_connection.Connection):
    """The same for threads."""

    def __init__(self, *, place: Place, **options: Any) -> None:
        self._place = place
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def _connect(self) -> Any:
        place = self._place
        found = primaries.primary_for_threads(place.sentinels, place.service, place.asking())
        self.host, self.port = found
        return super()._connect()  # type: ignore[no-untyped-call]

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)  # type: ignore[no-untyped-call]
        except ReadOnlyError:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise NotConnected("it is no longer the primary") from None


class _SyncFollowingByTls(_SyncFollowing, sync_connection.SSLConnection):
    """The same with TLS."""


def pool(url: str, **options: Any) -> LeanPool:
    """Make a pool of connections; options are those of the client's own pools.

    Raises:
        ValueError: if the address cannot be read.
    """
    place = place_of(url)
    if place is None:
        return LeanPool.from_url(url, **options)
    kind = _FollowingByTls if place.tls else _Following
    return LeanPool(connection_class=kind, place=place, **place.options, **options)


def thread_pool(url: str, **options: Any) -> SyncPool:
    """Make a pool for a thread; options are those of the client's own pools.

    Raises:
        ValueError: if the address cannot be read.
    """
    place = place_of(url)
    if place is None:
        return SyncPool.from_url(url, **options)
    kind = _SyncFollowingByTls if place.tls else _SyncFollowing
    return SyncPool(connection_class=kind, place=place, **place.options, **options)
