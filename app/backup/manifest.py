"""What a back-up is made of: the files with their checksums, and what was counted in them."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from app.domain.errors import TriageError

FILE = "manifest.json"
STORAGE = "storage"
"""The folder with the pictures of servers."""
WAREHOUSE = "warehouse"
SECRETS = "secrets"
FORMAT = 1
_PIECE = 1 << 20


class BackupDamaged(TriageError):
    """A back-up is not what it was when it was made, or cannot be read."""


class FileNote(Struct, frozen=True, kw_only=True):
    """A file of a back-up."""

    sha256: str
    size_bytes: int


class Server(Struct, frozen=True, kw_only=True):
    """A server that was copied."""

    file: str
    """Its picture, below the back-up's folder."""
    server: str
    """Product and version."""
    began_ms: int
    """Its clock before it was asked, Unix time in milliseconds: what was there by then is in it."""


class Counts(Struct, frozen=True, kw_only=True):
    """What a back-up holds, as counted on a server that had read it."""

    cases: int
    turns: int
    keys: int
    facts_waiting: int
    """On their way to the warehouse."""


class Manifest(Struct, frozen=True, kw_only=True):
    """All about a back-up."""

    name: str
    made_ms: int
    """When it began, Unix time in milliseconds."""
    took_seconds: float
    triage: str
    """The version that made it."""
    servers: tuple[Server, ...]
    files: dict[str, FileNote]
    """All files, below the back-up's folder."""
    warehouse: Literal["files", "database", "none"]
    """`database`: it is in PostgreSQL and not in here."""
    secrets: tuple[str, ...] = ()
    """Names of the secrets that are in it."""
    counts: Counts | None = None
    """None where it was not read back."""
    format: int = FORMAT

    @property
    def size_bytes(self) -> int:
        """What its files take."""
        return sum(one.size_bytes for one in self.files.values())


_decode = msgspec.json.Decoder(Manifest).decode


def read(folder: Path) -> Manifest:
    """Read a back-up's manifest.

    Raises:
        BackupDamaged: if there is none that can be read.
    """
    path = folder / FILE
    try:
        found = _decode(path.read_bytes())
    except FileNotFoundError:
        raise BackupDamaged(f"{folder} is no back-up: it has no {FILE}") from None
    except (OSError, msgspec.DecodeError) as error:
        raise BackupDamaged(f"{path} cannot be read: {error}") from error
    if found.format > FORMAT:
        raise BackupDamaged(
            f"{folder} was made by triage {found.triage}, in a format that is newer than this one"
        )
    return found


def write(folder: Path, manifest: Manifest) -> None:
    """Write it, so that it is on disk when this returns."""
    path = folder / FILE
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def noted(folder: Path) -> dict[str, FileNote]:
    """Return a note of every file below a folder, once all of them are on disk."""
    found: dict[str, FileNote] = {}
    for path in _files(folder):
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
                size += len(piece)
            os.fsync(file.fileno())
        name = path.relative_to(folder).as_posix()
        found[name] = FileNote(sha256=digest.hexdigest(), size_bytes=size)
    for below in {folder, *(path.parent for path in _files(folder))}:
        sync(below)
    return found


def check(folder: Path, manifest: Manifest) -> None:
    """Read every file and compare it with what was noted.

    Raises:
        BackupDamaged: naming the first that is missing, changed or too many.
    """
    try:
        found = noted(folder)
    except OSError as error:
        raise BackupDamaged(f"{folder} cannot be read: {error}") from error
    found.pop(FILE, None)
    for name in sorted({*found, *manifest.files}):
        if name not in found:
            raise BackupDamaged(f"{folder / name} is missing")
        if name not in manifest.files:
            raise BackupDamaged(f"{folder / name} is no part of the back-up")
        if found[name] != manifest.files[name]:
            raise BackupDamaged(f"{folder / name} is not what it was when the back-up was made")


def sync(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
