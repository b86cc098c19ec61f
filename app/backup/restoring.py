"""Putting a back-up back where there is nothing; what was erased meanwhile stays erased.

Everything is made ready beside the place where it belongs: the server's data, read and cleared of
what was erased, and the warehouse. Only then it moves there. A distant server is written to key by
key, under a mark that says so: whoever is cut off begins again with the same back-up.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from analytics.warehouse import Erased, open_warehouse
from app.backup import erasures, manifest, reading, secrets, warehouses
from app.backup.making import Tell
from app.backup.manifest import SECRETS, WAREHOUSE, Manifest
from app.datafolder import holder
from app.domain.errors import TriageError
from app.settings import Settings
from app.state.census import Census, census
from app.state.conversations import ConversationStateManager
from app.state.copying import copy
from app.state.store import Store

MARK = "tri:restoring"
"""String: the name of the back-up that is being put back; gone when all of it is there."""
_DRAFT = ".restoring-"


class NotEmpty(TriageError):
    """Something is where a back-up was to be put back; nothing was changed."""


class Plan(Struct, frozen=True, kw_only=True):
    """What is put back, and where."""

    backup: Path
    settings: Settings
    erased: Erased
    """What was erased, as far as lists tell."""
    secrets: bool = False
    """Whether secrets that are in the back-up are put back as well."""
    keep_warehouse: bool = False
    """The warehouse has outlived what happened: it stays, and tells what was erased."""
    program: Path | None = None
    """The server that reads the back-up, if not ours."""

    @property
    def var(self) -> Path:
        """The folder of this machine's data."""
        return self.settings.var.absolute()

    @property
    def warehouse(self) -> str | Path:
        """Where the warehouse belongs."""
        return self.settings.warehouse or self.var / WAREHOUSE


class Restored(Struct, frozen=True, kw_only=True):
    """What was put back."""

    cases: int
    turns: int
    keys: int
    erased_again: int
    """Cases of the back-up that had been erased since."""
    rows_erased_again: int
    """The same in the warehouse."""
    warehouse: bool
    """Whether the warehouse was put back."""
    secrets: Sequence[str]
    missing: Sequence[str]
    """Secrets that are not here yet: with new ones, what was put back is of no use."""


def restore(plan: Plan, tell: Tell) -> Restored:
    """Put a back-up back.

    Raises:
        NotEmpty: something is there; nothing was changed.
        BackupDamaged: the back-up is not what it was; nothing was changed.
        AccessSecretWrong, MasterKeysWrong: the secrets here are others; nothing was changed.
        StateUnavailable, WarehouseError, InvalidInput: saying what went wrong.
    """
    found = manifest.read(plan.backup)
    _check_empty(plan, found)
    tell("checking the back-up", 0)
    manifest.check(plan.backup, found)
    erased = plan.erased
    if plan.keep_warehouse:
        erased = erasures.merged([erased, warehouses.erased_in(plan.warehouse)])
    plan.var.mkdir(parents=True, exist_ok=True)
    for left in plan.var.glob(f"{_DRAFT}*"):
        shutil.rmtree(left)
    with ExitStack() as stack:
        draft = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=_DRAFT, dir=plan.var)))
        rows = _ready_warehouse(plan, found, erased, draft, tell)
        tell("reading the back-up", 0)
        with reading.serving(plan.backup, found, draft, plan.program) as server:
            gone, held = asyncio.run(_ready_storage(plan, found, erased, server.url, tell))
        if plan.settings.redis_url is None:
            _move(draft / "valkey", plan.var / "valkey")
        moved = (draft / WAREHOUSE).exists()
        if moved:
            _move(draft / WAREHOUSE, Path(plan.warehouse))
        put_back = _put_secrets(plan, found)
    return Restored(
        cases=len(held.cases),
        turns=held.turns,
        keys=held.keys,
        erased_again=gone,
        rows_erased_again=rows,
        warehouse=moved,
        secrets=put_back,
        missing=secrets.missing(plan.settings),
    )


def _check_empty(plan: Plan, found: Manifest) -> None:
    if plan.settings.redis_url is None:
        if (by := holder(plan.var)) is not None:
            raise NotEmpty(f"{plan.var} is in use by {by}; stop that one, and move its data away")
        _check_folder(plan.var / "valkey", "the storage")
    else:
        asyncio.run(_check_server(plan.settings.redis_url, found.name))
    if found.warehouse == "files" and not plan.keep_warehouse:
        if warehouses.kind_of(plan.warehouse) == "database":
            raise NotEmpty(
                "the back-up has the warehouse as files, and TRIAGE_WAREHOUSE names a database;"
                " keep what is there with --keep-warehouse"
            )
        _check_folder(Path(plan.warehouse), "the warehouse")
    places = secrets.files(plan.settings)
    for name in found.secrets if plan.secrets else ():
        path, kept = places[name], plan.backup / SECRETS / name
        if path.exists() and path.read_bytes() != kept.read_bytes():
            raise NotEmpty(f"{path} is there, and another one than that of the back-up")


def _check_folder(folder: Path, what: str) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise NotEmpty(
            f"{folder} is not empty: a back-up is put back only where there is nothing. Move it"
            f" away if {what} in it is really to be given up"
        )


async def _check_server(url: str, name: str) -> None:
    store = Store(url)
    try:
        marked = await store.command("GET", MARK)
        async for _ in store.scan("*", 1_000):
            if marked != name.encode():
                raise NotEmpty(
                    "the server of TRIAGE_REDIS_URL is not empty: a back-up is put back only where"
                    " there is nothing. Stop all instances and workers, and name an empty one"
                )
    finally:
        await store.close()


async def _ready_storage(
    plan: Plan, found: Manifest, erased: Erased, url: str, tell: Tell
) -> tuple[int, Census]:
    """Erase in what was read what was erased since, and bring it to a distant server, if to one."""
    store = Store(url, sealer=secrets.opener(plan.settings))
    try:
        held = await census(store)
        await secrets.check(store, plan.settings, list(held.cases))
        conversations = ConversationStateManager(store, "restore")
        names = sorted(set(held.cases) & set(erased.cases))
        for name in names:
            await conversations.delete_conversation_state(name)
        if names:
            held = await census(store)
        if plan.settings.redis_url is not None:
            await _bring(store, plan.settings.redis_url, found.name, tell)
        return len(names), held
    finally:
        await store.close()


async def _bring(source: Store, url: str, name: str, tell: Tell) -> None:
    target = Store(url)
    try:
        await target.command("SET", MARK, name)
        await copy(source, target, lambda _: tell("writing to the server", 0))
        await target.command("DEL", MARK)
    finally:
        await target.close()


def _ready_warehouse(plan: Plan, found: Manifest, erased: Erased, draft: Path, tell: Tell) -> int:
    """Copy the warehouse, if there is one to be put back, and erase in it; returns rows erased."""
    place: str | Path = plan.warehouse
    if not plan.keep_warehouse:
        if found.warehouse != "files":
            return 0
        tell("copying the warehouse", 0)
        place = draft / WAREHOUSE
        shutil.copytree(plan.backup / WAREHOUSE, place)
    opened = open_warehouse(place)
    try:
        return warehouses.erase(opened, erased)
    finally:
        opened.close()


def _put_secrets(plan: Plan, found: Manifest) -> list[str]:
    if not plan.secrets:
        return []
    places = secrets.files(plan.settings)
    names = [name for name in found.secrets if name in places]
    for name in names:
        if not places[name].exists():
            shutil.copyfile(plan.backup / SECRETS / name, places[name])
            places[name].chmod(0o600)
    return names


def _move(source: Path, target: Path) -> None:
    """Move a folder to where it belongs; an empty one there gives way."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        target.rmdir()
    try:
        source.rename(target)
    except OSError:  # another disk
        shutil.move(source, target)
    manifest.sync(target.parent)
