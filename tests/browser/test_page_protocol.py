"""The page against a server that fails as prepared: nothing is lost, doubled or run."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from msgspec.structs import replace
from playwright.async_api import BrowserContext, Locator, Page, Route, expect

from app.domain.analysis import Fact
from tests.browser.conftest import PATIENCE_MS, OpenPage
from tests.browser.person import choose, heard, mine, part, replies, stop_button
from tests.web.analyses import leak_analysis
from tests.web.standin import Fault, Frame, Standin, case_id, ended, telling

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

REPLIES = ["Em que cômodo da casa?", "Desde quando?", "Obrigado. O resultado vem a seguir."]

HOSTILE = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "<svg/onload=alert(1)>",
    '"><iframe src="javascript:alert(1)">',
    "<a href='javascript:alert(1)'>clique</a>",
    "<style>*{display:none}</style><b>negrito</b>",
    "&lt;script&gt;alert(1)&lt;/script&gt; &amp; ${alert(1)} {{alert(1)}}",
    "<template shadowrootmode=open><img src=x onerror=alert(1)></template><!-- --!> -->",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "[clique](javascript:alert(1)) ![x](https://elsewhere.example/x.png) <https://elsewhere.example>",
    "# título **forte** _ênfase_ ~~risco~~ `código` ```js\\nalert(1)\\n``` | a | b |",
    "ligue para 190<img src=x onerror=alert(1)> e tel:190' onclick='alert(1)",
    "\u202eesrever\u202c \u200bzero\u200b \ufeff 😀",
]


@pytest.fixture
def standin() -> Standin:
    """A server with three questions and a result."""
    return Standin(list(REPLIES), leak_analysis())


@pytest_asyncio.fixture(loop_scope="session")
async def url(standin: Standin) -> AsyncIterator[str]:
    """Where it serves."""
    async with standin.serve() as address:
        yield address


async def say(page: Page, text: str) -> None:
    """Type a message and send it with Enter."""
    await page.get_by_label("Sua mensagem").fill(text)
    await expect(page.get_by_role("button", name="Enviar")).to_be_enabled()
    await page.keyboard.press("Enter")


def notices(page: Page) -> Locator:
    """What the page says about itself."""
    return page.locator(".notices")


async def test_a_message_that_could_not_leave_is_sent_again_as_the_same(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """Two lost posts and a third that arrives are one turn, and the person saw one message."""
    standin.faults.extend([Fault(cut_after=0), Fault(cut_after=0)])
    page = await open_page(url)
    await say(page, "Pinga no teto")

    await expect(replies(page).nth(1)).to_have_text(REPLIES[0])
    assert len(standin.posts) == 3
    assert len(set(standin.posts)) == 1
    await expect(mine(page)).to_have_count(1)
    await expect(page.locator(".waiting")).to_have_count(0)


async def test_a_cut_answer_goes_on_where_it_stopped(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """After a cut the page asks for what is missing; repeated frames are not shown twice."""
    hold = asyncio.Event()
    cut = Fault(cut_after=3, wait=hold)
    standin.faults.extend([cut, Fault(from_start=True, closing_after=4)])
    page = await open_page(url)
    await say(page, "Pinga no teto")
    await expect(replies(page).nth(1)).to_have_text("Em que")
    hold.set()

    await expect(replies(page).nth(1)).to_have_text(REPLIES[0])
    assert standin.resumed == ["7-3", "7-4"]
    assert len(standin.posts) == 1


async def test_a_new_owner_begins_the_answer_again(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """`turn.restarted` drops the partial text, `snapshot` replaces it."""
    hold = asyncio.Event()
    restarted: Frame = ("9-1", "turn.restarted", {"turn": 1, "attempt": 2, "reason": "takeover"})
    standin.scripts[1] = [
        *telling(1, "Palavras perdidas")[:-1],
        restarted,
        ("9-2", "delta", {"t": "errado"}),
        ("9-3", "snapshot", {"text": "De "}),
        ("9-4", "delta", {"t": "novo"}),
        *telling(1, "De novo!", epoch=10)[-1:],
    ]
    standin.faults.append(Fault(wait=hold))
    page = await open_page(url)
    await say(page, "Pinga no teto")

    await expect(replies(page).nth(1)).to_have_text("De novo")
    hold.set()
    await expect(replies(page).nth(1)).to_have_text("De novo!")


async def test_the_person_can_stop_an_answer(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """The stop button cancels the turn at the server; what was said is kept and marked."""
    standin.faults.append(Fault(wait=asyncio.Event()))
    page = await open_page(url)
    await say(page, "Pinga no teto")
    await stop_button(page).click()

    await expect(replies(page).nth(1)).to_have_text("Parei aqui")
    await expect(page.get_by_text("Resposta interrompida").first).to_be_visible()


async def test_a_failed_answer_says_so_and_can_be_asked_for_again(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """`turn.failed` shows the server's sentence; trying again posts the words with a new key."""
    failure = {"turn": 1, "code": "unavailable", "retryable": True, "retry_after_ms": 0}
    sentence = "Não conseguimos responder agora."
    standin.scripts[1] = [("7-1", "turn.failed", {**failure, "message": sentence})]
    page = await open_page(url)
    await say(page, "Pinga no teto")
    await expect(page.locator(".mark").get_by_text(sentence)).to_be_visible()
    await page.get_by_role("button", name="Tentar de novo").click()

    await expect(replies(page).nth(1)).to_have_text(REPLIES[1])
    (first, text), (second, repeated) = standin.posts
    assert text == repeated
    assert first != second


async def test_a_refused_message_goes_back_into_the_box(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """What the server will not take is not lost, and the reason is shown."""
    standin.faults.append(Fault(status=400))
    page = await open_page(url)
    await say(page, "Uma história comprida")

    await expect(notices(page)).to_have_text("Não deu certo: a mensagem é longa")
    await expect(page.get_by_label("Sua mensagem")).to_have_value("Uma história comprida")
    await expect(mine(page)).to_have_count(0)


async def test_offline_is_said_and_survived(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """Without a network the message waits in sight and leaves when the network is back."""
    page = await open_page(url)
    await expect(replies(page)).to_have_count(1)
    await page.context.set_offline(offline=True)
    await say(page, "Pinga no teto")
    await expect(notices(page)).to_contain_text("Sem internet")
    await expect(page.locator(".waiting")).to_contain_text("Guardada neste aparelho")
    await page.context.set_offline(offline=False)

    await expect(replies(page).nth(1)).to_have_text(REPLIES[0])
    await expect(notices(page)).not_to_be_visible()
    assert len(standin.posts) == 1


async def test_a_reload_finds_the_running_answer(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """The conversation is drawn again and the running turn goes on in it, told once."""
    hold = asyncio.Event()
    standin.faults.extend([Fault(wait=hold), Fault(wait=hold)])
    page = await open_page(url)
    await say(page, "Pinga no teto")
    await expect(replies(page).nth(1)).to_have_text(REPLIES[0])
    await page.reload()
    await expect(mine(page)).to_have_text("Pinga no teto")
    await expect(replies(page).nth(1)).to_have_text(REPLIES[0])
    await expect(stop_button(page)).to_be_visible()
    hold.set()

    await expect(stop_button(page)).to_have_count(0)
    await expect(replies(page)).to_have_text([standin.greeting, REPLIES[0]])
    assert len(set(standin.posts)) == 1
    assert len(standin.cases[case_id(1)].turns) == 1


async def test_a_reload_while_sending_still_sends_once(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """A message that had not left at a reload leaves afterwards, under the key it had."""
    standin.faults.extend([Fault(cut_after=0)] * 4)
    page = await open_page(url)
    await say(page, "Pinga no teto")
    await expect(page.locator(".waiting")).to_contain_text("Guardada neste aparelho")
    await page.reload()

    await expect(mine(page)).to_have_text("Pinga no teto")
    await expect(replies(page).nth(1)).to_have_text(REPLIES[0])
    assert len(set(standin.posts)) == 1
    assert len(next(iter(standin.cases.values())).turns) == 1


async def test_a_slow_beginning_is_said(standin: Standin, url: str, open_page: OpenPage) -> None:
    """Until the case is open the page says that it opens; an earlier draft is still there."""
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    async def held_start(context: BrowserContext) -> None:
        await context.add_init_script("localStorage['triage.draft'] ??= '\"Pinga no teto\"'")
        await context.route("**/start", hold)

    page = await open_page(url, prepare=held_start)
    await expect(page.get_by_text("Abrindo…")).to_be_visible()
    held.set()
    await expect(page.get_by_label("Sua mensagem")).to_have_value("Pinga no teto")
    await page.get_by_role("button", name="Enviar").click()

    await expect(mine(page)).to_have_text("Pinga no teto")
    await expect(replies(page).nth(1)).to_have_text(REPLIES[0])
    assert len(standin.posts) == 1


async def test_a_reload_while_the_case_is_opened_asks_for_the_same_one(
    url: str, open_page: OpenPage
) -> None:
    """Its answer may be on the way: the key outlives the reload, until the case is there."""
    asked: list[str] = []
    is_asked = asyncio.Event()

    async def lost_start(context: BrowserContext) -> None:
        async def lose(route: Route) -> None:
            asked.append(route.request.headers["idempotency-key"])
            is_asked.set()
            if len(asked) > 1:
                await route.continue_()

        await context.route("**/start", lose)

    page = await open_page(url, prepare=lost_start)
    await asyncio.wait_for(is_asked.wait(), PATIENCE_MS / 1_000)
    await page.reload()
    await expect(page.get_by_label("Sua mensagem")).to_be_visible()
    assert len(asked) == 2
    assert asked[0] == asked[1]
    await page.evaluate("localStorage.removeItem('triage.case')")
    await page.reload()
    await expect(page.get_by_label("Sua mensagem")).to_be_visible()
    assert len(asked) == 3
    assert asked[2] != asked[0]


async def test_what_was_typed_outlives_a_reload(url: str, open_page: OpenPage) -> None:
    """A draft is still in the box after a reload."""
    page = await open_page(url)
    await page.get_by_label("Sua mensagem").fill("Comecei a contar e")
    await page.reload()

    await expect(page.get_by_label("Sua mensagem")).to_have_value("Comecei a contar e")


async def test_words_are_never_markup(standin: Standin, url: str, open_page: OpenPage) -> None:
    """Hostile text from the person, the interviewer and the result shows as it is."""
    hostile = " ".join(HOSTILE)
    standin.replies = [hostile, hostile]
    standin.greeting = standin.notice = hostile
    result = leak_analysis()
    standin.result = replace(
        result,
        classification=replace(result.classification, area=hostile, subarea=hostile),
        urgency=replace(result.urgency, reason=hostile, immediate_actions=tuple(HOSTILE)),
        facts=(Fact(name="room", label=hostile, value=hostile, turn=1),),
        next_steps=tuple(HOSTILE),
        summary=replace(result.summary, plain=hostile),
    )
    page = await open_page(url)
    for text in (hostile, hostile):
        await say(page, text)
        await expect(page.get_by_role("button", name="Enviar")).to_be_visible()
    await expect(page.locator("#ready-title")).to_have_text(hostile)
    await page.reload()
    await expect(page.locator("#result-title")).to_have_text(hostile)

    await expect(page.locator(".result dd > span")).to_have_text(hostile)
    strange = 'iframe, style, script, img, template, [onerror], [onload], a:not([href="tel:190"])'
    strangers = page.locator(f"main :is({strange})")
    assert await strangers.count() == 0
    await part(page, "Conversa")
    await expect(replies(page).nth(1)).to_have_text(hostile)
    assert await strangers.count() == 0


async def test_a_fact_can_be_corrected_and_the_rest_is_shown_again(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """The correction goes to the server, and the result comes back with it."""
    page = await open_page(url)
    for number, text in enumerate(("Pinga", "No banheiro", "Ontem"), start=1):
        await say(page, text)
        await expect(replies(page).nth(number)).to_have_text(REPLIES[number - 1])
    await page.get_by_role("button", name="Ver o resultado").click()
    await page.get_by_role("button", name="Corrigir: Cômodo").click()
    await page.get_by_label("O certo é: Cômodo").fill("cozinha")
    await page.keyboard.press("Enter")

    await expect(page.locator(".result dd").first).to_contain_text("cozinha")
    assert standin.facts == [{"slot": "room", "value": "cozinha"}]
    await expect(page.get_by_role("button", name="Corrigir: Relato")).to_have_count(0)


async def test_what_a_result_lacks_is_not_shown(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """A result that could not be placed and has empty parts shows what there is and no more."""
    full = leak_analysis()
    standin.replies = ["Obrigado."]
    standin.result = replace(
        full,
        classification=replace(full.classification, code=None, area=None, subarea=None, top=()),
        urgency=replace(full.urgency, deadline=None, immediate_actions=()),
        needs_human=False,
        facts=(Fact(name="since", label="Desde quando", value="2026-11-03", turn=1),),
        documents=replace(full.documents, needed=(), mentioned=()),
        warnings=(),
        summary=replace(full.summary, plain=""),
    )
    page = await open_page(url)
    await say(page, "Pinga no teto")
    await page.get_by_role("button", name="Ver o resultado").click()
    await expect(page.locator("#result-title")).to_have_text("Ainda sem classificação")

    await expect(page.locator(".result .part h3")).to_have_text(
        [
            "Próximos passos",
            "O que aconteceu, em ordem",
            "O que você quer",
            "Quem participa",
            "O que entendemos",
        ]
    )
    await expect(page.locator(".result")).not_to_contain_text("null")
    await expect(page.locator(".result dd > span")).to_have_text("3 de novembro de 2026")


async def test_erasing_asks_first_and_leaves_nothing(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """After a confirmation the case is gone at the server and in the browser."""
    page = await open_page(url)
    await say(page, "Pinga no teto")
    await expect(replies(page).nth(1)).to_have_text(REPLIES[0])
    await choose(page, "Apagar meus dados")
    await page.get_by_role("button", name="Voltar").click()
    assert case_id(1) in standin.cases
    who = standin.started[0]["user_ref"]
    await choose(page, "Apagar meus dados")
    await page.get_by_role("button", name="Apagar tudo").click()

    await expect(page.get_by_role("heading", name="Seus dados foram apagados")).to_be_visible()
    assert case_id(1) not in standin.cases
    kept = await page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
    assert kept == ["triage.language"]
    await page.get_by_role("button", name="Começar uma conversa nova").click()
    await expect(replies(page)).to_have_text([standin.greeting])
    await expect(mine(page)).to_have_count(0)
    assert standin.started[1]["user_ref"] != who


async def test_a_case_that_is_gone_is_replaced(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """When the server no longer has the case, the page says so and offers to start another."""
    page = await open_page(url)
    await expect(replies(page)).to_have_count(1)
    standin.cases.clear()
    await page.reload()

    await expect(page.get_by_role("heading", name="não está mais guardada")).to_be_visible()
    await page.get_by_role("button", name="Começar uma conversa nova").click()
    await expect(replies(page)).to_have_text([standin.greeting])


async def test_the_answer_is_announced_once_and_whole(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """A screen reader hears the sentence at its end, not word by word."""
    hold = asyncio.Event()
    standin.faults.append(Fault(wait=hold))
    page = await open_page(url)
    await say(page, "Pinga no teto")
    await expect(replies(page).nth(1)).to_have_text(REPLIES[0])
    await expect(page.locator("#announcer")).to_have_text("")
    hold.set()

    await expect(heard(page)).to_have_text([REPLIES[0]])


async def test_long_words_wrap_and_nothing_scrolls_sideways(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """On a narrow phone nothing is wider than the screen."""
    standin.replies = ["w" * 400, "x" * 400]
    page = await open_page(url, viewport={"width": 320, "height": 640})
    for number, text in enumerate(("v" * 400, "fim"), start=1):
        await say(page, text)
        await expect(replies(page).nth(number)).to_have_text(standin.replies[number - 1])
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await page.get_by_role("button", name="Ver o resultado").click()
    await expect(page.locator("#result-title")).to_be_visible()

    assert await page.evaluate("document.documentElement.scrollWidth") <= 320


async def test_a_message_beside_the_terminal_event_is_not_needed(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """A turn cancelled before its first word leaves no empty bubble."""
    standin.scripts[1] = [("7-1", "turn.cancelled", ended(1, ""))]
    page = await open_page(url)
    await say(page, "Pinga no teto")

    await expect(page.locator(".mark")).to_have_text("Resposta interrompida")
    await expect(replies(page)).to_have_count(1)
