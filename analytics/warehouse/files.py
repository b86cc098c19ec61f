"""The files of the embedded warehouse: which of them count, and how a set of them takes over.

For each table `files.json` names the files that count. It is replaced as a whole, so readers see a
change at once or not at all and need no lock; files that it does not name are left from somebody
who was killed, and go with the next change. Who writes holds a lock of the operating system, which
dies with its process.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from analytics.warehouse.interface import Erased, WarehouseBusy, WarehouseError
from analytics.warehouse.schema import Type

_LIST = "files.json"
_LOCK = "writer.lock"
_ERASED = "erased.json"
_UNREAD = "unread"
_PARTIAL = ".part"


class DataFile(Struct, frozen=True, kw_only=True):
    """A file that counts."""

    name: str
    """Below the table's folder: `day=2026-11-25/….parquet`."""
    rows: int
    size_bytes: int
    columns: dict[str, Type]

    @property
    def day(self) -> str:
        """The day (UTC) of everything in it."""
        return self.name.partition("/")[0].removeprefix("day=")


_encode_lines = msgspec.json.Encoder().encode_lines
_decode_files = msgspec.json.Decoder(list[DataFile]).decode
_decode_erased = msgspec.json.Decoder(Erased).decode


class Folder:
    """The folder of a warehouse."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the right to write.

        Raises:
            WarehouseBusy: another process, or another block of this one, has it.
            WarehouseError: the folder cannot be made.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise WarehouseError(f"{self.root} cannot be used: {error.strerror}") from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WarehouseBusy(f"somebody else writes to {self.root}") from None
            yield
        finally:
            os.close(lock)

    def tables(self) -> list[str]:
        """Return the tables that have files, by name."""
        return sorted(one.parent.name for one in self.root.glob(f"*/{_LIST}"))

    def files(self, table: str) -> list[DataFile]:
        """Return the files of a table that count, in no particular order.

        Raises:
            WarehouseError: the list of them cannot be read.
        """
        path = self.root / table / _LIST
        try:
            return _decode_files(path.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as error:
            raise WarehouseError(f"{path} cannot be read: {error}") from error

    def path(self, table: str, name: str) -> Path:
        """Return where a file of a table is."""
        return self.root / table / name

    def partial(self, table: str, name: str) -> Path:
        """Return where to write what will become a file; its folder is made."""
        path = self.path(table, name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path.with_name(f"{path.name}{_PARTIAL}")

    def complete(self, table: str, name: str) -> int:
        """Give a written file its name, once it is on disk; returns its size. It counts later."""
        partial = self.partial(table, name)
        size = partial.stat().st_size
        _sync(partial)
        partial.rename(self.path(table, name))
        _sync(partial.parent)
        return size

    def replace(self, table: str, files: Sequence[DataFile]) -> None:
        """Let these files count from now on, and no others; the others go."""
        path = self.root / table / _LIST
        _write(path, msgspec.json.encode(sorted(files, key=lambda one: one.name)))
        self.tidy(table, {one.name for one in files})

    def tidy(self, table: str, names: set[str]) -> None:
        """Remove a table's files that do not count."""
        folder = self.root / table
        for path in folder.glob("day=*/*"):
            if f"{path.parent.name}/{path.name}" not in names:
                path.unlink(missing_ok=True)
        for day in folder.glob("day=*"):
            with contextlib.suppress(OSError):  # it holds something
                day.rmdir()

    def erased(self) -> Erased:
        """Return what was erased."""
        try:
            return _decode_erased((self.root / _ERASED).read_bytes())
        except FileNotFoundError:
            return Erased()
        except (OSError, msgspec.DecodeError) as error:
            raise WarehouseError(f"{self.root / _ERASED} cannot be read: {error}") from error

    def keep_erased(self, erased: Erased) -> None:
        """Keep what was erased."""
        _write(self.root / _ERASED, msgspec.json.encode(erased))

    def keep_unread(self, place: str, data: bytes) -> None:
        """Keep what could not be read."""
        folder = self.root / _UNREAD
        folder.mkdir(exist_ok=True, mode=0o700)
        _write(folder / f"{place}.msgpack", data)

    def forget_unread(self, names: Sequence[str]) -> None:
        """Remove what could not be read and names one of these cases or persons."""
        wanted = [one.encode() for one in names]
        for path in (self.root / _UNREAD).glob("*.msgpack"):
            data = path.read_bytes()
            if any(one in data for one in wanted):
                path.unlink(missing_ok=True)

    def drop_unread(self, before_ms: int) -> None:
        """Remove what could not be read and came before a time."""
        for path in (self.root / _UNREAD).glob("*.msgpack"):
            if path.stat().st_mtime * 1_000 < before_ms:
                path.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}{_PARTIAL}")
    partial.write_bytes(data)
    _sync(partial)
    partial.rename(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def quoted(name: str) -> str:
    """Return a name as SQL takes it.

    >>> quoted("day")
    '"day"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL takes it.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def json_lines(rows: Sequence[Mapping[str, object]], columns: Mapping[str, Type]) -> bytes:
    """Return rows as lines of JSON with these columns.

    >>> json_lines([{"id": "a", "kind": "turn"}], {"id": "text"}).decode().rstrip()
    '{"id":"a"}'
    """
    kept = [{name: row[name] for name in columns if name in row} for row in rows]
    return _encode_lines(kept)
