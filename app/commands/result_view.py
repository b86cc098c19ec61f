"""How a result looks in a terminal."""

from collections.abc import Iterable

from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from app.commands.chat_texts import Texts
from app.domain.analysis import Analysis, Fact, Urgency
from app.domain.playbook import UrgencyLevel

_COLOURS: dict[UrgencyLevel, str] = {
    "low": "green",
    "medium": "yellow",
    "high": "dark_orange",
    "critical": "red",
}


def result_view(analysis: Analysis, texts: Texts) -> RenderableType:
    """Return a result as a panel: what it is, how urgent, what to do, what to bring."""
    kind = analysis.classification
    parts: list[RenderableType | None] = [
        Text(kind.subarea or kind.area or texts.unplaced, style="bold"),
        Text(kind.area, style="dim") if kind.area and kind.subarea else None,
        _urgency(analysis.urgency, texts),
        Padding(Text(texts.human, style="bold"), (1, 0, 0, 0)) if analysis.needs_human else None,
        _part(texts.steps, analysis.next_steps, None),
        _part(texts.documents, analysis.documents.needed, "☐"),
        _part(texts.mentioned, analysis.documents.mentioned, "☑"),
        _part(texts.warnings, analysis.warnings, "!"),
        _part(texts.summary, [analysis.summary.plain] if analysis.summary.plain else [], ""),
        _facts(analysis.facts, texts),
    ]
    colour = _COLOURS[analysis.urgency.level]
    return Panel(
        Group(*(part for part in parts if part is not None)),
        title=Text(texts.result, style="bold"),
        title_align="left",
        box=ROUNDED,
        border_style=colour,
        padding=(1, 2),
    )


def _urgency(urgency: Urgency, texts: Texts) -> RenderableType:
    level = texts.urgency[urgency.level]
    badge = Text(f" {level.upper()} ", style=f"bold black on {_COLOURS[urgency.level]}")
    lines: list[RenderableType] = [Padding(badge, (1, 0, 0, 0))]
    if urgency.reason:
        lines.append(Text(urgency.reason))
    if urgency.deadline:
        lines.append(Text.assemble((f"{texts.deadline}: ", "bold"), urgency.deadline))
    if actions := _part(texts.now, urgency.immediate_actions, "→"):
        lines.append(actions)
    return Group(*lines)


def _part(title: str, items: Iterable[str], mark: str | None) -> RenderableType | None:
    """Return a titled list; None without items. Without a mark the items are numbered."""
    grid = Table.grid(padding=(0, 1))
    if mark != "":
        grid.add_column(style="cyan")
    grid.add_column(overflow="fold")
    for number, item in enumerate(items, start=1):
        sign = f"{number}." if mark is None else mark
        grid.add_row(*([Text(item)] if mark == "" else [Text(sign), Text(item)]))
    if not grid.row_count:
        return None
    return Padding(Group(Text(title, style="bold cyan"), grid), (1, 0, 0, 0))


def _facts(facts: tuple[Fact, ...], texts: Texts) -> RenderableType | None:
    if not facts:
        return None
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", max_width=28)
    grid.add_column(overflow="fold")
    for fact in facts:
        grid.add_row(Text(fact.label), Text(fact.value))
    return Padding(Group(Text(texts.facts, style="bold cyan"), grid), (1, 0, 0, 0))
