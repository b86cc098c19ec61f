"""Draws a page with the values of its series, laid out as Grafana lays it out.

It is no screenshot: Grafana was not run. Titles, units, legends and limits are those of the page,
lines and figures are what Prometheus answers to its queries.
"""

import math
import textwrap
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from msgspec import UNSET

from dashboards.building import COLUMNS, Unit
from dashboards.model import Bars, Dashboard, Figures, Lines, Panel, RowTitle, Target
from tests.support.prometheus import Series

mpl.use("agg")

Answers = Callable[[Target], Sequence[Series]]
_PAPER, _CARD, _INK, _FAINT = "#111217", "#181b1f", "#d8d9da", "#7b8087"
_COLOURS = {"green": "#73bf69", "yellow": "#fade2a", "orange": "#ff9830", "red": "#f2495c",
            "blue": "#5794f2"}  # fmt: skip
_LINES = ("#73bf69", "#fade2a", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#96d98d",
          "#ffb357", "#ff7383", "#ca95e5", "#37872d")  # fmt: skip
_WIDE, _HIGH = 0.75, 0.36
"""Inches of one column and of one line of Grafana's grid."""
_SHOWN = 7
"""Names in a legend; the largest first."""


def draw(page: Dashboard, answers: Answers, path: Path) -> None:
    """Draw a page into a PNG file."""
    lines = max(panel.grid_pos.y + panel.grid_pos.h for panel in page.panels) + 2
    width, height = COLUMNS * _WIDE, lines * _HIGH
    figure = Figure(figsize=(width, height), facecolor=_PAPER, dpi=80)
    figure.text(0.01, 1 - 0.5 * _HIGH / height, page.title, color=_INK, size=17, va="top")
    for panel in page.panels:
        place = panel.grid_pos
        left, top = place.x / COLUMNS, 1 - (place.y + 2) / lines
        if isinstance(panel, RowTitle):
            figure.text(left + 0.01, top - 0.3 / lines, panel.title, color=_INK, size=12, va="top")
            continue
        across, down = place.w / COLUMNS, place.h / lines
        box = (left + 0.004, top - down + 0.15 / lines, across - 0.008, down - 0.3 / lines)
        _card(figure, panel, box, answers)
    figure.savefig(path)


def written(value: float, unit: str) -> str:
    """Write a value as Grafana would, roughly.

    >>> written(0.0123, "percentunit"), written(0.25, "s"), written(1536, "bytes")
    ('1.2 %', '250 ms', '1.5 KiB')
    """
    match unit:
        case Unit.SHARE.value:
            return f"{value * 100:.3g} %" if abs(value) < 1 else f"{value * 100:.0f} %"
        case Unit.SECONDS.value:
            return _duration(value)
        case Unit.USD.value:
            return f"${value:.2f}" if abs(value) >= 1 else f"${value:.3g}"
        case Unit.BYTES.value:
            return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB"))
        case Unit.PER_SECOND.value:
            return f"{value:.3g} /s"
        case Unit.TOKENS_PER_SECOND.value:
            return f"{value:,.0f} /s"
        case Unit.TIMES.value:
            return f"{value:.3g}x"
        case _:
            return f"{value:.3g}" if abs(value) < 1_000 else f"{value:.0f}"


def _duration(seconds: float) -> str:
    for size, name in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s")):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds * 1_000:.3g} ms"


def _scaled(value: float, step: int, names: Sequence[str]) -> str:
    power = 0
    while abs(value) >= step and power < len(names) - 1:
        value, power = value / step, power + 1
    return f"{value:.3g} {names[power]}"


def _card(
    figure: Figure, panel: Panel, box: tuple[float, float, float, float], answers: Answers
) -> None:
    card = figure.add_axes(box)
    card.set_facecolor(_CARD)
    card.set_xticks([])
    card.set_yticks([])
    for side in card.spines.values():
        side.set_color("#2c3235")
    card.text(0.015, 0.97, panel.title, color=_INK, size=10, va="top", transform=card.transAxes)
    found = [
        (one.named(target.legend_format).strip(), one)
        for target in panel.targets
        for one in answers(target)
    ]
    match panel:
        case Lines():
            _lines(card, panel, found)
        case Figures():
            _figures(card, panel, found)
        case Bars():
            _bars(card, panel, found)


def _lines(card: Axes, panel: Lines, found: list[tuple[str, Series]]) -> None:
    defaults = panel.field_config.defaults
    unit = defaults.unit
    style = defaults.custom
    stacked = style is not UNSET and style.stacking.mode == "normal"
    found = sorted(found, key=lambda pair: -max(_numbers(pair[1]), default=0.0))
    chart: Axes = card.inset_axes((0.09, 0.40, 0.89, 0.46))
    _dark(chart, unit)
    below: dict[float, float] = {}
    for number, (_, one) in enumerate(found):
        points = [(at, value) for at, value in one.points if math.isfinite(value)]
        times = [datetime.fromtimestamp(at, UTC) for at, _ in points]
        colour = _LINES[number % len(_LINES)]
        floor = [below.get(at, 0.0) if stacked else 0.0 for at, _ in points]
        values = [base + value for base, (_, value) in zip(floor, points, strict=True)]
        chart.plot(times, values, color=colour, linewidth=1.4)  # type: ignore[arg-type]
        chart.fill_between(times, floor, values, color=colour, alpha=0.25 if stacked else 0.05)  # type: ignore[arg-type]
        below |= (
            {at: value for (at, _), value in zip(points, values, strict=True)} if stacked else {}
        )
    chart.set_ylim(bottom=min(0.0, chart.get_ylim()[0]))
    top = chart.get_ylim()[1]
    for step in defaults.thresholds.steps:
        if step.value is not None and step.value <= top:
            chart.axhline(step.value, color=_COLOURS[step.color], linestyle="--", linewidth=1)
    _legend(card, found, unit)


def _legend(card: Axes, found: list[tuple[str, Series]], unit: str) -> None:
    for line, (name, one) in enumerate(found[:_SHOWN]):
        column, row = divmod(line, 4)
        colour = _LINES[line % len(_LINES)]
        last = _numbers(one)[-1]
        text = f"▬ {textwrap.shorten(name, 34, placeholder='…')}: {written(last, unit)}"
        where = (0.02 + 0.49 * column, 0.235 - 0.07 * row)
        card.text(*where, text, color=colour, size=7.5, transform=card.transAxes)
    if len(found) > _SHOWN:
        more = f"and {len(found) - _SHOWN} more"
        card.text(0.51, 0.235 - 0.07 * 3, more, color=_FAINT, size=7.5, transform=card.transAxes)


def _figures(card: Axes, panel: Figures, found: list[tuple[str, Series]]) -> None:
    defaults = panel.field_config.defaults
    words = {
        value: text["text"] for one in defaults.mappings for value, text in one.options.items()
    }
    for number, (name, one) in enumerate(found):
        last = _numbers(one)[-1]
        text = words.get(f"{last:g}", written(last, defaults.unit))
        middle = (number + 0.5) / len(found)
        size = 24 if len(found) < 3 else 17
        card.text(middle, 0.47, text, color=_colour(panel, last), size=size, ha="center",
                  va="center", transform=card.transAxes)  # fmt: skip
        shown = "\n".join(textwrap.wrap(name, 18))
        card.text(middle, 0.16, shown, color=_FAINT, size=8, ha="center", va="center",
                  transform=card.transAxes)  # fmt: skip


def _bars(card: Axes, panel: Bars, found: list[tuple[str, Series]]) -> None:
    chart: Axes = card.inset_axes((0.22, 0.08, 0.62, 0.74))
    chart.set_facecolor(_CARD)
    chart.set_axis_off()
    for number, (name, one) in enumerate(reversed(found)):
        last = _numbers(one)[-1]
        chart.barh(number, 1.0, color="#22252b", height=0.6)
        chart.barh(number, min(last, 1.0), color=_colour(panel, last), height=0.6)
        unit = panel.field_config.defaults.unit
        chart.text(1.03, number, written(last, unit), color=_INK, size=10, va="center")
        chart.text(-0.03, number, name, color=_INK, size=9, ha="right", va="center")
    chart.set_xlim(0, 1)


def _colour(panel: Panel, value: float) -> str:
    steps = panel.field_config.defaults.thresholds.steps
    reached = [step for step in steps if step.value is None or value >= step.value]
    return _COLOURS[reached[-1].color]


def _numbers(one: Series) -> list[float]:
    return [value for _, value in one.points if math.isfinite(value)]


def _dark(chart: Axes, unit: str) -> None:
    chart.set_facecolor(_CARD)
    chart.tick_params(colors=_FAINT, labelsize=7, length=2)
    chart.grid(color="#2c3235", linewidth=0.5)
    for side in chart.spines.values():
        side.set_visible(False)

    def label(value: float, _: Any) -> str:
        return written(value, unit)

    chart.yaxis.set_major_formatter(FuncFormatter(label))
    chart.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
    chart.xaxis.set_major_formatter(mpl.dates.DateFormatter("%H:%M:%S"))  # type: ignore[no-untyped-call]
    chart.xaxis.set_major_locator(mpl.dates.AutoDateLocator(maxticks=6))  # type: ignore[no-untyped-call]
