"""The connection to Valkey or Redis: pools of connections, and commands that go over them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from app.domain.errors import StateUnavailable
from app.state import connecting, status
from app.state.cluster import Cluster
from app.state.failing import translated
from app.state.status import StoreStatus

CONNECTIONS = 64
COMMAND_TIMEOUT = 2.0
CLUSTER_TIMEOUT = 4.0
"""In a cluster, with all that is sent again: long enough for a slot to be moved meanwhile."""
BLOCKING_TIMEOUT = 6.0


class Server:
    """One process's access to the server: a pool for commands, one for blocking reads."""

    def __init__(self, url: str) -> None:
        """Take the address, of one server or of a cluster."""
        self.url = url
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
                return await status.of_cluster(self._cluster)
        began = time.perf_counter()
        await self.command("PING")
        ping_ms = (time.perf_counter() - began) * 1_000
        return status.of_server(await self.command("INFO"), ping_ms)

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
