"""Pools of connections: to one server, whichever a Sentinel calls the primary, nodes of a cluster.

    redis://…  rediss://…  unix://…
    redis+sentinel://user:password@one:26379,two:26379,three:26379/service/0?sentinel_password=…
    rediss+sentinel://…
    redis+cluster://user:password@one:6379,two:6379    rediss+cluster://…

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
from redis.asyncio.cluster import ClusterParser
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import ReadOnlyError

from app.state import primaries
from app.state.pool import LeanPool

_SCHEMES = {"redis+sentinel": False, "rediss+sentinel": True}
_CLUSTERS = {"redis+cluster": False, "rediss+cluster": True}
_USUAL_PORT = 26379
_USUAL_NODE_PORT = 6379
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


class ClusterPlace(Struct, frozen=True, kw_only=True):
    """What the address of a cluster says."""

    nodes: tuple[tuple[str, int], ...]
    """Some of its nodes: any one of them knows the others."""
    tls: bool
    options: Mapping[str, Any]
    """Credentials."""


def cluster_of(url: str) -> ClusterPlace | None:
    """Read the address of a cluster; None where it is that of something else.

    >>> place = cluster_of("redis+cluster://:secret@a,b:7001")
    >>> place.nodes, dict(place.options)
    ((('a', 6379), ('b', 7001)), {'password': 'secret'})

    Raises:
        ValueError: if it names a cluster in a way that cannot be read.
    """
    parts = urlsplit(url)
    if parts.scheme not in _CLUSTERS:
        return None
    credentials, _, hosts = parts.netloc.rpartition("@")
    nodes = tuple(_host(one, _USUAL_NODE_PORT) for one in hosts.split(",") if one)
    if not nodes:
        raise ValueError("name some nodes of the cluster: redis+cluster://a:6379,b:6379")
    if parts.path.strip("/") or parts.query:
        raise ValueError("a cluster has no databases, and its address no options")
    return ClusterPlace(nodes=nodes, tls=_CLUSTERS[parts.scheme], options=_credentials(credentials))


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
    options = _credentials(credentials)
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


def _credentials(text: str) -> dict[str, Any]:
    user, _, password = text.partition(":")
    found = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in found.items() if value}


def _host(text: str, usual_port: int = _USUAL_PORT) -> tuple[str, int]:
    name, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return text.strip("[]"), usual_port
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
    place = place_of(_of_one_server(url))
    if place is None:
        return LeanPool.from_url(url, **options)
    kind = _FollowingByTls if place.tls else _Following
    return LeanPool(connection_class=kind, place=place, **place.options, **options)


def thread_pool(url: str, **options: Any) -> SyncPool:
    """Make a pool for a thread; options are those of the client's own pools.

    Raises:
        ValueError: if the address cannot be read.
    """
    place = place_of(_of_one_server(url))
    if place is None:
        return SyncPool.from_url(url, **options)
    kind = _SyncFollowingByTls if place.tls else _SyncFollowing
    return SyncPool(connection_class=kind, place=place, **place.options, **options)


def node_pool(
    place: ClusterPlace, where: tuple[str, int], connections: int, timeout: float
) -> LeanPool:
    """Make a pool of connections to a node of a cluster.

    What breaks is not tried again by the connection: another node may have the slot by then.
    """
    kind = connection.SSLConnection if place.tls else connection.Connection
    return LeanPool(
        connection_class=kind,
        host=where[0],
        port=where[1],
        max_connections=connections,
        timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), retries=0),
        client_name="triage",
        parser_class=ClusterParser,  # it tells one redirection from another
        **place.options,
    )


def thread_node_pool(place: ClusterPlace, where: tuple[str, int], **options: Any) -> SyncPool:
    """Make a pool of connections to a node of a cluster for a thread."""
    kind = sync_connection.SSLConnection if place.tls else sync_connection.Connection
    return SyncPool(connection_class=kind, host=where[0], port=where[1], **place.options, **options)


def _of_one_server(url: str) -> str:
    if cluster_of(url) is not None:
        raise ValueError("this needs one server, or Sentinels that know one, and not a cluster")
    return url
