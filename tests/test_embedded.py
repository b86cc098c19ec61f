"""Embedded Valkey: one server a folder, gone with its parent, and no acknowledged write lost."""

import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from app.appendonly import DataDamaged
from app.datafolder import DataFolderLocked, holder
from app.embedded import EmbeddedValkey, ValkeyNotStarted
from app.tether import Tether
from tests.support.processes import is_alive
from tests.support.valkey import Wire

INCREMENT = "valkey/appendonlydir/appendonly.aof.1.incr.aof"


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """A data folder that nobody has used yet."""
    return tmp_path / "var"


@pytest.fixture
def written(var: Path) -> Path:
    """A data folder with a hundred keys whose server has ended; the fixture's value is `var`."""
    with EmbeddedValkey(var) as server, Wire(server.socket) as wire:
        for number in range(100):
            wire.call("SET", f"key:{number}", f"value {number}")
    return var


def test_what_was_written_is_there_after_a_restart(written: Path) -> None:
    """A clean stop and a start keep every key."""
    with EmbeddedValkey(written) as server, Wire(server.socket) as wire:
        assert wire.call("DBSIZE") == b"100"
        assert wire.call("GET", "key:99") == b"value 99"


def test_only_its_owner_reaches_the_server(var: Path) -> None:
    """There is no TCP port, and folder and socket are closed to others."""
    with EmbeddedValkey(var) as server, Wire(server.socket) as wire:
        info = wire.call("INFO", "server") or b""
        assert re.search(rb"tcp_port:0\r", info)
        assert stat.S_IMODE((var / "valkey").stat().st_mode) == 0o700
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o600


def test_it_promises_durability_and_keeps_everything(var: Path) -> None:
    """Each write is synced before its answer, nothing is evicted, and no snapshot is due."""
    with EmbeddedValkey(var) as server, Wire(server.socket) as wire:
        configuration = wire.call("INFO", "persistence") or b""
        assert b"aof_enabled:1" in configuration
        wire.call("CONFIG", "SET", "maxmemory", "6mb")
        with pytest.raises(AssertionError, match="OOM"):
            _fill(wire)
        assert wire.call("EXISTS", "full:0") == b"1"


def _fill(wire: Wire) -> None:
    for number in range(2000):
        wire.call("SET", f"full:{number}", b"x" * 4096)


def test_a_second_start_says_who_holds_the_data(var: Path) -> None:
    """Two servers never share a folder, and the loser names the winner."""
    with EmbeddedValkey(var) as first:
        with pytest.raises(DataFolderLocked, match=rf"process {os.getpid()}\b.*TRIAGE_VAR"):
            EmbeddedValkey(var).start()
        held_by = holder(var)
        assert held_by is not None
        assert str(first.pid) in held_by
        with Wire(first.socket) as wire:
            assert wire.call("PING") == b"PONG"
    assert holder(var) is None


def test_the_lock_is_the_servers_not_its_starters(var: Path) -> None:
    """A killed server frees the folder although the process that started it lives on."""
    with EmbeddedValkey(var) as first:
        first.kill()
        with EmbeddedValkey(var) as second, Wire(second.socket) as wire:
            assert wire.call("PING") == b"PONG"


@pytest.mark.parametrize("watch", [False, True], ids=["kernel", "watcher"])
def test_it_dies_with_its_parent(var: Path, watch: bool) -> None:
    """`kill -9` of the process that started it leaves no server behind, on any system."""
    script = (
        "import sys; from pathlib import Path; from app.embedded import EmbeddedValkey;"
        "from app.tether import Tether;"
        f"server = EmbeddedValkey(Path(sys.argv[1]), tether=Tether(watch={watch}));"
        "server.start(); print(server.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(var)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    with EmbeddedValkey(var) as after, Wire(after.socket) as wire:  # waits for the lock
        assert wire.call("PING") == b"PONG"
    assert not is_alive(pid)


def test_a_child_of_a_parent_that_is_gone_never_starts() -> None:
    """Where the parent died before the tie held, the child ends instead of running alone."""
    command = Tether(watch=False).command([sys.executable, "-c", "print('running')"])
    elsewhere = [str(os.getppid()) if part == str(os.getpid()) else part for part in command]
    done = subprocess.run(elsewhere, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_watched_child_ends_when_the_tether_is_let_go() -> None:
    """The watcher ends its command as soon as the parent's end of the pipe closes."""
    tether = Tether(watch=True)
    command = tether.command([sys.executable, "-c", "print('up', flush=True); input()"])
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=tether.fds
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        tether.close()
        assert child.wait(10) == -signal.SIGKILL


def test_a_path_too_long_for_a_socket_is_no_obstacle(tmp_path: Path) -> None:
    """The socket moves to a short private folder, which goes away with the server."""
    var = tmp_path / ("deep" * 30) / "var"
    with EmbeddedValkey(var) as server:
        short = server.socket.parent
        assert len(os.fsencode(server.socket)) < 100
        assert stat.S_IMODE(short.stat().st_mode) == 0o700
        with pytest.raises(DataFolderLocked):
            EmbeddedValkey(var).start()
        with Wire(server.socket) as wire:
            assert wire.call("SET", "a", "1") == b"OK"
    assert not short.exists()
    with EmbeddedValkey(var) as server, Wire(server.socket) as wire:
        assert wire.call("GET", "a") == b"1"


def test_a_killed_server_loses_nothing_it_acknowledged(var: Path) -> None:
    """Four writers, five `kill -9` in the middle: whatever was answered is there afterwards."""
    acknowledged: dict[str, int] = {}
    for round_number in range(5):
        server = EmbeddedValkey(var)
        server.start()
        enough = threading.Event()
        writers = [
            threading.Thread(target=_write, args=(server, f"w{one}", acknowledged, enough))
            for one in range(4)
        ]
        for writer in writers:
            writer.start()
        assert enough.wait(20)
        server.kill()
        for writer in writers:
            writer.join()
        server.stop()
        with EmbeddedValkey(var) as again, Wire(again.socket) as wire:
            kept = {name: int(wire.call("GET", name) or -1) for name in acknowledged}
        lost = {name: n for name, n in acknowledged.items() if kept[name] < n}
        assert not lost, f"round {round_number}: {lost} acknowledged, {kept} kept"
    assert len(acknowledged) == 4


def _write(
    server: EmbeddedValkey, name: str, acknowledged: dict[str, int], enough: threading.Event
) -> None:
    number = acknowledged.get(name, 0)
    goal = number + 200
    try:
        with Wire(server.socket) as wire:
            while True:
                number += 1
                wire.call("SET", name, str(number))
                acknowledged[name] = number
                if number == goal:
                    enough.set()
    except OSError:
        return


@pytest.mark.parametrize("cut", [1, 2, 7, 20, 30])
def test_a_torn_tail_costs_only_the_unfinished_write(written: Path, cut: int) -> None:
    """A file that ends within its last command loads without it; the bytes cut are kept."""
    file = written / INCREMENT
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    with EmbeddedValkey(written) as server, Wire(server.socket) as wire:
        assert wire.call("DBSIZE") == b"99"
        assert wire.call("GET", "key:98") == b"value 98"
        (kept,) = (written / "valkey").glob("torn-*.aof")
        assert file.read_bytes() + kept.read_bytes() == whole[:-cut]
        wire.call("SET", "key:99", "again")
    with EmbeddedValkey(written) as server, Wire(server.socket) as wire:
        assert wire.call("DBSIZE") == b"100"


def test_a_torn_transaction_is_undone_as_a_whole(written: Path) -> None:
    """Of a script's effects all are kept or none."""
    with EmbeddedValkey(written) as server, Wire(server.socket) as wire:
        script = "redis.call('SET','key:1','changed') redis.call('SET','key:2','changed')"
        wire.call("EVAL", script, "0")
    file = written / INCREMENT
    file.write_bytes(file.read_bytes()[: -len(b"*1\r\n$4\r\nEXEC\r\n")])
    with EmbeddedValkey(written) as server, Wire(server.socket) as wire:
        assert wire.call("GET", "key:1") == b"value 1"
        assert wire.call("GET", "key:2") == b"value 2"


@pytest.mark.parametrize(
    ("healthy", "damaged"),
    [
        pytest.param(b"SET\r\n$6\r\nkey:50", b"SET\r\nXX\r\nkey:50", id="garbage"),
        pytest.param(b"$6\r\nkey:50", b"$7\r\nkey:50", id="length off by one"),
        pytest.param(b"$6\r\nkey:50", b"$9999999\r\nkey:50", id="length beyond the end"),
        pytest.param(b"*3\r\n$3\r\nSET\r\n$6\r\nkey:50", b"*9999\r\n$3\r\nSET", id="count"),
    ],
)
def test_damage_in_the_middle_fails_closed(written: Path, healthy: bytes, damaged: bytes) -> None:
    """Nothing starts, nothing is changed, and the message says what to do.

    A length that points beyond the end looks to Valkey like a torn tail; on its own it would cut
    off everything behind it.
    """
    file = written / INCREMENT
    broken = file.read_bytes().replace(healthy, damaged, 1)
    file.write_bytes(broken)
    server = EmbeddedValkey(written)
    with pytest.raises(DataDamaged, match=r"backup(.|\n)*valkey-check-aof"):
        server.start()
    server.stop()
    assert file.read_bytes() == broken
    assert holder(written) is None


def test_the_advice_for_damage_works(written: Path) -> None:
    """The command that the message gives makes the folder usable again, up to the damage."""
    file = written / INCREMENT
    file.write_bytes(file.read_bytes().replace(b"$6\r\nkey:50", b"XX\r\nkey:50", 1))
    server = EmbeddedValkey(written)
    with pytest.raises(DataDamaged) as caught:
        server.start()
    server.stop()
    advice = re.search(r"^ +(bash -c .*)$", str(caught.value), re.MULTILINE)
    assert advice is not None
    mended = subprocess.run(
        ["bash", "-c", advice[1]], input=b"y\n", capture_output=True, check=False
    )
    assert mended.returncode == 0, mended.stdout
    with EmbeddedValkey(written) as again, Wire(again.socket) as wire:
        assert wire.call("DBSIZE") == b"50"


@pytest.mark.parametrize("lost", ["manifest", "everything"])
def test_lost_files_never_become_an_empty_store(written: Path, lost: str) -> None:
    """A folder that held data and has lost it is refused instead of started empty."""
    folder = written / "valkey" / "appendonlydir"
    for file in folder.iterdir():
        if lost == "everything" or file.name.endswith("manifest"):
            file.unlink()
    with pytest.raises(DataDamaged, match="no cases at all"):
        EmbeddedValkey(written).start()


@pytest.mark.parametrize("name", ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"])
def test_a_missing_part_is_refused(written: Path, name: str) -> None:
    """A file that the manifest names and that is gone is damage."""
    (written / "valkey" / "appendonlydir" / name).unlink()
    with pytest.raises(DataDamaged, match=rf"{name} is missing"):
        EmbeddedValkey(written).start()


def test_a_server_that_cannot_start_shows_its_log(var: Path) -> None:
    """What went wrong is in the error, not only in a file."""
    (var / "valkey").mkdir(parents=True)
    (var / "valkey" / "appendonlydir").write_text("in the way")
    server = EmbeddedValkey(var)
    with pytest.raises(ValkeyNotStarted, match=r"valkey\.log"):
        server.start()
    server.stop()


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    """The message names the setting to change."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ValkeyNotStarted, match="TRIAGE_VAR"):
        EmbeddedValkey(tmp_path / "file").start()


def test_a_server_that_stays_silent_is_given_up(var: Path) -> None:
    """Waiting has an end, and what did not answer is not left running."""
    server = EmbeddedValkey(var)
    server.spawn()
    os.kill(server.pid, signal.SIGSTOP)
    pid = server.pid
    with pytest.raises(ValkeyNotStarted, match="did not answer"):
        server.wait_ready(timeout=0.2)
    assert not is_alive(pid)
    server.stop()


def test_stopping_is_clean_and_may_be_repeated(var: Path) -> None:
    """The server says goodbye, its id is gone, and a second stop does nothing."""
    server = EmbeddedValkey(var)
    server.start()
    pid = server.pid
    server.stop()
    server.stop()
    assert not is_alive(pid)
    assert "bye bye" in server.log.read_text()
    with pytest.raises(ValkeyNotStarted):
        _ = server.pid


def test_starting_takes_less_than_a_second(var: Path) -> None:
    """A small server is up in a fraction of a second; the quickest of five leaves out the noise."""
    waits = []
    for _ in range(5):
        started = time.monotonic()
        with EmbeddedValkey(var):
            waits.append(time.monotonic() - started)
    assert min(waits) < 1.0
