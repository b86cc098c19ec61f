"""Draws effects with their intervals, as SVG that grows with the page."""

from html import escape

from app.core.reporting.document import Band, Interval, Intervals
from app.core.reporting.pictures import svg

_ROW, _BOTTOM = 52, 22
_EDGE = 3.0
"""Percent that stay free at each side."""
_BAND_TOP, _BAND_HEIGHT = 14, 190


def intervals_svg(picture: Intervals) -> str:
    """Draw intervals below each other; one that leaves the scale ends at its edge."""
    low, high = picture.scale[0][0], picture.scale[-1][0]
    height = _ROW * len(picture.intervals) + _BOTTOM

    def x(value: float | None, otherwise: float) -> float:
        inside = min(max(otherwise if value is None else value, low), high)
        return round(_EDGE + (inside - low) / (high - low) * (100 - 2 * _EDGE), 3)

    parts = []
    for value, text in picture.scale:
        place = x(value, 0)
        parts.append(
            f'<line class="{"zero" if not value else "grid"}" x1="{place}%" x2="{place}%" y1="0"'
            f' y2="{height - _BOTTOM}"/><text x="{place}%" y="{height - 6}"'
            f' text-anchor="middle">{escape(text)}</text>'
        )
    for number, one in enumerate(picture.intervals):
        places = (x(one.low, low), x(one.middle, 0), x(one.high, high))
        parts.append(_interval(one, number * _ROW, places))
    return svg(picture.title, height, parts)


def _interval(one: Interval, y: float, places: tuple[float, float, float]) -> str:
    left, middle, right = places
    line = y + 32
    return (
        f'<g class="{one.tone}"><title>{escape(one.label)}: {escape(one.text)}</title>'
        f'<text class="name" x="0" y="{y + 17:g}">{escape(one.label)}</text>'
        f'<text x="100%" y="{y + 17:g}" text-anchor="end">{escape(one.text)}</text>'
        f'<line class="thick" x1="{left}%" x2="{right}%" y1="{line:g}" y2="{line:g}"/>'
        f'<circle class="dot" cx="{middle}%" cy="{line:g}" r="5"/></g>'
    )


def band_svg(picture: Band) -> str:
    """Draw how an interval narrowed; the band is stretched to the width, its labels are not."""
    low, high = picture.scale[0][0], picture.scale[-1][0]
    count = len(picture.moments)

    def x(number: int) -> float:
        return 100 / 2 if count == 1 else 100 * number / (count - 1)

    def y(value: float) -> float:
        inside = min(max(value, low), high)
        return round(_BAND_HEIGHT * (1 - (inside - low) / (high - low)), 2)

    upper = [f"{x(n):.3f},{y(one.high)}" for n, one in enumerate(picture.moments)]
    lower = [f"{x(n):.3f},{y(one.low)}" for n, one in enumerate(picture.moments)]
    middle = [f"{x(n):.3f},{y(one.middle)}" for n, one in enumerate(picture.moments)]
    parts = []
    for value, text in picture.scale:
        at = _BAND_TOP + y(value)
        kind = "zero" if not value else "grid"
        parts.append(
            f'<line class="{kind}" x1="0" x2="100%" y1="{at:g}" y2="{at:g}"/>'
            f'<text x="0" y="{at - 4:g}">{escape(text)}</text>'
        )
    for value, text in picture.lines:
        at = _BAND_TOP + y(value)
        parts.append(
            f'<line class="aim" x1="0" x2="100%" y1="{at:g}" y2="{at:g}"/>'
            f'<text x="100%" y="{at - 4:g}" text-anchor="end">{escape(text)}</text>'
        )
    parts.append(
        f'<svg x="12%" y="{_BAND_TOP}" width="86%" height="{_BAND_HEIGHT}"'
        f' viewBox="0 0 100 {_BAND_HEIGHT}" preserveAspectRatio="none">'
        f'<polygon class="band" points="{" ".join([*upper, *reversed(lower)])}"/>'
        f'<polyline class="middle" points="{" ".join(middle)}"/></svg>'
    )
    for number, one in enumerate(picture.moments):
        place = 12 + 0.86 * x(number)
        width = 86 / max(count - 1, 1)
        label = (
            f'<text x="{place:.2f}%" y="{_BAND_TOP + _BAND_HEIGHT + 17}" text-anchor="middle">'
            f"{escape(one.label)}</text>"
            if one.label
            else ""
        )
        parts.append(
            f"<g><title>{escape(one.title)}</title>"
            f'<rect class="hit" x="{max(place - width / 2, 0):.2f}%" y="{_BAND_TOP}"'
            f' width="{width:.2f}%" height="{_BAND_HEIGHT}"/>{label}</g>'
        )
    return svg(picture.title, _BAND_TOP + _BAND_HEIGHT + 24, parts)
