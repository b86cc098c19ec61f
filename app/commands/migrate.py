"""`triage migrate`: move the conversations of the earlier system here, and undo it."""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from app.commands.storage import opened_store
from app.core.migration.moving import EarlierDump, Journal, Moved, Mover, undo
from app.core.rules import Rules
from app.domain.errors import InvalidInput
from app.engine import load_rules
from app.settings import Settings, read_settings
from app.state.conversations import ConversationStateManager
from app.state.migration import EarlierRedis

_SHOWN = 20
_SCHEMES = {"redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"}


class _Order(Struct, frozen=True, kw_only=True):
    """What is to be moved from where, and with what it goes on."""

    place: str
    is_redis: bool
    rules: Rules
    locale: str
    dry_run: bool
    remove_source: bool

    @property
    def doing(self) -> str:
        """What is done, in one word."""
        return "trying" if self.dry_run else "moving"


@click.command()
@click.argument("source", required=False, metavar="[redis://… | FILE.json]")
@click.option("--playbook", help="Which playbook they go on with; by default TRIAGE_PLAYBOOK.")
@click.option("--locale", help="In which language they go on; by default the playbook's first.")
@click.option("--dry-run", is_flag=True, help="Convert everything and write nothing.")
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where it is noted what was moved, with the new tokens; by default migration.jsonl in"
    " TRIAGE_VAR. Keep it: it is what undoes the move.",
)
@click.option(
    "--remove-source",
    is_flag=True,
    help="Take away from the earlier Redis what was moved and read back.",
)
@click.option(
    "--rollback",
    is_flag=True,
    help="Undo by the journal: erase the cases, and put back what was taken away from SOURCE.",
)
def migrate(
    source: str | None,
    playbook: str | None,
    locale: str | None,
    dry_run: bool,
    journal: Path | None,
    remove_source: bool,
    rollback: bool,
) -> None:
    """Move active conversations from the earlier system here.

    SOURCE is the earlier Redis (`conversation:{id}` and `orchestration:{id}`, JSON), or a file with
    what the earlier system had in its memory (`active_conversations`, `active_orchestrations`).
    Stop the earlier system first. A run that was cut off goes on when it is started again. What
    each case is called now, and its token, stand in the journal, which only you can read.
    """
    settings = read_settings(os.environ)
    is_redis = source is not None and urlsplit(source).scheme in _SCHEMES
    if rollback and (dry_run or remove_source or (source is not None and not is_redis)):
        raise InvalidInput("--rollback takes only --journal, and the address of the earlier Redis")
    if remove_source and (dry_run or not is_redis):
        raise InvalidInput("--remove-source needs the address of the earlier Redis, and no dry run")
    noted = Journal(journal or settings.var / "migration.jsonl")
    console = Console(highlight=False)
    if rollback:
        whole = asyncio.run(_roll_back(settings, noted, source, console))
    elif source is None:
        raise InvalidInput("say where the conversations are: redis://… or a file")
    else:
        rules, spoken = _going_on_with(settings, playbook, locale)
        order = _Order(
            place=source,
            is_redis=is_redis,
            rules=rules,
            locale=spoken,
            dry_run=dry_run,
            remove_source=remove_source,
        )
        whole = asyncio.run(_move(settings, noted, order, console))
    if not whole:
        sys.exit(1)


def _going_on_with(
    settings: Settings, playbook: str | None, locale: str | None
) -> tuple[Rules, str]:
    chosen = replace(settings, playbook=playbook or settings.playbook)
    rules = load_rules(chosen)[chosen.playbook]
    locales = rules.playbook.locales
    if locale is not None and locale not in locales:
        raise InvalidInput(
            f"the playbook does not speak {locale!r}; it speaks {', '.join(locales)}"
        )
    return rules, locale or locales[0]


async def _move(settings: Settings, journal: Journal, order: _Order, console: Console) -> bool:
    """Move everything and say what became of it; True if nothing was left behind unwillingly."""
    found: list[Moved] = []
    began = time.monotonic()
    async with _source(order) as source, opened_store(settings) as store:
        mover = Mover(source, store, order.rules, order.locale, journal)
        names = await source.ids()
        try:
            with _progress(console) as progress:
                task = progress.add_task(order.doing, total=len(names))
                moving = mover.move(dry_run=order.dry_run, remove_source=order.remove_source)
                async for one in moving:
                    found.append(one)
                    progress.advance(task)
        finally:
            journal.close()
        orphans = await source.orphans() if isinstance(source, EarlierRedis) else 0
    _tell(console, found, orphans, time.monotonic() - began)
    if not order.dry_run and any(one.outcome == "moved" for one in found):
        console.print(f"Names and tokens of the cases, and the way back: {journal.path}")
    return not any(one.outcome == "not moved" for one in found)


async def _roll_back(
    settings: Settings, journal: Journal, place: str | None, console: Console
) -> bool:
    lines = journal.lines()
    if not lines:
        raise InvalidInput(f"{journal.path}: there is nothing to undo")
    source = None if place is None else _earlier(place)
    outcomes: Counter[str] = Counter()
    went_on: list[str] = []
    try:
        async with opened_store(settings) as store:
            conversations = ConversationStateManager(store, "migration")
            with _progress(console) as progress:
                task = progress.add_task("undoing", total=len(lines))
                async for name, outcome in undo(journal, conversations, source):
                    outcomes[outcome] += 1
                    if outcome in {"went on", "not restored"}:
                        went_on.append(f"{name}: {outcome}")
                    progress.advance(task)
    finally:
        if source is not None:
            await source.close()
    console.print(_counted(outcomes))
    for text in went_on[:_SHOWN]:
        console.print(Text(f"  {text}"))
    _more(console, len(went_on))
    if went_on:
        console.print(
            "Where the person has gone on here, or the source has changed, all stays as it is."
        )
    return not went_on


def _tell(console: Console, found: list[Moved], orphans: int, seconds: float) -> None:
    console.print(_counted(Counter(one.outcome for one in found)))
    messages = sum(one.messages for one in found)
    console.print(f"{len(found)} conversations, {messages} messages, {seconds:.1f} s")
    if flagged := [one for one in found if one.red_flags]:
        console.print(
            Text(
                f"{len(flagged)} tell of a danger; for those that call a human, one was asked for:"
                " triage handoff list",
                style="bold red",
            )
        )
    if orphans:
        console.print(f"{orphans} orchestrations have no conversation, so there is nothing to move")
    told = [one for one in found if one.outcome == "not moved" or one.detail]
    told.sort(key=lambda one: one.outcome != "not moved")
    for one in told[:_SHOWN]:
        console.print(Text(f"  {one.id}: {one.outcome}: {one.detail}"))
    _more(console, len(told))


def _more(console: Console, number: int) -> None:
    if number > _SHOWN:
        console.print(f"  … and {number - _SHOWN} more")


def _counted(outcomes: "Counter[str]") -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for outcome, number in sorted(outcomes.items()):
        table.add_row(outcome, f"{number:,}", style="bold red" if "not" in outcome else "")
    return table


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _earlier(place: str) -> EarlierRedis:
    try:
        return EarlierRedis(place)
    except ValueError as error:
        raise InvalidInput(f"the address of the earlier Redis cannot be read: {error}") from None


@asynccontextmanager
async def _source(order: _Order) -> AsyncIterator[EarlierRedis | EarlierDump]:
    if not order.is_redis:
        yield EarlierDump(Path(order.place))
        return
    earlier = _earlier(order.place)
    try:
        yield earlier
    finally:
        await earlier.close()
