"""The connection to Valkey or Redis: pools, scripts, and one translation of what can go wrong."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from typing import Any

from msgspec import Struct
from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from app.domain.errors import StateUnavailable
from app.state import connecting
from app.state.cluster import REPLICA_MS, Cluster, TooFewReplicas
from app.state.sealing import Sealer

SHARED = (
    "start", "accept", "claim", "finish", "release", "drop", "erase", "save", "subscribe",
    "say_of", "abandon", "adopt", "revoke", "case_key",
)  # fmt: skip
"""Scripts over the keys of a case."""
JOBS = ("job_claim", "job_keep", "job_finish", "job_postpone", "job_order")
"""Scripts over the keys of a case that concern one of its background jobs."""
ALONE = (
    "renew", "unlist", "move", "swap", "outbox_take", "outbox_hold", "outbox_fan_out",
    "offer_flags", "let_go", "admit", "hold_streams", "swap_key",
    "audit", "audit_trim", "masters",
)  # fmt: skip
"""Scripts over one key of their own."""

LEDGER = ("ledger_reserve", "ledger_settle", "ledger_void", "ledger_budgets")
"""Scripts over the keys of the ledger."""
RECORDING = ("finish", "job_finish", "erase", "say_of", "abandon")
"""Scripts over the keys of a case that leave facts behind for the warehouse."""

DURABLE = (
    "start", "adopt", "accept", "finish", "save", "erase", "job_finish", "revoke", "swap_key",
    "audit",
)  # fmt: skip
"""Scripts whose effect is told to somebody as done; replicas may have to have it before that."""
CONNECTIONS = 64
COMMAND_TIMEOUT = 2.0
CLUSTER_TIMEOUT = 4.0
"""In a cluster, with all that is sent again: long enough for a slot to be moved meanwhile."""
BLOCKING_TIMEOUT = 6.0
_REFUSALS = {
    "MISCONF": "it cannot write to its disk",
    "MASTERDOWN": "it has no primary",
    "CLUSTERDOWN": "its cluster is down",
    "NOREPLICAS": "it takes no writes: its disk is nearly full, or too few replicas follow it",
    "UNBLOCKED": "it became a replica",
}
"""Codes of answers for which the client has no exception of their own, in words."""

_FAILURES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((exceptions.MaxConnectionsError,), "too many requests are waiting for it"),
    (
        (exceptions.ClusterDownError, exceptions.MasterDownError),
        "a part of its cluster is down",
    ),
    ((exceptions.ReadOnlyError,), "it is a read-only replica"),
    (
        (exceptions.ConnectionError, exceptions.TimeoutError, TimeoutError, ssl.SSLError),
        "it does not answer",
    ),
    ((exceptions.OutOfMemoryError,), "its memory is full"),
    (
        (exceptions.AskError, exceptions.TryAgainError),
        "a part of it is on its way to another server",
    ),
    ((TooFewReplicas,), "too few of its replicas have it"),
)
"""What waiting may help against, in words; the first that fits is told."""


class Script:
    """A script's source and the digest under which the server caches it."""

    __slots__ = ("digest", "source")

    def __init__(self, name: str) -> None:
        folder = resources.files("app.state") / "scripts"
        of_case = name not in ALONE and name not in LEDGER
        shared = ["lib.lua"] * of_case + ["job_lib.lua"] * (name in JOBS)
        facts = ["facts.lua"] * (name in RECORDING)
        ledger = ["ledger_facts.lua", "ledger_lib.lua"] * (name in LEDGER)
        parts = [*shared, *facts, *ledger, f"{name}.lua"]
        self.source = "\n".join((folder / part).read_text() for part in parts)
        self.digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


SCRIPTS = {name: Script(name) for name in SHARED + JOBS + ALONE + LEDGER}


@contextmanager
def translated() -> Iterator[None]:
    """Turn the client's errors into `StateUnavailable`, where waiting may help.

    A connection that breaks leaves it open whether the command ran. Every write of ours may be
    repeated: accepts carry an idempotency key, everything else an epoch.
    """
    try:
        yield
    except exceptions.BusyLoadingError as error:
        raise StateUnavailable("it is loading its data", retry_after=1.0) from error
    except (exceptions.RedisError, TooFewReplicas, TimeoutError, ssl.SSLError) as error:
        words = next((words for kinds, words in _FAILURES if isinstance(error, kinds)), None)
        if words is None and isinstance(error, exceptions.ResponseError):
            words = _REFUSALS.get(str(error).split(maxsplit=1)[0])
        if words is None:
            raise
        raise StateUnavailable(words) from error


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


class Store:
    """One process's access to the server: a pool for commands, one for blocking reads."""

    def __init__(self, url: str, *, replicas: int = 0, sealer: Sealer | None = None) -> None:
        """Take the address.

        Args:
            url: of the server.
            replicas: how many must have a write before it is acknowledged.
            sealer: the keys of cases. Without it nothing of what cases hold is read or written.
        """
        self.url = url
        self._replicas = replicas
        self._sealer = sealer
        self._cluster: Cluster | None = None
        if (place := connecting.cluster_of(url)) is not None:
            self._cluster = Cluster(place, connections=CONNECTIONS, timeout=CLUSTER_TIMEOUT)
            return
        self.client: Redis = _client(url, CONNECTIONS)
        self._blocking: Redis = _client(url, 2)

    @property
    def is_cluster(self) -> bool:
        """Whether it is several servers, each with some of the slots."""
        return self._cluster is not None

    @property
    def sealer(self) -> Sealer:
        """The keys of cases."""
        if self._sealer is None:
            raise RuntimeError("this connection was made without the keys of cases: Store(sealer=)")
        return self._sealer

    async def close(self) -> None:
        """Close all connections."""
        if self._cluster is not None:
            await self._cluster.close()
            return
        await self.client.aclose()
        await self._blocking.aclose()

    async def status(self) -> StoreStatus:
        """Ask the server how it is.

        Raises:
            StateUnavailable: if it does not answer, or still loads its data.
        """
        if self._cluster is not None:
            with translated():
                return await _status_of_cluster(self._cluster)
        began = time.perf_counter()
        await self.command("PING")
        ping_ms = (time.perf_counter() - began) * 1_000
        return _status(await self.command("INFO"), ping_ms)

    async def command(self, *parts: Any) -> Any:
        """Run one command and return its answer.

        Raises:
            StateUnavailable: if the server does not answer or refuses for want of resources.
        """
        with translated():
            if self._cluster is not None:
                return await self._cluster.command(*parts)
            async with asyncio.timeout(COMMAND_TIMEOUT):
                return await self.client.execute_command(*parts)

    async def blocking_command(self, *parts: Any) -> Any:
        """Run a command that may take its time, on connections kept for such.

        Raises:
            StateUnavailable: as for `command`.
        """
        with translated():
            async with asyncio.timeout(BLOCKING_TIMEOUT):
                return await self._blocking.execute_command(*parts)

    async def commands(self, commands: Iterable[Sequence[Any]]) -> list[Any]:
        """Run several commands in one round trip, not as a transaction; the first error is raised.

        Raises:
            StateUnavailable: as for `command`.
        """
        answers = await self.attempts(commands)
        for answer in answers:
            if isinstance(answer, Exception):
                with translated():
                    raise answer
        return answers

    async def tries(
        self, commands: Iterable[Sequence[Any]], *, seconds: float | None = None
    ) -> list[Any]:
        """Run several commands; `StateUnavailable` takes the place of an answer that is not there.

        Where the storage is one server, all answers are there, or it is raised.
        """
        answers = await self.attempts(commands, seconds=seconds)
        for at, answer in enumerate(answers):
            if isinstance(answer, Exception):
                try:
                    with translated():
                        raise answer
                except StateUnavailable as error:
                    answers[at] = error
        return answers

    async def run(
        self,
        name: str,
        keys: Sequence[str],
        args: Sequence[Any],
        *,
        before: Iterable[Sequence[Any]] = (),
    ) -> Any:
        """Run a script and return its answer.

        Args:
            name: of the script.
            keys: its keys.
            args: its arguments.
            before: commands that run before it, in the same round trip where it is one server. An
                index is written so: it may name a case too many, never one too few.

        Raises:
            StateUnavailable: as for `command`.
        """
        script = SCRIPTS[name]
        waits = self._replicas > 0 and name in DURABLE
        if self._cluster is not None:
            with translated():
                return await self._cluster.script(
                    script.digest,
                    script.source,
                    keys,
                    args,
                    before=before,
                    replicas=self._replicas if waits else 0,
                )
        if before == () and not waits:
            return await self._run_alone(script, keys, args)
        after = [("WAIT", self._replicas, REPLICA_MS)] if waits else []
        answers = await self.attempts(
            [*before, ("EVALSHA", script.digest, len(keys), *keys, *args), *after]
        )
        had = answers.pop() if waits else self._replicas
        *earlier, answer = answers
        for one in earlier:
            if isinstance(one, Exception):
                with translated():
                    raise one
        if isinstance(answer, exceptions.NoScriptError):
            await self.command("SCRIPT", "LOAD", script.source)
            return await self.run(name, keys, args)
        for one in (answer, had):
            if isinstance(one, Exception):
                with translated():
                    raise one
        if had < self._replicas:
            raise StateUnavailable("too few of its replicas have it")
        return answer

    async def _run_alone(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script by itself, which costs a process half of what a pipeline does."""
        try:
            return await self.command("EVALSHA", script.digest, len(keys), *keys, *args)
        except exceptions.NoScriptError:
            await self.command("SCRIPT", "LOAD", script.source)
            return await self.command("EVALSHA", script.digest, len(keys), *keys, *args)

    async def run_each(self, name: str, calls: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """Run a script that takes one key for each of several, in one round trip.

        Args:
            name: of the script; nobody waits for its answers.
            calls: the key of each, and its arguments.

        Raises:
            StateUnavailable: as for `command`.
        """
        script = SCRIPTS[name]
        wanted = [("EVALSHA", script.digest, 1, key, *args) for key, args in calls]
        answers = await self.attempts(wanted)
        if any(isinstance(one, exceptions.NoScriptError) for one in answers):
            if self._cluster is not None:
                wanted = [("EVAL", script.source, 1, key, *args) for key, args in calls]
            else:
                await self.command("SCRIPT", "LOAD", script.source)
            answers = await self.attempts(wanted)
        for answer in answers:
            if isinstance(answer, Exception):
                with translated():
                    raise answer

    async def attempts(
        self, commands: Iterable[Sequence[Any]], *, seconds: float | None = None
    ) -> list[Any]:
        """Run several commands in one round trip; an error takes the place of its answer.

        In a cluster it is one for each node, and those that do not answer within `seconds` hold the
        others up no longer.
        """
        if self._cluster is not None:
            return await self._cluster.attempts(commands, seconds=seconds)
        with translated():
            pipe = self.client.pipeline(transaction=False)
            for command in commands:
                pipe.pipeline_execute_command(*command)
            async with asyncio.timeout(COMMAND_TIMEOUT):
                return list(await pipe.execute(raise_on_error=False))

    async def everywhere(self, *parts: Any) -> list[Any]:
        """Run a command on every primary; an error takes the place of a node's answer.

        Raises:
            StateUnavailable: as for `command`.
        """
        if self._cluster is not None:
            with translated():
                return list((await self._cluster.survey(*parts)).values())
        return [await self.command(*parts)]

    async def scan(self, pattern: str, count: int) -> AsyncIterator[list[bytes]]:
        """Yield the names of keys, a page at a time and each at least once.

        Raises:
            StateUnavailable: as for `command`.
        """
        if self._cluster is not None:
            with translated():
                async for page in self._cluster.scan(pattern, count):
                    yield page
            return
        cursor: Any = b"0"
        while True:
            cursor, page = await self.command("SCAN", cursor, "MATCH", pattern, "COUNT", count)
            if page:
                yield page
            if int(cursor) == 0:
                return


def _status(info: Any, ping_ms: float) -> StoreStatus:
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


async def _status_of_cluster(cluster: Cluster) -> StoreStatus:
    """Bring the states of all primaries together; some may be down, and not all of them."""
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
                found.append(_status(info, ping_ms))
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


def _client(url: str, connections: int) -> Redis:
    # Commands are timed above and not by `socket_timeout`, for which the client sends each through
    # `asyncio.wait_for`: in Python 3.11 that swallows a cancellation that comes as it ends.
    pool = connecting.pool(
        url,
        max_connections=connections,
        timeout=COMMAND_TIMEOUT,
        socket_connect_timeout=COMMAND_TIMEOUT,
        retry=Retry(ExponentialWithJitterBackoff(cap=0.2, base=0.02), retries=3),
        retry_on_error=[exceptions.BusyLoadingError],
        client_name="triage",
    )
    return Redis.from_pool(pool)
