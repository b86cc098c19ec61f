"""The folder in which back-ups lie: one at work in it, drafts that go, the old ones that may go."""

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.backup import manifest as manifests
from app.backup.manifest import Manifest
from app.domain.errors import InvalidInput, TriageError

_NAME = re.compile(r"triage-\d{8}T\d{6}Z(-\d+)?")
_DRAFT = ".draft-"
_LOCK = ".lock"
_DAY_MS = 86_400_000


class BackupBusy(TriageError):
    """Another command works in this folder of back-ups."""


class Backups:
    """Back-ups in a folder, the oldest first by their names."""

    def __init__(self, root: Path) -> None:
        """Name the folder; it is made when something is put into it."""
        self.root = root.absolute()

    def names(self) -> list[str]:
        """Return the names of all finished ones, the oldest first."""
        if not self.root.is_dir():
            return []
        found = (one.name for one in self.root.iterdir() if one.is_dir())
        return sorted(one for one in found if _NAME.fullmatch(one))

    def chosen(self, name: str | None) -> Path:
        """Return the folder of the one of this name, or of the latest.

        Raises:
            InvalidInput: if there is none.
        """
        names = self.names()
        if name is None and names:
            return self.root / names[-1]
        if name in names:
            return self.root / str(name)
        wanted = "no back-up" if name is None else f"no back-up {name}"
        raise InvalidInput(f"there is {wanted} in {self.root}")

    @contextmanager
    def working(self) -> Iterator[None]:
        """Be the only one that writes here; what killed ones have left goes.

        Raises:
            BackupBusy: somebody else is.
            InvalidInput: the folder cannot be used.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InvalidInput(f"{self.root} cannot be used: {error.strerror}") from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupBusy(f"another back-up is at work in {self.root}") from None
            for left in self.root.glob(f"{_DRAFT}*"):
                shutil.rmtree(left)
            yield
        finally:
            os.close(lock)

    @contextmanager
    def draft(self, made_ms: int) -> Iterator[Path]:
        """Make a folder for a new one; it is gone after the block unless it was kept."""
        draft = self.root / f"{_DRAFT}{self._free_name(made_ms)}"
        draft.mkdir(mode=0o700)
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def keep(self, draft: Path) -> Path:
        """Let a draft count, now that everything in it is on disk."""
        kept = self.root / self.name_of(draft)
        draft.rename(kept)
        manifests.sync(self.root)
        return kept

    def name_of(self, draft: Path) -> str:
        """Return what a draft will be called."""
        return draft.name.removeprefix(_DRAFT)

    def old(self, days: float, *, now_ms: int | None = None) -> list[Path]:
        """Return those that are older, the latest of all never among them.

        Raises:
            BackupDamaged: one of them cannot be read, so nobody knows how old it is.
        """
        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        folders = [self.root / name for name in self.names()[:-1]]
        return [one for one in folders if manifests.read(one).made_ms < now - days * _DAY_MS]

    def oldest(self) -> Manifest | None:
        """Return the oldest that can be read."""
        for name in self.names():
            with contextlib.suppress(manifests.BackupDamaged):
                return manifests.read(self.root / name)
        return None

    def remove(self, folder: Path) -> None:
        """Remove one; from the first moment on it is no back-up any more."""
        going = folder.rename(self.root / f"{_DRAFT}{folder.name}")
        manifests.sync(self.root)
        shutil.rmtree(going)

    def _free_name(self, made_ms: int) -> str:
        made = datetime.fromtimestamp(made_ms / 1_000, UTC)
        name = f"triage-{made:%Y%m%dT%H%M%SZ}"
        taken = set(self.names())
        numbered = (f"{name}-{number}" for number in range(2, 1_000))
        return name if name not in taken else next(one for one in numbered if one not in taken)
