"""The committed pages: they are what the builders make, and a newcomer can read them."""

import subprocess
import sys

import msgspec
import pytest
from msgspec.structs import replace

from app.telemetry.declared import DECLARED
from dashboards.__main__ import FOLDER, documents
from dashboards.building import Chart, Page, Query, Row, Unit, build
from dashboards.lint import problems, unknown_metrics
from dashboards.model import Dashboard, Lines, Panel
from tests.support.rules import known_metrics, metrics_of, panels, plain

CHART = Chart(
    title="Streams",
    description="Event streams that are open at this moment.",
    unit=Unit.COUNT,
    queries=(Query("sum(triage_streams_open)", "streams"),),
)


def test_what_is_committed_is_what_the_builders_make() -> None:
    """`make dashboards` changes nothing."""
    assert {file.name: file.read_bytes() for file in FOLDER.iterdir()} == documents()


def test_another_process_makes_the_same_bytes() -> None:
    """Nothing depends on the order of a set or on the moment."""
    code = "import sys; from dashboards.__main__ import documents;"
    code += "sys.stdout.buffer.write(b''.join(documents().values()))"
    made = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            cwd=FOLDER.parents[2],
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert made == [b"".join(documents().values())] * 2


def test_a_newcomer_understands_the_page(page: Dashboard) -> None:
    """Every panel has a title, a description, a unit, and names for its series."""
    assert problems(page) == []


def test_every_query_is_promql_about_what_exists(page: Dashboard) -> None:
    """Each query can be parsed, and each metric in it is declared or recorded."""
    for panel in panels(page):
        for target in panel.targets:
            named = metrics_of(plain(target.expr))
            assert unknown_metrics(named, known_metrics()) == [], panel.title


def test_every_label_that_is_chosen_by_exists(page: Dashboard) -> None:
    """A query that chooses by a label which a metric does not have would answer nothing."""
    declared = {metric.name: {*metric.labels, "le", "job", "instance"} for metric in DECLARED}
    for panel in panels(page):
        for target in panel.targets:
            for name, labels in metrics_of(plain(target.expr)).items():
                family = name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
                assert labels <= declared.get(family, labels), (panel.title, name)


def test_a_wrong_metric_name_is_caught() -> None:
    """A name that nobody exposes is found, wherever in the query it stands."""
    named = metrics_of("sum(rate(triage_turns_total[5m])) / sum(rate(triage_turn_total[5m]))")
    assert unknown_metrics(named, known_metrics()) == ["triage_turn_total"]


def test_what_is_no_promql_is_caught() -> None:
    """A query with a bracket too many is found."""
    with pytest.raises(ValueError, match="parenthesis"):
        metrics_of("sum(rate(triage_turns_total[5m]))) / sum(rate(triage_turns_total[5m])")


@pytest.mark.parametrize(
    ("chart", "found"),
    [
        (replace(CHART, title=""), "no title"),
        (replace(CHART, description="Streams"), "no description in whole sentences"),
        (replace(CHART, queries=()), "empty: it asks nothing"),
        (replace(CHART, queries=(Query("up", ""),)), "a series without a name"),
        (replace(CHART, calcs=()), "no legend with figures"),
        (
            replace(CHART, queries=(Query("up", "x"), Query("up", "x"))),
            "two queries whose series have the same names",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_newcomer_would_not_understand_is_caught(chart: Chart, found: str) -> None:
    """The page is fine but for one thing, and that is what is found."""
    assert [text.partition(": ")[2] for text in problems(_page(chart))] == [found]


def test_a_missing_unit_is_caught() -> None:
    """Values that could be anything are found; Grafana's own types let them pass."""
    page = _page(CHART)
    [panel] = panels(page)
    assert isinstance(panel, Lines)
    defaults = replace(panel.field_config.defaults, unit="")
    bare = replace(panel, field_config=replace(panel.field_config, defaults=defaults))
    assert problems(_with(page, bare)) == ["A page / Streams: no unit: ''"]


def test_a_moment_where_a_range_is_drawn_is_caught() -> None:
    """A chart of lines that asks for one moment would show a dot."""
    page = _page(CHART)
    [panel] = panels(page)
    targets = tuple(replace(one, instant=True, range=False) for one in panel.targets)
    [found] = problems(_with(page, replace(panel, targets=targets)))
    assert "asks for a moment" in found


def test_panels_upon_each_other_are_caught() -> None:
    """Two panels in one place, or with one name, are found."""
    page = _page(CHART)
    [panel] = panels(page)
    found = problems(replace(page, panels=(*page.panels, panel)))
    assert [text.partition(": ")[2] for text in found] == [
        "gives an id twice",
        "has two panels 'Streams'",
        "panel 'Streams' does not fit where it is",
    ]


def test_a_heading_above_nothing_is_caught() -> None:
    """A row without panels is found."""
    page = build(_plain(Row("Streams", (CHART,)), Row("Nothing", ())))
    assert problems(page) == ["A page: nothing stands under 'Nothing'"]


def test_panels_go_on_in_the_next_line_where_they_do_not_fit() -> None:
    """Three panels of half a page stand in two lines, and the next row below both."""
    three = tuple(replace(CHART, title=name) for name in "abc")
    page = build(_plain(Row("Three", three), Row("One", (replace(CHART, title="d"),))))
    places = [(panel.grid_pos.x, panel.grid_pos.y) for panel in panels(page)]
    assert places == [(0, 1), (12, 1), (0, 9), (0, 18)]


def test_what_is_written_is_grafanas_document() -> None:
    """Names are Grafana's: `refId`, `gridPos`, `from`; kinds of panels are told by `type`."""
    [heading, panel] = msgspec.to_builtins(_page(CHART))["panels"]
    assert (heading["type"], panel["type"]) == ("row", "timeseries")
    assert panel["gridPos"] == {"h": 8, "w": 12, "x": 0, "y": 1}
    assert panel["targets"][0]["refId"] == "A"


def _plain(*rows: Row) -> Page:
    about = "Shows what there is to be seen on a page."
    return Page(uid="triage-a-page", title="A page", description=about, rows=rows)


def _page(chart: Chart) -> Dashboard:
    return build(_plain(Row("A row", (chart,))))


def _with(page: Dashboard, panel: Panel) -> Dashboard:
    return replace(page, panels=(page.panels[0], panel))
