"""Every key of one server written to another, by commands that all servers have long understood.

`RESTORE` would be shorter, and works only where both servers know the same file format: what a
newer Valkey has dumped, no Redis takes. The source is one that nobody else writes to.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from app.domain.errors import StateUnavailable
from app.state.store import Store

_PAGE = 500
_PART = 1_000
"""Members, entries or fields that are read and written at once: no answer takes long."""

Command = tuple[Any, ...]

_SIZES = {
    b"string": "STRLEN",
    b"hash": "HLEN",
    b"list": "LLEN",
    b"set": "SCARD",
    b"zset": "ZCARD",
    b"stream": "XLEN",
}


class Key:
    """A key that is copied, and how far that has come."""

    __slots__ = ("at", "done", "expires_ms", "kind", "name")

    def __init__(self, name: bytes, kind: bytes, expires_ms: int) -> None:
        self.name = name
        self.kind = kind
        self.expires_ms = expires_ms
        """Unix time in milliseconds; negative for never."""
        self.at: Any = b"-" if kind == b"stream" else 0
        self.done = False

    @property
    def expired(self) -> bool:
        """Whether its time is over by now."""
        return 0 <= self.expires_ms <= time.time_ns() // 1_000_000

    def read(self) -> Command:
        """Return the command that reads its next part."""
        match self.kind:
            case b"string":
                return ("GET", self.name)
            case b"list":
                return ("LRANGE", self.name, self.at, self.at + _PART - 1)
            case b"stream":
                return ("XRANGE", self.name, self.at, "+", "COUNT", _PART)
            case _:
                name = {b"hash": "HSCAN", b"set": "SSCAN", b"zset": "ZSCAN"}[self.kind]
                return (name, self.name, self.at, "COUNT", _PART)

    def written(self, part: Any) -> list[Command]:
        """Return the commands that write a part that was read, and go on behind it."""
        match self.kind:
            case b"string":
                self.done = True
                return [] if part is None else [("SET", self.name, part)]
            case b"list":
                self.at += len(part)
                self.done = len(part) < _PART
                return [("RPUSH", self.name, *part)] if part else []
            case b"stream":
                self.done = len(part) < _PART
                if part:
                    self.at = b"(" + part[-1][0]
                return [("XADD", self.name, place, *_flat(fields)) for place, fields in part]
            case _:
                self.at, members = part
                self.done = int(self.at) == 0
                return [(*self._adding(), *_members(self.kind, members))] if members else []

    def _adding(self) -> Command:
        return ({b"hash": "HSET", b"set": "SADD", b"zset": "ZADD"}[self.kind], self.name)

    def ending(self, info: dict[str, Any] | None) -> list[Command]:
        """Return what is left to do when all parts are there: a stream's latest id, the expiry."""
        found: list[Command] = []
        if info is not None:
            latest = info["last-generated-id"]
            if not info["length"] and latest != b"0-0":
                found += [("XADD", self.name, latest, "f", ""), ("XDEL", self.name, latest)]
            if latest != b"0-0":
                found.append(("XSETID", self.name, latest))
        if self.expires_ms >= 0:
            found.append(("PEXPIREAT", self.name, self.expires_ms))
        return found


def _flat(fields: Any) -> list[Any]:
    pairs = fields.items() if isinstance(fields, dict) else ()
    return [one for pair in pairs for one in pair]


def _members(kind: bytes, members: Any) -> list[Any]:
    if kind == b"set":
        return list(members)
    if kind == b"hash":
        return _flat(members)
    return [one for member, score in members for one in (repr(float(score)), member)]


async def copy(source: Store, target: Store, told: Callable[[int], object]) -> int:
    """Copy everything; what has expired meanwhile stays behind.

    Copying again what was copied before is harmless: each key is written anew.

    Args:
        source: what is copied; nobody may write to it meanwhile.
        target: where it is copied to.
        told: hears now and then how many keys more are there.

    Returns:
        How many keys there are now.

    Raises:
        StateUnavailable: if one of both goes away, or keeps something else than was written.
    """
    copied = 0
    async for page in _pages(source):
        alive = [one for one in page if not one.expired]
        await _write(source, target, alive)
        await _compare(source, target, alive)
        copied += len(alive)
        told(len(alive))
    return copied


async def _pages(source: Store) -> AsyncIterator[list[Key]]:
    async for names in source.scan("*", _PAGE):
        kinds = await source.commands(("TYPE", name) for name in names)
        expiries = await source.commands(("PEXPIRETIME", name) for name in names)
        yield [
            Key(name, kind, int(expires))
            for name, kind, expires in zip(names, kinds, expiries, strict=True)
            if kind != b"none"
        ]


async def _write(source: Store, target: Store, page: Sequence[Key]) -> None:
    await _sent(target, [("DEL", one.name) for one in page])
    going = list(page)
    while going:
        parts = await source.commands(one.read() for one in going)
        read = zip(going, parts, strict=True)
        await _sent(target, [command for one, part in read for command in one.written(part)])
        going = [one for one in going if not one.done]
    streams = [one for one in page if one.kind == b"stream"]
    about = await source.commands(("XINFO STREAM", one.name) for one in streams)
    infos = {one.name: info for one, info in zip(streams, about, strict=True)}
    await _sent(target, [command for one in page for command in one.ending(infos.get(one.name))])


async def _sent(target: Store, commands: Sequence[Command]) -> None:
    for at in range(0, len(commands), _PAGE):
        await target.commands(commands[at : at + _PAGE])


async def _compare(source: Store, target: Store, page: Sequence[Key]) -> None:
    """See that each key has the size that it had."""
    asked: list[Command] = [(_SIZES[one.kind], one.name) for one in page]
    before, after = await source.commands(asked), await target.commands(asked)
    for one, had, has in zip(page, before, after, strict=True):
        if had != has and not one.expired:
            raise StateUnavailable(f"{one.name.decode(errors='replace')} was not kept as written")
