"""The page for people who do not see it, do not hear it, or have no mouse."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace
from playwright.async_api import Page, expect

from tests.browser.axe import is_fine
from tests.browser.conftest import OpenPage
from tests.browser.person import box, choose, heard, part, replies, say, stop_button
from tests.web.analyses import leak_analysis
from tests.web.standin import Fault, Frame, Standin, telling

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LISTED = "Alguma destas coisas acontece?\n1. Água perto de fios\n2. Teto cedendo\n3. Nenhuma destas"
CLOSING = "Obrigado. O resultado vem a seguir."
QUEUED: dict[str, Any] = {
    "turn": 2,
    "job": "1.2",
    "queue": "complex",
    "ahead": 2,
    "estimate": {"p50_ms": 9_000, "p90_ms": 75_000, "measured": 120},
}


def analysed_later() -> list[Frame]:
    """The last turn of a case whose analysis goes on in the background."""
    *said, (_, name, data) = telling(2, CLOSING, complete=True, epoch=8)
    return [*said, ("9-1", "analysis.queued", QUEUED), ("9-2", name, data)]


@pytest.fixture
def standin() -> Standin:
    """A server with one question, and a result of which every part is filled."""
    result = leak_analysis()
    looked = replace(
        result.viability, level="high", strengths=("Há fotos.",), weaknesses=("Sem laudo.",)
    )
    actions = ("Feche o registro geral.", "Se houver choque, ligue 192.")
    return Standin(
        [LISTED, CLOSING],
        replace(
            result,
            viability=looked,
            urgency=replace(result.urgency, level="critical", immediate_actions=actions),
        ),
    )


@pytest_asyncio.fixture(loop_scope="session")
async def url(standin: Standin) -> AsyncIterator[str]:
    """Where it serves."""
    async with standin.serve() as address:
        yield address


async def test_every_state_of_a_conversation(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """From the greeting to the erasure nothing is seriously wrong, by day and by night."""
    hold = asyncio.Event()
    failure = {"turn": 1, "code": "unavailable", "retryable": True, "retry_after_ms": 0}
    standin.scripts[1] = [("7-1", "turn.failed", {**failure, "message": "Não deu agora."})]
    standin.replies = [LISTED, LISTED, CLOSING]
    page = await open_page(url, viewport={"width": 390, "height": 780})
    await expect(replies(page)).to_have_count(1)
    await is_fine(page, "greeting")

    await box(page).fill("Pinga no teto")
    await box(page).press("Enter")
    await expect(page.locator(".failed")).to_be_visible()
    await is_fine(page, "failed answer")
    standin.faults.append(Fault(wait=hold))
    await page.get_by_role("button", name="Tentar de novo").click()
    await expect(replies(page).nth(1)).to_contain_text("Alguma")
    await is_fine(page, "answer on its way")
    hold.set()
    await expect(page.locator(".offers button")).to_have_count(3)
    await page.locator(".offers button").first.click()
    await is_fine(page, "offered lines")

    await page.context.set_offline(offline=True)
    await box(page).press("Enter")
    await expect(page.locator(".waiting")).to_be_visible()
    await expect(page.locator(".network")).to_be_visible()
    await is_fine(page, "offline")
    await page.context.set_offline(offline=False)
    await expect(page.locator(".ready")).to_be_visible()
    await is_fine(page, "the result is there")


async def test_every_dialog(url: str, open_page: OpenPage) -> None:
    """The menu and what it leads to."""
    page = await open_page(url, viewport={"width": 390, "height": 780})
    dialog = page.get_by_role("dialog")
    await page.get_by_role("button", name="Mais opções").click()
    await expect(dialog).to_be_visible()
    await is_fine(page, "menu")
    for option, sign in {
        "O que já entendemos": "Cômodo",
        "Continuar em outro aparelho": "code-1",
        "Começar outra conversa": "Voltar",
        "Apagar meus dados": "Apagar tudo",
    }.items():
        if not await dialog.is_visible():
            await page.get_by_role("button", name="Mais opções").click()
        await dialog.get_by_role("button", name=option).click()
        if sign.startswith("code"):
            await expect(page.get_by_label("Link")).to_have_value(re.compile(f"#link={sign}$"))
        else:
            await expect(dialog).to_contain_text(sign)
        await is_fine(page, option)
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
    await page.get_by_role("button", name="Falar com uma pessoa").click()
    await is_fine(page, "asking for a human")


async def test_the_result_and_what_follows_it(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """Waiting for it, reading it, correcting it, rating it, erasing it."""
    standin.scripts[2] = analysed_later()
    page = await open_page(url, viewport={"width": 390, "height": 780})
    await say(page, "Pinga no teto")
    await say(page, "nenhuma")
    work = page.locator(".work")
    await expect(work).to_contain_text("Há 2 casos na frente")
    await expect(work).to_contain_text("Costuma levar 9 segundos, às vezes 75 segundos")
    await is_fine(page, "waiting in the queue")
    done = {"turn": 2, "job": "1.2"}
    await standin.happen("analysis.progress", {**done, "step": "openai", "done": 1, "of": 3})
    await expect(page.get_by_role("progressbar")).to_have_attribute("value", "1")
    await expect(work).to_contain_text("Etapa 2 de 3")
    await is_fine(page, "being analysed")
    over = {**done, "code": "plumbing.leak", "urgency": "critical", "needs_human": True}
    await standin.happen("analysis.completed", over)
    await expect(page.locator(".ready")).to_be_visible()
    await expect(page).to_have_title("Resultado pronto · Triagem")
    await page.get_by_role("button", name="Ver o resultado").click()
    await expect(page.locator("#result-title")).to_be_focused()
    await is_fine(page, "result")

    await page.get_by_role("button", name="Corrigir: Cômodo").click()
    await page.get_by_role("button", name="Enviar avaliação").click()
    await expect(page.get_by_text("Escolha uma nota")).to_be_visible()
    await is_fine(page, "correcting, and a rating that is missing")
    await page.get_by_role("radio", name="9", exact=True).check(force=True)
    await page.get_by_label("Quer contar por quê?").fill("Rápido e gentil.")
    await page.get_by_role("button", name="Enviar avaliação").click()
    await expect(page.get_by_role("heading", name="Obrigado pela avaliação.")).to_be_focused()
    assert standin.ratings == [{"score": 9, "comment": "Rápido e gentil."}]
    await choose(page, "Apagar meus dados")
    await page.get_by_role("button", name="Apagar tudo").click()
    await expect(page.get_by_role("heading", name="Seus dados foram apagados")).to_be_visible()
    await is_fine(page, "erased")


async def test_an_analysis_that_failed_is_told(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """What the server says about it is shown and read out."""
    standin.scripts[2] = analysed_later()
    standin.result = None
    page = await open_page(url)
    await say(page, "Pinga no teto")
    await say(page, "nenhuma")
    sorry = "Uma pessoa da equipe vai olhar o seu caso."
    failed = {"turn": 2, "job": "1.2", "code": "gave_up", "retryable": True, "message": sorry}
    await standin.happen("analysis.failed", failed)
    await expect(page.locator(".work")).to_contain_text(sorry)
    await expect(heard(page).last).to_have_text(sorry)
    await is_fine(page, "failed analysis")


async def test_a_conversation_with_the_keyboard_alone(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """Every step from the greeting to a correction and a rating, without a mouse."""
    page = await open_page(url)
    await expect(replies(page)).to_have_count(1)
    keys = page.keyboard
    await keys.press("Tab")
    await expect(page.get_by_role("link", name="Ir para o conteúdo")).to_be_focused()
    await keys.press("Enter")
    await expect(box(page)).to_be_focused()
    await keys.type("Pinga")
    await keys.press("Shift+Enter")
    await keys.type("no teto")
    await keys.press("Enter")
    await expect(heard(page)).to_have_count(1)
    assert standin.posts[0][1] == "Pinga\nno teto"
    await expect(box(page)).to_be_focused()

    await _to(page, page.locator(".offers button").nth(2), "Shift+Tab")
    await keys.press("Space")
    await expect(box(page)).to_have_value("3")
    await _to(page, page.get_by_role("button", name="Enviar"), "Tab")
    await keys.press("Enter")
    see = page.get_by_role("button", name="Ver o resultado")
    await expect(see).to_be_visible()
    await _to(page, see, "Shift+Tab")
    await keys.press("Enter")
    await expect(page.locator("#result-title")).to_be_focused()

    await _to(page, page.get_by_role("button", name="Corrigir: Cômodo"), "Tab")
    await keys.press("Enter")
    mend = page.get_by_label("O certo é: Cômodo")
    await expect(mend).to_be_focused()
    await keys.press("Escape")
    await expect(page.get_by_role("button", name="Corrigir: Cômodo")).to_be_focused()
    await keys.press("Enter")
    await keys.type("cozinha")
    await keys.press("Enter")
    await expect(page.locator(".facts dd").first).to_contain_text("cozinha")
    await expect(heard(page).filter(has_text="Corrigido.")).to_have_count(1)
    assert standin.facts == [{"slot": "room", "value": "cozinha"}]

    await _to(page, page.get_by_role("radio", name="0", exact=True), "Tab")
    for _ in range(10):
        await keys.press("ArrowRight")
    await _to(page, page.get_by_role("button", name="Enviar avaliação"), "Tab")
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name="Obrigado pela avaliação.")).to_be_focused()
    assert standin.ratings == [{"score": 10, "comment": ""}] or standin.ratings == [{"score": 10}]

    menu = page.get_by_role("button", name="Mais opções")
    await _to(page, menu, "Shift+Tab")
    await keys.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await keys.press("Escape")
    await expect(menu).to_be_focused()


async def _to(page: Page, wanted: Any, key: str) -> None:
    """Walk to something with the keyboard."""
    for _ in range(60):
        if await wanted.evaluate("(one) => one === document.activeElement"):
            return
        await page.keyboard.press(key)
    raise AssertionError(f"{wanted} cannot be reached with {key}")


async def test_nothing_moves_for_those_who_asked_for_that(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """With reduced motion there is no animation at all, not even while an answer comes."""
    hold = asyncio.Event()
    standin.faults.append(Fault(wait=hold))
    page = await open_page(url, reduced_motion="reduce")
    await box(page).fill("Pinga no teto")
    await box(page).press("Enter")
    await expect(replies(page).nth(1)).to_contain_text("Alguma")
    await expect(stop_button(page)).to_be_visible()
    assert await page.evaluate("document.getAnimations().length") == 0
    hold.set()
    await expect(page.locator(".offers button")).to_have_count(3)


async def test_on_paper_there_is_the_result_and_nothing_else(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """Printed are urgency, steps, documents and facts; not the buttons, the rating, the head."""
    standin.replies = [CLOSING]
    page = await open_page(url)
    await say(page, "Pinga no teto")
    await page.get_by_role("button", name="Ver o resultado").click()
    await page.emulate_media(media="print")
    result = page.locator(".result")
    for shown in ("Emergência", "Chame um encanador.", "fotos do vazamento", "banheiro"):
        await expect(result.get_by_text(shown).first).to_be_visible()
    for hidden in ("header", ".rating", ".result button >> nth=0", ".phones", ".notices"):
        await expect(page.locator(hidden)).to_be_hidden()
    await page.emulate_media(media="screen")
    await part(page, "Conversa")
