"""What a person does on the page, and what there is to see; in either language."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
from playwright.async_api import BrowserContext, Locator, Page, expect

from app.domain.assignment import person_key
from tests.support.processes import Instance, instances

MOST_QUESTIONS = 14
FORM_PERSON = "somebody who gets the form"
"""The reference of a person whom the flags of these tests give the form; all others talk."""

STORY = (
    "Fui mandada embora sem justa causa no dia 3 de novembro e até agora a empresa não pagou a"
    " minha rescisão nem liberou o FGTS."
)
STORY_EN = "I was dismissed without cause three weeks ago and they have not paid what they owe me."
ANSWERS = {
    r"Responda com os números": "nenhuma",
    r"Answer with the numbers": "none",
    r"chamad[ao]": "Ana",
    r"cidade": "Recife, Pernambuco",
    r"city": "Recife, Pernambuco",
    r"[Cc]om quem": "A padaria onde eu trabalhava",
    r"problem with": "The bakery where I worked",
    r"gostaria|deseja": "Quero receber o que me devem",
    r"like to happen": "I want to be paid what they owe me",
    r"[Qq]uando": "No dia 3 de novembro",
    r"documento|papé": "Tenho a carteira de trabalho e as conversas do WhatsApp",
}


class Serve(Protocol):
    """Starts an instance with these settings besides."""

    def __call__(self, **env: str) -> Instance:
        """Start one more; it is ready when this returns."""


def flags_in(folder: Path) -> dict[str, str]:
    """Return settings that give one person the form, and everybody else the conversation.

    By the flags that ship, half of the persons whose browsers open the page would get the form.
    """
    form = {"condition": {"id": person_key(FORM_PERSON)}, "force": "v1"}
    feature = {"defaultValue": "v2", "rules": [form]}
    flags = folder / "flags.json"
    flags.write_bytes(msgspec.json.encode({"features": {"intelligent_triage_v2": feature}}))
    return {"TRIAGE_FLAGS_FILE": str(flags)}


@contextmanager
def serving(redis_url: str, var: Path) -> Iterator[Serve]:
    """Start instances with these flags."""
    known = {**flags_in(var), "TRIAGE_PACE_MS": "5"}
    with instances(redis_url, var) as start:
        yield lambda **env: start(env={**known, **env})


async def as_form_person(context: BrowserContext) -> None:
    """Make a browser that of the person who gets the form."""
    known = msgspec.json.encode(msgspec.json.encode(FORM_PERSON).decode()).decode()
    await context.add_init_script(f"localStorage['triage.person'] ??= {known}")


def box(page: Page) -> Locator:
    """The box for the person's words."""
    return page.locator("#message")


def replies(page: Page) -> Locator:
    """What the interviewer said, the greeting first."""
    return page.locator(".said-list .theirs > p:first-of-type")


def mine(page: Page) -> Locator:
    """What the person said."""
    return page.locator(".said-list .mine > p")


def heard(page: Page) -> Locator:
    """What a screen reader was given to say."""
    return page.locator("#announcer p")


def stop_button(page: Page) -> Locator:
    """It is there while an answer is given."""
    return page.get_by_role("button", name=re.compile("^(Parar a resposta|Stop the answer)$"))


async def say(page: Page, text: str) -> str:
    """Send a message with Enter and return the whole answer."""
    before = await heard(page).count()
    await box(page).fill(text)
    await expect(page.get_by_role("button", name=re.compile("^(Enviar|Send)$"))).to_be_enabled()
    await box(page).press("Enter")
    await expect(heard(page).nth(before)).not_to_be_empty()
    await expect(stop_button(page)).to_have_count(0)
    return str(await heard(page).nth(before).text_content())


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
    name = re.compile("^(Ver o resultado|See the result)$")
    await page.get_by_role("button", name=name).click()
    await expect(page.locator("#result-title")).to_be_visible()


async def finish(page: Page) -> None:
    """End the interview by the button, and look at the result."""
    name = re.compile("^(Terminar agora|Finish now)$")
    await page.get_by_role("button", name=name).click()
    await page.get_by_role("dialog").get_by_role("button", name=name).click()
    await expect(page.locator("#result-title")).to_be_visible()


async def choose(page: Page, option: str) -> None:
    """Choose from the menu."""
    await page.get_by_role("button", name=re.compile("^(Mais opções|More options)$")).click()
    await page.get_by_role("dialog").get_by_role("button", name=option).click()


async def part(page: Page, name: str) -> None:
    """Look at another part of the page."""
    await page.get_by_role("navigation").get_by_role("button", name=name).click()


async def case_of(page: Page) -> str:
    """Return the case that the page has."""
    return str(await page.evaluate("JSON.parse(localStorage['triage.case']).id"))


async def token_of(page: Page) -> str:
    """Return the page's own credential."""
    return str(
        await page.evaluate(
            """() => {
              const { id } = JSON.parse(localStorage["triage.case"]);
              return JSON.parse(localStorage[`triage.triage:${id}:token`]);
            }"""
        )
    )


async def kinds(page: Page) -> list[str]:
    """Ask the server, with the page's own credential, for the kinds of the case's turns."""
    found: list[str] = await page.evaluate(
        """async ([id, token]) => {
          const headers = { Authorization: `Bearer ${token}` };
          const answer = await fetch(`/api/v2/triage/cases/${id}`, { headers });
          return (await answer.json()).turns.map((turn) => turn.kind);
        }""",
        [await case_of(page), await token_of(page)],
    )
    return found


async def status(page: Page) -> str:
    """Ask the server, with the page's own credential, how the case stands."""
    return str(
        await page.evaluate(
            """async ([id, token]) => {
              const headers = { Authorization: `Bearer ${token}` };
              const answer = await fetch(`/api/v2/triage/status/${id}`, { headers });
              return (await answer.json()).status;
            }""",
            [await case_of(page), await token_of(page)],
        )
    )
