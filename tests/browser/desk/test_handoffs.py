"""Answering people: they read it while it is written here, and one operator at a time."""

from uuid import uuid4

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.desk.conftest import DANGER, Rig, SignedIn
from tests.browser.person import box, replies
from tests.support.api import OPERATOR_TOKEN

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HELLO = "Hello, this is Ana. <b>Are you safe?</b>"


async def test_a_person_is_answered(rig: Rig, signed_in: SignedIn, open_page: OpenPage) -> None:
    """They wait in the inbox, are taken, read the answer as it is sent, answer, and go on."""
    person = await open_page(rig.instance.url, locale="en-GB")
    await box(person).fill(DANGER)
    await person.keyboard.press("Enter")
    ana = await signed_in(rig, "handoffs")
    waiting = ana.locator(".inbox a")
    await expect(waiting).to_have_count(1)
    await expect(waiting).to_contain_text("waits")
    await expect(ana.locator("nav .badge").first).to_be_visible()
    await waiting.click()
    await ana.get_by_role("button", name="Take the conversation").click()
    await expect(ana.get_by_label("Your answer")).to_be_focused()
    await expect(person.get_by_text("You are talking with Ana")).to_be_visible()
    await ana.keyboard.type(HELLO)
    await ana.keyboard.press("Control+Enter")
    await expect(person.get_by_text(HELLO, exact=True).first).to_be_visible()
    await expect(ana.locator(".says.human p")).to_have_text(HELLO)
    await expect(ana.get_by_label("Your answer")).to_have_value("")

    await box(person).fill("I am at my sister's.")
    await person.keyboard.press("Enter")
    await expect(ana.locator(".says.person p").last).to_have_text("I am at my sister's.")
    said = await replies(person).count()
    await ana.get_by_role("button", name="Hand back").click()
    await expect(ana.get_by_text("Handed back to the interviewer.")).to_be_visible()
    await expect(ana.locator(".inbox a")).to_have_count(0)
    await expect(replies(person)).not_to_have_count(said)


async def test_a_conflict_is_told(rig: Rig, signed_in: SignedIn) -> None:
    """Whoever comes second is told who was quicker, and cannot answer."""
    case = rig.told(DANGER, end=False)
    page = await signed_in(rig, f"handoffs/{case.id}")
    take = page.get_by_role("button", name="Take the conversation")
    await expect(take).to_be_visible()
    # Rui takes it in the moment before this page hears of it.
    await page.route("**/events", lambda route: route.abort())
    await page.route(
        f"**/operator/cases/{case.id}",
        lambda route: route.abort(),
    )
    path = f"/operator/cases/{case.id}/take"
    done = rig.api.post(path, {"operator": "Rui"}, OPERATOR_TOKEN, key=uuid4().hex)
    assert done.status == 200, done
    await take.click()
    told = page.locator(".desk .said.wrong")
    await expect(told).to_contain_text("Somebody was quicker.")
    await expect(told).to_contain_text("Rui")
    await page.unroute("**/events")
    await page.unroute(f"**/operator/cases/{case.id}")
    await page.reload()
    await expect(page.get_by_text("Rui has this conversation.")).to_be_visible()
    await expect(page.get_by_label("Your answer")).to_have_count(0)


async def test_what_is_written_survives_a_look_elsewhere(rig: Rig, signed_in: SignedIn) -> None:
    """A draft belongs to its conversation."""
    case = rig.told(DANGER, end=False)
    page = await signed_in(rig, f"handoffs/{case.id}")
    await page.get_by_role("button", name="Take the conversation").click()
    await page.get_by_label("Your answer").fill("Half a sen")
    await page.get_by_role("link", name="Cases").click()
    await expect(page.get_by_role("heading", name="Cases")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_label("Your answer")).to_have_value("Half a sen")
