"""`triage keys masters|new-master|rotate-master`: the master keys that wrap the keys of cases."""

import asyncio
import os
from collections import Counter
from datetime import UTC, datetime

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from app.commands.auditing import audited
from app.commands.storage import opened_store
from app.core.privacy.masters import masters_file
from app.core.privacy.rotation import WAIT_SECONDS, Rotated, Rotation
from app.domain.sealing import new_master
from app.settings import Settings, read_settings
from app.state.masters import MasterBook, RegisteredMaster


@click.command("masters")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_masters(as_json: bool) -> None:
    """List the master keys, and how many keys of cases each wraps; none of them is shown."""
    found, counts = asyncio.run(_masters(read_settings(os.environ)))
    rows = [
        {
            "id": one.id,
            "since": one.since_ms,
            "state": "current" if one.is_current else "coming" if one.is_coming else "earlier",
            "wraps": counts[one.id],
        }
        for one in found
    ]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("MASTER", "STATE", "SINCE", "WRAPS"):
        table.add_column(title)
    for one, row in zip(found, rows, strict=True):
        since = datetime.fromtimestamp(one.since_ms / 1_000, UTC)
        table.add_row(one.id, str(row["state"]), f"{since:%Y-%m-%d}", f"{counts[one.id]:,}")
    Console().print(table)


@click.command("new-master")
def make_master() -> None:
    """Print a new master key, as a line of the ring's file. Nothing is changed."""
    click.echo(new_master().line())


@click.command("rotate-master")
@click.option("--drop-old", is_flag=True, help="Forget the master keys before, once none is used.")
@click.option(
    "--wait",
    type=click.FloatRange(min=1),
    default=WAIT_SECONDS,
    show_default=True,
    help="Seconds that running processes may take to learn the new key.",
)
def rotate_master(drop_old: bool, wait: float) -> None:
    """Let a new master key wrap the keys of all cases, while everything runs.

    A new key is added to the file of the ring, unless one is there that wraps nothing yet. Once all
    running processes know it, it wraps what is new, and then the key of every case. What was cut
    off goes on when it is started again.
    """
    done = asyncio.run(_rotate(read_settings(os.environ), drop_old, wait))
    click.echo(f"{done.master} wraps everything; {done.wrapped:,} keys were wrapped anew")
    if done.dropped:
        click.echo(f"forgotten: {', '.join(done.dropped)}")
    if done.unreadable:
        raise click.ClickException(
            f"{done.unreadable:,} keys are wrapped by master keys that are not here; nothing was"
            " forgotten"
        )


async def _masters(settings: Settings) -> tuple[list[RegisteredMaster], Counter[str]]:
    async with opened_store(settings) as store:
        book = MasterBook(store)
        return await book.all(), await book.counts()


async def _rotate(settings: Settings, drop_old: bool, wait: float) -> Rotated:
    path = None if settings.master_keys is not None else masters_file(settings)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    async with opened_store(settings) as store:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            total = None if store.is_cluster else int(await store.command("DBSIZE"))
            task = progress.add_task("wrapping", total=total)
            rotation = Rotation(
                store,
                path,
                say=progress.console.print,
                progress=lambda looked_at: progress.advance(task, looked_at),
                wait_seconds=wait,
            )
            async with audited(settings, store, "master.rotated", "masters"):
                return await rotation.run(drop_old=drop_old)
