"""The pool of connections: at once where one is free, in line where none is, never a dead one."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NoConnection

from app.embedded import EmbeddedValkey
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
