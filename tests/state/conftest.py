"""What the tests of the state room share: a server of either kind, and what speaks to it."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from redis import Redis

from app.embedded import EmbeddedValkey
from app.state.conversations import ConversationStateManager
from app.state.follow import Follower
from app.state.journal import Journal
from app.state.store import Store
from app.tether import Tether
from tests.support.sealed import store_at
from tests.support.valkey import Wire


class Server(Struct, frozen=True):
    """A running Valkey or Redis."""

    url: str
    socket: Path


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """Debian's Redis 7 on a socket of its own."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("Debian's redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        socket = Path(folder) / "redis.sock"
        options = ["--port", "0", "--save", "", "--appendonly", "no", "--dir", folder]
        tether = Tether()
        process = subprocess.Popen(
            tether.command([binary, "--unixsocket", str(socket), *options]),
            stdout=subprocess.DEVNULL,
            pass_fds=tether.fds,
        )
        try:
            _wait_for(socket, process)
            yield Server(f"unix://{socket}", socket)
        finally:
            process.terminate()
            process.wait()
            tether.close()


def _wait_for(socket: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with Wire(socket) as wire:
                wire.call("PING")
                return
        except OSError:
            time.sleep(0.01)
    raise AssertionError(f"redis-server did not come up: {process.poll()}")


@pytest.fixture(params=["valkey", pytest.param("redis", marks=pytest.mark.redis_server)])
def server(request: pytest.FixtureRequest) -> Server:
    """The server under test: the Valkey we bring along, then Debian's Redis."""
    if request.param == "redis":
        redis: Server = request.getfixturevalue("redis_server")
        return redis
    valkey = request.getfixturevalue("valkey")
    return Server(valkey.url, valkey.socket)


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    """A connection that speaks by hand."""
    with Wire(server.socket) as connection:
        yield connection


@pytest.fixture
def clean(wire: Wire) -> Wire:
    """A server with nothing in it."""
    wire.call("FLUSHALL")
    return wire


@pytest.fixture
async def store(server: Server) -> AsyncIterator[Store]:
    """A connection as an instance has it."""
    made = store_at(server.url)
    yield made
    await made.close()


@pytest.fixture
def conversations(store: Store) -> ConversationStateManager:
    """The cases as one instance sees them."""
    return ConversationStateManager(store, "one")


@pytest.fixture
async def rival(server: Server) -> AsyncIterator[ConversationStateManager]:
    """The cases as another instance sees them."""
    other = store_at(server.url)
    yield ConversationStateManager(other, "two")
    await other.close()


@pytest.fixture
async def journal(store: Store) -> AsyncIterator[Journal]:
    """A running writer of token logs."""
    made = Journal(store)
    made.start()
    yield made
    await made.close()


@pytest.fixture
async def follower(store: Store) -> AsyncIterator[Follower]:
    """A running reader of streams."""
    made = Follower(store, "one")
    made.start()
    yield made
    await made.close()


@pytest.fixture(params=["valkey", pytest.param("redis", marks=pytest.mark.redis_server)])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty server of either kind."""
    if request.param == "valkey":
        with EmbeddedValkey(tmp_path / "other") as server:
            yield server.url
        return
    url = request.getfixturevalue("redis_server").url
    with Redis.from_url(url) as client:
        client.flushall()
        yield url
        client.flushall()
