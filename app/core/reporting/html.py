"""Writes a page as one file of HTML that needs nothing else, for screens of any size and paper."""

from html import escape
from importlib import resources
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
from app.core.reporting.effects import band_svg, intervals_svg
from app.core.reporting.pictures import columns_svg, ranges_svg


def html(document: Document) -> str:
    """Return the page as HTML."""
    style = (resources.files("app.core.reporting") / "page.css").read_text("utf-8")
    title = f"{document.title} · {document.subtitle}"
    body = "\n".join(_block(one) for one in document.blocks)
    footer = " ".join(map(escape, document.footer))
    return f"""<!DOCTYPE html>
<html lang="{escape(document.language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
<header>
<h1>{escape(document.title)}</h1>
<p>{escape(document.subtitle)}</p>
</header>
{body}
<footer>{footer}</footer>
</main>
</body>
</html>
"""


def _block(block: Block) -> str:
    match block:
        case Tiles(tiles=tiles):
            by = "by3" if len(tiles) % 4 else "by4"
            return f'<dl class="tiles {by}">{"".join(map(_tile, tiles))}</dl>'
        case Heading(text=text, about=about):
            below = f"\n<p class='about'>{escape(about)}</p>" if about else ""
            return f"<h2>{escape(text)}</h2>{below}"
        case Note(text=text, tone=tone):
            return f'<p class="note {tone}">{escape(text)}</p>'
        case Table():
            return _table(block)
        case Columns():
            return f"<figure>{_legend(block)}{columns_svg(block)}</figure>"
        case Ranges(legend=legend):
            caption = f"<figcaption>{escape(legend)}</figcaption>"
            return f'<figure class="ranges">{ranges_svg(block)}{caption}</figure>'
        case Intervals(legend=legend):
            caption = f"<figcaption>{escape(legend)}</figcaption>"
            return f'<figure class="ranges">{intervals_svg(block)}{caption}</figure>'
        case Band(legend=legend):
            caption = f"<figcaption>{escape(legend)}</figcaption>"
            return f"<figure>{band_svg(block)}{caption}</figure>"
        case Code(title=title, text=text):
            return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"
        case _:
            assert_never(block)


def _tile(tile: Tile) -> str:
    note = f'<dd class="note {tile.tone}">{escape(tile.note)}</dd>' if tile.note else ""
    return f"<div><dt>{escape(tile.label)}</dt><dd>{escape(tile.value)}</dd>{note}</div>"


def _legend(picture: Columns) -> str:
    if len(picture.series) < 2:
        return ""
    names = "".join(
        f'<li><i class="s{picture.tints[number]}"></i>{escape(name)}</li>'
        for number, name in enumerate(picture.series)
    )
    return f'<ul class="legend">{names}</ul>'


def _table(table: Table) -> str:
    head = "".join(
        f'<th scope="col"{"" if number < table.names else _FIGURE}>{escape(text)}</th>'
        for number, text in enumerate(table.headings)
    )
    rows = []
    for number, cells in enumerate(table.rows):
        tone = table.tones[number] if table.tones else "plain"
        bar = _bar(table.shares[number]) if table.shares else ""
        first = f'<th scope="row">{escape(cells[0])}{bar}</th>'
        rest = "".join(
            f"<td{'' if place < table.names else _FIGURE}>{escape(text)}</td>"
            for place, text in enumerate(cells[1:], 1)
        )
        rows.append(f'<tr class="{tone}">{first}{rest}</tr>')
    wide = ' class="wide"' if len(table.headings) > _MANY_COLUMNS else ""
    return (
        f'<div class="scroll" tabindex="0"><table{wide}><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


_FIGURE = ' class="figure"'
_MANY_COLUMNS = 6
"""Tables of more are written smaller, so that a desk shows them whole."""


def _bar(share: float) -> str:
    percent = round(100 * min(max(share, 0.0), 1.0), 1)
    return f'<i class="bar" style="--share:{percent:g}%"></i>'
