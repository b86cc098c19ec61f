"""Variant v1 on the real page and server: a form, the same result, and a conversation after it."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import is_fine
from tests.browser.conftest import OpenPage
from tests.browser.person import (
    STORY,
    STORY_EN,
    as_form_person,
    case_of,
    heard,
    kinds,
    part,
    replies,
    say,
    status,
)
from tests.support.processes import Instance

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PHONE = {"width": 390, "height": 780}


async def fill(page: Page, story: str) -> None:
    """Answer what must be answered."""
    await page.locator("#field-story").fill(story)
    await page.locator("#field-when").fill("03/11/2026")
    await page.locator("#field-counterparty").fill("A padaria")
    await page.locator("#field-wish").fill("Receber o que me devem")


async def send(page: Page, name: str = "Enviar o formulário") -> None:
    """Send the form."""
    await page.get_by_role("button", name=name).click()


async def test_a_whole_form_in_portuguese(server: Instance, open_page: OpenPage) -> None:
    """Mistakes are listed and stand at their fields; then the result, and one can go on talking."""
    page = await open_page(server.url, prepare=as_form_person, viewport=PHONE)
    await expect(page.locator(".form h2")).to_contain_text("formulário")
    await is_fine(page, "form")
    await send(page)
    summary = page.get_by_role("alert").filter(has_text="Falta acertar")
    await expect(summary).to_be_focused()
    await expect(summary).to_contain_text("Falta acertar 5 respostas")
    story = page.locator("#field-story")
    await expect(story).to_have_attribute("aria-invalid", "true")
    wrong = re.compile("Responda esta pergunta para continuar.$")
    await expect(story).to_have_accessible_description(wrong)
    await is_fine(page, "form with mistakes")
    await summary.get_by_role("link", name="Conte o que aconteceu").click()
    await expect(story).to_be_focused()

    await fill(page, STORY)
    await expect(summary).to_contain_text("Falta acertar 1 resposta")
    await page.get_by_label("Violência em casa").check()
    await page.get_by_label("Nenhuma destas").check()
    await expect(page.get_by_label("Violência em casa")).not_to_be_checked()
    await send(page)
    await expect(page.locator("#result-title")).to_contain_text("Demissão")
    await expect(page.locator(".facts")).to_contain_text("A padaria")
    assert await status(page) == "completed"
    assert await kinds(page) == ["begin", "fill"], "counted from the first touch"

    await part(page, "Conversa")
    await expect(page.locator(".mine")).to_contain_text("Você enviou o formulário")
    await expect(page.locator(".mine")).to_contain_text(STORY)
    assert await say(page, "Também tenho as conversas do WhatsApp")
    await page.reload()
    await expect(page.locator("#result-title")).to_be_visible()


async def test_a_danger_in_english_and_a_reload(server: Instance, open_page: OpenPage) -> None:
    """What was filled in outlives a reload; the advice for a danger is shown and read out."""
    page = await open_page(server.url, prepare=as_form_person, locale="en-GB")
    await fill(page, STORY_EN)
    await page.get_by_label("A wish to die").check()
    await page.locator("#field-name").fill("Ana")
    at_rest = await page.evaluate("JSON.stringify(localStorage)")
    assert "Ana" not in at_rest, "personal data stays for the visit"
    await page.reload()
    await expect(page.locator("#field-story")).to_have_value(STORY_EN)
    await expect(page.locator("#field-name")).to_have_value("Ana")
    await expect(page.get_by_label("A wish to die")).to_be_checked()
    case = await case_of(page)
    await send(page, "Send the form")
    await expect(page.locator("#result-title")).to_be_visible()
    await expect(page.locator(".badge")).to_have_text("Emergency")
    await expect(page.get_by_role("link", name="Call 188").first).to_be_visible()
    await expect(heard(page).filter(has_text="188")).not_to_have_count(0)
    assert await case_of(page) == case
    assert "owe me" not in await page.evaluate("JSON.stringify([localStorage, sessionStorage])")


async def test_what_only_the_server_can_see_stands_at_its_field(
    server: Instance, open_page: OpenPage
) -> None:
    """A day that is none is refused in the case's language, and nothing filled in is lost."""
    page = await open_page(server.url, prepare=as_form_person)
    await fill(page, STORY)
    await page.locator("#field-when").fill("amarelo")
    await page.get_by_label("Nenhuma destas").check()
    await send(page)
    when = page.locator("#field-when")
    await expect(when).to_have_attribute("aria-invalid", "true")
    await expect(page.locator(".mistakes")).to_contain_text("Falta acertar 1 resposta")
    await page.locator(".calendar input").fill("2026-11-03")
    await expect(when).to_have_value("3 de novembro de 2026")
    await expect(when).to_have_attribute("aria-invalid", "false")
    await send(page)
    await expect(page.locator("#result-title")).to_be_visible()


async def test_the_form_in_the_other_language_keeps_the_answers(
    server: Instance, open_page: OpenPage
) -> None:
    """Before it is sent, the language can be changed; the answers go along."""
    page = await open_page(server.url, prepare=as_form_person)
    await fill(page, STORY)
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_role("button", name="Send the form")).to_be_visible()
    await expect(page.locator("#field-story")).to_have_value(STORY)
    await expect(page.locator("#section-happened")).to_have_text("What happened")
    await expect(replies(page)).to_have_count(0)


async def test_a_human_can_be_asked_for_before_the_form_is_sent(
    server: Instance, open_page: OpenPage
) -> None:
    """The conversation opens for them, and the way back to the form stays."""
    page = await open_page(server.url, prepare=as_form_person)
    await page.locator("#field-wish").fill("Receber")
    await page.get_by_role("button", name="Falar com uma pessoa").click()
    await page.get_by_role("button", name="Chamar uma pessoa").click()
    await expect(page.locator(".company")).to_contain_text("Uma pessoa foi chamada")
    await part(page, "Formulário")
    await expect(page.locator("#field-wish")).to_have_value("Receber")
