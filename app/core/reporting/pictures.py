"""Draws pictures as SVG that grow with the page while their letters keep their size.

Places along the axis are in percent of the width, everything else in pixels, so the same picture
reads as well on a telephone as on paper.
"""

import math
from collections.abc import Sequence
from html import escape

from app.core.reporting.document import Column, Columns, Range, Ranges

_TOP, _HEIGHT, _BOTTOM = 18, 150, 24
_COLUMN = 0.72
"""How much of its place a column fills."""
_GUTTER = 10.5
"""Percent of the width that the axis' own labels have."""
_ROW, _ROWS_TOP, _ROWS_BOTTOM = 52, 0, 22
_EDGE = 3.0
"""Percent that stay free at each side of an axis of ranges."""


def columns_svg(picture: Columns) -> str:
    """Draw columns over time."""
    top = picture.scale[-1][0]
    parts = [_line_across(value, text, top) for value, text in picture.scale]
    width = (100 - _GUTTER) / len(picture.columns)
    for number, column in enumerate(picture.columns):
        parts.append(_column(column, _GUTTER + number * width, width, picture))
    if picture.line is not None:
        value, text = picture.line
        y = _y(value, top)
        parts.append(
            f'<line class="limit" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
            f'<text class="limit" x="{_GUTTER}%" y="{y - 5:g}">{escape(text)}</text>'
        )
    return svg(picture.title, _TOP + _HEIGHT + _BOTTOM, parts)


def ranges_svg(picture: Ranges) -> str:
    """Draw ranges below each other."""
    low, high = (math.log10(picture.scale[end][0]) for end in (0, -1))
    height = _ROWS_TOP + _ROW * len(picture.ranges) + _ROWS_BOTTOM

    def x(ms: float) -> float:
        place = (math.log10(max(ms, 10**low)) - low) / (high - low)
        return round(_EDGE + place * (100 - 2 * _EDGE), 3)

    parts = []
    for value, text in picture.scale:
        parts.append(
            f'<line class="grid" x1="{x(value)}%" x2="{x(value)}%" y1="0"'
            f' y2="{height - _ROWS_BOTTOM}"/><text x="{x(value)}%" y="{height - 6}"'
            f' text-anchor="middle">{escape(text)}</text>'
        )
    for number, one in enumerate(picture.ranges):
        parts.append(_range(one, _ROWS_TOP + number * _ROW, (x(one.p50), x(one.p95), x(one.p99))))
    return svg(picture.title, height, parts)


def svg(title: str, height: float, parts: Sequence[str]) -> str:
    """Put parts of a picture together."""
    return (
        f'<svg role="img" aria-label="{escape(title)}" width="100%" height="{height:g}"'
        f' xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def _y(value: float, top: float) -> float:
    return round(_TOP + _HEIGHT * (1 - min(value / top, 1.0)), 2)


def _line_across(value: float, text: str, top: float) -> str:
    y = _y(value, top)
    kind = "axis" if not value else "grid"
    label = f'<text x="0" y="{y - 5:g}">{escape(text)}</text>' if value else ""
    return f'<line class="{kind}" x1="0" x2="100%" y1="{y}" y2="{y}"/>{label}'


def _column(column: Column, left: float, width: float, picture: Columns) -> str:
    """Draw the parts of a column upon each other, or beside each other."""
    top, beside = picture.scale[-1][0], picture.beside
    inner = width * _COLUMN
    start = left + (width - inner) / 2
    bars = []
    base = 0.0
    for number, value in enumerate(column.parts):
        if value <= 0:
            continue
        y0, y1 = (_y(0, top), _y(value, top)) if beside else (_y(base, top), _y(base + value, top))
        each = inner / len(column.parts) if beside else inner
        at = start + number * each if beside else start
        base += value
        bars.append(
            f'<rect class="s{picture.tints[number]}" x="{at:.3f}%" y="{y1}" width="{each:.3f}%"'
            f' height="{max(y0 - y1, 0.75):.2f}"/>'
        )
    label = ""
    if column.label:
        middle = left + width / 2
        label = (
            f'<text x="{middle:.3f}%" y="{_TOP + _HEIGHT + 17}" text-anchor="middle">'
            f"{escape(column.label)}</text>"
        )
    hit = (
        f'<rect class="hit" x="{left:.3f}%" y="0" width="{width:.3f}%" height="{_TOP + _HEIGHT}"/>'
    )
    return f"<g><title>{escape(column.title)}</title>{hit}{''.join(bars)}{label}</g>"


def _range(one: Range, y: float, places: tuple[float, float, float]) -> str:
    p50, p95, p99 = places
    line = y + 30
    return (
        f"<g><title>{escape(one.label)}: {escape(one.text)}</title>"
        f'<text class="name" x="0" y="{y + 17:g}">{escape(one.label)}</text>'
        f'<text x="100%" y="{y + 17:g}" text-anchor="end">{escape(one.text)}</text>'
        f'<line class="thin" x1="{p95}%" x2="{p99}%" y1="{line:g}" y2="{line:g}"/>'
        f'<line class="thick" x1="{p50}%" x2="{p95}%" y1="{line:g}" y2="{line:g}"/>'
        f'<circle class="dot" cx="{p50}%" cy="{line:g}" r="5"/></g>'
    )
