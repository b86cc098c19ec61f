"""Has the append-only file written anew after something was erased, within an hour.

Until then the file holds the wrapped key of an erased case, and what that key sealed. Valkey itself
writes the file anew as it grows, which may take days.
"""

from typing import Any

from redis.exceptions import ResponseError

from app.state import keys
from app.state.indexes import Command
from app.state.store import Store

EVERY_SECONDS = 3_600
"""How often the file is written anew at most: it costs a copy of all that is kept."""


def noted() -> Command:
    """Return the command that notes that something was erased."""
    return ("HINCRBY", keys.ERASED, "n", 1)


async def rewrite_where_erased(store: Store, *, every_seconds: int = EVERY_SECONDS) -> bool:
    """Have the file written anew if something was erased since; True if that was begun now.

    To be called now and then by any number of processes: one of them does it.

    Raises:
        StateUnavailable: if the storage does not answer.
    """
    erased, asked, done = map(
        _number, await store.command("HMGET", keys.ERASED, "n", "asked", "done")
    )
    if erased == done:
        return False
    servers = await store.everywhere("INFO", "persistence")
    if not all(_appends(one) for one in servers):
        return False  # there is no such file, or not everybody says so
    if any(one["aof_rewrite_in_progress"] or one["aof_rewrite_scheduled"] for one in servers):
        return False
    if asked > done:
        went_well = all(one["aof_last_bgrewrite_status"] == "ok" for one in servers)
        field, value = ("done", asked) if went_well else ("asked", done)
        await store.command("HSET", keys.ERASED, field, value)
        if went_well and asked == erased:
            return False
    if not await store.command("SET", keys.ERASED_LEASE, 1, "NX", "EX", every_seconds):
        return False
    await store.command("HSET", keys.ERASED, "asked", erased)
    try:
        answers = await store.everywhere("BGREWRITEAOF")
    except ResponseError as error:  # the server began by itself in this very moment
        answers = [error]
    if any(isinstance(one, Exception) for one in answers):
        await store.commands([("HSET", keys.ERASED, "asked", done), ("DEL", keys.ERASED_LEASE)])
        return False
    return True


def _number(data: bytes | None) -> int:
    return int(data or 0)


def _appends(server: Any) -> bool:
    return not isinstance(server, Exception) and bool(int(server.get("aof_enabled", 0)))
