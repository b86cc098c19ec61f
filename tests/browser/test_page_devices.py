"""A case in two tabs, on two devices, over a killed server and a lost network; a real server."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Download, Page, expect

from app.embedded import EmbeddedValkey
from tests.browser.conftest import OpenPage
from tests.browser.person import (
    STORY,
    STORY_EN,
    box,
    case_of,
    choose,
    finish,
    flags_in,
    mine,
    replies,
    say,
    stop_button,
)
from tests.support.processes import Instance, free_port, instances

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def whole(page: Page) -> str:
    """Everything that was said, as it is shown."""
    return await page.locator(".said-list").inner_text()


async def test_a_server_killed_in_the_middle_of_a_word(
    valkey: EmbeddedValkey, tmp_path: Path, open_page: OpenPage
) -> None:
    """Another one takes over: the page goes on by itself, with each word once and none lost."""
    slow = {"TRIAGE_PACE_MS": "60", **flags_in(tmp_path)}
    with instances(valkey.url, tmp_path) as start:
        port = free_port()
        first = start(env=slow, port=port)
        page = await open_page(first.url)
        await box(page).fill(STORY)
        await box(page).press("Enter")
        await expect(replies(page).nth(1)).to_contain_text(re.compile(r"\w+ \w+ \w+"))
        await expect(stop_button(page)).to_be_visible()
        first.kill()
        await expect(page.locator(".network")).to_contain_text("A conexão caiu")
        start(env=slow, port=port)

        await expect(stop_button(page)).to_have_count(0)
        await expect(page.locator(".network")).to_be_hidden()
        shown = await whole(page)
        await page.reload()
        await expect(mine(page)).to_have_text([STORY])
        assert await whole(page) == shown


async def test_a_network_lost_in_the_middle_of_a_word(
    valkey: EmbeddedValkey, tmp_path: Path, open_page: OpenPage
) -> None:
    """The page says so, goes on once it is back, and shows what a reload shows."""
    slow = {"TRIAGE_PACE_MS": "60", **flags_in(tmp_path)}
    with instances(valkey.url, tmp_path) as start:
        page = await open_page(start(env=slow).url, locale="en-GB")
        await box(page).fill(STORY_EN)
        await box(page).press("Enter")
        await expect(replies(page).nth(1)).to_contain_text(re.compile(r"\w+ \w+ \w+"))
        await page.context.set_offline(offline=True)
        await expect(page.locator(".network")).to_contain_text("No internet")
        await box(page).fill("and I have two children")
        await page.context.set_offline(offline=False)
        await expect(stop_button(page)).to_have_count(0)
        await expect(page.locator(".network")).to_be_hidden()
        await expect(box(page)).to_have_value("and I have two children")
        shown = await whole(page)
        await page.reload()
        await expect(mine(page)).to_have_text([STORY_EN])
        assert await whole(page) == shown


async def test_two_tabs_are_one_conversation(server: Instance, open_page: OpenPage) -> None:
    """What is said in one tab shows in the other, and erasing in one ends both."""
    one = await open_page(server.url)
    await say(one, STORY)
    other = await one.context.new_page()
    await other.goto(server.url)
    await expect(mine(other)).to_have_text([STORY])
    await say(other, "nenhuma")
    await expect(mine(one)).to_have_text([STORY, "nenhuma"])
    await expect(replies(one)).to_have_count(3)
    assert await whole(one) == await whole(other)
    await choose(one, "Apagar meus dados")
    await one.get_by_role("button", name="Apagar tudo").click()
    await expect(other.get_by_role("heading", name="não está mais guardada")).to_be_visible()


async def test_another_device_goes_on_by_a_link(server: Instance, open_page: OpenPage) -> None:
    """It opens the case once, follows what the first one says, and is told where it is used up."""
    desk = await open_page(server.url)
    await say(desk, STORY)
    await choose(desk, "Continuar em outro aparelho")
    link = await desk.get_by_label("Link").input_value()
    assert link.startswith(f"{server.url}/#link=")
    await expect(desk.get_by_role("img", name="câmera")).to_be_visible()
    await desk.keyboard.press("Escape")

    phone = await open_page(link, viewport={"width": 390, "height": 780})
    await expect(mine(phone)).to_have_text([STORY])
    assert "#" not in phone.url
    await say(phone, "nenhuma")
    await expect(mine(desk)).to_have_text([STORY, "nenhuma"])
    assert await case_of(phone) == await case_of(desk)

    third = await open_page(link)
    await expect(third.get_by_role("alert")).to_contain_text("já foi usado ou venceu")
    await expect(replies(third)).to_have_count(1)
    assert await case_of(third) != await case_of(desk)


async def test_a_link_asks_before_it_pushes_a_conversation_off(
    server: Instance, open_page: OpenPage
) -> None:
    """Whoever goes back keeps what was there; whoever agrees has the other one."""
    desk = await open_page(server.url)
    await say(desk, STORY)
    await choose(desk, "Continuar em outro aparelho")
    link = await desk.get_by_label("Link").input_value()
    phone = await open_page(server.url, locale="en-GB")
    await say(phone, STORY_EN)
    await phone.goto(link)
    dialog = phone.get_by_role("dialog")
    await expect(dialog).to_contain_text("Open the conversation of the link?")
    await dialog.get_by_role("button", name="Go back").click()
    await expect(mine(phone)).to_have_text([STORY_EN])
    await phone.goto(link)
    await dialog.get_by_role("button", name="Open the linked one").click()
    await expect(mine(phone)).to_have_text([STORY])


async def test_everything_that_is_held_can_be_taken_along(
    server: Instance, open_page: OpenPage
) -> None:
    """The download is a file with the person's words, the facts and the result in it."""
    page = await open_page(server.url)
    await say(page, STORY)
    await finish(page)
    async with page.expect_download() as waiting:
        await choose(page, "Baixar meus dados")
    download: Download = await waiting.value
    assert re.fullmatch(r"triagem-\d{4}-\d\d-\d\d\.json", download.suggested_filename)
    held = await asyncio.to_thread(Path(await download.path()).read_text, "utf-8")
    assert STORY in held
    assert json.loads(held)
    await expect(page.get_by_text("O arquivo está nos seus downloads.")).to_be_visible()
