"""Draws what `triage top` knows, for a terminal of 80 columns or more."""

import time
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from app.commands.top_view import BudgetRow, CallRate, QueueRow, Top

_BAR = 20
_NAME = 26
_WORRY, _ALARM = 0.8, 1.0
_MOST_SHOWN = 9.99
"""A scope that is further beyond its budget is shown so."""


def screen(top: Top) -> RenderableType:
    """Return the picture."""
    return Group(
        _head(top),
        "",
        _facts(top),
        "",
        _calls(top.calls),
        "",
        _queues(top.queues),
        "",
        *_budgets(top),
        *_workers(top),
        *_errors(top),
    )


def _head(top: Top) -> Text:
    up = sum(one.up for one in top.targets)
    at = time.strftime("%H:%M:%S", time.localtime(top.at_ms / 1_000))
    line = Text.assemble(
        ("triage top", "bold"), f"  {top.url}  {at}  ", (_sources(up, len(top.targets)), "dim")
    )
    if up < len(top.targets):
        missing = ", ".join(one.address for one in top.targets if not one.up)
        line.append(f"\nnot reached: {missing}", "bold red")
    return line


def _sources(up: int, all_: int) -> str:
    return f"{up} of {all_} metrics pages"


def _facts(top: Top) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    table.add_row(
        "Cases",
        _listed(
            f"{top.active_cases} active",
            f"{top.busy_cases} being answered",
            _marked(top.handoffs, f"{top.handoffs} for a human", "yellow"),
            _marked(top.orphaned, f"{top.orphaned} orphaned", "bold red"),
        ),
    )
    turns = top.turns_per_minute
    table.add_row(
        "Turns",
        _listed(
            f"{_rate(sum(turns.values()))}/min",
            *(f"{who} {_rate(rate)}" for who, rate in turns.items() if rate),
            _marked(
                top.failed_turns_per_minute,
                f"{_rate(top.failed_turns_per_minute)} failed",
                "bold red",
            ),
            f"{top.streams} streams open",
        ),
    )
    table.add_row(
        "Waiting",
        _listed(
            f"first word p50 {_seconds(top.first_word_p50_seconds)}",
            f"p95 {_seconds(top.first_word_p95_seconds)}",
            f"our own share p95 {_seconds(top.overhead_p95_seconds)}",
        ),
    )
    return table


def _calls(calls: Iterable[CallRate]) -> Table:
    table = _table("MODEL", "CALLS/MIN", "FAILED", "P95", "USD/H", "")
    for one in calls:
        failed = Text(_rate(one.failed_per_minute), "red" if one.failed_per_minute else "")
        table.add_row(
            _cut(f"{one.provider} {one.model}", _NAME + 6),
            _rate(one.per_minute),
            failed,
            _seconds(one.p95_seconds),
            f"{one.usd_per_hour:.2f}",
            Text("passed over", "bold red") if one.passed_over else "",
        )
    if not table.rows:
        table.add_row(Text("no calls", "dim"))
    return table


def _queues(queues: Iterable[QueueRow]) -> Table:
    table = _table("QUEUE", "OPEN", "SLOTS", "OLDEST WAITS", "DONE/MIN")
    for one in queues:
        stuck = one.open > 0 and one.slots == 0
        table.add_row(
            one.queue,
            Text(str(one.open), "bold red" if stuck else ""),
            str(one.slots),
            _seconds(one.oldest_seconds) if one.oldest_seconds else "–",
            _rate(one.done_per_minute),
        )
    return table


def _budgets(top: Top) -> Iterable[RenderableType]:
    spent = "  ".join(f"{period} ${usd:,.2f}" for period, usd in top.spend_usd.items())
    yield Text.assemble(("Spent    ", "dim"), spent or "nothing is known")
    if top.budgets:
        table = Table.grid(padding=(0, 1))
        for one in top.budgets:
            table.add_row(
                _cut(f"{one.scope} {one.period}", _NAME),
                _bar(one),
                f"${one.spent_usd + one.reserved_usd:,.2f} of ${one.limit_usd:,.2f}",
            )
        yield table
    yield ""


def _bar(budget: BudgetRow) -> Text:
    used = budget.spent_usd + budget.reserved_usd
    share = used / budget.limit_usd if budget.limit_usd else 1.0
    full = min(_BAR, round(share * _BAR))
    style = "red" if share >= _ALARM else "yellow" if share >= _WORRY else "green"
    told = f" {min(share, _MOST_SHOWN):4.0%}"
    return Text.assemble(("█" * full, style), ("░" * (_BAR - full), "dim"), told)


def _workers(top: Top) -> Iterable[RenderableType]:
    if not top.workers:
        yield Text("Workers  none. Start one: triage worker", "bold red")
    for at, one in enumerate(top.workers):
        slots = ", ".join(f"{queue} ×{count}" for queue, count in one.slots.items())
        label = "Workers  " if at == 0 else " " * 9
        yield Text.assemble((label, "dim"), _cut(one.name, 36), ("  " + slots, "dim"))


def _errors(top: Top) -> Iterable[RenderableType]:
    counts = [f"{count} {kind}" for kind, count in top.dead.items() if count]
    if counts:
        yield Text(f"Given up {', '.join(counts)}: triage jobs list --state dead", "bold red")
    if not top.errors:
        yield Text.assemble(("Errors   ", "dim"), ("none", "green"))
    for at, one in enumerate(top.errors):
        when = "" if one.at_ms is None else time.strftime("%H:%M ", time.localtime(one.at_ms / 1e3))
        label = "Errors   " if at == 0 else " " * 9
        yield Text.assemble((label, "dim"), when, one.what, overflow="ellipsis", no_wrap=True)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for at, name in enumerate(names):
        table.add_column(name, justify="left" if at == 0 or not name else "right", no_wrap=True)
    return table


def _listed(*parts: str | Text) -> Text:
    return Text(", ").join(
        part if isinstance(part, Text) else Text(part) for part in parts if len(part)
    )


def _marked(count: float, text: str, style: str) -> Text:
    """Return a text that stands out while there is something to tell, and nothing otherwise."""
    return Text(text, style) if count else Text()


def _rate(value: float) -> str:
    """Return a rate as people read it.

    >>> [_rate(one) for one in (0.0, 0.25, 3.0, 41.6)]
    ['0', '0.2', '3', '42']
    """
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _seconds(value: float | None) -> str:
    """Return a time as people read it.

    >>> [_seconds(one) for one in (None, 0.0042, 1.26, 75.0, 7_300.0)]
    ['–', '4 ms', '1.3 s', '75 s', '122 min']
    """
    if value is None:
        return "–"
    if value < 1:
        return f"{value * 1_000:.0f} ms"
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 120 else f"{value / 60:.0f} min"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
