"""`triage jobs`: background analyses from the terminal, straight from the storage."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.commands.auditing import audited
from app.commands.storage import opened_store
from app.core.errands import Errands
from app.core.job_desk import JobDesk
from app.domain.audit import Action
from app.domain.job import JobState, JobView
from app.settings import Settings, read_settings
from app.state.conversations import ConversationStateManager
from app.state.job_board import JobBoard
from app.state.store import Store
from app.state.workforce import Workforce
from plugins.queue import ArqQueue, queue_address

T = TypeVar("T")

_STATES: tuple[JobState, ...] = ("queued", "running", "done", "dead", "cancelled", "superseded")
_COLOURS: dict[JobState, str] = {
    "queued": "cyan",
    "running": "yellow",
    "done": "green",
    "dead": "bold red",
    "cancelled": "dim",
    "superseded": "dim",
}
_NAME = 34
"""A case's id and its turn: a name that is cut short cannot be given to another command."""
as_json = click.option("--json", "raw", is_flag=True, help="Print JSON.")


@click.group()
def jobs() -> None:
    """Look at background analyses, let them begin anew, stop them.

    A job is named after its case and turn: CASE.TURN. Dead jobs have worn out every worker that
    began with them; look why, and retry or leave them.
    """


@jobs.command("list")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(_STATES), help="Only these; repeatable."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@as_json
def list_jobs(states: tuple[JobState, ...], limit: int, raw: bool) -> None:
    """List jobs, the latest created first."""
    page = _with_desk(lambda desk: desk.list(states=states, limit=limit))
    if raw:
        click.echo(msgspec.json.encode(page.jobs))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("JOB", "STATE", "QUEUE", "PLANNED", "ATTEMPTS", "AGE", "TOOK", "ERROR"):
        table.add_column(name, overflow="fold", min_width=_NAME if name == "JOB" else None)
    for one in page.jobs:
        table.add_row(
            one.job,
            Text(one.state, style=_COLOURS[one.state]),
            one.queue,
            one.planned,
            str(one.attempts),
            _span(time.time_ns() // 1_000_000 - one.created_at),
            _took(one),
            one.error or "",
        )
    console = Console()
    console.print(table if page.jobs else "No jobs.")
    if page.cursor is not None:
        console.print(f"There are more; ask for more than {limit} with --limit.", style="dim")


@jobs.command()
@click.argument("job")
@as_json
def show(job: str, raw: bool) -> None:
    """Show one job as it stands."""
    _print(_with_desk(lambda desk: desk.show(job)), raw)


@jobs.command()
@click.argument("job")
@as_json
def retry(job: str, raw: bool) -> None:
    """Let a job that was given up or cancelled begin anew.

    Steps that are kept are not paid again.
    """
    _print(_with_desk(lambda desk: desk.retry(job), ("job.retried", job)), raw)


@jobs.command()
@click.argument("job")
@as_json
def cancel(job: str, raw: bool) -> None:
    """Stop a job wherever it is worked on; whoever waits for it is told."""
    _print(_with_desk(lambda desk: desk.cancel(job), ("job.cancelled", job)), raw)


@jobs.command()
@as_json
def workers(raw: bool) -> None:
    """List the living workers and what they serve."""
    found = _with_desk(lambda desk: desk.workers())
    if raw:
        click.echo(msgspec.json.encode(found))
        return
    table = Table("WORKER", "QUEUES", "SEEN", box=None, pad_edge=False)
    for one in found:
        slots = ", ".join(f"{queue} ×{count}" for queue, count in one.slots.items())
        seen = _span(time.time_ns() // 1_000_000 - one.seen_at)
        table.add_row(one.name, slots, f"{seen} ago")
    Console().print(table if found else "No workers. Start one: triage worker")


def _with_desk(ask: Callable[[JobDesk], Awaitable[T]], act: tuple[Action, str] | None = None) -> T:
    """Do something with jobs; an act, and the job it is done to, is written down first."""

    async def run() -> T:
        settings = read_settings(os.environ)
        async with opened_store(settings) as store, _desk(settings, store) as desk:
            if act is None:
                return await ask(desk)
            async with audited(settings, store, act[0], job=act[1]):
                return await ask(desk)

    return asyncio.run(run())


@asynccontextmanager
async def _desk(settings: Settings, store: Store) -> AsyncIterator[JobDesk]:
    queue = ArqQueue(queue_address(settings.queue_url, store.url))
    workforce = Workforce(store)
    try:
        yield JobDesk(
            ConversationStateManager(store, "jobs"),
            JobBoard(store),
            workforce,
            Errands(workforce, queue),
        )
    finally:
        await queue.close()


def _print(view: JobView, raw: bool) -> None:
    if raw:
        click.echo(msgspec.json.encode(view))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in msgspec.to_builtins(view).items():
        if value is not None:
            table.add_row(Text(name.replace("_", " "), style="dim"), _shown(name, value))
    Console().print(table)


def _shown(name: str, value: object) -> str:
    if isinstance(value, int) and (name.endswith("_at") or name == "not_before"):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value / 1_000))
    return ", ".join(value) if isinstance(value, (list, tuple)) else str(value)


def _took(view: JobView) -> str:
    if view.started_at is None:
        return ""
    return _span((view.finished_at or time.time_ns() // 1_000_000) - view.started_at)


def _span(milliseconds: int) -> str:
    """Return a length of time as people read it.

    >>> [_span(one) for one in (250, 12_300, 200_000, 9_000_000, 200_000_000)]
    ['0.2 s', '12.3 s', '3 min', '2.5 h', '2.3 d']
    """
    seconds = max(0, milliseconds) / 1_000
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3_600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"
