"""The page in pictures: `make pictures` draws them into docs/images."""

from base64 import b64encode
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.axe import settled
from tests.browser.conftest import OpenPage
from tests.browser.person import STORY, as_form_person, finish, say
from tests.support.processes import Instance

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
]

FOLDER = Path(__file__).parents[2] / "docs" / "images"
PHONE = {"width": 390, "height": 780}
_ROW = """<!doctype html><style>
  body { display: flex; gap: 28px; width: max-content; margin: 0; padding: 28px }
  body { background: #dfe3e0 }
  img { border-radius: 26px; box-shadow: 0 6px 30px #0003 }
</style>"""


async def shot(page: Page) -> bytes:
    """Take a picture once nothing moves."""
    await page.evaluate("document.activeElement?.blur()")
    await settled(page)
    return await page.screenshot()


async def beside(browser: Browser, shots: list[bytes], name: str) -> None:
    """Put pictures beside each other, as one file."""
    images = "".join(
        f'<img alt="" src="data:image/png;base64,{b64encode(one).decode()}">' for one in shots
    )
    page = await browser.new_page(viewport={"width": 1400, "height": 860})
    await page.set_content(_ROW + images)
    await page.locator("body").screenshot(path=FOLDER / name)
    await page.close()


async def test_a_conversation_and_its_result(
    server: Instance, open_page: OpenPage, browser: Browser
) -> None:
    """On a phone: the first question, the conversation, the result."""
    page = await open_page(server.url, viewport=PHONE)
    await expect(page.locator(".said-list")).to_contain_text("aconteceu")
    shots = [await shot(page)]
    await say(page, STORY)
    await say(page, "nenhuma")
    await say(page, "Recife, Pernambuco")
    await say(page, "Ana")
    await say(page, "A padaria onde eu trabalhava")
    shots.append(await shot(page))
    await finish(page)
    shots.append(await shot(page))
    await beside(browser, shots, "conversation.png")


async def test_a_form_a_danger_and_the_night(
    server: Instance, open_page: OpenPage, browser: Browser
) -> None:
    """On a phone: the form, an emergency, another device, and the same at night."""
    form = await open_page(server.url, viewport=PHONE, prepare=as_form_person)
    await form.locator("#field-story").fill(STORY)
    await form.evaluate("scrollTo(0, 330)")
    shots = [await shot(form)]
    page = await open_page(server.url, viewport=PHONE, color_scheme="dark")
    await say(page, "Meu marido me bateu ontem e disse que vai me matar.")
    shots.append(await shot(page))
    await finish(page)
    shots.append(await shot(page))
    await beside(browser, shots, "form-and-danger.png")
