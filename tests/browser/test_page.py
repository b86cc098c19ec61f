"""A person's whole way through the real page, on a real server, in a real browser.

With TRIAGE_TEST_SHOTS naming a folder, the Portuguese way leaves the pictures of the manual there.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from app.embedded import EmbeddedValkey
from tests.browser.conftest import OpenPage
from tests.support.llmock import running_llmock
from tests.support.processes import Instance, StartInstance, instances
from tests.support.replies import text, turn_document

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MOST_QUESTIONS = 14
SHOTS = os.environ.get("TRIAGE_TEST_SHOTS")

STORY = (
    "Fui mandada embora sem justa causa no dia 3 de novembro e até agora a empresa não pagou a"
    " minha rescisão nem liberou o FGTS."
)
ANSWERS = {
    r"chamad[ao]": "Ana",
    r"cidade": "Recife, Pernambuco",
    r"[Cc]om quem": "A padaria onde eu trabalhava",
    r"gostaria|deseja": "Quero receber o que me devem",
    r"[Qq]uando": "No dia 3 de novembro",
    r"documento|papé": "Tenho a carteira de trabalho e as conversas do WhatsApp",
}
_LONG_REPLY = "Sinto muito que isso tenha acontecido. Em que cidade e estado você está agora?"
_STALL = {
    "type": "stream_fault",
    "kind": "stall",
    "after_chunks": 9,
    "stall_seconds": 60.0,
    "match": {"stream": True},
}
STORY_EN = "I was dismissed without cause three weeks ago and they have not paid what they owe me."


@pytest.fixture(scope="module")
def server(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One instance with the guided interviewer, which needs no key, for all these tests."""
    with instances(valkey.url, tmp_path_factory.mktemp("api")) as start:
        yield start(env={"TRIAGE_PACE_MS": "5"})


def box(page: Page) -> Locator:
    """The box for the person's words, in either language."""
    return page.locator("#message")


async def say(page: Page, text: str) -> str:
    """Send a message and return the whole answer."""
    heard = page.locator("#announcer p")
    before = await heard.count()
    await box(page).fill(text)
    await expect(page.locator("#send")).to_be_enabled()
    await page.keyboard.press("Enter")
    await expect(heard.nth(before)).not_to_be_empty()
    await expect(page.locator("#stop")).to_be_hidden()
    return str(await heard.nth(before).text_content())


def answer(question: str) -> str:
    """What the person answers to a question."""
    known = (text for pattern, text in ANSWERS.items() if re.search(pattern, question))
    return next(known, "Não sei")


async def tell(page: Page, story: str) -> None:
    """Tell a story and answer what is asked until the result is there."""
    question = await say(page, story)
    for _ in range(MOST_QUESTIONS):
        if "completed" in await status(page):
            break
        question = await say(page, answer(question))
    await expect(page.locator("#result h2")).to_be_visible()


async def status(page: Page) -> str:
    """Ask the server, with the page's own credential, how the case stands."""
    return str(
        await page.evaluate(
            """async () => {
              const { id, token } = JSON.parse(localStorage["triage.case"]);
              const headers = { Authorization: `Bearer ${token}` };
              const answer = await fetch(`/api/v2/triage/status/${id}`, { headers });
              return (await answer.json()).status;
            }"""
        )
    )


async def shoot(page: Page, name: str) -> None:
    """Leave a picture, if they were asked for."""
    if SHOTS:
        await page.wait_for_function("!document.getAnimations().length")
        await page.screenshot(path=Path(SHOTS) / f"{name}.png")


async def test_a_whole_interview_in_portuguese(server: Instance, open_page: OpenPage) -> None:
    """A story, a few questions, and a result that says what it is, how urgent and what to do."""
    page = await open_page(server.url, viewport={"width": 960, "height": 760})
    await expect(page.locator(".interviewer").first).to_contain_text("aconteceu")
    await expect(page.locator("html")).to_have_attribute("lang", "pt-BR")
    question = await say(page, STORY)
    question = await say(page, answer(question))
    await shoot(page, "conversation")
    await tell(page, answer(question))

    result = page.locator("#result")
    await expect(result.locator("h2")).to_contain_text("Demissão")
    await expect(result.locator(".badge")).to_be_visible()
    await expect(result.get_by_role("heading", name="Próximos passos")).to_be_visible()
    await expect(result.locator(".steps li").first).to_be_visible()
    await expect(result.locator(".facts")).to_contain_text("Recife")
    await expect(page.get_by_role("button", name="Terminar agora")).to_be_hidden()
    await shoot(page, "result")


async def test_a_whole_interview_in_english(server: Instance, open_page: OpenPage) -> None:
    """A browser that prefers English is spoken to in English, labels and interviewer alike."""
    page = await open_page(server.url, locale="en-GB")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Tell us what happened")
    await say(page, STORY_EN)
    await say(page, "I live in Recife, Pernambuco")
    await page.get_by_role("button", name="Finish now").click()
    await page.get_by_role("button", name="Finish", exact=True).click()

    await expect(page.get_by_role("heading", name="Next steps")).to_be_visible()
    assert "ç" not in str(await page.locator("#result h2").text_content())


async def test_dangers_are_listed_and_one_is_chosen(server: Instance, open_page: OpenPage) -> None:
    """Where no danger was heard, the page shows the list line by line; a number brings advice."""
    page = await open_page(server.url, locale="en-GB")
    listed = await say(page, STORY_EN)
    lines = listed.splitlines()
    assert [line.split(".")[0] for line in lines[1:]] == [str(n) for n in range(1, 17)]
    shown = page.locator(".interviewer p").last
    await expect(shown).to_have_css("white-space-collapse", "preserve")
    hurt = next(line for line in lines if "hurt oneself" in line).split(".")[0]

    advised = await say(page, f"number {hurt}")
    assert "188" in advised
    assert "hurt oneself" not in advised, "it is not asked again"


async def test_the_language_is_changed_before_the_first_word(
    server: Instance, open_page: OpenPage
) -> None:
    """Choosing the other language starts the interview in it and keeps the draft."""
    page = await open_page(server.url)
    await box(page).fill("Hello")
    await page.get_by_role("button", name="English").click()
    await expect(page.locator(".interviewer")).to_contain_text("happened")
    await expect(box(page)).to_have_value("Hello")
    await page.reload()

    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator(".interviewer")).to_contain_text("happened")


async def test_a_reload_brings_the_conversation_back(server: Instance, open_page: OpenPage) -> None:
    """After a reload the same words are there and the interview goes on from them."""
    page = await open_page(server.url)
    await say(page, STORY)
    words = await page.locator("#talk").inner_text()
    await page.reload()
    await expect(page.locator("#talk .person")).to_have_count(1)

    assert await page.locator("#talk").inner_text() == words
    await say(page, "Recife, Pernambuco")
    await expect(page.locator("#talk .person")).to_have_count(2)


async def test_a_running_answer_outlives_a_reload_and_can_be_stopped(
    start_instance: StartInstance, open_page: OpenPage
) -> None:
    """While a model stalls, a reload finds the turn again; stopping it keeps what it had said."""
    with running_llmock() as mock:
        mock.scenario([_STALL, {"type": "reply", "text": text(turn_document(_LONG_REPLY))}])
        model = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": mock.openai}
        patience = {"TRIAGE_FIRST_TOKEN_SECONDS": "60", "TRIAGE_READ_SECONDS": "60"}
        page = await open_page(start_instance(env={**model, **patience}).url)
        await box(page).fill(STORY)
        await page.get_by_role("button", name="Enviar").click()
        reply = page.locator(".interviewer p").nth(1)
        await expect(reply).not_to_be_empty()
        await page.reload()
        await expect(reply).not_to_be_empty()
        await page.get_by_role("button", name="Parar a resposta").click()
        await expect(page.locator(".aside")).to_have_text("Resposta interrompida")

        kept = await page.locator("#talk").inner_text()
        said = str(await reply.text_content())
        assert _LONG_REPLY.startswith(said)
        assert said != _LONG_REPLY
        await page.reload()
        await expect(page.locator(".aside")).to_be_visible()
        assert await page.locator("#talk").inner_text() == kept


async def test_a_correction_reaches_the_result(server: Instance, open_page: OpenPage) -> None:
    """What the person sets right is what the new result says."""
    page = await open_page(server.url)
    await tell(page, STORY)
    await page.get_by_role("button", name="Corrigir: Cidade e estado").click()
    await page.get_by_label("O certo é: Cidade e estado").fill("Olinda, Pernambuco")
    await page.keyboard.press("Enter")

    await expect(page.locator("#result .facts")).to_contain_text("Olinda")


async def test_hostile_words_stay_words(server: Instance, open_page: OpenPage) -> None:
    """Markup in a story is shown as it was typed, in the conversation and in the result."""
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script> fui demitida sem receber"
    page = await open_page(server.url)
    await say(page, hostile)
    await page.get_by_role("button", name="Terminar agora").click()
    await page.get_by_role("button", name="Terminar", exact=True).click()
    await expect(page.locator("#result h2")).to_be_visible()

    await expect(page.locator(".person p").first).to_have_text(hostile)
    assert await page.locator("main :is(img, script)").count() == 0


async def test_erased_means_started_anew(server: Instance, open_page: OpenPage) -> None:
    """After erasing, the page holds another case and the old words are gone."""
    page = await open_page(server.url)
    await say(page, STORY)
    await page.get_by_role("button", name="Apagar meus dados").click()
    await page.get_by_role("button", name="Apagar tudo").click()

    await expect(page.get_by_role("status")).to_have_text("Seus dados foram apagados.")
    await page.reload()
    await expect(page.locator(".interviewer")).to_have_count(1)
    await expect(page.locator(".person")).to_have_count(0)


async def test_the_api_documentation_needs_nobody_else(
    server: Instance, open_page: OpenPage
) -> None:
    """`/docs` draws itself from this server alone and breaks no policy."""
    page = await open_page(f"{server.url}/docs")

    await expect(page.get_by_role("heading", name="Triage").first).to_be_visible()
    await expect(page.get_by_text("Open a case").first).to_be_attached()
