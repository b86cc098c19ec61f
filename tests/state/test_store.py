"""The connection: what can go wrong has one name, and scripts need no preparation."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from app.domain.errors import StateUnavailable
from app.state.keys import CaseKeys
from app.state.scripting import SCRIPTS
from app.state.store import Store
from tests.state.conftest import Server
from tests.support.sealed import store_at
from tests.support.valkey import Wire


@asynccontextmanager
async def _answering(line: str) -> AsyncIterator[Store]:
    """Run a server that greets as usual and answers everything else with one line."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        while head := await reader.readline():
            parts = []
            for _ in range(int(head[1:])):
                size = int((await reader.readline())[1:])
                parts.append((await reader.readexactly(size + 2))[:-2])
            writer.write(b"+OK\r\n" if parts[0] == b"CLIENT" else line.encode() + b"\r\n")
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    served: list[asyncio.Task[None] | None] = []
    with tempfile.TemporaryDirectory(prefix="fake-") as folder:
        socket = Path(folder) / "s"
        async with await asyncio.start_unix_server(serve, socket):
            store = store_at(f"unix://{socket}")
            try:
                yield store
            finally:
                await store.close()
                await asyncio.gather(*(one for one in served if one is not None))


@pytest.mark.parametrize(
    "line",
    [
        "-OOM command not allowed when used memory > 'maxmemory'.",
        "-MISCONF Errors writing to the AOF file: No space left on device",
        "-READONLY You can't write against a read only replica.",
        "-LOADING Valkey is loading the dataset in memory",
        "-MASTERDOWN Link with MASTER is down",
        "-CLUSTERDOWN The cluster is down",
        "-NOREPLICAS Not enough good replicas to write.",
        "-UNBLOCKED force unblock from blocking operation, instance state changed",
    ],
    ids=lambda line: line.split()[0][1:].lower(),
)
async def test_a_server_that_cannot_serve_is_unavailable(line: str) -> None:
    """Each way in which a server says "not now" has one name here, and a time to come back."""
    async with _answering(line) as store:
        for attempt in (
            lambda: store.command("GET", "k"),
            lambda: store.commands([("GET", "k"), ("GET", "l")]),
            lambda: store.run("claim", CaseKeys("c").all(), []),
            lambda: store.run("claim", CaseKeys("c").all(), [], before=[("ZADD", "z", 1, "c")]),
        ):
            with pytest.raises(StateUnavailable) as error:
                await attempt()
            assert error.value.retry_after >= 1


async def test_a_mistake_of_ours_is_not_hidden() -> None:
    """An error that waiting does not cure is raised as it is."""
    async with _answering("-ERR unknown command") as store:
        with pytest.raises(ResponseError):
            await store.command("GTE", "k")
        with pytest.raises(ResponseError):
            await store.commands([("GTE", "k")])


async def test_a_server_that_is_away_is_unavailable(tmp_path: Path) -> None:
    """Without a server everything says so."""
    store = store_at(f"unix://{tmp_path}/none.sock")
    with pytest.raises(StateUnavailable):
        await store.command("PING")
    with pytest.raises(StateUnavailable):
        await store.commands([("PING",)])
    with pytest.raises(StateUnavailable):
        await store.status()
    await store.close()


async def test_scripts_need_no_preparation(store: Store, wire: Wire) -> None:
    """A server that has never seen a script, or forgot it, runs it all the same."""
    for name in ("erase", "claim"):
        assert len(SCRIPTS[name].digest) == 40
    for _ in range(2):
        wire.call("SCRIPT", "FLUSH")
        assert await store.run("erase", CaseKeys("none").all(), [""]) == 0
        assert await store.run("erase", CaseKeys("none").all(), [""]) == 0


async def test_an_index_is_written_before_its_script(store: Store, wire: Wire) -> None:
    """What goes before a script is there even if the script has to be sent in full."""
    wire.call("SCRIPT", "FLUSH")
    before = [("SET", "before", "1", "PX", 60_000)]
    assert await store.run("claim", CaseKeys("none").all(), ["o", 1, "run", ""], before=before)
    assert wire.call("GET", "before") == b"1"


async def test_one_error_does_not_hide_the_other_answers(store: Store) -> None:
    """A round trip of several commands tells each one's answer, or the first error."""
    answers = await store.attempts([("SET", "a", 1, "PX", 60_000), ("LPUSH", "a", 1), ("GET", "a")])
    assert answers[0] in {b"OK", True}
    assert isinstance(answers[1], ResponseError)
    assert answers[2] == b"1"
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await store.commands([("GET", "a"), ("LPUSH", "a", 1)])


async def test_the_status_names_the_server(store: Store, server: Server, wire: Wire) -> None:
    """Whoever looks sees what serves, how full it is and how it keeps its data."""
    status = await store.status()
    assert status.server.startswith("redis 7" if "redis-" in server.url else "valkey ")
    assert status.persistence == (
        "snapshots or none" if "redis-" in server.url else "append-only file"
    )
    assert not status.full
    wire.call("CONFIG", "SET", "maxmemory", "1")
    try:
        assert (await store.status()).full
    finally:
        wire.call("CONFIG", "SET", "maxmemory", "0")


async def test_a_cancelled_caller_spoils_nothing(store: Store) -> None:
    """A caller that leaves in the middle does not leave its answer to the next one."""
    for number in range(20):
        task = asyncio.create_task(store.command("ECHO", "the earlier one"))
        for _ in range(number % 5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await store.command("ECHO", f"{number}") == str(number).encode()
