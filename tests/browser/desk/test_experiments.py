"""What experiments have found, in words, in figures and in pictures."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from app.embedded import EmbeddedValkey
from tests.browser.desk.conftest import Rig, SignedIn
from tests.browser.person import serving
from tests.support.api import OPERATOR_TOKEN, Api
from tests.support.shown_experiments import put_experiment
from tests.support.triages import KEY

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_verdict_and_its_pictures(
    rig: Rig, signed_in: SignedIn, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """None is declared; then it is there, with intervals, days, and the report to keep."""
    page = await signed_in(rig, "experiments")
    await expect(page.get_by_text("No experiment is declared.")).to_be_visible()
    standing = await put_experiment(rig.valkey.url, tmp_path_factory.mktemp("warehouse"))
    await page.reload()
    await expect(page.locator(".experiments .decision")).to_have_text("Keep running")
    await page.get_by_role("link", name=standing.title).click()
    await expect(page.get_by_role("heading", name="v2 against v1")).to_be_visible()
    verdict = standing.verdicts["v2"]
    await expect(page.get_by_text(verdict.reasons[0]).first).to_be_visible()
    known = [one for one in standing.effects if one.value is not None]
    assert known
    pictures = page.locator("svg.interval")
    await expect(pictures).to_have_count(len(known))
    for one in known:
        assert one.low is not None
        side = "good" if one.low > 0 and one.better == "increase" else None
        line = page.locator(
            "table.effects tr",
            has=page.get_by_text(one.label, exact=True),
        )
        await expect(line).to_have_count(1)
        if side:
            await expect(line.locator("svg.good")).to_have_count(1)
    await expect(page.locator("svg .band").first).to_be_visible()
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="Save the whole report").click()
    saved = await waiting.value
    assert saved.suggested_filename == f"{KEY}.html"
    text = (await saved.path()).read_text("utf-8")
    assert standing.title in text
    assert text.lower().startswith("<!doctype html>")


async def test_flags_are_shown_as_they_are_live(
    own_valkey: EmbeddedValkey, tmp_path: Path, signed_in: SignedIn
) -> None:
    """The shipped ones: the experiment, its arms and their weights."""
    with serving(own_valkey.url, tmp_path) as start:
        instance = start(TRIAGE_OPERATOR_TOKEN=OPERATOR_TOKEN, TRIAGE_FLAGS_FILE="")
        rig = Rig(Api(instance.port), instance, own_valkey)
        page = await signed_in(rig, "flags", locale="pt-BR")
        await expect(page.get_by_role("heading", name=KEY)).to_be_visible()
        await expect(page.get_by_text("vem com o produto")).to_be_visible()
        await expect(page.locator(".shares li")).to_have_count(2)
        await expect(page.locator(".shares b").first).to_have_text("50%")
