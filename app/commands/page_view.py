"""A report's page in the terminal, with colours where it has them."""

from collections.abc import Mapping
from io import StringIO
from shutil import get_terminal_size
from sys import stdout
from typing import assert_never

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from app.core.reporting.document import (
    Band,
    Block,
    Code,
    Columns,
    Document,
    Heading,
    Interval,
    Intervals,
    Note,
    Ranges,
    Table,
    Tiles,
    Tone,
)
from app.core.reporting.formats import sparkline

_STYLES: Mapping[Tone, str] = {"plain": "", "good": "green", "bad": "bold red", "faint": "dim"}
_PICTURE = 40
"""Characters that a picture of intervals is wide."""


def page_view(page: Document) -> str:
    """Return the page as text for this terminal."""
    colours = stdout.isatty()
    width = get_terminal_size((100, 40)).columns
    written = StringIO()
    console = Console(file=written, width=width, force_terminal=colours, highlight=False)
    console.print(Text(page.title, style="bold"))
    console.print(Text(page.subtitle, style="dim"))
    for block in page.blocks:
        if (shown := _block(block)) is not None:
            console.print(shown)
    console.print(Text("\n" + " ".join(page.footer), style="dim"))
    return written.getvalue()


def _block(block: Block) -> RenderableType | None:
    match block:
        case Tiles():
            return _tiles(block)
        case Heading():
            below = f"\n{block.about}" if block.about else ""
            return Text.assemble((f"\n{block.text}", "bold"), (below, "dim"))
        case Note(text=text, tone=tone):
            return Text(text, style=_STYLES[tone])
        case Table():
            return _table(block)
        case Intervals() | Band() | Columns() | Ranges():
            return _picture(block)
        case Code():
            return None  # what was asked is in the other forms
        case _:
            assert_never(block)


def _picture(block: Intervals | Band | Columns | Ranges) -> RenderableType:
    match block:
        case Intervals():
            return _intervals(block)
        case Band(moments=moments, legend=legend):
            narrowing = sparkline([one.high - one.low for one in moments])
            return Text(f"{narrowing}  width of the interval by day\n{legend}")
        case Columns(columns=columns, title=title):
            return Text(f"{sparkline([sum(one.parts) for one in columns])}  {title}")
        case Ranges(ranges=ranges):
            return Group(*(Text(f"{one.label}: {one.text}") for one in ranges))
        case _:
            assert_never(block)


def _tiles(block: Tiles) -> RenderableType:
    table = RichTable(box=None, show_header=False, pad_edge=False)
    for one in block.tiles:
        note = Text(one.note, style=_STYLES[one.tone])
        table.add_row(one.label, Text(one.value, style="bold"), note)
    return Padding(table, (1, 0, 0, 0))


def _table(block: Table) -> RenderableType:
    table = RichTable(box=None, pad_edge=False, header_style="dim")
    for number, heading in enumerate(block.headings):
        table.add_column(
            heading, justify="left" if number < block.names else "right", overflow="fold"
        )
    for number, cells in enumerate(block.rows):
        table.add_row(*cells, style=_STYLES[block.tones[number]] if block.tones else "")
    return table


def _intervals(block: Intervals) -> RenderableType:
    table = RichTable(box=None, pad_edge=False, show_header=False)
    low, high = block.scale[0][0], block.scale[-1][0]
    for one in block.intervals:
        table.add_row(one.label, Text(_drawn(one, low, high), style=_STYLES[one.tone]), one.text)
    return table


def _drawn(one: Interval, low: float, high: float) -> str:
    """Draw an interval with its estimate, and where no effect lies.

    >>> _drawn(Interval(label="", low=0.0, middle=0.5, high=1.0, text=""), -1.0, 1.0)
    '                    ┣━━━━━━━━━●━━━━━━━━━┫'
    """

    def place(value: float | None, otherwise: float) -> int:
        inside = min(max(otherwise if value is None else value, low), high)
        return round((inside - low) / (high - low) * _PICTURE)

    line = [" "] * (_PICTURE + 1)
    line[place(0.0, 0.0)] = "│"
    first, last = place(one.low, low), place(one.high, high)
    line[first : last + 1] = ["━"] * (last - first + 1)
    line[first], line[last] = "┣", "┫"
    line[place(one.middle, 0.0)] = "●"
    return "".join(line).rstrip()
