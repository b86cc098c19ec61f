"""`triage cache`: what the cache of similar analyses holds and saves, and what it would save."""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from app.commands.auditing import audited
from app.commands.storage import opened_store
from app.domain.audit import Action
from app.domain.cached import CacheCounts, CacheMode, CacheReport
from app.domain.errors import InvalidInput
from app.domain.sealing import MasterRing, new_master
from app.settings import read_settings
from app.state.cache import COUNTED_DAYS, KeptAnalyses
from app.state.sealing import Sealer
from app.state.store import Store

if TYPE_CHECKING:
    from app.core.evaluation.cache_figures import ReplayReport
    from app.core.evaluation.stories import Rate

T = TypeVar("T")

_CASES = Path(__file__).parent.parent / "playbooks" / "stories" / "replay.jsonl"


@click.group()
def cache() -> None:
    """Look into the cache of similar analyses, empty it, or replay cases through it."""


@cache.command()
@click.option(
    "--days",
    type=click.IntRange(1, COUNTED_DAYS),
    default=7,
    show_default=True,
    help="Days that count, today included (UTC).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def stats(days: int, as_json: bool) -> None:
    """Show how many analyses are kept, how often they served, and what that saved."""
    report = _with_cache(lambda kept: kept.report(days))
    if as_json:
        click.echo(_as_json(report))
    else:
        _show_stats(Console(), report)


@cache.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(yes: bool) -> None:
    """Forget every kept analysis; cases, their results and the counters stay."""
    if not yes:
        click.confirm("Forget every kept analysis? The next cases are analysed anew", abort=True)
    forgotten = _with_cache(lambda kept: kept.clear(), "cache.cleared")
    click.echo(f"forgot {forgotten} kept analyses")


@cache.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=_CASES
)
@click.option("--near", is_flag=True, help="Serve nearly equal tellings too.")
@click.option("--playbook", "name", default="legal_br", show_default=True, help="Playbook id.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def replay(file: Path, near: bool, name: str, as_json: bool) -> None:
    """Tell labelled cases to the real cache; show what it saves and what it reuses wrongly.

    FILE has one case a line; by default the shipped ones. It needs no model and no storage: models
    are scripted, and a Valkey is started for it and thrown away.
    """
    mode: CacheMode = "near" if near else "exact"
    report = asyncio.run(_replayed(file, mode, name))
    if as_json:
        click.echo(_as_json(report))
    else:
        _show_replay(Console(), report)


async def _replayed(file: Path, mode: CacheMode, name: str) -> "ReplayReport":
    from app.core.evaluation import cache_replay
    from app.core.evaluation.cache_figures import read_cases
    from app.core.playbook.files import load_playbooks
    from app.core.rules import Rules
    from app.embedded import EmbeddedValkey

    cases = read_cases(file)
    if not cases:
        raise InvalidInput(f"{file}: there are no cases to replay")
    playbooks = load_playbooks(None)
    if name not in playbooks:
        raise InvalidInput(f"there is no playbook {name}; there are {', '.join(playbooks)}")
    with (
        tempfile.TemporaryDirectory(prefix="triage-") as folder,
        EmbeddedValkey(Path(folder)) as server,
    ):
        store = Store(server.url, sealer=Sealer(MasterRing((new_master(),))))
        try:
            return await cache_replay.replay(store, Rules(playbooks[name]), cases, mode)
        finally:
            await store.close()


def _with_cache(work: Callable[[KeptAnalyses], Awaitable[T]], action: Action | None = None) -> T:
    async def run() -> T:
        settings = read_settings(os.environ)
        async with opened_store(settings) as store:
            if action is None:
                return await work(KeptAnalyses(store))
            async with audited(settings, store, action):
                return await work(KeptAnalyses(store))

    return asyncio.run(run())


def _as_json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _show_stats(console: Console, report: CacheReport) -> None:
    console.print(f"{report.entries} analyses are kept; counted over {report.days} days (UTC)")
    headings = ("strategy", "asked", "equal", "near", "missed", "barred", "kept", "refused")
    table = Table(*headings, "calls saved", "USD saved")
    for strategy, counts in report.by_strategy.items():
        table.add_row(strategy, *map(str, _columns(counts)), _usd(counts))
    console.print(table)


def _columns(counts: CacheCounts) -> tuple[int, ...]:
    asked = counts.hits + counts.near + counts.misses
    return (
        asked, counts.hits, counts.near, counts.misses, counts.barred, counts.kept, counts.refused,
        counts.saved_calls,
    )  # fmt: skip


def _usd(counts: CacheCounts) -> str:
    known = f"{counts.saved_nano_usd / 1e9:.6f}"
    return f"{known} + {counts.unpriced} unpriced" if counts.unpriced else known


def _show_replay(console: Console, report: "ReplayReport") -> None:
    console.print(f"[bold]{report.cases} cases[/] · cache {report.mode}")
    table = Table("Figure", "Value", "95 %", "of")
    for title, one in (
        ("Served from an equal telling", report.hits),
        ("Served from a near telling", report.near),
        ("Served wrongly", report.wrong),
        ("Right analyses that were there, used", report.reachable),
        ("Cost of analyses saved", report.saved),
        ("the same, of what cases outside danger cost", report.saved_of_servable),
        ("Calls for analyses saved", report.saved_calls),
    ):
        table.add_row(title, _share(one), f"{one.low:.1%} - {one.high:.1%}", str(one.n))
    for title, share in (
        ("Cost saved where models hold the interviews", report.saved_with_interviews),
    ):
        table.add_row(title, f"{share:.1%}", "", "")
    table.add_row("Never served: in danger", str(report.barred), "", str(report.cases))
    console.print(table)
    unit = "USD, at catalogue prices" if report.priced else "calls; a price is not known"
    amount = f"{report.cost_without / 1e9:.4f}" if report.priced else str(report.cost_without)
    console.print(f"Without a cache all analyses cost {amount} {unit}.")
    console.print(_by_kind(report))
    for served in report.served:
        if not served.right:
            console.print(f"Served wrongly: {served.case} from {served.source}")


def _by_kind(report: "ReplayReport") -> Table:
    table = Table("kind", "cases", "equal", "near", "wrong", "", title="By kind of case")
    for one in report.kinds:
        served = one.hits + one.near
        bar = "█" * round(20 * served / one.cases) if one.cases else ""
        counts = (one.cases, one.hits, one.near, one.wrong)
        table.add_row(one.kind, *map(str, counts), f"{bar:<20}")
    return table


def _share(one: "Rate") -> str:
    return "-" if one.value is None else f"{one.value:.1%}"
