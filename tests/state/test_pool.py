"""The pool of connections: at once where one is free, in line where none is, never a dead one."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import DataError

from app.embedded import EmbeddedValkey
from app.state import connecting
from app.state.pool import LeanPool


def pool_at(url: str, most: int, seconds: float = 5.0) -> LeanPool:
    """Return a pool of so many connections."""
    found: LeanPool = LeanPool.from_url(url, max_connections=most, timeout=seconds)
    return found


async def test_a_free_connection_is_used_again(valkey: EmbeddedValkey) -> None:
    """Commands one after the other need one connection."""
    pool = pool_at(valkey.url, 8)
    client = Redis.from_pool(pool)
    for _ in range(20):
        assert await client.execute_command("ECHO", "x") == b"x"
    first = await pool.get_connection()
    assert first.is_connected
    await pool.release(first)
    assert await pool.get_connection() is first
    await pool.release(first)
    await client.aclose()


async def test_who_finds_none_free_waits_in_line(valkey: EmbeddedValkey) -> None:
    """Where more ask than there are connections, each gets its own answer, in order of asking."""
    client = Redis.from_pool(pool_at(valkey.url, 2))
    order: list[int] = []

    async def echo(number: int) -> None:
        assert await client.execute_command("ECHO", str(number)) == str(number).encode()
        order.append(number)

    await asyncio.gather(*(echo(number) for number in range(60)))
    assert sorted(order) == list(range(60))
    assert order[-1] >= 50
    await client.aclose()


async def test_the_wait_for_a_connection_ends(valkey: EmbeddedValkey) -> None:
    """Who waits too long is told so, and the next one gets what was freed meanwhile."""
    pool = pool_at(valkey.url, 1, seconds=0.05)
    only = await pool.get_connection()
    with pytest.raises(NoConnection, match="No connection available"):
        await pool.get_connection()
    await pool.release(only)
    assert await pool.get_connection() is only
    await pool.release(only)
    await pool.aclose()


async def test_connections_of_a_server_that_died_are_made_anew(
    own_valkey: EmbeddedValkey,
) -> None:
    """After a restart no command meets a connection that the dead server held."""
    pool = pool_at(own_valkey.url, 8)
    client = Redis.from_pool(pool)
    held = [await pool.get_connection() for _ in range(8)]
    hung_up = [asyncio.create_task(one.read_response(disconnect_on_error=False)) for one in held]
    for one in held:
        await pool.release(one)
    own_valkey.kill()
    async with asyncio.timeout(10):
        await asyncio.wait(hung_up)
    assert all(task.exception() for task in hung_up)
    own_valkey.start()
    for _ in range(16):
        assert await client.execute_command("ECHO", "x") == b"x"
    await client.aclose()


async def test_a_command_given_up_leaves_no_answer_behind(valkey: EmbeddedValkey) -> None:
    """The answer to a cancelled command is never taken for that to the next one."""
    client = Redis.from_pool(pool_at(valkey.url, 1))
    for number in range(30):
        task = asyncio.create_task(client.execute_command("ECHO", "given up"))
        for _ in range(number % 6):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await client.execute_command("ECHO", "mine") == b"mine"
    await client.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:1",
        "rediss://127.0.0.1:1",
        "unix:///tmp/none.sock",
        "redis+sentinel://a,b/main",
        "rediss+sentinel://a,b/main",
    ],
)
def test_commands_are_written_as_the_client_writes_them(url: str) -> None:
    """Whatever kind of connection it is, hiredis writes the same bytes as redis-py."""
    ours = connecting.pool(url).make_connection()  # type: ignore[no-untyped-call]
    theirs = Connection()
    commands: list[tuple[str | bytes | int | float, ...]] = [
        ("SCRIPT LOAD", "return 1"),
        (b"CONFIG GET", b"save"),
        ("XADD", "é", "*", b"\x00\r\n\xff", -1, 10**30, 0.1, 1e22, ""),
        ("SET", "large", b"x" * 100_000),
    ]
    for command in commands:
        assert b"".join(ours.pack_command(*command)) == b"".join(theirs.pack_command(*command))
    together = b"".join(ours.pack_commands(commands))
    assert together == b"".join(theirs.pack_commands(commands))
    with pytest.raises(DataError):
        ours.pack_command("SET", "key", None)


async def test_a_connection_outlives_what_cannot_be_written(valkey: EmbeddedValkey) -> None:
    """A value that is none of Valkey's is refused before anything was sent."""
    client = Redis.from_pool(pool_at(valkey.url, 1))
    with pytest.raises(DataError):
        await client.execute_command("ECHO", None)
    assert await client.execute_command("ECHO", "next") == b"next"
    await client.aclose()
