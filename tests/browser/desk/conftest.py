"""The operators' page on a real server, with cases of people who told their stories."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from msgspec import Struct
from playwright.async_api import Page, expect

from app.embedded import EmbeddedValkey
from tests.browser.conftest import OpenPage
from tests.browser.person import serving
from tests.support.api import OPERATOR_TOKEN, Api, Case
from tests.support.processes import Instance

STORY = "I was dismissed without cause three weeks ago and they have not paid what they owe me."
PT_STORY = (
    "Comprei uma geladeira que veio quebrada e a loja não quer trocar nem devolver o dinheiro."
)
DANGER = "My husband hit me and says he will kill me."


class Rig(Struct, frozen=True):
    """A server, and people who use it."""

    api: Api
    instance: Instance
    valkey: EmbeddedValkey

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"{self.instance.url}/operators"

    def told(self, story: str = STORY, *, locale: str = "en", end: bool = True) -> Case:
        """Open a case, tell a story, and end the interview, so that there is a result."""
        case = self.api.start(locale=locale)
        self.api.say(case, story)
        if end:
            body = {"case_id": case.id}
            done = self.api.post("/force-complete", body, case.token, key=uuid4().hex)
            assert done.status == 200, done
        return case

    def reviewed(self, case: Case, reviewer: str, code: str | None, **more: str) -> None:
        """Review a case elsewhere."""
        body = {"reviewer": reviewer, "code": code, **more}
        done = self.api.post(f"/operator/cases/{case.id}/reviews", body, OPERATOR_TOKEN)
        assert done.status == 200, done


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """An installation of its own: lists show what a test put there, and nothing else."""
    folder = tmp_path_factory.mktemp("desk")
    with EmbeddedValkey(folder / "valkey") as valkey, serving(valkey.url, folder) as start:
        instance = start(TRIAGE_OPERATOR_TOKEN=OPERATOR_TOKEN)
        yield Rig(Api(instance.port), instance, valkey)


SignedIn = Callable[..., Awaitable[Page]]


@pytest.fixture
def signed_in(open_page: OpenPage) -> SignedIn:
    """Open the page and sign in."""

    async def open_(
        rig: Rig, view: str = "", *, name: str = "Ana", locale: str = "en-GB", **options: Any
    ) -> Page:
        page = await open_page(f"{rig.url}#/{view}", locale=locale, **options)
        await sign_in(page, OPERATOR_TOKEN, name)
        await expect(page.get_by_role("navigation").first).to_be_visible()
        return page

    return open_


async def sign_in(page: Page, token: str, name: str = "Ana") -> None:
    """Fill the form at the door and send it."""
    await page.locator("input[type=password]").fill(token)
    await page.locator("input[autocomplete=nickname]").fill(name)
    await page.keyboard.press("Enter")
