"""The guard before a full disk: no write is taken any more while what was taken still fits.

With `appendfsync always`, Valkey ends where it cannot write: it would otherwise have acknowledged
what is not on the disk. Then nobody can read either, and every new start ends at its first write.
So writes are refused, and reading goes on, as long as less than a reserve is free.
"""

import shutil
from pathlib import Path

RESERVE_BYTES = 100_000_000
"""More than is written between two looks, even while the append-only file is written anew."""
_ENOUGH = 1.5
"""Of the reserve; writing begins again only here, so that it does not come and go."""
LOOK_SECONDS = 0.25
REFUSE_OPTION = "min-replicas-to-write"
REFUSE, TAKE = "100000", "0"
"""So many replicas nobody has: Valkey refuses every write, also a script's, and goes on reading."""


class DiskRoom:
    """What is free where the data is."""

    def __init__(self, folder: Path, reserve: int = RESERVE_BYTES) -> None:
        """Name the folder, and how many bytes are to stay free in it."""
        self._folder = folder
        self._reserve = reserve
        self.is_short = False
        self.free = 0

    def look(self) -> None:
        """Look again."""
        self.free = shutil.disk_usage(self._folder).free
        self.is_short = self.free < self._reserve * (_ENOUGH if self.is_short else 1.0)

    def words(self) -> str:
        """Say how it is, to the operators."""
        free = f"{self.free // 1_000_000:,} MB are free on the disk of {self._folder}"
        if not self.is_short:
            return f"{free}: writes are taken again"
        enough = int(self._reserve * _ENOUGH) // 1_000_000
        return f"only {free}: no writes are taken until there are {enough:,}; reading goes on"
