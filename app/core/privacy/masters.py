"""The ring of master keys: set, or kept in a file that the first process makes.

It stands apart from the storage, so that whoever has the storage reads nothing. Whoever has lost it
has lost what people said: it belongs into every back-up, and never into the same one.
"""

from pathlib import Path

from app.core.private_file import make_private
from app.domain.errors import InvalidInput
from app.domain.sealing import MasterRing, new_master, read_ring
from app.settings import Settings
from app.state.sealing import Sealer

_FILE = "master.keys"


def masters_file(settings: Settings) -> Path:
    """Return where the ring is kept that is not set itself."""
    return settings.master_keys_file or settings.var / _FILE


def sealer(settings: Settings, *, checked: bool = True) -> Sealer:
    """Return the keys of cases for a process, with a new ring if there is none.

    Args:
        settings: which ring.
        checked: whether it is known that the storage is used with this ring.

    Raises:
        InvalidInput: if the ring cannot be kept or read.
    """
    if settings.master_keys is not None:
        return Sealer(_read("TRIAGE_MASTER_KEYS", settings.master_keys), checked=checked)
    path = masters_file(settings)
    if settings.master_keys_file is None:
        _make(path)
    file = RingFile(path)
    return Sealer(file.read(), reread=file.read, checked=checked)


class RingFile:
    """The file of a ring, read again where it has changed."""

    def __init__(self, path: Path) -> None:
        """Take its path."""
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._ring: MasterRing | None = None

    def read(self) -> MasterRing:
        """Return the ring as it is now.

        Raises:
            InvalidInput: if it cannot be read.
        """
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_size, found.st_mtime_ns)
            if self._ring is None or seen != self._seen:
                self._ring = _read(str(self._path), self._path.read_text("utf-8"))
                self._seen = seen
        except OSError as error:
            raise InvalidInput(
                f"the ring of master keys cannot be read in {self._path}: {error.strerror}; name"
                " it in TRIAGE_MASTER_KEYS_FILE, the same for every instance"
            ) from error
        return self._ring


def _read(where: str, text: str) -> MasterRing:
    try:
        return read_ring(text)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from None


def _make(path: Path) -> None:
    try:
        make_private(path, lambda: f"{new_master().line()}\n")
    except OSError as error:
        raise InvalidInput(
            f"the ring of master keys cannot be kept in {path}: {error.strerror}; set"
            " TRIAGE_MASTER_KEYS_FILE, the same for every instance"
        ) from error
