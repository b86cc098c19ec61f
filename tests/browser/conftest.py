"""A real Chromium, pages that report what they break, and a server to open them on."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    async_playwright,
    expect,
)

from app.embedded import EmbeddedValkey
from tests.browser.person import serving
from tests.support.api import OPERATOR_TOKEN
from tests.support.processes import Instance

CHROMIUM = Path(os.environ.get("TRIAGE_TEST_CHROMIUM", "/usr/bin/chromium"))
PATIENCE_MS = 30_000
"""Machines that run tests are busy; what waits for an event need not be in a hurry."""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class OpenPage(Protocol):
    """Opens pages; see `open_page`."""

    async def __call__(
        self,
        url: str,
        *,
        locale: str = "pt-BR",
        prepare: Callable[[BrowserContext], Awaitable[object]] | None = None,
        **options: object,
    ) -> Page:
        """Open an address in a browser profile of its own."""


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Debian's Chromium; without it the test is skipped."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}")
    return CHROMIUM


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A Valkey for the pages alone: the flags of their servers would hold for other tests too."""
    with EmbeddedValkey(tmp_path_factory.mktemp("pages")) as server:
        yield server


@pytest.fixture(scope="session")
def server(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One instance with operators and the guided interviewer, for all tests that break nothing."""
    with serving(valkey.url, tmp_path_factory.mktemp("api")) as start:
        yield start(TRIAGE_OPERATOR_TOKEN=OPERATOR_TOKEN)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """One browser for all tests; each page has a profile of its own."""
    async with async_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Open pages; at the end none may have broken the policy, thrown, or gone elsewhere."""
    complaints: list[str] = []
    async with AsyncExitStack() as stack:

        async def open_(
            url: str,
            *,
            locale: str = "pt-BR",
            prepare: Callable[[BrowserContext], Awaitable[object]] | None = None,
            **options: object,
        ) -> Page:
            context = await browser.new_context(locale=locale, **options)  # type: ignore[arg-type]
            stack.push_async_callback(context.close)
            if prepare is not None:
                await prepare(context)
            page = await context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.on("console", lambda message: _note(message, complaints))
            page.on("pageerror", lambda error: complaints.append(f"thrown: {error}"))
            page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
            page.on("request", lambda request: _local(request.url, url, complaints))
            await page.goto(url)
            return page

        yield open_
    assert complaints == []


def _note(message: ConsoleMessage, complaints: list[str]) -> None:
    """Keep what Chromium complains about, but for connections that the tests break on purpose."""
    if message.type == "error" and "Failed to load resource" not in message.text:
        complaints.append(f"console: {message.text}")


def _local(requested: str, url: str, complaints: list[str]) -> None:
    origin = "/".join(url.split("/")[:3])
    if not requested.startswith((f"{origin}/", f"blob:{origin}/")):
        complaints.append(f"elsewhere: {requested}")
