"""Puts pages together: what a page says is in its own module, how it is laid out is here."""

from collections.abc import Sequence
from enum import Enum
from typing import Any, Literal

from msgspec import UNSET, Struct

from dashboards.model import (
    Bars,
    BarsOptions,
    Color,
    Dashboard,
    Defaults,
    FieldConfig,
    FigureOptions,
    Figures,
    GridPos,
    Legend,
    Lines,
    LinesOptions,
    LineStyle,
    Link,
    Panel,
    RowTitle,
    Stacking,
    Target,
    Templating,
    Threshold,
    Thresholds,
    ThresholdsStyle,
    TimeRange,
    ValueMapping,
    Variable,
)

COLUMNS = 24
"""How wide Grafana's grid is."""
TAG = "triage"

_SOURCE = Variable(
    name="datasource",
    label="Prometheus",
    description="The Prometheus that scrapes Triage.",
    query="prometheus",
)


class Unit(Enum):
    """What a value is measured in, under Grafana's name for it."""

    USD = "currencyUSD"
    SECONDS = "s"
    SHARE = "percentunit"
    COUNT = "short"
    PER_SECOND = "cps"
    BYTES = "bytes"
    TOKENS_PER_SECOND = "suffix: tokens/s"
    TIMES = "suffix:x"


class Step(Struct, frozen=True):
    """From this value on, this colour."""

    value: float
    color: Literal["green", "yellow", "orange", "red"]


class Query(Struct, frozen=True):
    """What is asked of Prometheus, and what each series of the answer is called."""

    expr: str
    legend: str
    """Text with `{{label}}` in it where the answer has several series."""


class Chart(Struct, frozen=True, kw_only=True):
    """A panel, before it has a place."""

    title: str
    description: str
    """What is seen, and what to do or think where it looks odd."""
    unit: Unit
    queries: tuple[Query, ...]
    kind: Literal["lines", "figures", "bars"] = "lines"
    width: int = 12
    height: int = 8
    stacked: bool = False
    steps: tuple[Step, ...] = ()
    """Limits; drawn as dashed lines in charts, as colours elsewhere."""
    calm: Literal["green", "blue", "red"] = "green"
    """The colour below the first step."""
    top: float | None = None
    """The largest value there can be."""
    decimals: int | None = None
    words: tuple[tuple[str, str], ...] = ()
    """Words to be shown instead of values."""
    calcs: tuple[str, ...] = ("mean", "max", "lastNotNull")
    """Figures beside the names in the legend of a chart."""


class Row(Struct, frozen=True):
    """A heading and the panels below it."""

    title: str
    charts: tuple[Chart, ...]


class Page(Struct, frozen=True, kw_only=True):
    """A dashboard, before it is laid out."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    start: str = "now-6h"
    refresh: str = "30s"


def build(page: Page) -> Dashboard:
    """Lay a page out: rows below each other, panels from left to right as far as they fit."""
    panels: list[RowTitle | Panel] = []
    y = 0
    for row in page.rows:
        heading = GridPos(h=1, w=COLUMNS, x=0, y=y)
        panels.append(RowTitle(id=len(panels) + 1, title=row.title, grid_pos=heading))
        y += 1
        for place, chart in zip(_places(row.charts, y), row.charts, strict=True):
            panels.append(_panel(chart, len(panels) + 1, place))
            y = max(y, place.y + place.h)
    return Dashboard(
        uid=page.uid,
        title=page.title,
        description=page.description,
        tags=(TAG,),
        time=TimeRange(start=page.start),
        templating=Templating(list=(_SOURCE,)),
        links=(Link(title="Triage", tags=(TAG,)),),
        panels=tuple(panels),
        refresh=page.refresh,
    )


def _places(charts: Sequence[Chart], top: int) -> list[GridPos]:
    places: list[GridPos] = []
    x, y, height = 0, top, 0
    for chart in charts:
        if x + chart.width > COLUMNS:
            x, y, height = 0, y + height, 0
        places.append(GridPos(h=chart.height, w=chart.width, x=x, y=y))
        x += chart.width
        height = max(height, chart.height)
    return places


def _panel(chart: Chart, number: int, place: GridPos) -> Panel:
    several = len(chart.queries) > 1 or any("{{" in one.legend for one in chart.queries)
    over_time = chart.kind == "lines"
    common: dict[str, Any] = {
        "id": number,
        "title": chart.title,
        "description": chart.description,
        "grid_pos": place,
        "field_config": FieldConfig(defaults=_defaults(chart)),
        "targets": tuple(
            Target(
                ref_id=chr(ord("A") + index),
                expr=query.expr,
                legend_format=query.legend,
                range=over_time,
                instant=not over_time,
            )
            for index, query in enumerate(chart.queries)
        ),
    }
    if chart.kind == "lines":
        legend = Legend(calcs=chart.calcs, display_mode="table")
        return Lines(**common, options=LinesOptions(legend=legend))
    if chart.kind == "figures":
        mode: Literal["auto", "value_and_name"] = "value_and_name" if several else "auto"
        return Figures(**common, options=FigureOptions(text_mode=mode))
    return Bars(**common, options=BarsOptions())


def _defaults(chart: Chart) -> Defaults:
    lines = chart.kind == "lines"
    style = LineStyle(
        fill_opacity=30 if chart.stacked else 8,
        stacking=Stacking(mode="normal" if chart.stacked else "none"),
        thresholds_style=ThresholdsStyle(mode="dashed" if chart.steps else "off"),
        axis_soft_min=0,
    )
    return Defaults(
        unit=chart.unit.value,
        color=Color(mode="palette-classic" if lines else "thresholds"),
        thresholds=Thresholds(
            steps=(
                Threshold(color=chart.calm),
                *(Threshold(color=step.color, value=step.value) for step in chart.steps),
            )
        ),
        min=UNSET if lines else 0,
        max=UNSET if chart.top is None else chart.top,
        decimals=UNSET if chart.decimals is None else chart.decimals,
        mappings=(ValueMapping(options={value: {"text": word} for value, word in chart.words}),)
        if chart.words
        else (),
        custom=style if lines else UNSET,
    )
