"""A primary, two replicas and three Sentinels: real processes on the loopback."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from redis import Redis, RedisError

from app.embedded import binary
from tests.support.processes import Program, environment, free_port
from tests.support.waiting import until

SERVICE = "main"
_DOWN_MS = 1_500
"""So long nobody may hear of a primary before it counts as down; longer than a busy moment."""


class Sentinels:
    """What was started, and who is what now."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """Start everything."""
        self._folder = folder
        self._stack = stack
        self.servers: dict[int, Program] = {}
        first = free_port()
        self._server(first)
        for _ in range(2):
            self._server(free_port(), "--replicaof", f"127.0.0.1 {first}")
        until(lambda: self._replicas(first) == 2, "the replicas did not come")
        self._watch = [free_port() for _ in range(3)]
        for port in self._watch:
            self._sentinel(port, first)
        until(lambda: all(self._knows_all(port) for port in self._watch), "no quorum")

    @property
    def url(self) -> str:
        """The address of whoever is the primary."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._watch)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    def primary(self) -> int:
        """Return the port of the primary, as the first Sentinel knows it."""
        with Redis(port=self._watch[0], decode_responses=True) as sentinel:
            _, port = sentinel.sentinel_get_master_addr_by_name(SERVICE)
            return int(port)

    def kill_primary(self) -> int:
        """End the primary as `kill -9` does; returns its port."""
        port = self.primary()
        os.kill(self.servers[port].pid, signal.SIGKILL)
        return port

    def bring_back(self, port: int) -> None:
        """Start a server that was killed; the Sentinels make a replica of it."""
        self._server(port)
        until(lambda: self._replicas(self.primary()) == 2, "it did not become a replica")

    def mislead(self) -> int:
        """Let the first Sentinel name a server that is none of these; returns its port.

        So one does that was cut off during a failover, after which the old primary came back.
        """
        port = free_port()
        self._server(port)
        with Redis(port=self._watch[0], decode_responses=True) as sentinel:
            sentinel.sentinel_remove(SERVICE)
            sentinel.sentinel_monitor(SERVICE, "127.0.0.1", port, 2)
        return port

    def _server(self, port: int, *more: str) -> None:
        folder = self._folder / str(port)
        folder.mkdir(exist_ok=True)
        options = f"--port {port} --bind 127.0.0.1 --appendonly yes --appendfsync always --save"
        command = [str(binary()), *options.split(), "", "--dir", str(folder)]
        command += ["--repl-diskless-sync-delay", "0", *more]
        program = Program(f"server {port}", command, environment(), folder / "log")
        self._stack.callback(program.close)
        self.servers[port] = program
        program.wait_until(lambda: _answers(port))

    def _sentinel(self, port: int, primary: int) -> None:
        conf = self._folder / f"sentinel-{port}.conf"
        conf.write_text(
            f"port {port}\nbind 127.0.0.1\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {_DOWN_MS}\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        command = [str(binary()), str(conf), "--sentinel"]
        program = Program(f"sentinel {port}", command, environment(), conf.with_suffix(".log"))
        self._stack.callback(program.close)
        program.wait_until(lambda: _answers(port))

    def _replicas(self, port: int) -> int:
        with Redis(port=port, decode_responses=True) as client:
            info = client.info("replication")
            linked = [info.get(f"slave{n}", {}).get("state") == "online" for n in range(2)]
            return sum(linked)

    def _knows_all(self, port: int) -> bool:
        with Redis(port=port, decode_responses=True) as client:
            state = client.sentinel_master(SERVICE)
            return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == 2)


@contextmanager
def running_sentinels(folder: Path) -> Iterator[Sentinels]:
    """Run them; all end with the block."""
    with ExitStack() as stack:
        yield Sentinels(folder, stack)


def _answers(port: int) -> bool:
    try:
        with Redis(port=port, socket_timeout=1) as client:
            return bool(client.ping())
    except RedisError:
        return False
