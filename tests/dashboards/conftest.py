"""What the tests of the dashboards share: the pages, the rules, and tools of Debian's packages."""

import shutil

import pytest

from dashboards.__main__ import PAGES
from dashboards.building import build
from dashboards.model import Dashboard
from tests.support.prometheus import TOOLS, Tool


@pytest.fixture(scope="session", params=PAGES, ids=lambda page: str(page.uid))
def page(request: pytest.FixtureRequest) -> Dashboard:
    """Each page in turn, laid out."""
    return build(request.param)


@pytest.fixture(scope="session")
def tools() -> dict[Tool, str]:
    """Where Prometheus and Alertmanager are; without them the test proves nothing."""
    found = {name: shutil.which(command) for name, command in TOOLS.items()}
    if missing := [TOOLS[name] for name, path in found.items() if path is None]:
        pytest.skip(f"needs Debian's prometheus and prometheus-alertmanager: no {missing}")
    return {name: path for name, path in found.items() if path is not None}
