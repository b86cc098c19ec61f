"""How much the page weighs, how quickly its words are seen, and that nothing moves meanwhile.

The figures are printed: run it with `-s`.
"""

import gzip
import re
import time
from collections.abc import AsyncIterator
from statistics import median
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from app.api.page import FOLDER, HEADERS
from tests.browser.conftest import OpenPage
from tests.browser.person import box, replies, stop_button
from tests.web.standin import Standin

pytestmark = pytest.mark.browser

MOST_BYTES = 60_000
FIRST_LOAD = ("index.html", "main.css", "main.js", "icon.svg")
WORDS = " ".join(f"palavra{number}" for number in range(120))
_WATCH = """
window.seen = [];
window.shifts = [];
new PerformanceObserver((list) => {
  for (const { hadRecentInput, value, sources } of list.getEntries()) {
    const moved = sources.map(({ node, previousRect: was, currentRect: is }) =>
      `${node?.outerHTML ?? node?.textContent} ${was.x},${was.y} -> ${is.x},${is.y}`.slice(-160));
    if (!hadRecentInput && count > 0) window.shifts.push([value, moved]); // while words come
  }
}).observe({ type: "layout-shift", buffered: true });
const painted = (count) => requestAnimationFrame(() => {
  const { port1, port2 } = new MessageChannel(); // its message comes after the frame was drawn
  port1.onmessage = () => window.seen.push([count, performance.timeOrigin + performance.now()]);
  port2.postMessage(null);
});
let count = 0;
new MutationObserver(() => {
  const now = document.querySelectorAll(".live p > span").length;
  if (now > count) painted((count = now));
}).observe(document, { childList: true, subtree: true });
"""


@pytest.fixture
def standin() -> Standin:
    """A server that answers with many words, one every 15 ms."""
    made = Standin([WORDS, WORDS])
    made.pace = 0.015
    return made


@pytest_asyncio.fixture(loop_scope="session")
async def url(standin: Standin) -> AsyncIterator[str]:
    """Where it serves."""
    async with standin.serve() as address:
        yield address


def test_the_first_load_is_small() -> None:
    """Page, style, script and icon together are under 60 kB on the wire."""
    sizes = {name: len(gzip.compress((FOLDER / name).read_bytes())) for name in FIRST_LOAD}
    print(f"\nfirst load, gzip: {sum(sizes.values())} bytes {sizes}")
    assert sum(sizes.values()) < MOST_BYTES


def test_nothing_is_inline_and_nothing_is_let_in() -> None:
    """The policy names no other host and no inline code, and the page has none of it."""
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy
    assert "require-trusted-types-for 'script'" in policy
    index = (FOLDER / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?:", index)
    assert re.findall(r"<script[^>]*>(.*?)</script>", index) == [""]


@pytest.mark.asyncio(loop_scope="session")
async def test_words_are_seen_at_once_and_nothing_moves(
    standin: Standin, url: str, open_page: OpenPage
) -> None:
    """From the server's socket to the screen a word takes a few frames; the layout is stable."""
    sent: list[float] = []
    standin.on_delta = lambda: sent.append(time.time() * 1000)

    async def watched(context: BrowserContext) -> None:
        await context.add_init_script(_WATCH)

    page = await open_page(url, viewport={"width": 390, "height": 780}, prepare=watched)
    await expect(replies(page)).to_have_count(1)
    await box(page).fill("Pinga no teto")
    await box(page).press("Enter")
    await expect(replies(page).nth(1)).to_have_text(WORDS)
    await expect(stop_button(page)).to_have_count(0)

    seen: list[list[Any]] = await page.evaluate("window.seen")
    waits = sorted(at - sent[count - 1] for count, at in seen)
    p95 = waits[int(len(waits) * 0.95)]
    shifts: list[list[Any]] = await page.evaluate("window.shifts")
    shift = sum(value for value, _ in shifts)
    print(
        f"\ntoken at the server to pixels, {len(waits)} frames: p50 {median(waits):.1f} ms,"
        f" p95 {p95:.1f} ms; layout shift {shift:.4f}"
    )
    assert len(waits) > len(sent) / 10
    assert median(waits) < 1_000
    assert shift == 0, shifts
