"""Pictures of servers: whole, of one moment, taken by network from Valkey and from Redis."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from app.domain.errors import StateUnavailable
from app.embedded import EmbeddedValkey
from app.state import snapshot


@contextmanager
def client_of(url: str) -> Iterator[Any]:
    """Talk to a server."""
    with Redis.from_url(url) as client:
        yield client


def taken(url: str, path: Path) -> snapshot.Taken:
    """Take a picture of a server into a file."""
    with path.open("wb") as file:
        return snapshot.take(url, file.write)


@contextmanager
def upon(path: Path, var: Path) -> Iterator[Any]:
    """Start a server upon a picture."""
    server = EmbeddedValkey(var)
    files = server.folder / "appendonlydir"
    files.mkdir(parents=True)
    (files / "appendonly.aof.1.base.rdb").write_bytes(path.read_bytes())
    manifest = "file appendonly.aof.1.base.rdb seq 1 type b\n"
    (files / "appendonly.aof.manifest").write_text(manifest)
    with server, client_of(server.url) as client:
        yield client


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_picture_has_everything(other: str, tmp_path: Path, diskless: str) -> None:
    """Whether the server sends it as it makes it or from its disk, and whichever server it is."""
    with client_of(other) as client:
        before = client.config_get("repl-diskless-*")
        client.config_set("repl-diskless-sync", diskless)
        client.config_set("repl-diskless-sync-delay", 0)
        names = [f"picture:{number}" for number in range(3_000)]
        client.mset({name: name * 50 for name in names})
        try:
            found = taken(other, tmp_path / "picture")
        finally:
            client.delete(*names)
            for name, value in before.items():
                client.config_set(name, value)
    assert found.size_bytes == (tmp_path / "picture").stat().st_size
    assert found.server.split()[0] in {"valkey", "redis"}
    with upon(tmp_path / "picture", tmp_path / "read") as read:
        assert read.mget(names) == [(name * 50).encode() for name in names]


def test_a_picture_is_of_one_moment(own_valkey: EmbeddedValkey, tmp_path: Path) -> None:
    """Of two values that always grow together, it never has one that is ahead by more than one."""
    stop = threading.Event()
    written = threading.Event()

    def write() -> None:
        with client_of(own_valkey.url) as client:
            number = 0
            while not stop.is_set():
                number += 1
                client.set("first", number)
                client.set("second", number)
                written.set()

    with client_of(own_valkey.url) as client:
        client.mset({f"ballast:{number}": "x" * 2_000 for number in range(5_000)})
        writing = threading.Thread(target=write)
        writing.start()
        try:
            assert written.wait(30)
            before = int(client.get("second") or 0)
            taken(own_valkey.url, tmp_path / "picture")
        finally:
            stop.set()
            writing.join(30)
    with upon(tmp_path / "picture", tmp_path / "read") as read:
        first, second = (int(one or 0) for one in read.mget("first", "second"))
    assert second <= first <= second + 1
    assert second >= before


def test_a_user_who_may_not_copy_is_told_what_is_needed(
    own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """And a user with exactly that may."""
    with client_of(own_valkey.url) as client:
        client.execute_command(
            "ACL", "SETUSER", "reader", "on", ">word", "~*", "+@read", "+info", "+time"
        )
        url = own_valkey.url.replace("unix://", "unix://reader:word@")
        with pytest.raises(StateUnavailable, match=r"\+sync, \+replconf"):
            taken(url, tmp_path / "refused")
        client.execute_command("ACL", "SETUSER", "copier", "on", ">word", "+sync", "+replconf")
        client.execute_command("ACL", "SETUSER", "copier", "+info", "+time")
        taken(own_valkey.url.replace("unix://", "unix://copier:word@"), tmp_path / "picture")
    assert (tmp_path / "picture").read_bytes().startswith(b"REDIS")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"-ERR Can't SYNC while not connected\r\n", "Can't SYNC"),
        (b"$100\r\nREDIS0011 and then nothing more", "hung up"),
        (b"\n\n$EOF:" + b"m" * 40 + b"\r\nREDIS0011 without its mark", "hung up"),
        (b"$40\r\nsomething else than a picture of a server", "no copy"),
        (b"+FULLRESYNC\r\n", "something else"),
    ],
)
def test_what_is_no_whole_picture_is_refused(said: bytes, why: str) -> None:
    """Nothing is taken for a picture that was cut off, or is none."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises((OSError, Exception), match=why):
            snapshot.Payload(ours, lambda _: None).receive()


def test_a_server_that_is_away_is_named_so(tmp_path: Path) -> None:
    """It is a storage that cannot be reached, not a crash."""
    with pytest.raises(StateUnavailable, match="could not be copied"):
        taken(f"unix://{tmp_path / 'nobody.sock'}", tmp_path / "picture")
