"""One look at a Valkey or Redis server, for the set-up check: no pool, no scripts, no writing."""

import time
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from redis import BlockingConnectionPool as SyncPool
from redis import Redis, exceptions

from app.domain.errors import StateUnavailable
from app.state import connecting
from app.state.cluster import SLOTS

_PRIMARY = frozenset({"master", "primary"})
_PROMISED = ("appendonly", "appendfsync", "maxmemory-policy")


class ServerProbe(Struct, frozen=True, kw_only=True):
    """What a server says about itself."""

    product: str
    """`valkey`, `redis`, or what it calls itself."""
    version: str
    mode: str
    """`standalone`, `sentinel` or `cluster`."""
    role: str
    ping_ms: float
    ahead_ms: float
    """How far the server's clock is ahead of ours, to the precision of half a round trip."""
    used_memory: int
    max_memory: int
    settings: dict[str, str] | None
    """The settings that durability rests on; None where reading them is not allowed."""

    @property
    def major(self) -> int:
        """The first number of the version; 0 where it cannot be told."""
        first = self.version.partition(".")[0]
        return int(first) if first.isdigit() else 0


def probe(url: str, timeout: float = 2.0) -> ServerProbe:
    """Ask a server for everything that matters to us, or all servers of a cluster.

    Args:
        url: of a server, of Sentinels, or of a cluster; see `app.state.connecting`.
        timeout: seconds for connecting and for each answer.

    Raises:
        StateUnavailable: saying what went wrong.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "decode_responses": True,
    }
    try:
        if (place := connecting.cluster_of(url)) is not None:
            return _together([_probe(one) for one in _primaries(place, options)])
        return _probe(connecting.thread_pool(url, **options))
    except ValueError as error:
        raise StateUnavailable(f"the address cannot be read: {error}") from error


def _primaries(place: connecting.ClusterPlace, options: Mapping[str, Any]) -> list[SyncPool]:
    """Return pools for all who hold slots, as the first of the nodes says that answers."""
    for where in place.nodes:
        client = Redis.from_pool(connecting.thread_node_pool(place, where, **options))
        client.response_callbacks.clear()
        try:
            rows = client.execute_command("CLUSTER SLOTS")
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError):
            continue
        except exceptions.RedisError as error:
            raise StateUnavailable(str(error)) from error
        finally:
            client.close()
        if sum(last - first + 1 for first, last, *_ in rows) < SLOTS:
            raise StateUnavailable("not every slot of the cluster is held by a server")
        found = sorted({(held[0] or where[0], held[1]) for _, _, held, *_ in rows})
        return [connecting.thread_node_pool(place, one, **options) for one in found]
    raise StateUnavailable("no node of the cluster answers")


def _together(found: list[ServerProbe]) -> ServerProbe:
    """Bring what all primaries of a cluster say together; of each, what deserves more attention."""
    first = found[0]
    settings: dict[str, str] | None = None
    if all(one.settings is not None for one in found):
        several = {
            name: {(one.settings or {}).get(name, "") for one in found} for name in _PROMISED
        }
        settings = {name: "/".join(sorted(values)) for name, values in several.items()}
    return ServerProbe(
        product=first.product,
        version=min((one.version for one in found), key=_numbers),
        mode=f"cluster of {len(found)} primaries",
        role=next((one.role for one in found if one.role not in _PRIMARY), first.role),
        ping_ms=max(one.ping_ms for one in found),
        ahead_ms=max((one.ahead_ms for one in found), key=abs),
        used_memory=sum(one.used_memory for one in found),
        max_memory=sum(one.max_memory for one in found),
        settings=settings,
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _probe(pool: SyncPool) -> ServerProbe:
    client = Redis.from_pool(pool)
    try:
        return _ask(client)
    except exceptions.AuthenticationError as error:
        raise StateUnavailable(f"it refuses the credentials: {error}") from error
    except (exceptions.RedisError, OSError) as error:
        raise StateUnavailable(str(error)) from error
    finally:
        client.close()


def _ask(client: Redis) -> ServerProbe:
    client.execute_command("PING")
    began = time.time()
    seconds, microseconds = client.execute_command("TIME")
    ended = time.time()
    info = client.execute_command("INFO")
    return ServerProbe(
        product=info.get("server_name", "redis"),
        version=info.get("valkey_version") or info.get("redis_version", "?"),
        mode=info.get("server_mode") or info.get("redis_mode", "standalone"),
        role=info.get("role", "?"),
        ping_ms=round((ended - began) * 1_000, 3),
        ahead_ms=round((int(seconds) + int(microseconds) / 1e6 - (began + ended) / 2) * 1_000, 3),
        used_memory=int(info.get("used_memory", 0)),
        max_memory=int(info.get("maxmemory", 0)),
        settings=_settings(client),
    )


def _settings(client: Redis) -> dict[str, str] | None:
    found: dict[str, str] = {}
    try:
        for name in _PROMISED:
            found.update(client.execute_command("CONFIG GET", name))
    except exceptions.ResponseError:  # hosted servers often keep CONFIG to themselves
        return None
    return found
