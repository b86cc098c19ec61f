"""`triage audit`: who did what, proof that nobody has changed it since, and a copy to keep."""

import asyncio
import datetime as dt
import os
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from app.api.audit_schema import audit_row, audit_verdict
from app.commands.auditing import auditor_of
from app.commands.storage import storage_url
from app.core.audit import (
    AuditBroken,
    AuditFilter,
    Auditor,
    AuditPage,
    Verified,
    verify_lines,
    write_lines,
)
from app.domain.audit import AuditEntry, Mark
from app.domain.errors import InvalidInput
from app.settings import read_settings
from app.state.store import Store

T = TypeVar("T")

_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
_AT_ONCE = 200


@click.group()
def audit() -> None:
    """See who did what, and prove that nobody has changed it since.

    Every entry is bound to the one before by a hash. None holds content or names anybody: of a case
    it has a digest, which --case makes of the id that you know. docs/audit.md has more.
    """


@audit.command("list")
@click.option("--since", metavar="WHEN", help="Only since: 2026-11-25, 2026-11-25T14:00, or 36h.")
@click.option("--until", metavar="WHEN", help="Only before.")
@click.option("--actor", help="Only theirs: key:ID, key, terminal, worker, 'case token' …")
@click.option("--action", help="Only this one, such as case.read; or all of a kind: case.")
@click.option("--case", help="Only what was done to this case; also an erased one, by its id.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--json", "raw", is_flag=True, help="Print JSON.")
def list_entries(
    since: str | None,
    until: str | None,
    actor: str | None,
    action: str | None,
    case: str | None,
    limit: int,
    raw: bool,
) -> None:
    """List entries, the latest first."""
    first, last = _moment("--since", since), _moment("--until", until)

    async def ask(auditor: Auditor) -> list[AuditEntry]:
        wanted = AuditFilter(
            since_ms=first,
            until_ms=last,
            actor=actor,
            action=action,
            object=None if case is None else auditor.case(case),
        )
        found: list[AuditEntry] = []
        page = AuditPage(entries=(), before=None)
        while len(found) < limit:
            many = min(_AT_ONCE, limit - len(found))
            page = await auditor.page(wanted, limit=many, before=page.before)
            found += page.entries
            if page.before is None:
                break
        return found

    entries = _with_auditor(ask)
    if raw:
        click.echo(msgspec.json.encode([audit_row(one) for one in entries]))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("N", "AT", "ACTOR", "ACTION", "OBJECT", "OUTCOME"):
        table.add_column(name, overflow="fold", justify="right" if name == "N" else "left")
    for one in entries:
        outcome = one.outcome if one.of is None else f"{one.outcome}: {one.of}"
        table.add_row(str(one.n), _when(one.at), one.actor, one.action, one.object, outcome)
    Console(highlight=False).print(table if entries else "No entries.")


@audit.command()
@click.option("--head", metavar="N:HASH", help="A head that you noted down: it has to be there.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An exported file instead of the storage.",
)
@click.option("--json", "raw", is_flag=True, help="Print JSON.")
def verify(head: str | None, file: Path | None, raw: bool) -> None:
    """Follow the whole chain; exits with 1 at the first entry that is not as it was written.

    Note the head that it prints where those cannot write who can write the storage: --head then
    also finds a chain that was made anew as a whole.
    """
    known = None if head is None else Mark.parse(head)
    if head is not None and known is None:
        raise InvalidInput("--head: a number, a colon and a hash, as `triage audit verify` prints")
    if file is None:
        found = _with_auditor(lambda auditor: auditor.verify(known))
    else:
        found = verify_lines(file.read_bytes().splitlines(), known)
    if raw:
        click.echo(msgspec.json.encode(audit_verdict(found)))
    else:
        _tell(found, known)
    if found.broken is not None:
        raise AuditBroken(f"entry {found.broken.n}: {found.broken.kind}: {found.broken.reason}")


@audit.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(file: Path) -> None:
    """Write the whole trail to FILE as lines of JSON, which `triage audit verify --file` checks.

    The first line says behind which entry it begins, the last one which entry is the head.
    """
    if file.exists():
        raise InvalidInput(f"{file} is there already")
    lines = _with_auditor(lambda auditor: auditor.export())
    found = verify_lines(lines)
    write_lines(file, lines)
    click.echo(f"{file}: {len(lines) - 2} entries, head {found.head}")
    if found.broken is not None:
        raise AuditBroken(f"entry {found.broken.n}: {found.broken.kind}: {found.broken.reason}")


def _tell(found: Verified, known: Mark | None) -> None:
    click.echo(f"{found.entries} entries hold, up to {_count(found.head)}")
    if found.anchor.n:
        click.echo(f"entries up to {found.anchor.n} were exported and trimmed")
    if known is not None and found.broken is None:
        if known.n < found.anchor.n:
            click.echo(f"entry {known.n} was trimmed: check it in the file it was exported to")
        else:
            click.echo(f"entry {known.n} is the one that was noted down")
    if found.broken is None:
        click.echo(f"head {found.head}")


def _count(head: Mark) -> str:
    return f"entry {head.n}" if head.n else "the beginning"


def _with_auditor(ask: Callable[[Auditor], Awaitable[T]]) -> T:
    async def run() -> T:
        settings = read_settings(os.environ)
        store = Store(storage_url(settings))
        try:
            return await ask(auditor_of(settings, store))
        finally:
            await store.close()

    return asyncio.run(run())


def _moment(option: str, text: str | None) -> int | None:
    """Read a day, a moment, or how long ago that is; days and moments are UTC unless they say."""
    if text is None:
        return None
    if (ago := re.fullmatch(r"(\d{1,5})([mhd])", text)) is not None:
        return round((time.time() - int(ago[1]) * _SECONDS[ago[2]]) * 1_000)
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{option}: a day, a moment, or how long ago: 36h, 7d") from None
    return round((found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp() * 1_000)


def _when(at_ms: int) -> str:
    return f"{dt.datetime.fromtimestamp(at_ms / 1_000, dt.UTC):%Y-%m-%d %H:%M:%S}Z"
