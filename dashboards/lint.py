"""What a page must have so that a newcomer understands it, and what it must not ask for.

`@grafana/schema` knows none of this: it takes a panel without a unit, and a query for a metric that
nobody exposes.
"""

from collections.abc import Collection, Iterator

from dashboards.building import COLUMNS, Unit
from dashboards.model import Dashboard, Lines, Panel, RowTitle

_SHORTEST_DESCRIPTION = 40
_UNITS = frozenset(unit.value for unit in Unit)


def problems(page: Dashboard) -> list[str]:
    """Return everything that is wrong with a page's looks; empty when nothing is.

    Whether its queries are PromQL, and whether anything answers, is for Prometheus to say.
    """
    found = [f"{page.title}: {text}" for text in _of_page(page)]
    for panel in page.panels:
        if not isinstance(panel, RowTitle):
            found += [f"{page.title} / {panel.title or panel.id}: {text}" for text in _of(panel)]
    return found


def unknown_metrics(names: Collection[str], known: Collection[str]) -> list[str]:
    """Return the metric names of a query that nobody exposes and no rule records."""
    return sorted(set(names) - set(known))


def _of_page(page: Dashboard) -> Iterator[str]:
    panels = [panel for panel in page.panels if not isinstance(panel, RowTitle)]
    if not panels:
        yield "has no panel"
    if len(page.description) < _SHORTEST_DESCRIPTION:
        yield "says too little about itself"
    ids = [panel.id for panel in page.panels]
    if len(set(ids)) < len(ids):
        yield "gives an id twice"
    titles = [panel.title for panel in panels]
    yield from (f"has two panels {one!r}" for one in sorted(set(titles)) if titles.count(one) > 1)
    taken: set[tuple[int, int]] = set()
    for panel in page.panels:
        place = panel.grid_pos
        cells = {
            (x, y)
            for x in range(place.x, place.x + place.w)
            for y in range(place.y, place.y + place.h)
        }
        if cells & taken or place.x + place.w > COLUMNS:
            yield f"panel {panel.title!r} does not fit where it is"
        taken |= cells
    for above, below in zip(page.panels, [*page.panels[1:], None], strict=True):
        if isinstance(above, RowTitle) and (below is None or isinstance(below, RowTitle)):
            yield f"nothing stands under {above.title!r}"


def _of(panel: Panel) -> Iterator[str]:
    defaults = panel.field_config.defaults
    if not panel.title:
        yield "no title"
    if len(panel.description) < _SHORTEST_DESCRIPTION or not panel.description.endswith("."):
        yield "no description in whole sentences"
    if defaults.unit not in _UNITS:
        yield f"no unit: {defaults.unit!r}"
    if isinstance(panel, Lines) and not (
        panel.options.legend.show_legend and panel.options.legend.calcs
    ):
        yield "no legend with figures"
    yield from _of_queries(panel)


def _of_queries(panel: Panel) -> Iterator[str]:
    if not panel.targets:
        yield "empty: it asks nothing"
    legends = [target.legend_format for target in panel.targets]
    if not all(legends):
        yield "a series without a name"
    if len(set(legends)) < len(legends):
        yield "two queries whose series have the same names"
    over_time = isinstance(panel, Lines)
    for target in panel.targets:
        if (target.range, target.instant) != (over_time, not over_time):
            yield f"query {target.ref_id} asks for a moment where a range is drawn, or vice versa"
