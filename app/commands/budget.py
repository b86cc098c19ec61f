"""`triage budget`: limits of what AI may cost, straight from the storage."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.api.cost_schema import BudgetView
from app.commands.auditing import audited
from app.commands.storage import storage_url
from app.core.accounting.money import nano_usd, usd
from app.core.accounting.monitoring import AIMonitoringService
from app.domain.audit import Action
from app.domain.errors import InvalidInput
from app.domain.ledger import PERIODS, BudgetState, Period, Scope
from app.settings import read_settings
from app.state.store import Store

T = TypeVar("T")
Act = tuple[Action, str]
"""What is done, and to which budget."""

_ALMOST = 0.8
as_json = click.option("--json", "raw", is_flag=True, help="Print JSON.")
scope_argument = click.argument("scope", metavar="SCOPE")
period_argument = click.argument("period", type=click.Choice(PERIODS))


@click.group()
def budget() -> None:
    """Limit what AI may cost, for all instances at once.

    SCOPE is `global`, `operation:interview` (or analysis, judge, report, complexity), or
    `arm:EXPERIMENT:VARIATION`. Periods go by the calendar in UTC. As a budget runs out, cheaper
    models are asked, then the guided interview serves, and background analyses wait; nobody in
    danger is ever refused.
    """


@budget.command()
@scope_argument
@period_argument
@click.argument("usd", metavar="USD")
@as_json
def set(scope: str, period: Period, usd: str, raw: bool) -> None:  # noqa: A001
    """Allow so many USD in each hour, day or month; what is spent by now counts."""
    wanted, limit = Scope.parse(scope), nano_usd(usd)
    act: Act = ("budget.set", f"budget:{wanted}/{period}")
    state = _with_service(lambda service: service.set_budget(wanted, period, limit), act)
    _show([state], raw=raw)


@budget.command()
@as_json
def show(raw: bool) -> None:
    """Show every budget: what is spent, set aside and left, and when its period ends."""
    states = _with_service(lambda service: service.budgets())
    if not states and not raw:
        click.echo("No budget is set: models may cost whatever they cost.")
        return
    _show(states, raw=raw)


@budget.command()
@scope_argument
@period_argument
def remove(scope: str, period: Period) -> None:
    """Let a scope spend without limit in this period."""
    wanted = Scope.parse(scope)
    act: Act = ("budget.removed", f"budget:{wanted}/{period}")
    if not _with_service(lambda service: service.remove_budget(wanted, period), act):
        raise InvalidInput(f"there is no budget of {wanted} for each {period}")
    click.echo(f"There is no budget of {wanted} for each {period} any more.")


def _show(states: list[BudgetState], *, raw: bool) -> None:
    if raw:
        click.echo(msgspec.json.encode([BudgetView.of(one) for one in states]))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("SCOPE", "PERIOD", "LIMIT", "SPENT", "SET ASIDE", "LEFT", "USED", "ENDS"):
        table.add_column(name, justify="left" if name in {"SCOPE", "PERIOD", "ENDS"} else "right")
    for state in states:
        limit = state.budget.limit_nano_usd
        used = (limit - state.left_nano_usd) / limit if limit else 1.0
        colour = "bold red" if used >= 1 else "yellow" if used >= _ALMOST else "green"
        table.add_row(
            str(state.budget.scope),
            state.budget.period,
            usd(limit),
            usd(state.spent_nano_usd),
            usd(state.reserved_nano_usd),
            usd(state.left_nano_usd),
            Text(f"{used:.0%}", style=colour),
            f"{datetime.fromtimestamp(state.ends_ms / 1_000, UTC):%Y-%m-%d %H:%M} UTC,"
            f" in {_span(state.ends_ms / 1_000 - time.time())}",
        )
    Console().print(table)


def _span(seconds: float) -> str:
    minutes = max(0, round(seconds / 60))
    days, minutes = divmod(minutes, 1_440)
    hours, minutes = divmod(minutes, 60)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _with_service(work: Callable[[AIMonitoringService], Awaitable[T]], act: Act | None = None) -> T:
    async def run() -> T:
        settings = read_settings(os.environ)
        store = Store(storage_url(settings))
        try:
            if act is None:
                return await work(AIMonitoringService(store))
            async with audited(settings, store, *act):
                return await work(AIMonitoringService(store))
        finally:
            await store.close()

    return asyncio.run(run())
