"""`triage backup`: copies of everything, made while all runs on, verified, put back, and let go."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from analytics.warehouse import open_warehouse
from app.backup import erasures, manifest, reading, secrets
from app.backup.folder import Backups
from app.backup.making import Sources, Tell, make, note_erasures
from app.backup.manifest import Manifest
from app.backup.restoring import Plan, Restored, restore
from app.commands.storage import storage_url
from app.domain.errors import InvalidInput
from app.settings import Settings, read_settings
from app.state.facts import FactStream
from app.state.snapshot import servers_of
from app.state.store import Store
from jobs.warehouse import Drain, place_of

_DAY_MS = 86_400_000
_FOLDER = click.Path(file_okay=False, path_type=Path)
_PROGRAM = click.Path(exists=True, dir_okay=False, path_type=Path)

_folder = click.argument("folder", type=_FOLDER)
_server = click.option(
    "--server",
    "program",
    type=_PROGRAM,
    metavar="PROGRAM",
    help="The valkey-server or redis-server that reads it, where ours is too old.",
)


@click.group()
def backup() -> None:
    """Back up the storage and the warehouse while all runs on; put them back.

    FOLDER is where back-ups lie, one folder each: best on another machine's disk. Those of the
    storage that TRIAGE_REDIS_URL names, or of a running `triage up`. docs/backup.md says what is in
    one, how to run it by a timer, and how what was erased stays erased.
    """


@backup.command()
@_folder
@click.option(
    "--from",
    "source",
    metavar="URL",
    help="Copy this server instead: a replica, so that the primary need not fork.",
)
@click.option(
    "--with-secrets",
    is_flag=True,
    help="Copy the secrets of TRIAGE_VAR too. Whoever has the back-up then has all of it in plain.",
)
@click.option("--no-read-back", is_flag=True, help="Do not start a server upon it and count.")
@_server
def create(
    folder: Path,
    source: str | None,
    with_secrets: bool,
    no_read_back: bool,
    program: Path | None,
) -> None:
    """Make a back-up in FOLDER and read it back; nothing has to stop for it."""
    settings = read_settings(os.environ)
    with _telling() as tell:
        made = make(
            Backups(folder),
            _sources(settings, source),
            tell,
            secrets=with_secrets,
            read_back=not no_read_back,
            program=program,
        )
    counted = "" if made.counts is None else f": {_counted(made)}"
    click.echo(f"{made.name}{counted}; {_size(made.size_bytes)} in {made.took_seconds:.1f} s")
    if made.warehouse == "database":
        click.echo("The warehouse is in PostgreSQL and not in it: back that up by pg_dump.")
    if with_secrets:
        click.echo(
            f"It holds secrets in plain ({', '.join(made.secrets) or 'none was there'}): keep it"
            " where nobody else can read it.",
            err=True,
        )
    else:
        kept = [name for name, path in secrets.files(settings).items() if path.exists()]
        click.echo(
            "Without its secrets nobody can use it: keep those too, elsewhere"
            f" ({', '.join(kept) or 'those that you set'})."
        )


@backup.command("list")
@_folder
@click.option("--json", "as_json", is_flag=True, help="Print the manifests as JSON.")
def list_backups(folder: Path, as_json: bool) -> None:
    """List the back-ups in FOLDER, the oldest first."""
    backups = Backups(folder)
    found = [manifest.read(backups.root / name) for name in backups.names()]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("BACK-UP", "AGE", "CASES", "TURNS", "SIZE", "WAREHOUSE", "SECRETS"):
        table.add_column(title, justify="right" if title in {"CASES", "TURNS"} else "left")
    for one in found:
        cases = "not read" if one.counts is None else f"{one.counts.cases:,}"
        turns = "" if one.counts is None else f"{one.counts.turns:,}"
        secrets = ", ".join(one.secrets) or "no"
        table.add_row(
            one.name, _age(one), cases, turns, _size(one.size_bytes), one.warehouse, secrets
        )
    Console().print(table)


@backup.command()
@_folder
@click.argument("name", required=False)
@_server
def verify(folder: Path, name: str | None, program: Path | None) -> None:
    """Read the back-up NAME in FOLDER, or the latest: checksums, then a server that counts.

    The secrets that are here are tried upon it: whether they open what it holds.
    """
    settings = read_settings(os.environ)
    backups = Backups(folder)
    chosen = backups.chosen(name)
    found = manifest.read(chosen)
    with _telling() as tell:
        tell("checking every file", 0)
        manifest.check(chosen, found)
        tell("reading it back", 0)
        counts = reading.counts(chosen, found, backups.root, program, settings=settings)
    now = f"{counts.cases:,} cases with {counts.turns:,} turns"
    click.echo(f"{found.name} is whole: {len(found.files)} files, {now}")
    absent = secrets.missing(settings)
    click.echo(
        f"not tried, since not here: {', '.join(absent)}" if absent else "the secrets here open it"
    )
    if found.counts is not None and (gone := found.counts.cases - counts.cases):
        click.echo(f"{gone:,} of its cases have reached the end of their time since")


@backup.command("restore")
@_folder
@click.argument("name", required=False)
@click.option("--with-secrets", is_flag=True, help="Put the secrets back that are in it.")
@click.option(
    "--keep-warehouse",
    is_flag=True,
    help="The warehouse has survived: leave it as it is, and ask it what was erased.",
)
@click.option(
    "--erased",
    "lists",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A further list of what was erased, such as erased.json of another folder; repeatable.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_server
def restore_backup(
    folder: Path,
    name: str | None,
    with_secrets: bool,
    keep_warehouse: bool,
    lists: tuple[Path, ...],
    yes: bool,
    program: Path | None,
) -> None:
    """Put the back-up NAME in FOLDER, or the latest, back where there is nothing.

    It goes to TRIAGE_VAR, or to the empty server of TRIAGE_REDIS_URL. Instances and workers must
    not run. What was erased since it was made, as far as erased.json beside the back-ups tells, is
    erased again before anything is there. Where something is already, nothing is changed.
    """
    settings = read_settings(os.environ)
    backups = Backups(folder)
    chosen = backups.chosen(name)
    found = manifest.read(chosen)
    where = "the server of TRIAGE_REDIS_URL" if settings.redis_url else str(settings.var.absolute())
    if not yes:
        click.confirm(f"Put {found.name}, {_age(found)} old, back to {where}?", abort=True)
    began = time.monotonic()
    plan = Plan(
        backup=chosen,
        settings=settings,
        erased=erasures.merged(map(erasures.read, (backups.root / erasures.FILE, *lists))),
        secrets=with_secrets,
        keep_warehouse=keep_warehouse or found.warehouse == "database",
        program=program,
    )
    with _telling() as tell:
        done = restore(plan, tell)
    _tell_restored(found, done, time.monotonic() - began)


def _tell_restored(found: Manifest, done: Restored, seconds: float) -> None:
    click.echo(
        f"{found.name} is back: {done.cases:,} cases with {done.turns:,} turns, in {seconds:.1f} s"
    )
    if done.erased_again or done.rows_erased_again:
        click.echo(
            f"erased again: {done.erased_again:,} cases,"
            f" {done.rows_erased_again:,} rows of the warehouse"
        )
    if not done.warehouse:
        click.echo("The warehouse was left as it is.")
    if done.missing:
        click.echo(
            f"{' and '.join(done.missing)} must be put in TRIAGE_VAR BEFORE anything is started:"
            " with new ones no token is good for anything, and nobody reads what people said.",
            err=True,
        )


@backup.command("erasures")
@_folder
def note(folder: Path) -> None:
    """Note in FOLDER what was erased until now, so that no back-up brings it back.

    What waits is drained into the warehouse first. It takes a moment: let a timer run it every few
    minutes. `create` notes as well what the warehouse knows by then.
    """
    settings = read_settings(os.environ)
    backups = Backups(folder)
    with backups.working():
        _drain(settings)
        count = note_erasures(backups, _sources(settings, None))
    click.echo(f"{count:,} erasures are noted in {backups.root / erasures.FILE}")


@backup.command()
@_folder
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    required=True,
    help="Remove those that are older; the latest stays in any case.",
)
@click.option("--dry-run", is_flag=True, help="Only say which.")
def prune(folder: Path, days: float, dry_run: bool) -> None:
    """Remove old back-ups from FOLDER: so long does what was erased live on in them."""
    backups = Backups(folder)
    with backups.working():
        for one in backups.old(days):
            if not dry_run:
                backups.remove(one)
            click.echo(f"{'would remove' if dry_run else 'removed'} {one.name}")
        oldest = backups.oldest()
        if oldest is not None and not dry_run:
            # A day more, for clocks that differ.
            erasures.forget(backups.root, oldest.made_ms - _DAY_MS)


def _sources(settings: Settings, source: str | None) -> Sources:
    servers = servers_of(source or storage_url(settings))
    return Sources(servers=servers, warehouse=place_of(settings), secrets=secrets.files(settings))


def _drain(settings: Settings) -> None:
    async def drain() -> None:
        store = Store(storage_url(settings))
        opened = open_warehouse(place_of(settings))
        try:
            await Drain(FactStream(store), opened).all()
        finally:
            opened.close()
            await store.close()

    asyncio.run(drain())


@contextmanager
def _telling() -> Iterator[Tell]:
    """Show what is being done, and how many bytes that was so far, where somebody watches."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    tasks: dict[str, TaskID] = {}
    with progress:

        def tell(stage: str, size: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=None)
            progress.advance(tasks[stage], size)

        yield tell


def _counted(found: Manifest) -> str:
    if found.counts is None:
        raise InvalidInput(f"{found.name} was not counted when it was made")
    return f"{found.counts.cases:,} cases with {found.counts.turns:,} turns"


def _age(found: Manifest) -> str:
    made = datetime.fromtimestamp(found.made_ms / 1_000, UTC)
    hours = (datetime.now(UTC) - made).total_seconds() / 3_600
    return (
        f"{hours * 60:.0f} min"
        if hours < 2
        else f"{hours:.0f} h"
        if hours < 48
        else (f"{hours / 24:.0f} days")
    )


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"
