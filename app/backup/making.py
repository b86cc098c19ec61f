"""Taking a back-up while everything runs on.

The storage comes first and the warehouse after it: what leaves the one for the other in between is
then in both, and counts once by its id; the other way round it would be in neither.
"""

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from analytics.warehouse import open_warehouse
from app.backup import erasures, manifest, reading, warehouses
from app.backup.folder import Backups
from app.backup.manifest import SECRETS, STORAGE, WAREHOUSE, Manifest, Server
from app.state import snapshot

Tell = Callable[[str, int], object]
"""Hears what is being done, and how many bytes more that was."""


class Sources(Struct, frozen=True, kw_only=True):
    """Of what a back-up is made."""

    servers: Sequence[str]
    """Addresses: one, or each primary of a cluster."""
    warehouse: str | Path
    secrets: Mapping[str, Path]
    """Where each secret is, by its name in a back-up."""


def make(
    backups: Backups,
    sources: Sources,
    tell: Tell,
    *,
    secrets: bool = False,
    read_back: bool = True,
    program: Path | None = None,
) -> Manifest:
    """Make a back-up; it is there, on disk, when this returns, and not at all where it raises.

    Args:
        backups: where to.
        sources: of what.
        tell: hears how it goes.
        secrets: whether the secrets are copied as well.
        read_back: whether a server is started upon it that counts what is there.
        program: that server, if not the one that comes with us.

    Raises:
        BackupBusy, BackupDamaged, StateUnavailable, WarehouseError, InvalidInput: why not.
    """
    began = time.monotonic()
    made_ms = time.time_ns() // 1_000_000
    with backups.working(), backups.draft(made_ms) as draft:
        servers = tuple(
            _server(url, draft, f"{STORAGE}/{number}.rdb", tell)
            for number, url in enumerate(sources.servers, 1)
        )
        kind = warehouses.kind_of(sources.warehouse)
        if kind == "files":
            tell("copying the warehouse", 0)
            size = warehouses.copy(Path(sources.warehouse), draft / WAREHOUSE)
            tell("copying the warehouse", size)
        found = _copy_secrets(sources.secrets, draft) if secrets else ()
        made = Manifest(
            name=backups.name_of(draft),
            made_ms=min([made_ms, *(one.began_ms for one in servers)]),
            took_seconds=0.0,
            triage=version("triage"),
            servers=servers,
            files=manifest.noted(draft),
            warehouse=kind,
            secrets=found,
        )
        if read_back:
            tell("reading it back", 0)
            made = replace(made, counts=reading.counts(draft, made, backups.root, program))
        made = replace(made, took_seconds=round(time.monotonic() - began, 3))
        manifest.write(draft, made)
        note_erasures(backups, sources)
        manifest.sync(draft)
        backups.keep(draft)
    return made


def note_erasures(backups: Backups, sources: Sources) -> int:
    """Add what was erased to the list beside the back-ups; returns how much is on it.

    Raises:
        WarehouseError: the warehouse cannot be asked.
    """
    if warehouses.kind_of(sources.warehouse) == "none":
        return 0
    opened = open_warehouse(sources.warehouse)
    try:
        everything = erasures.note(backups.root, opened.erased())
    finally:
        opened.close()
    return len(everything.cases) + len(everything.persons)


def _server(url: str, draft: Path, name: str, tell: Tell) -> Server:
    path = draft / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    stage = "copying the storage"
    tell(stage, 0)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:

        def write(piece: bytes) -> None:
            file.write(piece)
            tell(stage, len(piece))

        taken = snapshot.take(url, write)
    return Server(file=name, server=taken.server, began_ms=taken.began_ms)


def _copy_secrets(secrets: Mapping[str, Path], draft: Path) -> tuple[str, ...]:
    folder = draft / SECRETS
    folder.mkdir(mode=0o700)
    found = {name: path for name, path in secrets.items() if path.exists()}
    for name, path in found.items():
        shutil.copyfile(path, folder / name)
        (folder / name).chmod(0o600)
    return tuple(found)
