"""`make pictures`: the dashboards of a real installation, drawn for those who look at the docs."""

from pathlib import Path

import pytest

from dashboards.__main__ import PAGES
from dashboards.building import build
from tests.dashboards.test_live import Watched, lived_through
from tests.support.pictures import draw
from tests.support.prometheus import Tool, running_prometheus
from tests.support.scripted_load import town
from tests.support.waiting import until

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
ROUNDS = 15


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_page_is_drawn(tools: dict[Tool, str], tmp_path: Path) -> None:
    """Each page becomes a picture of what Prometheus saw."""
    FOLDER.mkdir(exist_ok=True)
    with (
        town(tmp_path) as there,
        running_prometheus(tools["prometheus"], tmp_path / "p", there.targets) as prometheus,
    ):
        until(lambda: len(prometheus.now("triage_build_info")) == 2, "nobody was scraped")
        watched = Watched(prometheus, *lived_through(there, prometheus, ROUNDS))
        for page in PAGES:
            path = FOLDER / f"{page.uid}.png"
            draw(build(page), watched.answers, path)
            assert path.stat().st_size > 0
