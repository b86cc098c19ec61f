"""The guard before the append-only file: a torn tail is recovered, anything else fails closed.

Valkey takes whatever is unreadable at the end of its last file for a torn write and cuts it off.
After a crash that is right: only the write that was under way is unfinished, and it was never
acknowledged. But a damaged length in the middle reads the same way, and then everything behind it
would be cut off in silence. So Valkey starts strict, and this module cuts, only where nothing whole
lies behind the tear. What is cut is kept beside the data.
"""

import mmap
import os
import re
import time
from pathlib import Path

from msgspec import Struct

from app.domain.errors import TriageError

_FOLDER = "appendonlydir"
_MANIFEST = "appendonly.aof.manifest"
_MARK = "initialised"
_SNAPSHOT = "dump.rdb"
_NAMED = re.compile(r"file (\S+) seq (\d+) type ([bhi])( \w+ \S+)*")
_HEADER = re.compile(rb"\*([1-9]\d{0,8})\r\n")
_HEADER_BEGUN = re.compile(rb"\*\d{0,9}\r?")
_LENGTH = re.compile(rb"\$(\d{1,10})\r\n")

_Buffer = bytes | mmap.mmap


class DataDamaged(TriageError):
    """The data folder cannot be trusted; nothing in it was changed."""


class Tear(Struct, frozen=True, kw_only=True):
    """Where the last append-only file stops making sense."""

    path: Path
    sound: int
    """Bytes that hold whole commands and whole transactions."""
    size: int
    is_tail: bool
    """True where nothing whole lies behind the tear, so that only an unfinished write is lost."""


def check_present(folder: Path) -> None:
    """Refuse a data folder that has lost files, or whose list of them is damaged.

    Valkey would begin without what is missing, and with nothing at all where the list is.

    Raises:
        DataDamaged: saying what is wrong and what to do.
    """
    files, manifest = folder / _FOLDER, folder / _FOLDER / _MANIFEST
    if not manifest.exists():
        if any(files.glob("appendonly.aof.*")) or (folder / _MARK).exists():
            raise DataDamaged(_refused(folder, f"{manifest} is missing"))
        if (found := folder / _SNAPSHOT).exists():
            raise DataDamaged(
                f"{found} is a snapshot that another server has left. Nothing was started, because "
                "it would not be read. To take it over, start that server on it, CONFIG SET "
                "appendonly yes, and stop it when INFO says aof_rewrite_in_progress:0; or move "
                f"{folder} away and start again"
            )
        return
    named = _named(folder)
    missing = [files / one.name for one in named if not (files / one.name).exists()]
    if missing:
        raise DataDamaged(_refused(folder, f"{missing[0]} is missing"))
    for one in named:
        if one.kind == "b" and (files / one.name).stat().st_size == 0:
            raise DataDamaged(_refused(folder, f"{files / one.name} is empty"))
    latest = max((one.seq for one in named if one.kind == "i"), default=0)
    for path in sorted(files.glob("appendonly.aof.*.incr.aof")):
        if int(path.name.split(".")[2]) > latest and path.stat().st_size > 0:
            raise DataDamaged(_refused(folder, f"{manifest} does not name {path.name}"))


class _Named(Struct, frozen=True):
    """A file that the manifest names."""

    name: str
    seq: int
    kind: str
    """`b` a base, `i` increments."""


def _named(folder: Path) -> list[_Named]:
    """Return the files that make up the data; those of earlier times may be gone already."""
    manifest = folder / _FOLDER / _MANIFEST
    text = manifest.read_bytes().decode("utf-8", "replace")
    lines = text.split("\n")
    found = [_NAMED.fullmatch(line) for line in lines[:-1] if not line.startswith("#")]
    files = [_Named(one[1], int(one[2]), one[3]) for one in found if one is not None]
    if lines[-1] or None in found or "b" not in [one.kind for one in files]:
        raise DataDamaged(_refused(folder, f"{manifest} is damaged"))
    return [one for one in files if one.kind != "h"]


def _refused(folder: Path, what: str) -> str:
    return (
        f"the data in {folder} is incomplete: {what}. Nothing was started and nothing changed, "
        "because cases would be missing, or there would be no cases at all. Bring the folder back "
        f"from a backup; or, if its cases are really to be given up, move {folder} away and start "
        "again"
    )


def mark_present(folder: Path) -> None:
    """Remember that this folder holds data, so that an empty one is noticed from now on."""
    (folder / _MARK).touch()


def find_tear(folder: Path, *, at_most: int | None = None) -> Tear | None:
    """Read the last append-only file; None where it is sound, or has more bytes than are looked at.

    Raises:
        DataDamaged: if the list of files is damaged.
    """
    if not (folder / _FOLDER / _MANIFEST).exists():
        return None
    names = [one.name for one in _named(folder) if one.kind == "i"]
    path = folder / _FOLDER / names[-1] if names else None
    if path is None or not path.exists() or (size := path.stat().st_size) == 0:
        return None
    if at_most is not None and size > at_most:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        sound, parsed = _measure(data)
        if parsed == size and sound == size:
            return None
        written = _end_of_written(data, parsed)
        begun = _HEADER.match(data, parsed) or _HEADER_BEGUN.fullmatch(data, parsed, written)
        is_tail = parsed == written or (
            begun is not None and not _whole_command_behind(data, parsed)
        )
        return Tear(path=path, sound=sound, size=size, is_tail=is_tail)


def keep_tail(tear: Tear) -> Path:
    """Move what is unfinished to a file beside the data, and return its path."""
    kept = tear.path.parent.parent / f"torn-{time.time_ns() // 1_000_000}.aof"
    with tear.path.open("r+b") as source:
        source.seek(tear.sound)
        with kept.open("wb") as file:
            file.write(source.read())
            file.flush()
            os.fsync(file.fileno())
        source.truncate(tear.sound)
        os.fsync(source.fileno())
    return kept


def _measure(data: _Buffer) -> tuple[int, int]:
    """Return the ends of the last whole transaction and of the last whole command."""
    sound = parsed = 0
    in_transaction = False
    while (command := _command(data, parsed)) is not None:
        name, parsed = command
        if name == b"MULTI":
            in_transaction = True
        elif name == b"EXEC":
            in_transaction = False
        if not in_transaction:
            sound = parsed
    return sound, parsed


def _command(data: _Buffer, at: int) -> tuple[bytes, int] | None:
    """Return the name of the whole command at this offset and its end; None if it is not whole."""
    if (header := _HEADER.match(data, at)) is None:
        return None
    name = b""
    end = header.end()
    for _ in range(int(header[1])):
        if (length := _LENGTH.match(data, end)) is None:
            return None
        start = length.end()
        end = start + int(length[1]) + 2
        if data[end - 2 : end] != b"\r\n":
            return None
        name = name or data[start : end - 2].upper()
    return name, end


def _end_of_written(data: _Buffer, at: int) -> int:
    """Return where what was written ends: a power cut may leave nothing but zeros behind it."""
    end = len(data)
    while end > at and data[end - 1] == 0:
        end -= 1
    return end


def _whole_command_behind(data: _Buffer, at: int) -> bool:
    return any(
        _command(data, match.start()) is not None for match in _HEADER.finditer(data, at + 1)
    )
