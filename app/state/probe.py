"""One look at a Valkey or Redis server, for the set-up check: no pool, no scripts, no writing."""

import time

from msgspec import Struct
from redis import Redis, exceptions

from app.domain.errors import StateUnavailable
from app.state import connecting

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
    """Ask a server for everything that matters to us.

    Args:
        url: of a server, or of Sentinels; see `app.state.connecting`.
        timeout: seconds for connecting and for each answer.

    Raises:
        StateUnavailable: saying what went wrong.
    """
    try:
        pool = connecting.thread_pool(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, decode_responses=True
        )
    except ValueError as error:
        raise StateUnavailable(f"the address cannot be read: {error}") from error
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
