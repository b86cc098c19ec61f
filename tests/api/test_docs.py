"""The API's own pages: complete, and from this server alone."""

import re
from collections.abc import Iterator

import pytest
from litestar import Litestar, get
from litestar.testing import TestClient

from app.api.docs import openapi_config, script_path


@get("/thing", summary="Read a thing")
async def _thing() -> str:
    """Return a thing."""
    return "thing"


@pytest.fixture
def client() -> Iterator[TestClient[Litestar]]:
    """An application with one route and the documentation."""
    with TestClient(Litestar([_thing], openapi_config=openapi_config())) as client:
        yield client


def test_the_page_names_no_other_host(client: TestClient[Litestar]) -> None:
    """Everything that the page loads is an address of this server."""
    page = client.get("/docs").text

    loaded = re.findall(r'(?:src|href|data-url)="([^"]+)"', page)
    assert loaded == ["/icon.svg", "/docs/openapi.json", "/docs/openapi.json", "/docs/scalar.js"]
    assert "//" not in page.replace("</", "")


def test_the_policy_keeps_the_browser_here(client: TestClient[Litestar]) -> None:
    """Scripts, connections and images may only come from this server; inline code is refused."""
    policy = client.get("/docs").headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy


def test_the_script_is_the_installed_one(client: TestClient[Litestar]) -> None:
    """The bundle is served as the package ships it, as JavaScript, and may be kept for a day."""
    answer = client.get("/docs/scalar.js")

    assert answer.content == script_path().read_bytes()
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert "max-age" in answer.headers["Cache-Control"]


def test_the_description_explains_how_to_begin(client: TestClient[Litestar]) -> None:
    """A newcomer reads what to call first; the documentation does not document itself."""
    description = client.get("/docs/openapi.json").json()

    assert "/start" in description["info"]["description"]
    assert list(description["paths"]) == ["/thing"]
    assert "case_token" in description["components"]["securitySchemes"]
