"""A cluster of six servers, three primaries with a replica each: real processes on the loopback."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis import Redis, RedisError

from app.embedded import binary
from app.state.cluster import SLOTS, slot_of
from tests.support.processes import Program, environment, free_port
from tests.support.waiting import until

PRIMARIES = 3
NODE_TIMEOUT_MS = 1_000
"""So long nobody may hear of a server before it counts as down; longer than a busy moment."""


class Cluster:
    """What was started, and who is what now."""

    def __init__(
        self, folder: Path, stack: ExitStack, program: Path | None, *, whole: bool, replicas: int
    ) -> None:
        """Start everything and bring it together by hand."""
        self._folder = folder
        self._stack = stack
        self._program = program or binary()
        self._whole = "yes" if whole else "no"
        self.servers: dict[int, Program] = {}
        """Those that run, by their ports."""
        self._buses: dict[int, int] = {}
        ports = [free_port() for _ in range(PRIMARIES * (1 + replicas))]
        for port in ports:
            self._server(port)
        primaries = ports[:PRIMARIES]
        bounds = [SLOTS * at // PRIMARIES for at in range(PRIMARIES + 1)]
        for at, port in enumerate(primaries):
            call(port, "CLUSTER", "ADDSLOTSRANGE", bounds[at], bounds[at + 1] - 1)
            call(port, "CLUSTER", "SET-CONFIG-EPOCH", at + 1)
        for port in ports[1:]:
            call(ports[0], "CLUSTER", "MEET", "127.0.0.1", port, self._buses[port])
        until(lambda: all(self._linked(one) == len(ports) for one in ports), "they never met")
        names = [call(port, "CLUSTER", "MYID") for port in primaries]
        for at, port in enumerate(ports[PRIMARIES:]):
            call(port, "CLUSTER", "REPLICATE", names[at % PRIMARIES])
        self.wait_whole()

    @property
    def url(self) -> str:
        """The address: any two of them, for they know of each other."""
        first, *_, last = self.servers
        return f"redis+cluster://127.0.0.1:{first},127.0.0.1:{last}"

    def primaries(self) -> list[int]:
        """Return the ports of those who hold slots, in the order of these."""
        return list(dict.fromkeys(port for _, _, port in self._ranges(self._alive())))

    def primary_of(self, key: str) -> int:
        """Return the port of whoever holds a key's slot."""
        return self.holder(slot_of(key))

    def holder(self, slot: int) -> int:
        """Return the port of whoever holds a slot."""
        return _holder(self._ranges(self._alive()), slot)

    def kill(self, port: int) -> None:
        """End a server as `kill -9` does."""
        os.kill(self.servers[port].pid, signal.SIGKILL)
        self.servers.pop(port).process.wait()

    def bring_back(self, port: int) -> None:
        """Start a server that was killed; where another took its slots, it becomes its replica."""
        self._server(port)
        self.wait_whole()

    def wait_taken_over(self, port: int) -> None:
        """Wait until somebody else serves what a server that was killed did."""
        until(
            lambda: all(
                port not in {held for _, _, held in self._ranges(one)} and self._serves(one)
                for one in self.servers
            ),
            "nobody took over",
        )

    def wait_noticed(self) -> None:
        """Wait until all others see that a server is down that nobody takes over from."""
        until(lambda: all(self._failing(one) for one in self.servers), "nobody noticed")

    def restart(self) -> None:
        """End all servers as `kill -9` does, and start them again."""
        ports = list(self.servers)
        for port in ports:
            self.kill(port)
        for port in ports:
            self._server(port)
        self.wait_whole()

    def wait_whole(self) -> None:
        """Wait until everybody serves all slots and every replica has what its primary has."""
        until(lambda: all(self._is_whole(port) for port in self.servers), "it is not whole")

    def move_slot(self, slot: int, to: int) -> int:
        """Move a slot with its keys to another primary, key by key as tools do it under traffic.

        Returns how many keys were moved.
        """
        source = self.holder(slot)
        names = {port: call(port, "CLUSTER", "MYID") for port in (source, to)}
        call(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", names[source])
        call(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", names[to])
        moved = 0
        while keys := call(source, "CLUSTER", "GETKEYSINSLOT", slot, 1):
            call(source, "MIGRATE", "127.0.0.1", to, "", 0, 5_000, "REPLACE", "KEYS", *keys)
            moved += len(keys)
        for port in (to, source):
            call(port, "CLUSTER", "SETSLOT", slot, "NODE", names[to])
        until(
            lambda: all(_holder(self._ranges(one), slot) == to for one in self.servers),
            "the slot did not move",
        )
        return moved

    def _alive(self) -> int:
        return next(iter(self.servers))

    def _ranges(self, port: int) -> list[tuple[int, int, int]]:
        """Return which slots whose port holds, as one server sees it."""
        rows = call(port, "CLUSTER", "SLOTS")
        return sorted((first, last, held[1]) for first, last, held, *_ in rows)

    def _linked(self, port: int) -> int:
        rows = [line.split() for line in call(port, "CLUSTER", "NODES").splitlines()]
        return sum("handshake" not in one[2] and one[7] == "connected" for one in rows)

    def _serves(self, port: int) -> bool:
        return "cluster_state:ok" in call(port, "CLUSTER", "INFO")

    def _is_whole(self, port: int) -> bool:
        try:
            info, role = call(port, "CLUSTER", "INFO"), call(port, "ROLE")
        except RedisError:
            return False
        whole = "cluster_state:ok" in info and f"cluster_slots_ok:{SLOTS}" in info
        return whole and (role[0] == "master" or role[3] == "connected") and not self._failing(port)

    def _failing(self, port: int) -> bool:
        rows = [line.split() for line in call(port, "CLUSTER", "NODES").splitlines()]
        return any("fail" in one[2] for one in rows)

    def _server(self, port: int) -> None:
        folder = self._folder / str(port)
        folder.mkdir(exist_ok=True)
        options = (
            f"--port {port} --bind 127.0.0.1 --appendonly yes --appendfsync always"
            f" --cluster-enabled yes --cluster-node-timeout {NODE_TIMEOUT_MS}"
            f" --cluster-require-full-coverage {self._whole} --repl-diskless-sync-delay 0"
            f" --cluster-port {self._buses.setdefault(port, free_port())} --loglevel warning --save"
        )
        command = [str(self._program), *options.split(), "", "--dir", str(folder)]
        program = Program(f"server {port}", command, environment(), folder / "log")
        self._stack.callback(program.close)
        self.servers[port] = program
        program.wait_until(lambda: _answers(port))


def call(port: int, *parts: Any) -> Any:
    """Ask one server; answers come as they are."""
    with Redis(port=port, socket_timeout=10, decode_responses=True) as client:
        client.response_callbacks.clear()
        return client.execute_command(*parts)


@contextmanager
def running_cluster(
    folder: Path, *, program: Path | None = None, whole: bool = False, replicas: int = 1
) -> Iterator[Cluster]:
    """Run one; all end with the block.

    Args:
        folder: where their files are.
        program: the server, if not the one we bring along.
        whole: whether none serves while a slot has nobody.
        replicas: of each primary.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        yield Cluster(folder, stack, program, whole=whole, replicas=replicas)


def _holder(ranges: list[tuple[int, int, int]], slot: int) -> int:
    return next(port for first, last, port in ranges if first <= slot <= last)


def _answers(port: int) -> bool:
    try:
        return bool(call(port, "PING"))
    except RedisError:
        return False
