"""A server upon a back-up: to count what is there, and to put it back from."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.appendonly import DataDamaged
from app.backup import secrets
from app.backup.manifest import BackupDamaged, Counts, Manifest, Server
from app.embedded import EmbeddedValkey, ValkeyNotStarted
from app.settings import Settings
from app.state.census import Census, census
from app.state.copying import copy
from app.state.facts import FactStream
from app.state.store import Store

_BASE = "appendonly.aof.1.base.rdb"
_LOADING_SECONDS = 3_600.0


def counts(
    backup: Path,
    manifest: Manifest,
    within: Path,
    program: Path | None = None,
    *,
    settings: Settings | None = None,
) -> Counts:
    """Start a server upon a back-up and count; what has expired since it was made counts no more.

    Args:
        backup: its folder.
        manifest: of it.
        within: a folder on a disk with room for what the server writes; it is left as it was.
        program: the server, if not the one that comes with us.
        settings: the secrets that are to be tried upon it; None for none.

    Raises:
        BackupDamaged: it cannot be read.
        AccessSecretWrong, MasterKeysWrong: the secrets are not those of the back-up.
    """
    with (
        tempfile.TemporaryDirectory(prefix=".draft-reading-", dir=within) as folder,
        serving(backup, manifest, Path(folder), program) as server,
    ):
        found, waiting = asyncio.run(_counted(server.url, settings))
    return Counts(cases=len(found.cases), turns=found.turns, keys=found.keys, facts_waiting=waiting)


async def _counted(url: str, settings: Settings | None) -> tuple[Census, int]:
    store = Store(url, sealer=None if settings is None else secrets.opener(settings))
    try:
        found = await census(store)
        if settings is not None:
            await secrets.check(store, settings, list(found.cases))
        return found, await FactStream(store).waiting()
    finally:
        await store.close()


@contextmanager
def serving(
    backup: Path, manifest: Manifest, var: Path, program: Path | None = None
) -> Iterator[EmbeddedValkey]:
    """Run a server with everything that a back-up's servers held; its data is in `var` afterwards.

    Raises:
        BackupDamaged: a picture cannot be read.
    """
    first, *others = manifest.servers
    with _started(backup, first, var, program) as server:
        for number, one in enumerate(others, 2):
            beside = var / f"server-{number}"
            with _started(backup, one, beside, program) as source:
                asyncio.run(_brought(source.url, server.url))
            shutil.rmtree(beside)
        yield server


@contextmanager
def _started(
    backup: Path, one: Server, var: Path, program: Path | None
) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(var, program=program)
    files = server.folder / "appendonlydir"
    for folder in (server.folder, files):
        folder.mkdir(parents=True, mode=0o700)
    shutil.copyfile(backup / one.file, files / _BASE)
    (files / "appendonly.aof.manifest").write_text(f"file {_BASE} seq 1 type b\n")
    try:
        server.start(_LOADING_SECONDS)
    except (DataDamaged, ValkeyNotStarted) as error:
        server.stop()
        said = "\n".join(str(error).splitlines()[-6:])
        raise BackupDamaged(
            f"{backup / one.file}, which {one.server} has made, cannot be read. Where that is a"
            f" newer server than ours, name its program with --server. What is said:\n{said}"
        ) from error
    try:
        yield server
    finally:
        server.stop()


async def _brought(source_url: str, target_url: str) -> None:
    source, target = Store(source_url), Store(target_url)
    try:
        await copy(source, target, lambda _: None)
    finally:
        await source.close()
        await target.close()
