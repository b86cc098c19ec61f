"""For everybody, on every screen: nothing grave for axe, nothing too wide, no words that act."""

import os
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import OpenPage
from tests.browser.desk.conftest import DANGER, PT_STORY, Rig, SignedIn
from tests.support.shown_experiments import put_experiment
from tests.support.triages import KEY

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SHOTS = os.environ.get("TRIAGE_TEST_SHOTS")
"""A folder in which the pictures of the manual are left."""
PICTURED = {"cases", "disagreements", "handoffs", "experiment"}
INJECTIONS = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "[a](javascript:alert(1)) ![b](https://elsewhere.example/x.png)",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "{{constructor.constructor('alert(1)')()}} ${alert(1)} `alert(1)`",
    "<a href='data:text/html,<script>alert(1)</script>'>here</a> &lt;b&gt; \u202eesrever",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shown(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Something to see in every view; returns the views and where they are."""
    rig.told()
    reviewed = rig.told(PT_STORY, locale="pt-BR")
    rig.reviewed(reviewed, "Rui", None, urgency="low", note="It is none of ours.")
    rig.reviewed(reviewed, "Eva", "work.dismissal", urgency="high", note="It is work.")
    case = rig.told()
    waits = rig.told(DANGER, end=False)
    rig.told(PT_STORY, locale="pt-BR", end=False)
    await put_experiment(rig.valkey.url, tmp_path_factory.mktemp("warehouse"))
    return {
        "cases": "cases?status=completed",
        "case": f"cases/{case.id}",
        "reviews": "reviews",
        "disagreements": "reviews/settling",
        "handoffs": f"handoffs/{waits.id}",
        "jobs": "jobs",
        "spend": "spend",
        "experiments": "experiments",
        "experiment": f"experiments/{KEY}",
        "flags": "flags",
    }


async def settled(page: Page, hash_: str) -> None:
    """Go to a view and wait until it has loaded."""
    await page.evaluate("hash => { location.hash = hash }", f"/{hash_}")
    await expect(page.locator("#content h1:visible").first).to_be_visible()
    await expect(page.locator(".loading")).to_have_count(0)
    await page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_grave(
    rig: Rig, shown: dict[str, str], signed_in: SignedIn, scheme: str
) -> None:
    """In no view, by day and by night, in either language."""
    locale = "en-GB" if scheme == "light" else "pt-BR"
    page = await signed_in(rig, "cases", locale=locale, color_scheme=scheme)
    for name, hash_ in shown.items():
        await settled(page, hash_)
        assert await findings(page) == [], name
        if SHOTS is not None and locale == "en-GB" and name in PICTURED:
            await page.screenshot(path=Path(SHOTS) / f"operators-{name}.png")
    await settled(page, shown["reviews"])
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await findings(page) == []


async def test_axe_finds_nothing_grave_at_the_door(rig: Rig, open_page: OpenPage) -> None:
    """Also where a token was wrong."""
    page = await open_page(rig.url)
    assert await findings(page) == []


@pytest.mark.parametrize("width", [360, 800, 1280])
async def test_every_view_fits_its_screen(
    rig: Rig, shown: dict[str, str], signed_in: SignedIn, width: int
) -> None:
    """Nothing reaches out of the page sideways; tables scroll by themselves."""
    page = await signed_in(rig, "cases", viewport={"width": width, "height": 780})
    for name, hash_ in shown.items():
        await settled(page, hash_)
        wide = await page.evaluate(
            "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
        )
        assert wide <= 0, (name, wide)


async def test_what_people_say_is_only_ever_text(rig: Rig, signed_in: SignedIn) -> None:
    """In conversations, facts, reasons, notes and comments; the page's policy is never tried."""
    case = rig.api.start(locale="en")
    asked = {"reason": INJECTIONS[1]}
    rig.api.post(f"/cases/{case.id}/handoff", asked, case.token, key="injected")
    for words in INJECTIONS:
        rig.api.say(case, words)
    rig.api.post("/force-complete", {"case_id": case.id}, case.token, key="injected-end")
    comment = {"score": 1, "comment": INJECTIONS[2]}
    rig.api.post(f"/cases/{case.id}/rating", comment, case.token)
    rig.reviewed(case, INJECTIONS[0], None, note=INJECTIONS[4])
    rig.reviewed(case, "Ana", None)
    page = await signed_in(rig, f"cases/{case.id}", name="Ana")
    talk = page.locator(".talk")
    for words in INJECTIONS:
        await expect(talk.locator(".person p", has_text=words).first).to_be_visible()
    await expect(page.locator(".rated")).to_contain_text(INJECTIONS[2])
    await expect(page.locator(".review").first).to_contain_text(INJECTIONS[4])
    await settled(page, "cases")
    await settled(page, f"handoffs/{case.id}")
    await expect(page.locator(".asked q")).to_have_text(INJECTIONS[1])
    assert await page.locator("#content :is(img, script, iframe, [onerror], [onload])").count() == 0


async def test_the_page_says_when_the_server_is_away(rig: Rig, signed_in: SignedIn) -> None:
    """What was there stays; it goes on by itself once the server is back."""
    rig.told(end=False)
    page = await signed_in(rig, "cases")
    rows = page.locator("tr[data-case]")
    await expect(rows.first).to_be_visible()
    await page.route("**/api/**", lambda route: route.abort())
    await expect(page.get_by_role("alert").first).to_contain_text("The server does not answer.")
    await expect(rows.first).to_be_visible()
    await page.unroute("**/api/**")
    await expect(page.get_by_role("alert")).to_have_count(0)
