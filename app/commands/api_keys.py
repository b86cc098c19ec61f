"""`triage keys`: the API keys of an installation; beside them, the key that it signs with."""

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from app.commands.auditing import audited
from app.commands.keys import vapid
from app.commands.masters import list_masters, make_master, rotate_master
from app.commands.storage import storage_url
from app.core.access.desk import IssuedKey, KeyDesk
from app.core.access.secret import check_secret, hasher
from app.core.audit import Auditor
from app.domain.access import SCOPES, ApiKey, Scope
from app.domain.audit import TERMINAL, Action
from app.domain.errors import InvalidInput, KeyNotFound
from app.settings import read_settings
from app.state.access import AccessBook
from app.state.store import Store

T = TypeVar("T")
Audit = Callable[[Action, str], AbstractAsyncContextManager[Auditor]]
"""Writes down what a block does, and to which key."""
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke API keys; rotate master keys; make the keys for Web Push.

    Keys are in the storage of TRIAGE_REDIS_URL, or of a running `triage up`; every instance there
    goes by a change within a second. Scopes: intake opens cases, operator works on them, analyst
    reads what is counted, admin sets budgets, flags and keys.
    """


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    required=True,
    help="What it is good for; repeatable.",
)
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="It expires after them.")
def create(name: str, scopes: tuple[Scope, ...], days: float | None) -> None:
    """Make a key for NAME and print its token, which is shown only here."""

    async def made(desk: KeyDesk, audit: Audit) -> IssuedKey:
        async with audit("key.created", "") as auditor:
            issued = await desk.create(name, scopes, days=days)
        await auditor.done(TERMINAL, "key.created", f"key:{issued.key.id}")
        return issued

    _show(_with_desk(made))


@keys.command("list")
@click.option("--all", "everything", is_flag=True, help="Also expired and revoked ones.")
@click.option("--json", "raw", is_flag=True, help="Print JSON.")
def list_keys(everything: bool, raw: bool) -> None:
    """List the keys; nobody can see their tokens any more."""
    now = time.time_ns() // 1_000_000
    found = [
        one
        for one in _with_desk(lambda desk, _: desk.all())
        if everything or one.state(now) == "active"
    ]
    if raw:
        shown = [
            {
                "id": one.id,
                "name": one.name,
                "scopes": one.scopes,
                "state": one.state(now),
                "created_at": one.created_at,
                "expires_at": one.expires_at,
                "revoked_at": one.revoked_at,
            }
            for one in found
        ]
        click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("KEY", "NAME", "SCOPES", "STATE", "CREATED", "EXPIRES"):
        table.add_column(title, overflow="fold")
    for one in found:
        expires = "never" if one.expires_at is None else _day(one.expires_at)
        state, scopes = _state(one, now), ", ".join(one.scopes)
        table.add_row(one.id, one.name, scopes, state, _day(one.created_at), expires)
    Console().print(table)


@keys.command()
@click.argument("key")
@click.option(
    "--keep", default="24h", show_default=True, help="How long the token before stays good: 0s, 2d."
)
def rotate(key: str, keep: str) -> None:
    """Give KEY, an id or a name, another token and print it; the one before goes on for a while."""
    seconds = _span(keep)
    issued = _with_desk(lambda desk, audit: _rotated(desk, audit, key, seconds))
    _show(issued)
    click.echo(f"the token before is good for another {keep}", err=True)


@keys.command()
@click.argument("key")
def revoke(key: str) -> None:
    """Refuse KEY, an id or a name, everywhere within a second; its open streams are closed."""
    revoked = _with_desk(lambda desk, audit: _revoked(desk, audit, key))
    click.echo(f"revoked {revoked.id} ({revoked.name})")


async def _rotated(desk: KeyDesk, audit: Audit, key: str, seconds: float) -> IssuedKey:
    key_id = await _named(desk, key)
    async with audit("key.rotated", f"key:{key_id}"):
        return await desk.rotate(key_id, keep_seconds=seconds)


async def _revoked(desk: KeyDesk, audit: Audit, key: str) -> ApiKey:
    key_id = await _named(desk, key)
    async with audit("key.revoked", f"key:{key_id}"):
        return await desk.revoke(key_id)


async def _named(desk: KeyDesk, key: str) -> str:
    """Return the id of a key that is named by it, or by a name that only one good key has."""
    now, all_keys = time.time_ns() // 1_000_000, await desk.all()
    if any(one.id == key for one in all_keys):
        return key
    found = [one.id for one in all_keys if one.name == key and one.state(now) == "active"]
    if len(found) > 1:
        raise InvalidInput(f"several keys are called {key!r}: name one by its id")
    if not found:
        raise KeyNotFound(f"there is no key {key!r}: `triage keys list` shows them")
    return found[0]


def _with_desk(act: Callable[[KeyDesk, Audit], Awaitable[T]]) -> T:
    async def run() -> T:
        settings = read_settings(os.environ)
        store = Store(storage_url(settings), replicas=settings.replicas)
        try:
            book, made = AccessBook(store), hasher(settings)
            await check_secret(book, made, settings)
            return await act(KeyDesk(book, made), partial(audited, settings, store))
        finally:
            await store.close()

    return asyncio.run(run())


def _show(issued: IssuedKey) -> None:
    key = issued.key
    until = "" if key.expires_at is None else f", until {_day(key.expires_at)}"
    click.echo(f"{key.id}: {key.name} ({', '.join(key.scopes)}{until})", err=True)
    click.echo("its token, which cannot be shown again:", err=True)
    click.echo(issued.token)


def _state(key: ApiKey, now: int) -> str:
    rotating = any(one.until is not None and one.until > now for one in key.secrets)
    return f"{key.state(now)}{', 2 tokens' if rotating else ''}"


def _day(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at_ms / 1_000))


def _span(text: str) -> float:
    """Read a span of time.

    >>> _span("90s"), _span("2d")
    (90, 172800)
    """
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if found is None:
        raise InvalidInput("--keep: a number with s, m, h or d behind it, such as 24h")
    return int(found[1]) * _SECONDS[found[2]]


keys.add_command(vapid)
keys.add_command(list_masters)
keys.add_command(make_master)
keys.add_command(rotate_master)
