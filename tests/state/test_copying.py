"""Every kind of key, written from one server to another, is there as it was."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from app.embedded import EmbeddedValkey
from app.state.copying import copy
from app.state.store import Store
from tests.support.sealed import store_at

SOON = 60_000
_READ: dict[bytes, Callable[[bytes], tuple[Any, ...]]] = {
    b"string": lambda key: ("GET", key),
    b"hash": lambda key: ("HGETALL", key),
    b"list": lambda key: ("LRANGE", key, 0, -1),
    b"set": lambda key: ("SMEMBERS", key),
    b"zset": lambda key: ("ZRANGE", key, 0, -1, "WITHSCORES"),
    b"stream": lambda key: ("XRANGE", key, "-", "+"),
}


async def filled(store: Store) -> None:
    """Keep some of everything, small and larger than what is read at once."""
    expires = time.time_ns() // 1_000_000 + SOON
    many = range(2_500)
    await store.commands(
        [
            ("SET", "string", b"\x00\xff bytes"),
            ("SET", "empty", b""),
            ("SET", "expires", "soon", "PXAT", expires),
            ("HSET", "hash", "a", b"\xfe", "b", ""),
            ("HSET", "hash:many", *(part for n in many for part in (f"f{n}", f"v{n}"))),
            ("RPUSH", "list", "b", "a", "b"),
            ("RPUSH", "list:many", *(f"turn {n}" for n in many)),
            ("RPUSH", "list:thousand", *range(1_000)),
            ("SADD", "set:many", *(f"m{n}" for n in many)),
            ("ZADD", "zset", "0.1", "a", "-inf", "b", "1764115200000.25", "c", "3", "d"),
            ("ZADD", "zset:many", *(part for n in many for part in (n / 7, f"m{n}"))),
            *(("XADD", "stream:many", f"5-{n + 1}", "f", f"{n}", "g", "") for n in many),
            ("XADD", "stream:emptied", "7-7", "f", "gone"),
            ("XDEL", "stream:emptied", "7-7"),
            ("XADD", "stream:shortened", "8-1", "f", "stays"),
            ("XADD", "stream:shortened", "9-1", "f", "goes"),
            ("XDEL", "stream:shortened", "9-1"),
            ("PEXPIREAT", "stream:many", expires),
        ]
    )


async def everything(store: Store) -> dict[bytes, Any]:
    """Return what a server holds, by key, with expiry and, of a stream, its latest id."""
    found: dict[bytes, Any] = {}
    for key in await store.command("KEYS", "*"):
        kind = await store.command("TYPE", key)
        value = await store.command(*_READ[kind](key))
        latest = None
        if kind == b"zset":  # servers write the same number in different ways
            value = list(zip(value[::2], map(float, value[1::2]), strict=True))
        if kind == b"stream":
            latest = (await store.command("XINFO STREAM", key))["last-generated-id"]
        found[key] = (kind, value, latest, await store.command("PEXPIRETIME", key))
    return found


@pytest.fixture
async def source(own_valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """A server with some of everything."""
    store = store_at(own_valkey.url)
    await filled(store)
    yield store
    await store.close()


async def test_everything_is_there_as_it_was(source: Store, other: str) -> None:
    """From the newest Valkey to whichever server, whose file formats it does not know."""
    target = store_at(other)
    told: list[int] = []
    try:
        before = await everything(source)
        assert await copy(source, target, told.append) == len(before) == sum(told)
        assert await everything(target) == before
        await target.command("HSET", "hash", "left over from a copy that was cut off", "x")
        await copy(source, target, told.append)
        assert await everything(target) == before
    finally:
        await target.close()


async def test_a_stream_takes_no_id_that_it_would_not_have_taken_before(
    source: Store, other: str
) -> None:
    """Late writers of an epoch that is over are refused by what was copied as well."""
    target = store_at(other)
    try:
        await copy(source, target, lambda _: None)
        for key, place in (("stream:emptied", "7-7"), ("stream:shortened", "9-1")):
            with pytest.raises(Exception, match="equal or smaller"):
                await target.command("XADD", key, place, "f", "late")
    finally:
        await target.close()
