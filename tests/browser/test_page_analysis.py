"""A real analysis in the background: progress, a closed page, a notification, the result."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from app.embedded import EmbeddedValkey
from app.notify.push import new_private_key
from tests.browser.conftest import OpenPage
from tests.browser.person import case_of, flags_in, say, token_of
from tests.support.api import OPERATOR_TOKEN, Api
from tests.support.browsers import subscription
from tests.support.playbooks import tiny_playbook
from tests.support.processes import Instance, Program, environment, instances, triage
from tests.support.provider import slow_provider
from tests.support.toml_text import write_playbook
from tests.support.waiting import until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance and a worker, with models that take their time over analyses."""
    folder = tmp_path_factory.mktemp("analysing")
    write_playbook(tiny_playbook(), folder)
    with slow_provider() as provider, instances(valkey.url, folder) as start:
        provider.delay = 1.5
        env = {
            "TRIAGE_PLAYBOOKS": str(folder),
            "TRIAGE_PLAYBOOK": tiny_playbook().id,
            "TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN,
            "TRIAGE_VAPID_PRIVATE_KEY": new_private_key(),
            **flags_in(folder),
            **provider.settings,
        }
        instance = start(env=env, wait=False)
        own = environment(TRIAGE_REDIS_URL=valkey.url, TRIAGE_VAR=str(folder), **env)
        worker = Program("worker", triage("worker"), own, folder / "worker.log")
        try:
            instance.wait_ready()
            api = Api(instance.port)
            worker.wait_until(lambda: bool(api.get("/workers", OPERATOR_TOKEN).json()["workers"]))
            yield instance
        finally:
            worker.close()


async def can_be_told(context: BrowserContext) -> None:
    """Make a browser that may show notifications, and whose push service is not asked."""
    await context.grant_permissions(["notifications"])
    told = json.dumps(subscription())
    await context.add_init_script(
        "PushManager.prototype.getSubscription = async () => null;"
        f"PushManager.prototype.subscribe = async () => ({{ toJSON: () => ({told}) }});"
    )


@pytest.mark.asyncio(loop_scope="session")
async def test_the_page_may_be_closed(server: Instance, open_page: OpenPage) -> None:
    """Steps are shown as they are done; after closing, a push tells, and the result is there."""
    page = await open_page(server.url, locale="en-GB", prepare=can_be_told)
    context, api = page.context, Api(server.port)
    await say(page, "Water drips from the ceiling since yesterday.")
    await expect(page.get_by_role("heading", name="We are analysing your case")).to_be_visible()
    await expect(page.locator(".work")).to_contain_text("You may close this page.")
    await page.get_by_role("button", name="Notify me when it is ready").click()
    await expect(page.locator(".told")).to_have_text("We will notify you on this device.")
    await expect(page.locator(".work")).to_contain_text("we will notify you on this device")
    await expect(page.get_by_role("progressbar")).to_have_attribute("value", "1")
    case, token = await case_of(page), await token_of(page)
    await page.close()

    def is_ready() -> bool:
        return bool(api.get(f"/status/{case}", token).json()["result_ready"])

    await asyncio.to_thread(until, is_ready, "the result is there")
    later = await context.new_page()
    await later.goto(server.url)
    await expect(later.locator("#result-title")).to_be_visible()
    await push(later, {"case_id": case, "kind": "analysis.completed"})
    await later.wait_for_function(
        """async () => {
          const registration = await navigator.serviceWorker.ready;
          const [one] = await registration.getNotifications();
          return one?.title === "Your result is ready" && one.lang === "en";
        }"""
    )
    await later.close()


async def push(page: Page, data: dict[str, str]) -> None:
    """Deliver a push message, as a push service would."""
    session = await page.context.new_cdp_session(page)
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def registered(event: dict[str, list[dict[str, str]]]) -> None:
        for one in event["registrations"]:
            if not found.done():
                found.set_result(one["registrationId"])

    session.on("ServiceWorker.workerRegistrationUpdated", registered)
    await session.send("ServiceWorker.enable")
    message = {
        "origin": page.url.rstrip("/"),
        "registrationId": await asyncio.wait_for(found, 30),
        "data": json.dumps(data),
    }
    await session.send("ServiceWorker.deliverPushMessage", message)


def test_the_worker_is_for_notifications_only() -> None:
    """It answers no request and keeps nothing, so that no old page is ever shown."""
    script = Path("app/web/person/static/push.js").read_text("utf-8")
    assert '"fetch"' not in script
    assert "caches" not in script
