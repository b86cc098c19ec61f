"""Asks axe what is wrong with a page for people who see, hear or move otherwise."""

from pathlib import Path

import pytest
from playwright.async_api import Page

SCRIPT = Path(__file__).parents[2] / "app" / "web" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .filter((one) => one.impact === "serious" || one.impact === "critical")
  .map((one) => one.id + ": " + one.nodes.slice(0, 3).map((node) => node.html).join(" | "))"""


async def grave_findings(page: Page) -> list[str]:
    """Return axe's serious and critical findings on a page as it is now; needs `make web` once."""
    if not SCRIPT.exists():
        pytest.skip("axe-core is not installed: make web")
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(SCRIPT.read_text("utf-8"))
    found: list[str] = await page.evaluate(_RUN)
    return found
