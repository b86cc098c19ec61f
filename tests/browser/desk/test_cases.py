"""Signing in, finding cases, and following one while it goes on."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.desk.conftest import DANGER, PT_STORY, Rig, SignedIn, sign_in
from tests.support.api import OPERATOR_TOKEN, Case

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def row(page: Page, case: Case) -> Locator:
    """The row of a case."""
    return page.locator(f'tr[data-case="{case.id}"]')


async def test_a_wrong_token_is_told(rig: Rig, open_page: OpenPage) -> None:
    """In words; the right one opens the page, and signing out forgets it."""
    page = await open_page(rig.url, locale="en-GB")
    await sign_in(page, "not-the-token-of-anybody")
    await expect(page.get_by_role("alert")).to_have_text("This token is not an operator's.")
    await sign_in(page, OPERATOR_TOKEN)
    await expect(page.get_by_role("heading", name="Cases")).to_be_visible()
    kept = "JSON.stringify([sessionStorage, localStorage, location.href, document.cookie])"
    assert OPERATOR_TOKEN in await page.evaluate("JSON.stringify(sessionStorage)")
    assert OPERATOR_TOKEN not in await page.evaluate("JSON.stringify(localStorage)")
    assert OPERATOR_TOKEN not in page.url
    await page.reload()
    await expect(page.get_by_role("heading", name="Cases")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert OPERATOR_TOKEN not in await page.evaluate(kept)


async def test_the_door_speaks_both_languages(rig: Rig, open_page: OpenPage) -> None:
    """The browser's, and the one that is chosen, which is remembered."""
    page = await open_page(rig.url, locale="pt-BR")
    await expect(page.get_by_role("heading", name="Entrar")).to_be_visible()
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.reload()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_filters_find_cases(rig: Rig, signed_in: SignedIn) -> None:
    """By urgency, language and kind of problem; the address keeps them, and nothing matches too."""
    dismissed = rig.told()
    fridge = rig.told(PT_STORY, locale="pt-BR")
    danger = rig.told(DANGER, end=False)
    page = await signed_in(rig, "cases")
    for case in (dismissed, fridge, danger):
        await expect(row(page, case)).to_be_visible()
    await expect(row(page, dismissed)).to_contain_text("Dismissal")
    await expect(row(page, danger)).to_contain_text("waits for a human")
    await page.locator(".filters summary").click()
    await page.locator(".filters").get_by_label("Language").select_option("pt-BR")
    await expect(row(page, dismissed)).to_have_count(0)
    await expect(row(page, fridge)).to_be_visible()
    await page.reload()
    await expect(row(page, fridge)).to_be_visible()
    await expect(row(page, dismissed)).to_have_count(0)
    await page.get_by_role("button", name="Clear filters").click()
    await page.get_by_label("Kind of problem").select_option("work.dismissal")
    await expect(row(page, fridge)).to_have_count(0)
    await expect(row(page, dismissed)).to_be_visible()
    await page.get_by_label("Urgency").select_option("critical")
    await expect(page.get_by_text("No case matches these filters.")).to_be_visible()
    await page.get_by_role("button", name="Clear filters").click()
    await page.get_by_label("Status").select_option("active")
    await expect(row(page, danger)).to_be_visible()
    await expect(row(page, dismissed)).to_have_count(0)


async def test_a_new_case_appears_by_itself(rig: Rig, signed_in: SignedIn) -> None:
    """At the top of the list, without a reload."""
    page = await signed_in(rig, "cases")
    await expect(page.get_by_role("heading", name="Cases")).to_be_visible()
    case = rig.told(end=False)
    await expect(page.locator("tr[data-case]").first).to_have_attribute("data-case", case.id)


async def test_long_lists_come_page_by_page(rig: Rig, signed_in: SignedIn) -> None:
    """Scrolling brings the rest; no case is shown twice."""
    for number in range(70):
        rig.told(f"My neighbour makes noise every night, {number} times.", end=False)
    page = await signed_in(rig, "cases")
    rows = page.locator("tr[data-case]")
    await expect(rows).to_have_count(50)
    await page.locator(".more button").scroll_into_view_if_needed()
    await expect(rows).not_to_have_count(50)
    shown = await rows.evaluate_all("rows => rows.map(row => row.dataset.case)")
    assert len(shown) == len(set(shown)) > 69


async def test_a_case_is_followed_live(rig: Rig, signed_in: SignedIn) -> None:
    """What is said appears as it is answered; then facts, the result, and the rating."""
    case = rig.told(end=False)
    page = await signed_in(rig, f"cases/{case.id}")
    talk = page.locator(".talk")
    await expect(talk.locator(".person")).to_have_count(1)
    await expect(page.get_by_text("No result yet.")).to_be_visible()
    rig.api.say(case, "No, none of these")
    await expect(talk.locator(".person")).to_have_count(2)
    await expect(talk.locator(".person p").last).to_have_text("No, none of these")
    rig.api.post("/force-complete", {"case_id": case.id}, case.token, key="end")
    await expect(page.locator(".verdict strong")).to_have_text(re.compile("Dismissal"))
    await expect(page.locator(".verdict .mono")).to_have_text("work.dismissal")
    made = page.get_by_role("definition").filter(has_text=re.compile("^guided"))
    await expect(made.first).to_be_visible()
    rig.api.post(f"/cases/{case.id}/rating", {"score": 9, "comment": "Kind."}, case.token)
    await expect(page.locator(".rated")).to_contain_text("9 / 10")
    await expect(page.locator(".rated")).to_contain_text("Kind.")


async def test_a_case_that_is_gone_is_told(rig: Rig, signed_in: SignedIn) -> None:
    """Also while it is being looked at."""
    case = rig.told()
    page = await signed_in(rig, f"cases/{case.id}")
    await expect(page.locator(".verdict")).to_be_visible()
    rig.api.call("DELETE", f"/api/v2/triage/cases/{case.id}", token=case.token)
    await page.reload()
    await expect(page.get_by_text("There is no such case.")).to_be_visible()
