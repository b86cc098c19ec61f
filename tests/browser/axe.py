"""axe-core, injected from the disk: what it finds on a page as it stands."""

from typing import Any

from playwright.async_api import Page

from tests.support.node import WEB, installed

SCRIPT = WEB / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = {"serious", "critical"}
_RUN = """async (rules) => {
  const only = rules ? { runOnly: { type: "rule", values: rules } } : {};
  const { violations } = await axe.run(document, { ...only, resultTypes: ["violations"] });
  return violations.map(({ id, impact, help, nodes }) => ({
    id, impact, help, where: nodes.map((one) => one.html.slice(0, 200)),
  }));
}"""


async def findings(page: Page, rules: list[str] | None = None) -> list[dict[str, Any]]:
    """Return what is seriously wrong for people who see, hear or move otherwise."""
    installed(WEB)
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(SCRIPT.read_text("utf-8"))
    found = await page.evaluate(_RUN, rules)
    return [one for one in found if one["impact"] in GRAVE]


async def is_fine(page: Page, state: str) -> None:
    """Hold a state of the page, by day and by night, to having nothing seriously wrong."""
    await settled(page)
    found = await findings(page)
    assert found == [], f"{state}: {found}"
    await page.emulate_media(color_scheme="dark")
    await settled(page)
    found = await findings(page, ["color-contrast"])
    assert found == [], f"{state}, dark: {found}"
    await page.emulate_media(color_scheme="light")


async def settled(page: Page) -> None:
    """Wait until nothing fades or slides any more, but for what goes round and round."""
    await page.wait_for_function(
        """() => document.getAnimations().every(
          (one) => one.effect.getComputedTiming().iterations === Infinity
        )"""
    )
