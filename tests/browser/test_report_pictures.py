"""Reports as Chromium shows them: on any width nothing is cut off; `make pictures` draws them."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from analytics.experiments.assessment import assess
from analytics.experiments.declaration import find_declaration
from analytics.warehouse import open_warehouse
from app.core.reporting.brief import Report, page_of
from app.core.reporting.experiment_page import experiment_page
from app.core.reporting.html import html
from app.core.reporting.spans import span_of
from app.domain.ledger import Budget, Scope
from app.embedded import EmbeddedValkey
from app.state.budgets import Budgets
from app.state.store import Store
from jobs.report_figures import ReportFigures
from tests.browser.conftest import OpenPage
from tests.support.reported import weeks
from tests.support.triages import KEY, V1, V2, crowd, facts_of
from tests.support.warehouses import MIDNIGHT, rows

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
FIRST = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp()) * 1_000
ZONE = "America/Sao_Paulo"
DAY = span_of(date(2026, 11, 24), date(2026, 11, 24), ZONE)
WEEK = span_of(date(2026, 11, 16), date(2026, 11, 22), ZONE)
USD = 10**9

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def reports(
    valkey: EmbeddedValkey, folder: Path, *, first_ms: int, days: int, scale: float
) -> tuple[Report, Report]:
    """Return both reports of an invented installation with three budgets."""
    store = Store(valkey.url)
    warehouse = open_warehouse(folder / "warehouse")
    with warehouse.writing() as writer:
        writer.append(rows(*weeks(first_ms, days, scale=scale)))
    budgets = Budgets(store)
    for scope, period, usd in (
        (Scope(kind="global"), "day", 6.0 * scale),
        (Scope(kind="global"), "month", 120.0 * scale),
        (Scope(kind="operation", name="analysis"), "hour", 0.4 * scale),
    ):
        await budgets.set(
            Budget(scope=scope, period=period, limit_nano_usd=round(usd * USD))  # type: ignore[arg-type]
        )
    figures = ReportFigures(store, warehouse)
    made = await figures.costs(DAY), await figures.performance(WEEK)
    warehouse.close()
    await store.close()
    return made


def experiment(folder: Path, persons: int, days: int) -> str:
    """Return the page of an experiment with people who are made up."""
    warehouse = open_warehouse(folder / "warehouse")
    people = crowd(persons, {"v1": V1, "v2": V2}, several=True, days=days)
    with warehouse.writing() as writer:
        writer.append(rows(*facts_of(people)))
    at = datetime.fromtimestamp(MIDNIGHT / 1_000, UTC) + timedelta(days=days, hours=4)
    report = assess(warehouse, find_declaration(KEY), at.replace(tzinfo=None))
    warehouse.close()
    return html(experiment_page(report))


@pytest.mark.parametrize("width", [320, 390, 860])
async def test_reports_fit_any_screen(
    empty_valkey: EmbeddedValkey, tmp_path: Path, open_page: OpenPage, width: int
) -> None:
    """Nothing sticks out to the side, pictures have their width, and nothing is asked for."""
    both = await reports(
        empty_valkey, tmp_path, first_ms=FIRST + 14 * 86_400_000, days=9, scale=0.2
    )
    for number, report in enumerate(both):
        path = tmp_path / f"{number}.html"
        path.write_text(html(page_of(report, "pt-BR")), "utf-8")
        page = await open_page(path.as_uri(), viewport={"width": width, "height": 700})
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width
        boxes = await page.evaluate(
            "[...document.querySelectorAll('svg')].map(one => one.getBoundingClientRect().width)"
        )
        assert len(boxes) >= 2
        assert all(width * 0.7 < one <= width or one > 600 for one in boxes)
        asked = await page.evaluate("performance.getEntriesByType('resource').length")
        assert asked == 0


async def test_an_experiment_fits_any_screen(tmp_path: Path, open_page: OpenPage) -> None:
    """Tables scroll in themselves, pictures have the width there is, and nothing is asked for."""
    path = tmp_path / "experiment.html"
    path.write_text(experiment(tmp_path, 300, 3), "utf-8")
    for width in (320, 390, 860):
        page = await open_page(path.as_uri(), viewport={"width": width, "height": 700})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = await page.evaluate(
            "[...document.querySelectorAll('main > figure > svg')]"
            ".map(one => one.getBoundingClientRect().width)"
        )
        assert len(boxes) >= 2
        assert all(width * 0.7 < one <= width for one in boxes)
        if width == 860:  # a desk shows every column; elsewhere tables scroll in themselves
            cut = await page.evaluate(
                "[...document.querySelectorAll('.scroll')]"
                ".filter(one => one.scrollWidth > one.clientWidth).length"
            )
            assert cut == 0
        assert await page.evaluate("performance.getEntriesByType('resource').length") == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_an_experiment_is_drawn(tmp_path: Path, open_page: OpenPage) -> None:
    """Its page as far as the metrics, for the documentation."""
    path = tmp_path / "experiment.html"
    path.write_text(experiment(tmp_path, 4_500, 14), "utf-8")
    page = await open_page(path.as_uri(), viewport={"width": 860, "height": 1_900})
    await page.screenshot(path=FOLDER / "report-experiment.png")
    assert (FOLDER / "report-experiment.png").stat().st_size > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_reports_are_drawn(
    empty_valkey: EmbeddedValkey, tmp_path: Path, open_page: OpenPage
) -> None:
    """The tops of both pages, for the documentation."""
    both = await reports(empty_valkey, tmp_path, first_ms=FIRST, days=23, scale=1.0)
    for name, report in zip(("costs", "performance"), both, strict=True):
        path = tmp_path / f"{name}.html"
        path.write_text(html(page_of(report, "en")), "utf-8")
        page = await open_page(path.as_uri(), viewport={"width": 860, "height": 1_400})
        await page.screenshot(path=FOLDER / f"report-{name}.png")
        assert (FOLDER / f"report-{name}.png").stat().st_size > 0
