"""The embedded server's data folder: who may use it, and where its socket is.

The lock is an advisory lock on a file of the folder. It is handed to the server process and dies
with it. Beside it stands who holds it, for whoever comes second.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from app.domain.errors import TriageError

_LOCK = "lock"
_LOCK_SECONDS = 1.0
"""A server that is being killed frees its lock within this time."""
_STEP_SECONDS = 0.003
_SOCKET = "valkey.sock"
_SOCKET_BYTES = 100
"""Longest path of a unix socket: 107 bytes on Linux, 103 on macOS."""
_SHORT_FOLDER = "socket-folder"
"""The file that records where the socket is when the folder's own path is too long for it."""


class DataFolderLocked(TriageError):
    """Another embedded server uses this data folder."""


def take_lock(folder: Path) -> int:
    """Take the folder's lock and return the descriptor that holds it.

    Raises:
        DataFolderLocked: saying who holds it and what to do.
    """
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                held_by = _read_holder(lock)
                os.close(lock)
                raise DataFolderLocked(
                    f"the data folder {folder} is in use by {held_by}; stop that one first, "
                    "or set TRIAGE_VAR to another folder"
                ) from None
            time.sleep(_STEP_SECONDS)
        else:
            return lock


def name_holder(lock: int, text: str) -> None:
    """Write who holds the lock beside it."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{text}\n".encode(), 0)


def holder(var: Path) -> str | None:
    """Say who uses the data folder under `var`; None if nobody does."""
    try:
        lock = os.open(var.absolute() / "valkey" / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(lock)
    finally:
        os.close(lock)
    return None


def socket_path(folder: Path) -> Path:
    """Return where the server of this data folder listens."""
    record = folder / _SHORT_FOLDER
    return (Path(record.read_text("utf-8")) if record.exists() else folder) / _SOCKET


def socket_url(folder: Path) -> str:
    """Return the same as an address that redis clients take: `unix:///…/valkey.sock`."""
    return f"unix://{quote(str(socket_path(folder)))}"


def prepare_socket(folder: Path) -> Path:
    """Make the way free for the socket; a path that is too long moves to a short private folder."""
    record = folder / _SHORT_FOLDER
    if len(os.fsencode(folder / _SOCKET)) <= _SOCKET_BYTES:
        record.unlink(missing_ok=True)
    elif not (record.exists() and _is_private(Path(record.read_text("utf-8")))):
        _record(record, tempfile.mkdtemp(prefix="triage-"))
    path = socket_path(folder)
    path.unlink(missing_ok=True)
    return path


def _record(path: Path, text: str) -> None:
    """Write a file that survives a power cut: whoever outlives the server looks there."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_short_folder(folder: Path) -> None:
    """Remove the short folder of the socket, if there is one."""
    record = folder / _SHORT_FOLDER
    if record.exists():
        with contextlib.suppress(OSError):
            shutil.rmtree(record.read_text("utf-8"))
        record.unlink(missing_ok=True)


def _read_holder(lock: int) -> str:
    return os.pread(lock, 500, 0).decode(errors="replace").strip() or "another process"


def _is_private(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and (status.st_mode & 0o170077) == 0o040000
