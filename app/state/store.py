"""The connection to Valkey or Redis: pools, scripts, and one translation of what can go wrong."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
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
    "audit", "audit_trim",
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
_REPLICA_MS = 1_000
"""How long replicas may take; whoever asked hears that they did not, and asks again."""

CONNECTIONS = 64
COMMAND_TIMEOUT = 2.0
BLOCKING_TIMEOUT = 6.0
_REFUSALS = {
    "MISCONF": "it cannot write to its disk",
    "MASTERDOWN": "it has no primary",
    "CLUSTERDOWN": "its cluster is down",
    "NOREPLICAS": "it takes no writes: its disk is nearly full, or too few replicas follow it",
    "UNBLOCKED": "it became a replica",
}
"""Codes of answers for which the client has no exception of their own, in words."""


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
    except exceptions.MaxConnectionsError as error:
        raise StateUnavailable("too many requests are waiting for it") from error
    except (
        exceptions.ConnectionError,
        exceptions.TimeoutError,
        TimeoutError,
        ssl.SSLError,
    ) as error:
        raise StateUnavailable("it does not answer") from error
    except exceptions.ReadOnlyError as error:
        raise StateUnavailable("it is a read-only replica") from error
    except exceptions.OutOfMemoryError as error:
        raise StateUnavailable("its memory is full") from error
    except exceptions.ResponseError as error:
        if (words := _REFUSALS.get(str(error).split(maxsplit=1)[0])) is not None:
            raise StateUnavailable(words) from error
        raise


class StoreStatus(Struct, frozen=True, kw_only=True):
    """How the server is."""

    server: str
    ping_ms: float
    used_memory: int
    max_memory: int
    persistence: str
    takes_writes: bool = True
    """Whether it would write: it does not where its disk is full or replicas are missing."""

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
        self.client: Redis = _client(url, CONNECTIONS)
        self._blocking: Redis = _client(url, 2)

    @property
    def sealer(self) -> Sealer:
        """The keys of cases."""
        if self._sealer is None:
            raise RuntimeError("this connection was made without the keys of cases: Store(sealer=)")
        return self._sealer

    async def close(self) -> None:
        """Close all connections."""
        await self.client.aclose()
        await self._blocking.aclose()

    async def status(self) -> StoreStatus:
        """Ask the server how it is.

        Raises:
            StateUnavailable: if it does not answer, or still loads its data.
        """
        began = time.perf_counter()
        await self.command("PING")
        ping_ms = (time.perf_counter() - began) * 1_000
        info = await self.command("INFO")
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

    async def command(self, *parts: Any) -> Any:
        """Run one command and return its answer.

        Raises:
            StateUnavailable: if the server does not answer or refuses for want of resources.
        """
        with translated():
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

    async def tries(self, commands: Iterable[Sequence[Any]]) -> list[Any]:
        """Run several commands; `StateUnavailable` takes the place of an answer that is not there.

        Where the storage is one server, all answers are there, or it is raised.
        """
        answers = await self.attempts(commands)
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
            before: commands that run before it in the same round trip. An index is written so: it
                may name a case too many, never one too few.

        Raises:
            StateUnavailable: as for `command`.
        """
        script = SCRIPTS[name]
        waits = self._replicas > 0 and name in DURABLE
        if before == () and not waits:
            return await self._run_alone(script, keys, args)
        after = [("WAIT", self._replicas, _REPLICA_MS)] if waits else []
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
            await self.command("SCRIPT", "LOAD", script.source)
            answers = await self.attempts(wanted)
        for answer in answers:
            if isinstance(answer, Exception):
                with translated():
                    raise answer

    async def attempts(self, commands: Iterable[Sequence[Any]]) -> list[Any]:
        """Run several commands in one round trip; an error takes the place of its answer."""
        with translated():
            pipe = self.client.pipeline(transaction=False)
            for command in commands:
                pipe.pipeline_execute_command(*command)
            async with asyncio.timeout(COMMAND_TIMEOUT):
                return list(await pipe.execute(raise_on_error=False))


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
