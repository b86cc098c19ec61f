"""Puts together what tells the world, from the settings, for whoever builds a process."""

import asyncio

from msgspec.structs import replace

from app.domain.delivery import Delivery, WebhookEndpoint
from app.domain.errors import InvalidInput
from app.notify.client import GuardedClient
from app.notify.guard import Guard
from app.notify.notifier import Notifier
from app.notify.sending import Sender
from app.notify.vapid import vapid_keys
from app.notify.webhooks import check_secret
from app.settings import Settings
from app.state.indexes import now_ms
from app.state.outbox import Outbox
from app.state.store import Store
from app.state.webhooks import Webhooks
from app.telemetry.metrics import Metrics

SET_BY_HAND = "env"
"""The id of the endpoint that the settings name."""


def build_guard(settings: Settings) -> Guard:
    """Return the guard that the settings ask for.

    Raises:
        InvalidInput: if a port is none.
    """
    ports = frozenset(map(int, settings.webhook_ports.split(",")))
    if not all(0 < one < 65_536 for one in ports):
        raise InvalidInput("TRIAGE_WEBHOOK_PORTS: a port is a number from 1 to 65535")
    return Guard(ports=ports, allow_loopback=settings.webhooks_allow_loopback)


def build_sender(settings: Settings) -> Sender:
    """Return what makes single attempts; it has connection pools of its own."""
    guard = build_guard(settings)
    return Sender(
        guard,
        webhooks=GuardedClient(guard),
        browsers=GuardedClient(guard),
        vapid=vapid_keys(settings),
    )


def build_notifier(settings: Settings, store: Store, metrics: Metrics | None = None) -> Notifier:
    """Return what empties the outboxes; close it before the store."""
    told = metrics or Metrics()

    def count(done: Delivery) -> None:
        told.delivery(done.channel, "postponed" if done.state == "due" else done.state)

    return Notifier(Outbox(store), Webhooks(store), build_sender(settings), on_done=count)


async def tell(
    settings: Settings,
    store: Store,
    stopping: asyncio.Event,
    doorbell: asyncio.Event | None = None,
    metrics: Metrics | None = None,
) -> None:
    """Tell the world what happens to cases until told to stop; a worker runs one of these.

    Raises:
        InvalidInput: if the settings name something that cannot be used.
        StateUnavailable: if the storage is away at the very beginning.
    """
    notifier = build_notifier(settings, store, metrics)
    try:
        await seed_webhooks(settings, Webhooks(store))
        await notifier.run(stopping, doorbell)
    finally:
        await notifier.aclose()


def endpoint_of(settings: Settings) -> WebhookEndpoint | None:
    """Return the endpoint that the settings name; None if they name none.

    Raises:
        InvalidInput: if its address or a secret cannot be used.
    """
    if settings.webhook_url is None and settings.webhook_secret is None:
        return None
    if settings.webhook_url is None or settings.webhook_secret is None:
        raise InvalidInput("TRIAGE_WEBHOOK_URL and TRIAGE_WEBHOOK_SECRET belong together")
    guard = build_guard(settings)
    guard.check(settings.webhook_url)
    guard.close()
    secrets = tuple(map(check_secret, settings.webhook_secret.split()))
    if len(secrets) > 2:
        raise InvalidInput("TRIAGE_WEBHOOK_SECRET: at most two, the newest first")
    return WebhookEndpoint(
        id=SET_BY_HAND, url=settings.webhook_url, secrets=secrets, created_at=now_ms()
    )


async def seed_webhooks(settings: Settings, webhooks: Webhooks) -> None:
    """Keep the endpoint that the settings name, as they have it now.

    One that was disabled stays so while its address is the same: it is the receiver who said so.

    Raises:
        InvalidInput: if it cannot be used.
        StateUnavailable: if the storage is away.
    """
    wanted = endpoint_of(settings)
    if wanted is None:
        return
    others = await webhooks.all()
    held = others.pop(SET_BY_HAND, None)
    if held is None:
        if twin := next((one for one in others.values() if one.url == wanted.url), None):
            raise InvalidInput(f"TRIAGE_WEBHOOK_URL is there already, as {twin.id}; remove one")
        await webhooks.seed(wanted)
    elif (held.url, held.secrets) != (wanted.url, wanted.secrets):
        disabled = held.disabled if held.url == wanted.url else None
        await webhooks.replace(held, replace(wanted, created_at=held.created_at, disabled=disabled))
