"""`triage up` with real processes: everything starts, is kept running, and ends with it."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.datafolder import holder, socket_path
from app.embedded import EmbeddedValkey
from tests.support.processes import (
    Program,
    children,
    environment,
    free_port,
    get,
    is_alive,
    triage,
)
from tests.support.scrapes import scrape
from tests.support.valkey import Wire


class House(Program):
    """A running `triage up`."""

    def __init__(self, port: int, var: Path, log: Path, **settings: str) -> None:
        """Start it."""
        env = environment(TRIAGE_PORT=str(port), TRIAGE_VAR=str(var), **settings)
        super().__init__("triage up", triage("up"), env, log)
        self.port = port
        self.var = var

    def wait_ready(self) -> None:
        """Wait until it has said where to go."""
        self.wait_until(lambda: "triage is ready." in self.output(), 60)

    def child(self, part: str) -> int:
        """Return the id of the one process under it whose command line has this part."""
        (found,) = [pid for pid in children(self.pid) if part in _command_line(pid)]
        return found

    def wait_replaced(self, part: str, old: int) -> None:
        """Wait until another process stands where this one was."""
        self.wait_until(lambda: self.has(part) and not is_alive(old))

    def has(self, part: str) -> bool:
        """Whether such a process runs."""
        return any(part in _command_line(pid) for pid in children(self.pid))


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """A data folder that nobody has used yet."""
    return tmp_path / "var"


@pytest.fixture
def house(var: Path, tmp_path: Path) -> Iterator[House]:
    """A `triage up` that is ready, and may be killed."""
    with ready(var, tmp_path / "up.log") as started:
        yield started


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A `triage up` that is ready, for all tests that only look at it."""
    folder = tmp_path_factory.mktemp("kept")
    with ready(folder / "var", folder / "up.log") as started:
        yield started


@contextmanager
def ready(var: Path, log: Path) -> Iterator[House]:
    """Run a `triage up` for as long as the block takes."""
    started = House(free_port(), var, log)
    try:
        started.wait_ready()
        yield started
    finally:
        started.close()


def test_it_starts_everything_and_says_where_to_go(kept: House) -> None:
    """The page, the documentation, the terminal, the interviewer and the data are named."""
    assert get(kept.port, "/health/ready")[0] == 200
    said = kept.output()
    for part in (
        f"http://127.0.0.1:{kept.port}/\n",
        f"http://127.0.0.1:{kept.port}/docs",
        f"TRIAGE_PORT={kept.port} triage chat",
        "guided",
        str(kept.var),
        "this machine only",
    ):
        assert part in said
    assert kept.has("valkey-server")
    assert kept.has("app.cli serve")
    assert kept.has("app.cli worker")


def test_both_processes_serve_their_metrics_where_it_says(kept: House) -> None:
    """The API at its own port, the worker at one that was free and is printed."""
    found = re.search(rf"http://127\.0\.0\.1:{kept.port}/metrics, the worker's at port (\d+)",
                      kept.output())  # fmt: skip
    assert found is not None
    worker = int(found[1])
    kept.wait_until(lambda: get(worker, "/metrics")[0] == 200)
    assert scrape(kept.port).value("triage_build_info", process="api") == 1
    assert scrape(worker).value("triage_build_info", process="worker") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_nothing_behind(house: House, number: signal.Signals) -> None:
    """Ctrl-C and a polite end both stop everything, with status 0, and nothing has to be killed."""
    family = children(house.pid)
    assert len(family) >= 3
    assert house.terminate(number, timeout=30) == 0
    assert "did not end in time" not in house.output()
    assert not [pid for pid in family if is_alive(pid)]
    assert "everything has stopped" in house.output()
    assert "bye bye" in (house.var / "valkey" / "valkey.log").read_text()


def test_kill_nine_leaves_nothing_behind(house: House) -> None:
    """Without any chance to clean up, the storage, the API and the worker still end."""
    family = children(house.pid)
    assert len(family) >= 3
    house.kill()
    deadline = time.monotonic() + 5
    while left := [pid for pid in family if is_alive(pid)]:
        assert time.monotonic() < deadline, left
        os.sched_yield()
    with EmbeddedValkey(house.var) as again, Wire(again.socket) as wire:
        assert wire.call("PING") == b"PONG"


def test_whatever_is_killed_comes_back(house: House) -> None:
    """The API, the worker and the storage are each started again, and the data is still there."""
    valkey_socket = socket_path(house.var / "valkey")
    with Wire(valkey_socket) as wire:
        wire.call("SET", "kept", "yes")
    for part in ("app.cli serve", "app.cli worker", "valkey-server"):
        old = house.child(part)
        os.kill(old, signal.SIGKILL)
        house.wait_replaced(part, old)
    house.wait_until(lambda: "serves again after" in house.output())
    house.wait_until(lambda: get(house.port, "/health/ready")[0] == 200)
    with Wire(valkey_socket) as wire:
        assert wire.call("GET", "kept") == b"yes"
    assert house.output().count("SIGKILL") == 2


def test_a_second_up_names_the_first(kept: House, tmp_path: Path) -> None:
    """The same data folder cannot be used twice; the message says by whom it is."""
    second = House(free_port(), kept.var, tmp_path / "second.log")
    try:
        assert second.wait_ended() == 1
        assert f"in use by the embedded Valkey of process {kept.pid}" in second.output()
        assert "Traceback" not in second.output()
    finally:
        second.close()
    assert get(kept.port, "/health/ready")[0] == 200


def test_a_taken_port_is_explained_before_anything_starts(var: Path, tmp_path: Path) -> None:
    """One line says what to do, the status is 1, and no storage was touched."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        up = House(taken.getsockname()[1], var, tmp_path / "up.log")
        try:
            assert up.wait_ended() == 1
            assert "TRIAGE_PORT=" in up.output()
            assert "Traceback" not in up.output()
        finally:
            up.close()
    assert not var.exists()


def test_damaged_data_is_explained_and_left_alone(var: Path, tmp_path: Path) -> None:
    """Nothing starts on data that cannot be trusted; the status is 1 and the advice is there."""
    with EmbeddedValkey(var) as server, Wire(server.socket) as wire:
        wire.call("SET", "a", "1")
    file = var / "valkey" / "appendonlydir" / "appendonly.aof.1.incr.aof"
    file.write_bytes(b"damaged" + file.read_bytes())
    up = House(free_port(), var, tmp_path / "up.log")
    try:
        assert up.wait_ended() == 1
        assert "valkey-check-aof" in up.output()
        assert "Traceback" not in up.output()
    finally:
        up.close()


def test_a_storage_of_ones_own_is_used(
    own_valkey: EmbeddedValkey, var: Path, tmp_path: Path
) -> None:
    """With TRIAGE_REDIS_URL no embedded server starts, and its password is not shown."""
    url = own_valkey.url.replace("unix://", "unix://default:swordfish@")
    with Wire(own_valkey.socket) as wire:
        wire.call("CONFIG", "SET", "requirepass", "swordfish")
    up = House(free_port(), var / "other", tmp_path / "up.log", TRIAGE_REDIS_URL=url)
    try:
        up.wait_ready()
        assert not up.has("valkey-server")
        assert "swordfish" not in up.output()
        assert up.terminate(signal.SIGINT) == 0
    finally:
        up.close()
    assert holder(var / "other") is None


def test_an_api_that_cannot_start_ends_everything(var: Path, tmp_path: Path) -> None:
    """Its own words are the explanation, and nothing is left running."""
    up = House(free_port(), var, tmp_path / "up.log", TRIAGE_PLAYBOOK="no_such")
    try:
        assert up.wait_ended() == 1
        assert "no_such" in up.output()
        assert " does not start: it ended with status 1" in up.output()
    finally:
        up.close()
    assert holder(var) is None


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""
