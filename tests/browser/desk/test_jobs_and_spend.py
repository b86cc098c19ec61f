"""Dead letters, what models cost, and what they may cost."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from app.core.background import failure, notification
from app.embedded import EmbeddedValkey
from app.state.jobs import JobClaim, Jobs
from tests.browser.desk.conftest import Rig, SignedIn
from tests.support.api import OPERATOR_TOKEN, Api, Case
from tests.support.ledgers import row, settled
from tests.support.playbooks import tiny_playbook
from tests.support.processes import Program, environment, instances, triage
from tests.support.provider import slow_provider
from tests.support.sealed import store_at
from tests.support.toml_text import write_playbook

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

STORY = "Water drips from the ceiling, and everybody says that it is not theirs to mend."


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings with which analyses are made in the background, by models that cost something."""
    folder = tmp_path_factory.mktemp("playbooks")
    write_playbook(tiny_playbook(), folder)
    with slow_provider() as provider:
        yield {
            "TRIAGE_PLAYBOOKS": str(folder),
            "TRIAGE_PLAYBOOK": tiny_playbook().id,
            "TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN,
            "TRIAGE_CACHE": "off",
            **provider.settings,
        }


@pytest.fixture(scope="module")
def rig(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """An installation whose worker is started by who needs one."""
    folder = tmp_path_factory.mktemp("desk-jobs")
    with EmbeddedValkey(folder / "valkey") as valkey, instances(valkey.url, folder) as start:
        instance = start(env=settings)
        yield Rig(Api(instance.port), instance, valkey)


def waiting(rig: Rig) -> tuple[Case, str]:
    """Return a case whose analysis waits for a worker, and the job's name."""
    case = rig.api.start(locale="en")
    rig.api.talk(case, STORY)
    return case, str(rig.api.get(f"/status/{case.id}", case.token).json()["job"]["job"])


async def give_up(rig: Rig, job: str) -> None:
    """Let a worker begin with a job and give it up."""
    case_id, _, turn = job.partition(".")
    store = store_at(rig.valkey.url)
    try:
        jobs = Jobs(store, "a worker")
        claim = await jobs.claim(case_id, int(turn), most_attempts=8)
        assert isinstance(claim, JobClaim)
        event = failure(claim.job, "en", "gave_up")
        told = notification("analysis.failed", claim.job)
        await jobs.give_up(claim, "<b>no model answers</b>", event, told, ttl=3_600)
    finally:
        await store.close()


async def test_a_dead_job_is_retried(
    rig: Rig,
    signed_in: SignedIn,
    settings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """It is listed with its reason and begins anew; once a worker is there, it is done."""
    case, job = waiting(rig)
    await give_up(rig, job)
    page = await signed_in(rig, "jobs")
    await expect(page.get_by_text("No worker is running")).to_be_visible()
    await expect(page.locator('nav a[href="#/jobs"] .badge')).to_have_text("1")
    await page.get_by_role("button", name="Dead", exact=True).click()
    dead = page.locator(f'tr[data-job="{job}"]')
    await expect(dead).to_contain_text("<b>no model answers</b>")
    await dead.get_by_role("button", name="Retry").click()
    await expect(page.get_by_role("status")).to_contain_text("It begins anew")
    await expect(dead).to_have_count(0)
    await page.get_by_role("button", name="All", exact=True).click()
    await expect(dead).to_contain_text("Queued")

    folder = tmp_path_factory.mktemp("worker")
    env = environment(TRIAGE_REDIS_URL=rig.valkey.url, TRIAGE_VAR=str(folder), **settings)
    worker = Program("worker", triage("worker"), env, folder / "worker.log")
    try:
        await expect(dead).to_contain_text("Done", timeout=90_000)
    finally:
        worker.close()
    await dead.get_by_role("link").click()
    await expect(page.locator(".verdict .mono")).to_have_text("plumbing.leak")
    made = page.get_by_role("definition").filter(has_text="ensemble")
    await expect(made.first).to_be_visible()
    assert case.id in page.url


async def test_a_job_is_stopped_after_a_question(rig: Rig, signed_in: SignedIn) -> None:
    """Whoever thinks again leaves it as it is."""
    _, job = waiting(rig)
    page = await signed_in(rig, "jobs")
    line = page.locator(f'tr[data-job="{job}"]')
    await line.get_by_role("button", name="Stop").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await expect(line).to_contain_text("Queued")
    await line.get_by_role("button", name="Stop").click()
    await page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    await expect(line).to_contain_text("Cancelled")
    assert rig.api.get(f"/jobs/{job}", OPERATOR_TOKEN).json()["state"] == "cancelled"


async def test_a_budget_is_set_and_removed(rig: Rig, signed_in: SignedIn) -> None:
    """What is spent stands against it, in words and as a bar."""
    page = await signed_in(rig, "spend", locale="pt-BR")
    await expect(page.get_by_role("heading", name="Gastos")).to_be_visible()
    form = page.locator(".budget-form")
    await form.locator("select").first.select_option("operation:judge")
    await form.locator("select").nth(1).select_option("month")
    await page.get_by_label("Limite em USD").fill("nonsense")
    await page.get_by_role("button", name="Definir orçamento").click()
    assert rig.api.get("/operator/budgets", OPERATOR_TOKEN).json()["budgets"] == []
    await page.get_by_label("Limite em USD").fill("2,50")
    await page.get_by_role("button", name="Definir orçamento").click()
    budget = page.locator(".budgets li")
    await expect(budget).to_contain_text("Operação: judge")
    await expect(budget).to_contain_text("US$ 2,50")
    (found,) = rig.api.get("/operator/budgets", OPERATOR_TOKEN).json()["budgets"]
    assert (found["scope"], found["period"], found["limit_usd"]) == (
        "operation:judge",
        "month",
        "2.50",
    )
    await budget.get_by_role("button", name="Remover").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remover").click()
    await expect(page.get_by_text("Nenhum orçamento")).to_be_visible()
    assert rig.api.get("/operator/budgets", OPERATOR_TOKEN).json()["budgets"] == []


async def test_costs_are_told_apart(rig: Rig, signed_in: SignedIn) -> None:
    """By model, operation and provider; the hours of today add up to what the table says."""
    rows = [
        row("desk-1", model="gpt-5", cost_nano_usd=1_250_000_000),
        row("desk-2", model="claude-haiku-4-5", provider="anthropic", cost_nano_usd=250_000_000),
        row("desk-3", model="<i>model</i>", cost_nano_usd=None, source="unpriced"),
    ]
    await asyncio.to_thread(settled, rig.valkey.url, *rows)
    page = await signed_in(rig, "spend")
    table = page.locator("section[aria-labelledby=costs-title] table")
    await expect(table).to_contain_text("claude-haiku-4-5")
    await expect(table).to_contain_text("<i>model</i>")
    await expect(table).to_contain_text("1 of unknown price")
    await page.get_by_label("Told apart by").select_option("provider")
    await expect(table.locator("tbody th")).to_have_text(["openai", "anthropic"])
    await expect(table.locator("tfoot")).to_contain_text("$1.5")
    await expect(page.locator(".chart .bar")).to_have_count(24)
    await page.get_by_label("Period shown").select_option("week")
    await expect(page.locator(".chart .bar")).to_have_count(7)
    await expect(page.locator(".tile").nth(1)).to_contain_text("$1.5")
