"""Leases are renewed from a thread, so that a busy event loop does not lose them.

A loop that is stuck for long should lose them all the same: it generates nothing, and another
instance could. So the thread renews only while the loop shows signs of life.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog
from redis import Redis, RedisError
from redis.exceptions import NoScriptError

from app.state import connecting
from app.state.cluster import Cluster
from app.state.scripting import SCRIPTS

LEASE_MS = 900
"""How long a lease lives after it was last renewed."""
RENEW_SECONDS = 0.25
STUCK_SECONDS = 5.0
_RENEW = SCRIPTS["renew"]
_NODE_SECONDS = 0.3
"""A lease lives three times as long, so those at other nodes outlive one that does not answer."""

_log = structlog.get_logger(__name__)


class Leased(Protocol):
    """Whatever is held by a lease: a turn, a background job."""

    @property
    def lease_key(self) -> str:
        """The lease's key."""
        ...

    @property
    def lease(self) -> str:
        """The lease's value while it is ours."""
        ...


class _Renewer(Protocol):
    """Whoever keeps leases where they are."""

    def renew(self, leases: Sequence[tuple[str, str]]) -> Sequence[Any]:
        """Renew leases; 0 stands for one that is not there any more, an error may stand for any."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class _Server:
    """One server."""

    def __init__(self, url: str) -> None:
        pool = connecting.thread_pool(
            url, max_connections=1, socket_timeout=0.5, socket_connect_timeout=0.5
        )
        self._client: Redis = Redis(connection_pool=pool)

    def renew(self, leases: Sequence[tuple[str, str]]) -> Sequence[Any]:
        pipe = self._client.pipeline(transaction=False)
        for key, value in leases:
            pipe.evalsha(_RENEW.digest, 1, key, value, str(LEASE_MS))
        answers = pipe.execute(raise_on_error=False)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            self._client.script_load(_RENEW.source)
        return answers

    def close(self) -> None:
        self._client.close()


class _Nodes:
    """A cluster, of which one node may not hold up the leases at others."""

    def __init__(self, place: connecting.ClusterPlace) -> None:
        self._cluster = Cluster(place, connections=1, timeout=_NODE_SECONDS)
        self._runner = asyncio.Runner()

    def renew(self, leases: Sequence[tuple[str, str]]) -> Sequence[Any]:
        return self._runner.run(self._renewed(leases))

    async def _renewed(self, leases: Sequence[tuple[str, str]]) -> list[Any]:
        answers = await self._cluster.attempts(
            ("EVALSHA", _RENEW.digest, 1, key, value, LEASE_MS) for key, value in leases
        )
        missed = [at for at, one in enumerate(answers) if isinstance(one, NoScriptError)]
        again = await self._cluster.attempts(
            ("EVAL", _RENEW.source, 1, *leases[at], LEASE_MS) for at in missed
        )
        for at, answer in zip(missed, again, strict=True):
            answers[at] = answer
        return answers

    def close(self) -> None:
        self._runner.run(self._cluster.close())
        self._runner.close()


class LeaseKeeper:
    """Renews the leases of this process, and tells when one is lost."""

    def __init__(self, url: str, *, stuck_seconds: float = STUCK_SECONDS) -> None:
        """Take the server's address, and how long the event loop may stand still."""
        self._stuck_seconds = stuck_seconds
        place = connecting.cluster_of(url)
        self._server: _Renewer = _Server(url) if place is None else _Nodes(place)
        self._held: dict[str, tuple[Leased, Callable[[], None]]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._alive = time.monotonic()
        self._thread: threading.Thread | None = None
        self._pulse: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to renew; call it on the event loop whose life it watches."""
        self._loop = asyncio.get_running_loop()
        self._beat()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop renewing; leases that are still held run out."""
        self._stopping.set()
        if self._pulse is not None:
            self._pulse.cancel()
        if self._thread is not None:
            self._thread.join()

    def hold(self, claim: Leased, on_lost: Callable[[], None]) -> None:
        """Renew a claim's lease until it is dropped; `on_lost` is called on the event loop."""
        with self._lock:
            self._held[claim.lease_key] = (claim, on_lost)

    def drop(self, claim: Leased) -> bool:
        """Stop renewing a claim's lease; False if it was not held."""
        with self._lock:
            held = self._held.get(claim.lease_key, (None,))[0] is claim
            if held:
                del self._held[claim.lease_key]
        return held

    def _beat(self) -> None:
        self._alive = time.monotonic()
        if self._loop is not None and not self._stopping.is_set():
            self._pulse = self._loop.call_later(RENEW_SECONDS, self._beat)

    def _run(self) -> None:
        try:
            self._keep()
        finally:
            self._server.close()

    def _keep(self) -> None:
        while not self._stopping.wait(RENEW_SECONDS):
            stuck = time.monotonic() - self._alive
            if stuck > self._stuck_seconds:
                _log.error("leases.loop_stuck", seconds=round(stuck, 1))
                continue
            with self._lock:
                held = list(self._held.values())
            if held:
                self._renew(held)

    def _renew(self, held: list[tuple[Leased, Callable[[], None]]]) -> None:
        try:
            answers = self._server.renew([(claim.lease_key, claim.lease) for claim, _ in held])
        except RedisError as error:
            _log.warning("leases.waiting", reason=str(error))
            return
        for (claim, on_lost), answer in zip(held, answers, strict=True):
            # A lease that was dropped meanwhile may be gone because its turn is committed.
            if answer == 0 and self.drop(claim) and self._loop is not None:
                self._loop.call_soon_threadsafe(on_lost)
