"""The warehouse in a back-up: its files, copied while nobody writes to them."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from analytics.warehouse import Erased, Warehouse, WarehouseBusy, open_warehouse
from analytics.warehouse.files import Folder

_PATIENCE_SECONDS = 60.0
_STEP_SECONDS = 0.1
_LISTS = ("erased.json",)
_UNREAD = "unread"


def kind_of(place: str | Path) -> Literal["files", "database", "none"]:
    """Say what a place of a warehouse holds."""
    if isinstance(place, str) and place.startswith(("postgresql://", "postgres://")):
        return "database"
    return "files" if Path(place).is_dir() else "none"


def copy(source: Path, target: Path) -> int:
    """Copy the files that count; returns their size.

    Whoever drains waits meanwhile, and facts with it, in the storage.

    Raises:
        WarehouseBusy: somebody has written for a minute.
        WarehouseError: the warehouse cannot be read.
    """
    folder = Folder(source)
    with _patiently(folder):
        names = [name for name in _LISTS if (source / name).exists()]
        names += [str(one.relative_to(source)) for one in source.glob(f"{_UNREAD}/*.msgpack")]
        for table in folder.tables():
            names.append(f"{table}/files.json")
            names += [f"{table}/{one.name}" for one in folder.files(table)]
        target.mkdir(mode=0o700)
        for name in names:
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copyfile(source / name, path)
            path.chmod(0o600)
    return sum((target / name).stat().st_size for name in names)


def erase(warehouse: Warehouse, erased: Erased) -> int:
    """Erase again what was erased; returns how many rows that were."""
    rows = 0
    times = sorted({*erased.cases.values(), *erased.persons.values()})
    with warehouse.writing() as writer:
        for at_ms in times:
            cases = [name for name, at in erased.cases.items() if at == at_ms]
            persons = [name for name, at in erased.persons.items() if at == at_ms]
            rows += writer.erase(cases=cases, persons=persons, at_ms=at_ms)
    return rows


def erased_in(place: str | Path) -> Erased:
    """Return what a warehouse knows to have been erased.

    Raises:
        WarehouseError: if it cannot be asked.
    """
    opened = open_warehouse(place)
    try:
        return opened.erased()
    finally:
        opened.close()


@contextmanager
def _patiently(folder: Folder) -> Iterator[None]:
    """Hold the right to write, which a worker that drains has for a moment at a time."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with folder.locked():
                yield
                return
        except WarehouseBusy:
            if time.monotonic() > until:
                raise
        time.sleep(_STEP_SECONDS)
