"""Many conversations at once: copies of a real one, each sealed under a key of its own.

Taking a hundred thousand conversations through the API would take an hour; their values are what
matters to a restart and to an end. So one conversation is held as people hold it, and what it left
in the storage is written again and again, under other ids.
"""

import re
import time
from collections.abc import Iterable, Iterator
from uuid import uuid4

from msgspec import Struct

from app.domain.errors import StateDamaged
from app.domain.sealing import CaseKey, is_sealed
from app.state import codec
from app.state.sealing import KEY
from app.state.store import Store
from tests.support.sealed import key_of

_FLEETING = re.compile(r":(t:\d+|k|w|f|q)$")
"""Words of turns, leases, open streams, facts on their way: soon none of them is left."""
_KINDS = tuple(
    kind for kind in vars(codec).values() if isinstance(kind, codec.Kind | codec.RawKind)
)
_AT_ONCE = 400

Value = bytes | tuple[bytes, bytes]
"""As it stands; or its kind and what is sealed."""
Command = tuple[bytes | str | int | float, ...]


class Part(Struct, frozen=True):
    """A key of a conversation."""

    name: str
    kind: str
    values: tuple[Value, ...]


class Original(Struct, frozen=True):
    """A conversation as it stands in the storage."""

    case_id: str
    parts: tuple[Part, ...]
    indexes: tuple[tuple[str, float], ...]
    """Sorted sets that name it, and its score there."""

    @property
    def plain_bytes(self) -> int:
        """How much its values are before they are compressed and sealed."""
        values = [one for part in self.parts for one in part.values]
        return sum(len(one[1] if isinstance(one, tuple) else one) for one in values)


async def original(store: Store, case_id: str) -> Original:
    """Read a conversation that is over, or rests."""
    key = await key_of(store, case_id)
    names = [one.decode() for one in await store.command("KEYS", f"tri:{{{case_id}}}:*")]
    parts = [await _part(store, key, name) for name in sorted(names) if not _FLEETING.search(name)]
    indexes = []
    for name in await store.command("KEYS", "tri:*"):
        if await store.command("TYPE", name) == b"zset":
            score = await store.command("ZSCORE", name, case_id)
            if score is not None:
                indexes.append((name.decode(), float(score)))
    return Original(case_id, tuple(parts), tuple(indexes))


async def copy(store: Store, of: Original, number: int, *, ends_at: int) -> list[str]:
    """Write so many copies that end at a Unix time; returns their ids."""
    ids = [uuid4().hex for _ in range(number)]
    for at in range(0, number, _AT_ONCE):
        some = ids[at : at + _AT_ONCE]
        commands = [one for case_id in some for one in _commands(store, of, case_id, ends_at)]
        for index, score in of.indexes:
            commands.append(("ZADD", index, *(part for one in some for part in (score, one))))
        pipe = store.client.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        await pipe.execute()
    life = max(60, ends_at - int(time.time()))
    await store.commands([("EXPIRE", index, life + 3_600) for index, _ in of.indexes])
    return ids


async def end_at(store: Store, of: Original, ids: list[str], second: int) -> None:
    """Let copies end at another Unix time, all of their keys in the same moment."""
    script = "for _, key in ipairs(KEYS) do redis.call('EXPIREAT', key, ARGV[1]) end"
    for some in _names(of, ids):
        await store.command("EVAL", script, len(some), *some, second)


async def present(store: Store, of: Original, ids: list[str]) -> int:
    """Count the keys of copies that are in the storage."""
    return sum([await store.command("EXISTS", *some) for some in _names(of, ids)])


def _names(of: Original, ids: list[str]) -> Iterator[list[str]]:
    """All keys of copies, a command's worth at a time."""
    suffixes = [part.name.rpartition("}")[2] for part in of.parts]
    names = [f"tri:{{{case_id}}}{suffix}" for case_id in ids for suffix in suffixes]
    for at in range(0, len(names), _AT_ONCE):
        yield names[at : at + _AT_ONCE]


def _commands(store: Store, of: Original, case_id: str, ends_at: int) -> Iterator[Command]:
    key = store.sealer.fresh(case_id)
    for part in of.parts:
        name = part.name.replace(of.case_id, case_id)
        values = list(_sealed(key, part.values))
        if part.kind == "hash":
            if part.name.endswith(":m"):
                values[values.index(KEY.encode()) + 1] = key.wrapped
            yield ("HSET", name, *values)
        elif part.kind == "list":
            yield ("RPUSH", name, *values)
        elif part.kind == "stream":
            for at in range(0, len(values), 3):
                yield ("XADD", name, *values[at : at + 3])
        else:
            yield ("SET", name, *values)
        yield ("EXPIREAT", name, ends_at)


def _sealed(key: CaseKey, values: Iterable[Value]) -> Iterator[bytes]:
    for value in values:
        yield key.seal(*value) if isinstance(value, tuple) else value


async def _part(store: Store, key: CaseKey, name: str) -> Part:
    kind = (await store.command("TYPE", name)).decode()
    values: list[bytes] = []
    if kind == "hash":
        found = await store.command("HGETALL", name)
        values = [part for pair in found.items() for part in pair]
    elif kind == "list":
        values = await store.command("LRANGE", name, 0, -1)
    elif kind == "stream":
        for entry, fields in await store.command("XRANGE", name, "-", "+"):
            assert len(fields) == 1, fields
            ((field, value),) = fields.items()
            values += [entry, field, value]
    else:
        assert kind == "string", (name, kind)
        values = [await store.command("GET", name)]
    return Part(name, kind, tuple(_opened(key, one) for one in values))


def _opened(key: CaseKey, value: bytes) -> Value:
    if not is_sealed(value):
        return value
    for kind in _KINDS:
        try:
            return kind._bound, key.open(kind._bound, value)
        except StateDamaged:
            continue
    raise AssertionError("a value of a kind that is not known")
