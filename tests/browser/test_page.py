"""A person's whole way through the real page, on a real server, in a real browser."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.person import (
    STORY,
    STORY_EN,
    box,
    choose,
    finish,
    flags_in,
    mine,
    part,
    replies,
    say,
    tell,
)
from tests.support.llmock import running_llmock
from tests.support.processes import Instance, StartInstance
from tests.support.replies import text, turn_document

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

_LONG_REPLY = "Sinto muito que isso tenha acontecido. Em que cidade e estado você está agora?"
_STALL = {
    "type": "stream_fault",
    "kind": "stall",
    "after_chunks": 9,
    "stall_seconds": 60.0,
    "match": {"stream": True},
}


async def test_a_whole_interview_in_portuguese(server: Instance, open_page: OpenPage) -> None:
    """A story, a few questions, and a result that says what it is, how urgent and what to do."""
    page = await open_page(server.url, viewport={"width": 960, "height": 760})
    await expect(replies(page).first).to_contain_text("aconteceu")
    await expect(page.locator("html")).to_have_attribute("lang", "pt-BR")
    await tell(page, STORY)

    result = page.locator(".result")
    await expect(result.locator("#result-title")).to_contain_text("Demissão")
    await expect(result.locator(".badge")).to_be_visible()
    await expect(result.get_by_role("heading", name="Próximos passos")).to_be_visible()
    await expect(result.locator(".steps li").first).to_be_visible()
    await expect(result.locator(".facts")).to_contain_text("Recife")
    await part(page, "Conversa")
    await expect(page.get_by_role("button", name="Terminar agora")).to_be_hidden()
    await expect(box(page)).to_have_attribute("placeholder", "Quer acrescentar alguma coisa?")


async def test_a_whole_interview_in_english(server: Instance, open_page: OpenPage) -> None:
    """A browser that prefers English is spoken to in English, labels and interviewer alike."""
    page = await open_page(server.url, locale="en-GB")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Tell us what happened")
    await say(page, STORY_EN)
    await say(page, "I live in Recife, Pernambuco")
    await finish(page)

    await expect(page.get_by_role("heading", name="Next steps")).to_be_visible()
    assert "ç" not in str(await page.locator("#result-title").text_content())


async def test_dangers_are_listed_and_one_is_tapped(server: Instance, open_page: OpenPage) -> None:
    """Where no danger was heard, the page lists them to be tapped; one of them brings advice."""
    page = await open_page(server.url, locale="en-GB")
    listed = (await say(page, STORY_EN)).splitlines()
    offers = page.locator(".offers button")
    await expect(offers).to_have_text([line for line in listed if line[0].isdigit()])
    hurt = offers.filter(has_text="hurt oneself")
    for _ in range(3):
        await hurt.click()
    await expect(hurt).to_have_attribute("aria-pressed", "true")
    number = str(await hurt.text_content()).split(".")[0]
    await expect(box(page)).to_have_value(number)

    advised = await say(page, number)
    assert "188" in advised
    assert "hurt oneself" not in advised, "it is not asked again"
    await expect(page.get_by_role("link", name="Call 188")).to_have_attribute("href", "tel:188")
    await expect(offers).to_have_count(0)


async def test_the_language_is_changed_before_the_first_word(
    server: Instance, open_page: OpenPage
) -> None:
    """Choosing the other language starts the interview in it and keeps the draft."""
    page = await open_page(server.url)
    await box(page).fill("Hello")
    await page.get_by_role("button", name="English").click()
    await expect(replies(page)).to_contain_text("happened")
    await expect(box(page)).to_have_value("Hello")
    await page.reload()

    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(replies(page)).to_contain_text("happened")


async def test_a_reload_brings_the_conversation_back(server: Instance, open_page: OpenPage) -> None:
    """After a reload the same words are there and the interview goes on from them."""
    page = await open_page(server.url)
    await say(page, STORY)
    words = await page.locator(".said-list").inner_text()
    await page.reload()
    await expect(mine(page)).to_have_count(1)

    await expect(page.locator(".said-list")).to_have_text(words, use_inner_text=True)
    await say(page, "Recife, Pernambuco")
    await expect(mine(page)).to_have_count(2)


async def test_a_running_answer_outlives_a_reload_and_can_be_stopped(
    start_instance: StartInstance, tmp_path: Path, open_page: OpenPage
) -> None:
    """While a model stalls, a reload finds the turn again; stopping it keeps what it had said."""
    with running_llmock() as mock:
        mock.scenario([_STALL, {"type": "reply", "text": text(turn_document(_LONG_REPLY))}])
        model = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": mock.openai}
        patience = {"TRIAGE_FIRST_TOKEN_SECONDS": "60", "TRIAGE_READ_SECONDS": "60"}
        env = {**model, **patience, **flags_in(tmp_path)}
        page = await open_page(start_instance(env=env).url)
        await box(page).fill(STORY)
        await page.get_by_role("button", name="Enviar").click()
        reply = replies(page).nth(1)
        await expect(reply).to_contain_text("Sinto")
        await page.reload()
        await expect(reply).to_contain_text("Sinto")
        await page.get_by_role("button", name="Parar a resposta").click()
        await expect(page.locator(".mark")).to_have_text("Resposta interrompida")

        kept = await page.locator(".said-list").inner_text()
        said = str(await reply.text_content())
        assert _LONG_REPLY.startswith(said)
        assert said != _LONG_REPLY
        await page.reload()
        await expect(page.locator(".mark")).to_be_visible()
        await expect(page.locator(".said-list")).to_have_text(kept, use_inner_text=True)


async def test_a_correction_reaches_the_result(server: Instance, open_page: OpenPage) -> None:
    """What the person sets right is what the new result says."""
    page = await open_page(server.url)
    await tell(page, STORY)
    await page.get_by_role("button", name="Corrigir: Cidade e estado").click()
    await page.get_by_label("O certo é: Cidade e estado").fill("Olinda, Pernambuco")
    await page.keyboard.press("Enter")

    await expect(page.locator(".result .facts")).to_contain_text("Olinda")


async def test_hostile_words_stay_words(server: Instance, open_page: OpenPage) -> None:
    """Markup in a story is shown as it was typed, in the conversation and in the result."""
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script> fui demitida sem receber"
    page = await open_page(server.url)
    await say(page, hostile)
    await finish(page)
    assert await page.locator("main :is(img, script)").count() == 0
    await part(page, "Conversa")
    await expect(mine(page).first).to_have_text(hostile)
    assert await page.locator("main :is(img, script)").count() == 0


async def test_erased_means_started_anew(server: Instance, open_page: OpenPage) -> None:
    """After erasing, the page holds another case and the old words are gone."""
    page = await open_page(server.url)
    await say(page, STORY)
    await choose(page, "Apagar meus dados")
    await page.get_by_role("button", name="Apagar tudo").click()

    await expect(page.get_by_role("heading", name="Seus dados foram apagados")).to_be_visible()
    await page.reload()
    await expect(replies(page)).to_have_count(1)
    await expect(mine(page)).to_have_count(0)


async def test_the_api_documentation_needs_nobody_else(
    server: Instance, open_page: OpenPage
) -> None:
    """`/docs` draws itself from this server alone and breaks no policy."""
    page = await open_page(f"{server.url}/docs")

    await expect(page.get_by_role("heading", name="Triage").first).to_be_visible()
    await expect(page.get_by_text("Open a case").first).to_be_attached()
