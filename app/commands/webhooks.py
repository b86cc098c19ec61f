"""`triage webhooks`: whom operators let be told of every case, and what became of it."""

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import click
import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from app.commands.auditing import audited
from app.commands.storage import opened_store
from app.core.telling import SET_BY_HAND, build_guard, build_sender
from app.domain.audit import Action
from app.domain.delivery import Delivery, WebhookEndpoint
from app.domain.errors import InvalidInput, TriageError
from app.notify.webhooks import body, check_secret, new_secret
from app.settings import Settings, read_settings
from app.state.indexes import now_ms
from app.state.outbox import Outbox
from app.state.store import Store
from app.state.webhooks import Webhooks

T = TypeVar("T")
Act = tuple[Action, str]
"""What is done, and to which endpoint."""

_ID = "wh_"
_SECRET = click.option("--secret", help="Sign with this secret (whsec_…) rather than a new one.")
_JSON = click.option("--json", "raw", is_flag=True, help="Print JSON.")


class NotTaken(TriageError):
    """The endpoint did not take the test message."""


@click.group()
def webhooks() -> None:
    """Have other systems told of every case: signed messages with ids and a status.

    They follow the Standard Webhooks specification; docs/webhooks.md shows how receivers verify
    them.
    """


@webhooks.command()
@click.argument("url")
@_SECRET
def add(url: str, secret: str | None) -> None:
    """Tell URL of every case from now on; prints the secret that signs, once."""
    settings = read_settings(os.environ)
    endpoint = WebhookEndpoint(
        id=f"{_ID}{secrets.token_hex(6)}",
        url=url,
        secrets=(check_secret(secret) if secret is not None else new_secret(),),
        created_at=now_ms(),
    )

    async def keep(store: Store) -> None:
        guard = build_guard(settings)
        try:
            target = guard.check(url)
            await guard.addresses(target.host, target.port)
        finally:
            guard.close()
        await Webhooks(store).add(endpoint)

    _run(settings, keep, ("webhook.added", endpoint.id))
    click.echo(f"added {endpoint.id}")
    if secret is None:
        click.echo(f"its secret, shown only now: {endpoint.secrets[0]}")


@webhooks.command("list")
@_JSON
def list_webhooks(raw: bool) -> None:
    """List the endpoints; secrets are not shown."""
    found = _run(read_settings(os.environ), lambda store: Webhooks(store).all())
    if raw:
        click.echo(msgspec.json.encode([_shown(one) for one in found.values()]))
        return
    if not found:
        click.echo("No webhooks. `triage webhooks add URL` adds one.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("ID", "URL", "STATE", "SECRETS", "ADDED"):
        table.add_column(name, overflow="fold")
    for one in found.values():
        state = "enabled" if one.disabled is None else f"disabled: {one.disabled}"
        rotating = "two: rotating" if len(one.secrets) > 1 else "one"
        table.add_row(one.id, one.url, state, rotating, _when(one.created_at))
    Console().print(table)


@webhooks.command()
@click.argument("endpoint_id", metavar="ID")
def remove(endpoint_id: str) -> None:
    """Tell the endpoint ID nothing more; what is still due for it is dropped."""
    act: Act = ("webhook.removed", endpoint_id)
    _run(read_settings(os.environ), lambda store: Webhooks(store).remove(endpoint_id), act)
    click.echo(f"removed {endpoint_id}")
    if endpoint_id == SET_BY_HAND:
        click.echo("a worker that starts with TRIAGE_WEBHOOK_URL brings it back", err=True)


@webhooks.command()
@click.argument("endpoint_id", metavar="ID")
@click.option("--finish", is_flag=True, help="Stop signing with the old secret.")
@_SECRET
def rotate(endpoint_id: str, finish: bool, secret: str | None) -> None:
    """Give the endpoint ID a new secret, in two steps.

    First both secrets sign, so that the receiver may change over when it likes. Once it has,
    --finish ends the old one.
    """
    if finish and secret is not None:
        raise click.UsageError("--finish brings no new secret")
    made = check_secret(secret) if secret is not None else new_secret()

    def change(held: WebhookEndpoint) -> WebhookEndpoint:
        if held.id == SET_BY_HAND:
            raise InvalidInput("this endpoint is rotated by TRIAGE_WEBHOOK_SECRET: NEW OLD")
        if finish:
            if len(held.secrets) == 1:
                raise InvalidInput(f"{held.id} is not being rotated")
            return replace(held, secrets=held.secrets[:1])
        if len(held.secrets) > 1:
            raise InvalidInput(f"{held.id} is being rotated; finish that first, with --finish")
        return replace(held, secrets=(made, *held.secrets))

    _change(endpoint_id, change)
    if finish:
        click.echo(f"{endpoint_id} signs with its new secret only")
        return
    click.echo(f"{endpoint_id} signs with both secrets")
    if secret is None:
        click.echo(f"the new one, shown only now: {made}")


@webhooks.command()
@click.argument("endpoint_id", metavar="ID")
def enable(endpoint_id: str) -> None:
    """Tell the endpoint ID again, after it was disabled by its answer 410."""
    _change(endpoint_id, lambda held: replace(held, disabled=None))
    click.echo(f"enabled {endpoint_id}")


@webhooks.command()
@click.argument("where", metavar="URL|ID")
@_SECRET
def test(where: str, secret: str | None) -> None:
    """Send one signed test message to URL or to the endpoint ID, and show how it is taken.

    An address that is no endpoint is signed for with a new secret, which is printed, or with
    --secret. Nothing is retried. Exits with 1 if the message was not taken.
    """
    settings = read_settings(os.environ)
    at = now_ms()
    endpoint = _tested(settings, where, secret)
    content = body("webhook.test", at, case_id="0" * 32, turn=0, status="test")
    message_id = f"msg_test_{secrets.token_hex(8)}"

    async def send() -> float:
        sender = build_sender(settings)
        began = time.perf_counter()
        try:
            outcome = await sender.webhook(endpoint, message_id, content, seconds=at // 1_000)
        finally:
            await sender.aclose()
        if outcome.error is not None:
            raise NotTaken(f"{endpoint.url}: {outcome.error}")
        if outcome.status is None or not 200 <= outcome.status < 300:
            raise NotTaken(f"{endpoint.url} answered with status {outcome.status}")
        click.echo(f"{endpoint.url} took {message_id}: status {outcome.status}", nl=False)
        return (time.perf_counter() - began) * 1_000

    took = asyncio.run(send())
    click.echo(f" after {took:.0f} ms")


@webhooks.command()
@click.option("--failed", is_flag=True, help="Those that were given up, the latest first.")
@click.option("--delivered", is_flag=True, help="Those that were taken, the latest first.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1_000))
@_JSON
def deliveries(failed: bool, delivered: bool, limit: int, raw: bool) -> None:
    """List what is waiting to be delivered, or what became of the latest deliveries."""
    if failed and delivered:
        raise click.UsageError("choose one of --failed and --delivered")

    async def ask(store: Store) -> list[Delivery]:
        outbox = Outbox(store)
        if failed or delivered:
            return await outbox.ended(limit, failed=failed)
        return await outbox.waiting(limit)

    found = _run(read_settings(os.environ), ask)
    if raw:
        click.echo(msgspec.json.encode(found))
        return
    if not found:
        click.echo("Nothing is waiting." if not (failed or delivered) else "None.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("MESSAGE", "TO", "ATTEMPTS", "STATUS", "AT", "NEXT", "WHY"):
        table.add_column(name, overflow="fold")
    for one in found:
        table.add_row(
            one.notification.id,
            f"{one.channel} {one.target}",
            str(one.attempts),
            "" if one.status is None else str(one.status),
            _when(one.at),
            _when(one.next_at) if one.state == "due" else one.state,
            one.error or "",
        )
    Console().print(table)


def _tested(settings: Settings, where: str, secret: str | None) -> WebhookEndpoint:
    """Return the endpoint to test: one that is kept, or one for this occasion."""
    loose = WebhookEndpoint(id="test", url=where, secrets=(), created_at=0)
    if secret is not None:
        return replace(loose, secrets=(check_secret(secret),))
    if "://" not in where:
        return _run(settings, lambda store: Webhooks(store).get(where))
    held = _run(settings, lambda store: Webhooks(store).all())
    for one in held.values():
        if one.url == where:
            return one
    made = new_secret()
    click.echo(f"signed with {made}")
    return replace(loose, secrets=(made,))


def _change(endpoint_id: str, change: Callable[[WebhookEndpoint], WebhookEndpoint]) -> None:
    async def apply(store: Store) -> None:
        held = await Webhooks(store).get(endpoint_id)
        if not await Webhooks(store).replace(held, change(held)):
            raise InvalidInput(f"{endpoint_id} was changed by somebody else just now; look again")

    _run(read_settings(os.environ), apply, ("webhook.changed", endpoint_id))


def _run(settings: Settings, what: Callable[[Store], Awaitable[T]], act: Act | None = None) -> T:
    async def run() -> T:
        async with opened_store(settings) as store:
            if act is None:
                return await what(store)
            async with audited(settings, store, act[0], f"webhook:{act[1][:40]}"):
                return await what(store)

    return asyncio.run(run())


def _shown(endpoint: WebhookEndpoint) -> dict[str, object]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "disabled": endpoint.disabled,
        "secrets": len(endpoint.secrets),
        "created_at": endpoint.created_at,
    }


def _when(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1_000, UTC):%Y-%m-%d %H:%M:%S}Z"
