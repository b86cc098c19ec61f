"""Writes a page as Markdown, for mail, chats and editors."""

from typing import assert_never

from app.core.reporting.document import (
    Band,
    Block,
    Code,
    Columns,
    Document,
    Heading,
    Intervals,
    Note,
    Ranges,
    Table,
    Tile,
    Tiles,
)
from app.core.reporting.formats import sparkline

_ESCAPED = str.maketrans({one: f"\\{one}" for one in "\\`*_[]<>|#~"})


def markdown(document: Document) -> str:
    """Return the page as Markdown."""
    parts = [f"# {text_of(document.title)}", text_of(document.subtitle)]
    parts += [_block(one) for one in document.blocks]
    parts += ["---", " ".join(map(text_of, document.footer))]
    return "\n\n".join(part for part in parts if part) + "\n"


def text_of(text: str) -> str:
    r"""Return a text in which nothing means anything to Markdown.

    >>> text_of("a_b*c*")
    'a\\_b\\*c\\*'
    """
    return " ".join(text.translate(_ESCAPED).split())


def _block(block: Block) -> str:
    match block:
        case Tiles(tiles=tiles):
            return "\n".join(map(_tile, tiles))
        case Heading(text=text, about=about):
            return f"## {text_of(text)}" + (f"\n\n{text_of(about)}" if about else "")
        case Note(text=text):
            return text_of(text)
        case Table():
            return _table(block)
        case Columns():
            return _columns(block)
        case Ranges(ranges=ranges):
            rows = [
                f"- {text_of(one.label)}: {text_of(one.text)} (p50 / p95 / p99)" for one in ranges
            ]
            return "\n".join(rows)
        case Intervals(intervals=intervals):
            return "\n".join(f"- {text_of(one.label)}: {text_of(one.text)}" for one in intervals)
        case Band(moments=moments):
            return f"`{sparkline([one.high - one.low for one in moments])}` {text_of(block.legend)}"
        case Code(title=title, text=text):
            return f"{text_of(title)}\n\n```sql\n{text}\n```"
        case _:
            assert_never(block)


def _tile(tile: Tile) -> str:
    note = f" ({text_of(tile.note)})" if tile.note else ""
    return f"- {text_of(tile.label)}: **{text_of(tile.value)}**{note}"


def _table(table: Table) -> str:
    def row(cells: list[str]) -> str:
        return f"| {' | '.join(cells)} |"

    figures = len(table.headings) - table.names
    lines = [
        row([text_of(one) for one in table.headings]),
        row(["---"] * table.names + ["---:"] * figures),
        *(row([text_of(one) for one in cells]) for cells in table.rows),
    ]
    return "\n".join(lines)


def _columns(picture: Columns) -> str:
    """Draw columns as a line of blocks; each series where they stand beside each other."""
    if picture.beside:
        lines = [
            f"- {text_of(name)}: `{sparkline([one.parts[number] for one in picture.columns])}`"
            for number, name in enumerate(picture.series)
        ]
        return "\n".join(lines)
    values = [sum(one.parts) for one in picture.columns]
    top = max(picture.columns, key=lambda one: sum(one.parts))
    return f"`{sparkline(values)}` ▲ {text_of(top.title)}"
