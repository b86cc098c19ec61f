"""A human in the conversation, as the person sees it on the page."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.person import (
    STORY,
    STORY_EN,
    box,
    case_of,
    choose,
    heard,
    mine,
    replies,
    say,
    stop_button,
)
from tests.support.api import OPERATOR_TOKEN, Answer, Api
from tests.support.processes import Instance

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

WITH_ANA = "Você está falando com Ana, uma pessoa da equipe."
HELLO = "Olá, aqui é a Ana. <b>Você</b> está em segurança?"


async def call_human(page: Page) -> None:
    """Ask for one, and say why."""
    await page.get_by_role("button", name="Falar com uma pessoa").click()
    await page.get_by_label("Quer dizer por quê?").fill("Prefiro explicar a alguém")
    await page.get_by_role("button", name="Chamar uma pessoa").click()


class Operator:
    """Ana, who works elsewhere."""

    def __init__(self, server: Instance, page: Page) -> None:
        """Take the page whose conversation she joins."""
        self._api = Api(server.port)
        self._page = page
        self._acts = 0

    async def act(self, what: str, **members: str) -> Any:
        """Take, reply or return."""
        case = await case_of(self._page)
        self._acts += 1
        body = {"operator": "Ana", **members}
        path, key = f"/operator/cases/{case}/{what}", f"act-{self._acts}"

        def post() -> Answer:
            return self._api.post(path, body, OPERATOR_TOKEN, key=key)

        done = await asyncio.to_thread(post)
        assert done.status == 200, done
        return done.json()


async def test_the_person_talks_to_a_human(server: Instance, open_page: OpenPage) -> None:
    """They ask, see who came, read them as they write, and go on with the interviewer after."""
    page = await open_page(server.url)
    ana = Operator(server, page)
    await say(page, STORY)
    await call_human(page)
    await expect(page.locator(".company")).to_contain_text("Uma pessoa foi chamada")
    await expect(page.get_by_role("button", name="Falar com uma pessoa")).to_be_hidden()
    await expect(replies(page).last).to_contain_text("Chamei uma pessoa")

    await box(page).fill("ainda escrevendo")
    await ana.act("take")
    await expect(page.locator(".company")).to_have_text(
        "Você está falando com Ana, uma pessoa da equipe."
    )
    await expect(page.locator(".mark").last).to_have_text("Ana entrou na conversa")
    await expect(box(page)).to_have_value("ainda escrevendo")
    await ana.act("reply", text=HELLO)
    said = page.locator(".human")
    await expect(said.locator("> p")).to_have_text(HELLO)
    await expect(said.locator("b")).to_have_text("Ana")
    await expect(heard(page).last).to_have_text(f"Ana: {HELLO}")

    await say(page, "Estou em casa")
    bubbles = page.locator(".said-list .theirs")
    count = await bubbles.count()
    await box(page).fill("E estou bem")
    await page.keyboard.press("Enter")
    await expect(mine(page).last).to_have_text("E estou bem")
    await expect(stop_button(page)).to_have_count(0)
    await expect(bubbles).to_have_count(count)
    await expect(page.get_by_text("Enviando…")).to_have_count(0)

    words = await page.locator(".said-list").inner_text()
    await page.reload()
    await expect(page.locator(".company")).to_contain_text("Ana")
    await expect(page.locator(".said-list")).to_have_text(words, use_inner_text=True)

    await ana.act("return")
    await expect(page.locator(".mark").last).to_have_text("Ana saiu da conversa")
    await expect(page.locator(".company")).to_be_hidden()
    await expect(page.get_by_role("button", name="Falar com uma pessoa")).to_be_visible()
    await expect(bubbles.last).to_contain_text("?")
    assert "?" in await say(page, "Recife, Pernambuco")


async def test_a_danger_brings_a_human_by_itself(server: Instance, open_page: OpenPage) -> None:
    """In English too: the page says that somebody was asked to come, and shows when they do."""
    page = await open_page(server.url, locale="en-GB")
    ana = Operator(server, page)
    await say(page, STORY_EN)
    await say(page, "My husband hit me and says he will kill me.")
    await expect(page.locator(".company")).to_contain_text("A person was asked to join")
    await ana.act("take")
    await expect(page.locator(".company")).to_have_text(
        "You are talking with Ana, a person of the team."
    )
    await ana.act("reply", text="Are you safe right now?")
    await expect(page.locator(".human > p")).to_have_text("Are you safe right now?")
    await page.get_by_role("button", name="Português").click()
    await expect(page.locator(".company")).to_have_text(
        "Você está falando com Ana, uma pessoa da equipe."
    )


async def test_erasing_ends_it(server: Instance, open_page: OpenPage) -> None:
    """A new case has no human in it, and can have one of its own."""
    page = await open_page(server.url)
    await call_human(page)
    await expect(page.locator(".company")).to_be_visible()
    await choose(page, "Apagar meus dados")
    await page.get_by_role("button", name="Apagar tudo").click()
    await page.get_by_role("button", name="Começar uma conversa nova").click()
    await expect(replies(page)).to_have_count(1)
    await expect(page.locator(".company")).to_be_hidden()
    await call_human(page)
    await expect(page.locator(".company")).to_be_visible()
    await Operator(server, page).act("take")
    await expect(page.locator(".company")).to_contain_text("Ana")
