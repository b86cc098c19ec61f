"""The part of Grafana's dashboard document that ours use, as frozen values.

Names, kinds and closed words follow `@grafana/schema`; a test holds what is written against it.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

SCHEMA_VERSION = 41
"""The last form of this document before Grafana 12.1; every later Grafana reads it as well."""


class _Value(Struct, frozen=True, kw_only=True, rename="camel"):
    """A value whose members are named as Grafana names them."""


class DataSource(_Value, frozen=True):
    """Where a query goes: the Prometheus that the reader has chosen on the page."""

    type: Literal["prometheus"] = "prometheus"
    uid: str = "${datasource}"


class Target(_Value, frozen=True):
    """One query of a panel."""

    ref_id: str
    expr: str
    legend_format: str
    range: bool
    instant: bool
    exemplar: bool = False
    editor_mode: Literal["code"] = "code"
    datasource: DataSource = DataSource()


class GridPos(_Value, frozen=True):
    """A place on a page that is 24 columns wide."""

    h: int
    w: int
    x: int
    y: int


class Threshold(_Value, frozen=True):
    """A colour from a value on; the first one has no value."""

    color: str
    value: float | None = None


class Thresholds(_Value, frozen=True):
    """Colours by value."""

    mode: Literal["absolute"] = "absolute"
    steps: tuple[Threshold, ...] = (Threshold(color="green"),)


class Color(_Value, frozen=True):
    """How series get their colours."""

    mode: Literal["palette-classic", "palette-classic-by-name", "thresholds"]


class Stacking(_Value, frozen=True):
    """Whether series stand upon each other."""

    mode: Literal["none", "normal"]
    group: str = "A"


class ThresholdsStyle(_Value, frozen=True):
    """Whether thresholds are drawn into the chart."""

    mode: Literal["off", "dashed"]


class LineStyle(_Value, frozen=True):
    """How a chart of lines is drawn."""

    fill_opacity: int
    stacking: Stacking
    thresholds_style: ThresholdsStyle
    draw_style: Literal["line"] = "line"
    line_width: int = 2
    show_points: Literal["never"] = "never"
    span_nulls: bool = True
    axis_soft_min: float | UnsetType = UNSET
    axis_soft_max: float | UnsetType = UNSET


class ValueMapping(_Value, frozen=True):
    """Words instead of figures."""

    options: dict[str, dict[str, str]]
    type: Literal["value"] = "value"


class Defaults(_Value, frozen=True):
    """How the values of all series of a panel are shown."""

    unit: str
    color: Color
    thresholds: Thresholds
    min: float | UnsetType = UNSET
    max: float | UnsetType = UNSET
    decimals: int | UnsetType = UNSET
    no_value: str | UnsetType = UNSET
    mappings: tuple[ValueMapping, ...] = ()
    custom: LineStyle | UnsetType = UNSET


class FieldConfig(_Value, frozen=True):
    """How values are shown; there are no exceptions for single series."""

    defaults: Defaults
    overrides: tuple[()] = ()


class Legend(_Value, frozen=True):
    """The names of the series, and figures beside them."""

    calcs: tuple[str, ...]
    display_mode: Literal["table", "list"]
    placement: Literal["bottom", "right"] = "bottom"
    show_legend: bool = True


class Tooltip(_Value, frozen=True):
    """What is shown under the pointer."""

    mode: Literal["multi"] = "multi"
    sort: Literal["desc"] = "desc"


class LinesOptions(_Value, frozen=True):
    """Options of a chart of lines."""

    legend: Legend
    tooltip: Tooltip = Tooltip()


class Reduce(_Value, frozen=True):
    """Which value of a series is shown."""

    calcs: tuple[str, ...] = ("lastNotNull",)
    fields: str = ""
    values: bool = False


class FigureOptions(_Value, frozen=True):
    """Options of large figures."""

    reduce_options: Reduce = Reduce()
    color_mode: Literal["value"] = "value"
    graph_mode: Literal["none"] = "none"
    justify_mode: Literal["auto"] = "auto"
    orientation: Literal["auto"] = "auto"
    percent_change_color_mode: Literal["standard"] = "standard"
    show_percent_change: bool = False
    text_mode: Literal["auto", "value_and_name"] = "auto"
    wide_layout: bool = True


class BarsOptions(_Value, frozen=True):
    """Options of bars, one for each series."""

    legend: Legend = Legend(calcs=(), display_mode="list", show_legend=False)
    reduce_options: Reduce = Reduce()
    display_mode: Literal["basic"] = "basic"
    max_viz_height: int = 300
    min_viz_height: int = 16
    min_viz_width: int = 8
    name_placement: Literal["auto"] = "auto"
    orientation: Literal["horizontal"] = "horizontal"
    show_unfilled: bool = True
    sizing: Literal["auto"] = "auto"
    value_mode: Literal["color"] = "color"


class _Panel(_Value, frozen=True, kw_only=True):
    """What every panel has."""

    id: int
    title: str
    description: str
    grid_pos: GridPos
    field_config: FieldConfig
    targets: tuple[Target, ...]
    datasource: DataSource = DataSource()


class Lines(_Panel, frozen=True, kw_only=True, tag_field="type", tag="timeseries"):
    """A chart of lines over time."""

    options: LinesOptions


class Figures(_Panel, frozen=True, kw_only=True, tag_field="type", tag="stat"):
    """Large figures, one for each series."""

    options: FigureOptions


class Bars(_Panel, frozen=True, kw_only=True, tag_field="type", tag="bargauge"):
    """Bars, one for each series."""

    options: BarsOptions


class RowTitle(_Value, frozen=True, tag_field="type", tag="row"):
    """The heading of the panels below it."""

    id: int
    title: str
    grid_pos: GridPos
    collapsed: bool = False
    panels: tuple[()] = ()


Panel = Lines | Figures | Bars


class Variable(_Value, frozen=True):
    """Something that the reader chooses at the top of the page."""

    name: str
    label: str
    description: str
    query: str
    type: Literal["datasource"] = "datasource"
    include_all: bool = False
    multi: bool = False


class Templating(_Value, frozen=True):
    """All that the reader can choose."""

    list: tuple[Variable, ...]


class Link(_Value, frozen=True):
    """A way to the other pages."""

    title: str
    tags: tuple[str, ...]
    type: Literal["dashboards"] = "dashboards"
    icon: str = "external link"
    tooltip: str = ""
    as_dropdown: bool = False
    include_vars: bool = True
    keep_time: bool = True
    target_blank: bool = False


class TimeRange(_Value, frozen=True, rename={"start": "from", "end": "to"}):
    """What is shown when the page is opened."""

    start: str
    end: str = "now"


class Dashboard(_Value, frozen=True):
    """One page."""

    uid: str
    title: str
    description: str
    tags: tuple[str, ...]
    time: TimeRange
    templating: Templating
    links: tuple[Link, ...]
    panels: tuple[RowTitle | Lines | Figures | Bars, ...]
    refresh: str
    editable: bool = False
    graph_tooltip: Literal[1] = 1
    timezone: str = "browser"
    schema_version: int = SCHEMA_VERSION


def document(page: Dashboard) -> bytes:
    """Return a page as the JSON that Grafana reads: always the same bytes for the same page."""
    plain: dict[str, Any] = msgspec.to_builtins(page)
    return msgspec.json.format(msgspec.json.encode(plain, order="sorted"), indent=2) + b"\n"
