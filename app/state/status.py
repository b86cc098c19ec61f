"""How the server is, or the servers of a cluster, in a few figures."""

import time
from typing import Any

from msgspec import Struct

from app.domain.errors import StateUnavailable
from app.state.cluster import Cluster
from app.state.failing import translated


class StoreStatus(Struct, frozen=True, kw_only=True):
    """How the server is."""

    server: str
    ping_ms: float
    used_memory: int
    max_memory: int
    persistence: str
    takes_writes: bool = True
    """Whether it would write: it does not where its disk is full or replicas are missing."""
    down: tuple[str, ...] = ()
    """What of a cluster does not serve; the rest goes on."""

    @property
    def full(self) -> bool:
        """Whether writes are, or are about to be, refused for want of memory."""
        return self.max_memory > 0 and self.used_memory >= self.max_memory


def of_server(info: Any, ping_ms: float) -> StoreStatus:
    """Return the status that a server's `INFO` tells.

    Raises:
        StateUnavailable: if it still loads its data.
    """
    if int(info.get("loading", 0)):
        raise StateUnavailable("it is loading its data")
    name = info.get("server_name", "redis")
    version = info.get("valkey_version") or info.get("redis_version", "?")
    appending = bool(int(info.get("aof_enabled", 0)))
    return StoreStatus(
        server=f"{name} {version}",
        ping_ms=round(ping_ms, 3),
        used_memory=int(info.get("used_memory", 0)),
        max_memory=int(info.get("maxmemory", 0)),
        persistence="append-only file" if appending else "snapshots or none",
        takes_writes=info.get("aof_last_write_status", "ok") == "ok"
        and info.get("min_slaves_good_slaves", 1) > 0,
    )


async def of_cluster(cluster: Cluster) -> StoreStatus:
    """Bring the states of all primaries together; some may be down, and not all of them.

    Raises:
        StateUnavailable: if all are.
    """
    began = time.perf_counter()
    answers = await cluster.survey("INFO")
    ping_ms = (time.perf_counter() - began) * 1_000
    found: list[StoreStatus] = []
    down: list[str] = []
    for (host, port), info in answers.items():
        try:
            with translated():
                if isinstance(info, Exception):
                    raise info
                found.append(of_server(info, ping_ms))
        except StateUnavailable as error:
            down.append(f"{host}:{port}: {error}".replace("storage is unavailable: ", ""))
    if orphans := await cluster.orphans():
        down.append(f"{orphans} slots have no primary")
    if not found:
        raise StateUnavailable("; ".join(down))
    return StoreStatus(
        server=f"{' and '.join(sorted({one.server for one in found}))}, {len(answers)} primaries",
        ping_ms=found[0].ping_ms,
        used_memory=sum(one.used_memory for one in found),
        max_memory=sum(one.max_memory for one in found),
        persistence=" and ".join(sorted({one.persistence for one in found})),
        takes_writes=all(one.takes_writes and not one.full for one in found),
        down=tuple(down),
    )
