"""The ground truth by keyboard: first reviews, second ones that see no first, disagreements."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.desk.conftest import PT_STORY, Rig, SignedIn
from tests.support.api import OPERATOR_TOKEN, Case

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def reviews(rig: Rig, case: Case) -> Any:
    """What is said of a case."""
    return rig.api.get(f"/operator/cases/{case.id}/reviews", OPERATOR_TOKEN).json()


async def current(page: Page) -> str:
    """Wait for the case that is reviewed now, and return its place in the queue."""
    place = page.locator(".place span")
    await expect(place).to_be_visible()
    return str(await place.text_content())


async def test_reviewing_by_keyboard(rig: Rig, signed_in: SignedIn) -> None:
    """Confirm one; for another search the right code, choose an urgency, write a note, save."""
    older = rig.told(PT_STORY, locale="pt-BR")
    newer = rig.told()
    page = await signed_in(rig, "reviews")
    assert await current(page) == "1 of 2"
    await expect(page.locator(".ai-says")).to_contain_text("Dismissal")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Search a kind of problem")
    await page.keyboard.press("c")  # nothing is confirmed beneath a dialog
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("j")
    assert await current(page) == "2 of 2"
    await page.keyboard.press("k")
    assert await current(page) == "1 of 2"
    await page.keyboard.press("c")
    await expect(page.locator(".place span")).to_have_text("1 of 1")
    said = reviews(rig, newer)
    assert [(one["reviewer"], one["code"], one["urgency"]) for one in said["reviews"]] == [
        ("Ana", "work.dismissal", said["predicted_urgency"])
    ]

    await page.keyboard.press("s")
    await expect(page.get_by_role("alert")).to_contain_text("Choose a kind of problem")
    await page.keyboard.press("/")
    await page.keyboard.type("evict")
    await expect(page.get_by_role("option").first).to_contain_text("Eviction")
    await page.keyboard.press("Enter")
    await expect(page.locator(".chosen")).to_contain_text("Eviction")
    await page.keyboard.press("3")
    await expect(page.get_by_role("radio", name="High")).to_be_checked()
    await page.keyboard.press("n")
    await page.keyboard.type("They c and s and o.")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("Every result has been reviewed.")).to_be_visible()
    (one,) = reviews(rig, older)["reviews"]
    assert one["code"].startswith("housing.") or "evict" in one["code"], one
    assert (one["urgency"], one["note"]) == ("high", "They c and s and o.")


async def test_keys_can_be_switched_off(rig: Rig, signed_in: SignedIn) -> None:
    """Whoever dictates would press them without meaning to; buttons do the same."""
    case = rig.told()
    page = await signed_in(rig, "reviews")
    await current(page)
    await page.get_by_label("Use single keys as shortcuts").uncheck()
    await page.locator("h1").click()
    await page.keyboard.press("c")
    await page.keyboard.press("o")
    await expect(page.get_by_role("button", name="Out of scope")).to_have_attribute(
        "aria-pressed", "false"
    )
    assert reviews(rig, case)["reviews"] == []
    await page.get_by_role("button", name="Out of scope").click()
    await page.get_by_role("button", name="Save and next").click()
    await expect(page.get_by_text("Every result has been reviewed.")).to_be_visible()
    assert [one["code"] for one in reviews(rig, case)["reviews"]] == [None]


async def test_a_second_reviewer_sees_no_first(rig: Rig, signed_in: SignedIn) -> None:
    """Neither in the queue nor in the case; then they differ, and somebody settles it."""
    case = rig.told()
    rig.reviewed(case, "Rui", None, urgency="low", note="Rui's secret reason.")
    ana = await signed_in(rig, "reviews/second", name="Ana")
    await expect(ana.locator(".place span")).to_be_visible()
    await expect(ana.locator("body")).not_to_contain_text("secret")
    case_page = await signed_in(rig, f"cases/{case.id}", name="Ana")
    await expect(case_page.get_by_text("Somebody has reviewed this case.")).to_be_visible()
    await expect(case_page.locator("body")).not_to_contain_text("secret")
    # The newest one comes first.
    await ana.keyboard.press("c")
    await expect(ana.get_by_text("it is under disagreements now")).to_be_visible()
    assert reviews(rig, case)["state"] == "disputed"

    eva = await signed_in(rig, "reviews/settling", name="Eva")
    differing = eva.locator(".differing")
    await expect(differing.locator(".review")).to_have_count(2)
    await expect(differing).to_contain_text("Rui's secret reason.")
    await eva.keyboard.press("c")
    await expect(eva.get_by_text("Reviewers agree.")).to_be_visible()
    said = reviews(rig, case)
    assert said["state"] == "settled"
    assert (said["settled"]["reviewer"], said["settled"]["code"]) == ("Eva", "work.dismissal")
    await case_page.reload()
    await expect(case_page.locator(".review.settled")).to_contain_text("Eva")


async def test_whoever_was_first_is_not_second(rig: Rig, signed_in: SignedIn) -> None:
    """The queue of second reviews leaves out what one has reviewed oneself."""
    case = rig.told()
    rig.reviewed(case, "Ana", None)
    page = await signed_in(rig, "reviews/second", name="Ana")
    await expect(page.get_by_text("No result waits for your second opinion.")).to_be_visible()
    other = await signed_in(rig, "reviews/second", name="Rui")
    await expect(other.locator(".place span")).to_be_visible()
