"""The guard before the append-only file: a torn tail is recovered, anything else fails closed.

Valkey takes whatever is unreadable at the end of its last file for a torn write and cuts it off.
After a crash that is right: only the write that was under way is unfinished, and it was never
acknowledged. But a damaged length in the middle reads the same way, and then everything behind it
would be cut off in silence. So Valkey starts strict, and is allowed to cut only after this module
has seen that nothing whole lies behind the tear. What is cut is kept beside the data.
"""

import mmap
import re
import time
from pathlib import Path

from msgspec import Struct

from app.domain.errors import TriageError

_FOLDER = "appendonlydir"
_MANIFEST = "appendonly.aof.manifest"
_MARK = "initialised"
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
    """Refuse a data folder that has lost files: Valkey may start with nothing in it.

    Raises:
        DataDamaged: saying what is missing and what to do.
    """
    files, manifest = folder / _FOLDER, folder / _FOLDER / _MANIFEST
    if manifest.exists():
        named = re.findall(r"^file (\S+) seq", manifest.read_text("utf-8"), re.MULTILINE)
        missing = [files / name for name in named if not (files / name).exists()]
    else:
        held_data = any(files.glob("appendonly.aof.*")) or (folder / _MARK).exists()
        missing = [manifest] if held_data else []
    if missing:
        raise DataDamaged(
            f"the data in {folder} is incomplete: {missing[0]} is missing. Nothing was started, "
            "because that would begin with no cases at all. Bring the folder back from a backup; "
            f"or, if its cases are really to be given up, move {folder} away and start again"
        )


def mark_present(folder: Path) -> None:
    """Remember that this folder holds data, so that an empty one is noticed from now on."""
    (folder / _MARK).touch()


def find_tear(folder: Path) -> Tear | None:
    """Read the last append-only file; None where it is sound or is not a file of commands."""
    manifest = (folder / _FOLDER / _MANIFEST).read_text("utf-8")
    names = re.findall(r"^file (\S+) seq \d+ type i\b", manifest, re.MULTILINE)
    path = folder / _FOLDER / names[-1] if names else None
    if path is None or not path.exists() or (size := path.stat().st_size) == 0:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        sound, parsed = _measure(data)
        if parsed == size and sound == size:
            return None
        begun = _HEADER.match(data, parsed) or _HEADER_BEGUN.fullmatch(data, parsed)
        is_tail = parsed == size or (begun is not None and not _whole_command_behind(data, parsed))
        return Tear(path=path, sound=sound, size=size, is_tail=is_tail)


def keep_tail(tear: Tear) -> Path:
    """Copy what is about to be cut off to a file beside the data, and return its path."""
    kept = tear.path.parent.parent / f"torn-{time.time_ns() // 1_000_000}.aof"
    with tear.path.open("rb") as source:
        source.seek(tear.sound)
        kept.write_bytes(source.read())
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


def _whole_command_behind(data: _Buffer, at: int) -> bool:
    return any(
        _command(data, match.start()) is not None for match in _HEADER.finditer(data, at + 1)
    )
