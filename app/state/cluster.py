"""A Valkey or Redis Cluster: who holds which slot, and commands to whoever does.

redis-py has a client for clusters; decision 22 says why this is not it. What is used of redis-py is
what the storage of one server is made of: its connections, its pipelines and its errors.

A command goes to the node that holds the slot of its key. What a node refuses because the slot is
elsewhere, on its way, or without anybody, is sent again where the answer points, until its time is
over; commands for other nodes are not held up by that, and their answers stand beside the error.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from msgspec import Struct
from redis import exceptions
from redis.asyncio import Redis
from redis.crc import key_slot

from app.state.connecting import ClusterPlace, node_pool

Address = tuple[str, int]
Command = Sequence[Any]

SLOTS = 16_384
_ASK_SECONDS = 0.5
"""How long one node may take to say who holds what before another one is asked."""
_PAUSE_SECONDS = (0.005, 0.1)
_KEYLESS = frozenset({"PING", "TIME", "ECHO", "INFO", "CONFIG", "SCRIPT", "SCAN", "DBSIZE"})
_KEY_AFTER_WORD = frozenset({"MEMORY", "OBJECT", "XINFO", "XGROUP"})
_SUMMED = frozenset({"DEL", "UNLINK", "EXISTS"})
_AWAY = (
    exceptions.ConnectionError,  # also: busy loading its data, or too many wait for a connection
    exceptions.TimeoutError,
    exceptions.ClusterDownError,
    exceptions.MasterDownError,
    exceptions.ReadOnlyError,
    TimeoutError,
    OSError,
)


REPLICA_MS = 1_000
"""How long replicas may take; whoever asked hears that they did not, and asks again."""


class TooFewReplicas(Exception):
    """Fewer replicas have a write than must have it."""


class Unit(Struct):
    """Commands that go to one node on one connection, in order: to whoever has the first's key."""

    commands: list[Command]
    answers: list[Any]
    where: Address | None = None
    """Where an answer has pointed; None to look at the map."""
    asking: bool = False
    """Whether the slot is on its way there."""

    @classmethod
    def of(cls, *commands: Command) -> "Unit":
        """Make one."""
        return cls(list(commands), [])


class Cluster:
    """One process's access to a cluster, with a pool of connections for each node."""

    def __init__(self, place: ClusterPlace, *, connections: int, timeout: float) -> None:
        """Take where to begin to ask, and how long an answer may take in all."""
        self._place = place
        self._connections = connections
        self._timeout = timeout
        self._clients: dict[Address, Redis] = {}
        self._holders: list[Address | None] = []
        self._read = 0
        self._reading = asyncio.Lock()

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose(close_connection_pool=True)

    async def primaries(self) -> list[Address]:
        """Return who holds slots.

        Raises:
            redis.exceptions.ConnectionError: if nobody says.
        """
        await self._know()
        return sorted({one for one in self._holders if one is not None})

    async def orphans(self) -> int:
        """Return how many slots nobody holds."""
        await self._know()
        return sum(one is None for one in self._holders)

    async def command(self, *parts: Any) -> Any:
        """Run one command and return its answer; raises what went wrong."""
        if parts[0] in _SUMMED and len(parts) > 2:
            verb, *keys = parts
            return sum([await self._one(verb, *some) for some in _by_slot(keys)])
        return await self._one(*parts)

    async def attempts(
        self, commands: Iterable[Command], *, seconds: float | None = None
    ) -> list[Any]:
        """Run several commands; an error takes the place of its answer."""
        units = [Unit.of(command) for command in commands]
        await self.send(units, seconds)
        return [unit.answers[0] for unit in units]

    async def script(
        self,
        digest: str,
        source: str,
        keys: Sequence[str],
        args: Sequence[Any],
        *,
        before: Iterable[Command] = (),
        replicas: int = 0,
    ) -> Any:
        """Run a script at whoever has its keys, once what runs before it is acknowledged.

        Args:
            digest: of the script.
            source: of the script, for a node that does not have it yet.
            keys: its keys, all of one slot.
            args: its arguments.
            before: commands that run before it, wherever their keys are.
            replicas: how many must have all of it.

        Returns:
            Its answer; raises what went wrong, `TooFewReplicas` as well.
        """
        waits = [("WAIT", replicas, REPLICA_MS)] if replicas else []
        first = [Unit.of(*some, *waits) for some in _of_one_slot(before)]
        await self.send(first)
        for unit in first:
            _check(unit, replicas)
        unit = Unit.of(("EVALSHA", digest, len(keys), *keys, *args), *waits)
        await self.send([unit])
        if isinstance(unit.answers[0], exceptions.NoScriptError):
            unit = Unit.of(("EVAL", source, len(keys), *keys, *args), *waits)
            await self.send([unit])
        _check(unit, replicas)
        return unit.answers[0]

    async def survey(self, *parts: Any) -> dict[Address, Any]:
        """Run a command at every node that holds slots; an error takes the place of its answer.

        Raises:
            redis.exceptions.ConnectionError: if nobody says who does.
        """
        await self._look_again(self._read)
        units = {where: Unit([parts], [], where) for where in await self.primaries()}
        await asyncio.gather(*(self._send_to(where, [unit]) for where, unit in units.items()))
        return {where: unit.answers[0] for where, unit in units.items()}

    async def at(self, where: Address, *parts: Any) -> Any:
        """Run a command at a node; raises what went wrong."""
        unit = Unit([parts], [], where)
        await self._send_to(where, [unit])
        return _raised(unit.answers[0])

    async def scan(self, pattern: str, count: int) -> AsyncIterator[list[bytes]]:
        """Yield the names of keys at all nodes, a page at a time and each at least once."""
        for where in await self.primaries():
            cursor: Any = b"0"
            while True:
                cursor, page = await self.at(
                    where, "SCAN", cursor, "MATCH", pattern, "COUNT", count
                )
                if page:
                    yield page
                if int(cursor) == 0:
                    break

    async def send(self, units: Sequence[Unit], seconds: float | None = None) -> None:
        """Have all units answered, each with answers or errors in their place."""
        until = time.monotonic() + (seconds or self._timeout)
        left = list(units)
        pause = _PAUSE_SECONDS[0]
        while left:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._know()
            except _AWAY as error:
                _answer_all(left, error)
                return
            groups: dict[Address, list[Unit]] = {}
            for unit in left:
                where = unit.where or self._holder(unit)
                if where is None:
                    _answer_all([unit], exceptions.ClusterDownError("nobody serves a slot"))
                else:
                    groups.setdefault(where, []).append(unit)
            seen = self._read
            if len(groups) == 1:
                ((where, group),) = groups.items()
                await self._send_to(where, group, until)
            elif groups:
                await asyncio.gather(*(self._send_to(*one, until) for one in groups.items()))
            left = [unit for unit in left if self._goes_again(unit)]
            if not left or time.monotonic() + pause >= until:
                return
            if all(unit.where is not None for unit in left):
                continue
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_SECONDS[1])
            if any(isinstance(unit.answers[0], _AWAY) for unit in left):
                await self._look_again(seen)

    # Where things are.

    def _holder(self, unit: Unit) -> Address | None:
        key = key_of(unit.commands[0])
        if key is None:
            held = [one for one in self._holders if one is not None]
            return random.choice(held) if held else None  # noqa: S311 - no secret
        return self._holders[slot_of(key)]

    def _goes_again(self, unit: Unit) -> bool:
        """Say whether a unit is to be sent again, and note where."""
        answer = next((one for one in unit.answers if isinstance(one, Exception)), None)
        unit.where, unit.asking = None, False
        if isinstance(answer, exceptions.MovedError):  # which is an AskError to the client
            unit.where = self._holders[answer.slot_id] = (answer.host, answer.port)
        elif isinstance(answer, exceptions.AskError):
            unit.where, unit.asking = (answer.host, answer.port), True
        else:
            return isinstance(answer, (*_AWAY, exceptions.TryAgainError))
        return True

    async def _know(self) -> None:
        if not self._holders:
            await self._look(self._read)

    async def _look_again(self, seen: int) -> None:
        """Read the map anew, if there is anybody to tell it; else the old one stands."""
        try:
            await self._look(seen)
        except _AWAY:
            return

    async def _look(self, seen: int) -> None:
        """Ask one node after another who holds what, unless somebody has since it was seen."""
        async with self._reading:
            if self._read != seen:
                return
            known = list({one for one in self._holders if one is not None})
            random.shuffle(known)
            error: Exception = exceptions.ConnectionError("no node of the cluster answers")
            for where in dict.fromkeys([*known, *self._place.nodes]):
                try:
                    async with asyncio.timeout(_ASK_SECONDS):
                        rows = await self._client(where).execute_command("CLUSTER", "SLOTS")
                except (exceptions.RedisError, TimeoutError, OSError) as failed:
                    error = failed
                    continue
                if rows:
                    self._holders = _holders(rows, where[0])
                    self._read += 1
                    return
                error = exceptions.ClusterDownError("nobody holds any slot")
            raise error

    # Sending.

    def _client(self, where: Address) -> Redis:
        found = self._clients.get(where)
        if found is None:
            pool = node_pool(self._place, where, self._connections, self._timeout)
            found = self._clients[where] = Redis.from_pool(pool)
        return found

    async def _send_to(
        self, where: Address, units: Sequence[Unit], until: float | None = None
    ) -> None:
        """Send units to a node in one round trip."""
        left = self._timeout if until is None else until - time.monotonic()
        try:
            async with asyncio.timeout(max(left, 0)):
                if len(units) == 1 and len(units[0].commands) == 1 and not units[0].asking:
                    # By itself a command costs a process half of what a pipeline does.
                    command = units[0].commands[0]
                    units[0].answers = [await self._client(where).execute_command(*command)]
                    return
                pipe = self._client(where).pipeline(transaction=False)
                for unit in units:
                    if unit.asking:
                        pipe.pipeline_execute_command("ASKING")
                    for command in unit.commands:
                        pipe.pipeline_execute_command(*command)
                answers = iter(await pipe.execute(raise_on_error=False))
                for unit in units:
                    if unit.asking:
                        next(answers)
                    unit.answers = [next(answers) for _ in unit.commands]
        except exceptions.ResponseError as error:
            units[0].answers = [error]
        except (exceptions.RedisError, TimeoutError, OSError) as error:
            _answer_all(units, error)

    async def _one(self, *parts: Any) -> Any:
        (answer,) = await self.attempts([parts])
        return _raised(answer)


def slot_of(key: Any) -> int:
    """Return the slot of a key.

    >>> slot_of("tri:{c}:m") == slot_of(b"tri:{c}:q")
    True
    """
    return int(key_slot(key if isinstance(key, bytes) else str(key).encode()))


def key_of(parts: Command) -> Any:
    """Return the key by which a command finds its node; None where any node will do.

    >>> key_of(("EVALSHA", "digest", 2, "a", "b", "x")), key_of(("MEMORY", "USAGE", "k"))
    ('a', 'k')
    >>> key_of(("TIME",)) is None
    True
    """
    verb = parts[0]
    if verb in {"EVALSHA", "EVAL"}:
        return parts[3] if int(parts[2]) else None
    if verb in _KEYLESS:
        return None
    return parts[2] if verb in _KEY_AFTER_WORD else parts[1]


def _of_one_slot(commands: Iterable[Command]) -> Iterable[list[Command]]:
    groups: dict[int, list[Command]] = {}
    for command in commands:
        groups.setdefault(slot_of(key_of(command)), []).append(command)
    return groups.values()


def _check(unit: Unit, replicas: int) -> None:
    """See that a unit went well, and that enough replicas have it where they must."""
    for answer in unit.answers:
        _raised(answer)
    if replicas and unit.answers[-1] < replicas:
        raise TooFewReplicas


def _by_slot(keys: Iterable[Any]) -> Iterable[list[Any]]:
    groups: dict[int, list[Any]] = {}
    for key in keys:
        groups.setdefault(slot_of(key), []).append(key)
    return groups.values()


def _holders(rows: Any, asked: str) -> list[Address | None]:
    """Return the primary of each slot, as CLUSTER SLOTS tells it."""
    holders: list[Address | None] = [None] * SLOTS
    for first, last, (host, port, *_), *_ in rows:
        # Who does not know its own name answers without one: it is whom we asked.
        where = (host.decode() if host else asked, int(port))
        holders[first : last + 1] = [where] * (last + 1 - first)
    return holders


def _answer_all(units: Iterable[Unit], error: Exception) -> None:
    for unit in units:
        unit.answers = [error for _ in unit.commands]


def _raised(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer
