"""`triage warehouse`: what is kept for analysts; asked, drained, compacted and erased by hand."""

import asyncio
import csv
import datetime as dt
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from analytics.warehouse import (
    Outdated,
    Rows,
    Warehouse,
    WarehouseBusy,
    Writer,
    open_warehouse,
)
from analytics.warehouse.retention import cuts_of, outdated, unclaimed
from app.commands.auditing import audited
from app.commands.storage import storage_url
from app.core.playbook.files import load_playbooks
from app.domain.assignment import person_key
from app.domain.errors import InvalidInput, StateUnavailable
from app.settings import Settings, read_settings
from app.state.facts import MANY_WAIT, Backlog, FactStream
from app.state.flags import Flags
from app.state.store import Store
from jobs.retention import cuts
from jobs.warehouse import Drain, place_of
from plugins.flags.sticky import StickyBuckets

T = TypeVar("T")

_PATIENCE_SECONDS = 30.0
_STEP_SECONDS = 0.1


@click.group()
def warehouse() -> None:
    """Ask what happened: cases, turns, results, ratings, reviews, what AI cost.

    A running worker drains what happens into it within seconds. docs/warehouse.md names its tables
    and views. It is in the folder `warehouse` of TRIAGE_VAR, or where TRIAGE_WAREHOUSE says.
    """


@warehouse.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show what the warehouse holds, and what waits to get there."""
    settings = read_settings(os.environ)
    with _opened(settings) as opened:
        tables = opened.status()
    backlog = _backlog(settings)
    if as_json:
        click.echo(msgspec.json.encode({"tables": tables, "stream": backlog}))
        return
    console = Console()
    table = Table(box=None, pad_edge=False)
    for name in ("TABLE", "ROWS", "DAYS", "FILES", "SIZE", "FROM", "TO"):
        table.add_column(name, justify="right" if name in {"ROWS", "DAYS", "FILES"} else "left")
    for one in tables:
        figures = (one.rows, one.days, one.files)
        size = f"{one.size_bytes / 1_000:,.0f} kB"
        days = (one.first_day or "", one.last_day or "")
        table.add_row(one.name, *(f"{figure:,}" for figure in figures), size, *days)
    console.print(table)
    console.print(_told(backlog), highlight=False)


@warehouse.command()
def drain() -> None:
    """Drain what waits now, without a worker."""
    settings = read_settings(os.environ)
    with _opened(settings) as opened:
        count = _with_stream(settings, lambda stream: Drain(stream, opened).all())
    click.echo(f"{count} facts drained")


@warehouse.command()
def compact() -> None:
    """Bring small files together, and remove what killed writers left."""
    with _opened(read_settings(os.environ)) as opened, _writing(opened) as writer:
        went = writer.compact()
    click.echo(f"{went} files fewer")


@warehouse.command()
@click.argument("sql")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, an object for each row.")
def query(sql: str, as_csv: bool, as_json: bool) -> None:
    """Ask in SQL: `triage warehouse query "SELECT status, count(*) FROM cases GROUP BY 1"`."""
    with _opened(read_settings(os.environ)) as opened:
        answer = opened.query(sql)
    if as_json:
        named = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        click.echo(msgspec.json.encode(named, enc_hook=str))
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(answer.columns)
        writer.writerows(answer.rows)
    else:
        Console().print(_table(answer))


@warehouse.command()
@click.option("--case", "cases", multiple=True, help="A case's id; repeatable.")
@click.option("--user-ref", "user_refs", multiple=True, help="Your own reference of a person.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(cases: tuple[str, ...], user_refs: tuple[str, ...], yes: bool) -> None:
    """Erase everything the warehouse has of cases, or of a person's cases.

    Erasing a case at the API does this by itself. What waits is drained first, so that nothing of
    it comes later. The cases themselves, while they live, are not touched. Of a person, what
    experiments gave them is forgotten as well: the next case may be treated otherwise.
    """
    if not cases and not user_refs:
        raise InvalidInput("name a case with --case, or a person with --user-ref")
    if not yes:
        click.confirm("Erase them from the warehouse? There is no way back", abort=True)
    settings = read_settings(os.environ)
    persons = [person_key(one) for one in user_refs]
    with _opened(settings) as opened:

        async def erased(store: Store) -> int:
            async with AsyncExitStack() as stack:
                for case in cases:
                    entering = audited(settings, store, "warehouse.erased", case=case)
                    await stack.enter_async_context(entering)
                if persons:
                    entering = audited(
                        settings, store, "warehouse.erased", f"persons:{len(persons)}"
                    )
                    await stack.enter_async_context(entering)
                await Drain(FactStream(store), opened).all()
                for person in persons:
                    await StickyBuckets(Flags(store)).forget(person)
                with _writing(opened) as writer:
                    at_ms = time.time_ns() // 1_000_000
                    return writer.erase(cases=cases, persons=persons, at_ms=at_ms)

        count = _with_store(settings, erased)
    click.echo(f"{count} rows erased")


@warehouse.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go, by table and playbook.")
@click.option(
    "--playbook", "name", metavar="ID", help="One that is not here any more; needs --months."
)
@click.option("--months", type=click.IntRange(1, 120), help="How long its facts are kept.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def retain(dry_run: bool, name: str | None, months: int | None, yes: bool, as_json: bool) -> None:
    """Remove facts that are older than their playbook keeps them, as a worker does every day.

    A playbook says so in `[retention]`. Facts of playbooks that are not here stay, and are named:
    --playbook with --months removes those.
    """
    settings = read_settings(os.environ)
    playbooks = load_playbooks(settings.playbooks)
    today = dt.datetime.now(dt.UTC).date()
    if (name is None) != (months is None):
        raise InvalidInput("--playbook and --months go together")
    if name in playbooks:
        raise InvalidInput(f"{name} is here: set facts_months in its [retention]")
    since = cuts(playbooks, today)
    if name is not None and months is not None:
        since = cuts_of(today, {name: months})
    with _opened(settings) as opened:
        found = outdated(opened, since)
        left = unclaimed(opened, since) if name is None else ()
        if found and not dry_run:
            if not yes:
                click.echo(f"{sum(one.rows for one in found)} rows are older than they are kept")
                click.confirm("Remove them? There is no way back", abort=True)
            _removed(settings, opened, since, sum(one.rows for one in found))
    if as_json:
        click.echo(msgspec.json.encode({"removed": not dry_run, "rows": found, "unclaimed": left}))
        return
    console = Console(highlight=False)
    console.print(_outdated(found, since) if found else "Nothing is older than it is kept.")
    if found:
        rows = sum(one.rows for one in found)
        console.print(f"{rows} rows {'would go' if dry_run else 'went'}")
    for one in sorted({each.playbook for each in left}):
        console.print(f"{one}: no playbook of that name is here, so its facts are kept")


def _removed(settings: Settings, opened: Warehouse, since: Mapping[str, int], rows: int) -> None:
    async def let_go(store: Store) -> None:
        async with audited(settings, store, "warehouse.retained", f"rows:{rows}"):
            with _writing(opened) as writer:
                writer.retain(since)

    _with_store(settings, let_go)


def _outdated(found: Sequence[Outdated], since: Mapping[str, int]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("TABLE", "PLAYBOOK", "ROWS", "FROM", "TO", "KEPT SINCE"):
        table.add_column(title, justify="right" if title == "ROWS" else "left")
    for one in found:
        cut = since.get(one.playbook, min(since.values()))
        kept = f"{dt.datetime.fromtimestamp(cut / 1_000, dt.UTC):%Y-%m-%d}"
        table.add_row(one.table, one.playbook, f"{one.rows:,}", one.first_day, one.last_day, kept)
    return table


@contextmanager
def _opened(settings: Settings) -> Iterator[Warehouse]:
    opened = open_warehouse(place_of(settings))
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def _writing(opened: Warehouse) -> Iterator[Writer]:
    """Wait for the right to write, which a worker that drains has for a moment at a time."""
    until = time.monotonic() + _PATIENCE_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                writer = stack.enter_context(opened.writing())
                break
            except WarehouseBusy:
                if time.monotonic() > until:
                    raise
                time.sleep(_STEP_SECONDS)
        yield writer


def _with_stream(settings: Settings, ask: Callable[[FactStream], Awaitable[T]]) -> T:
    return _with_store(settings, lambda store: ask(FactStream(store)))


def _with_store(settings: Settings, ask: Callable[[Store], Awaitable[T]]) -> T:
    url = storage_url(settings)

    async def run() -> T:
        store = Store(url)
        try:
            return await ask(store)
        finally:
            await store.close()

    return asyncio.run(run())


def _backlog(settings: Settings) -> Backlog | None:
    """Return how the stream stands; None where the storage cannot be asked."""
    try:
        found: Backlog = _with_stream(settings, lambda stream: stream.backlog())
    except StateUnavailable:
        return None
    return found


def _told(backlog: Backlog | None) -> str:
    if backlog is None:
        return "The storage does not answer: what waits there is not known."
    lines = [f"{backlog.waiting:,} facts wait ({backlog.memory_bytes / 1_000:,.0f} kB in Valkey)"]
    if backlog.oldest_ms is not None:
        age = dt.timedelta(seconds=round(time.time() - backlog.oldest_ms / 1_000))
        lines.append(f"The oldest has waited for {age}.")
    if backlog.waiting >= MANY_WAIT:
        lines.append("Nobody keeps up: is a worker running?")
    if backlog.lost:
        lines.append(f"{backlog.lost:,} facts were lost because too many waited.")
    return "\n".join(lines)


def _table(answer: Rows) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in answer.columns:
        table.add_column(column, overflow="fold")
    for row in answer.rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    return table
