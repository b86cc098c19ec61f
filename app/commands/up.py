"""`triage up`: start everything on this machine, say where to go, stop everything on Ctrl-C."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from msgspec.structs import replace
from rich.console import Console
from rich.text import Text

from app.commands.keys import made_vapid_key
from app.commands.operator import made_operator_token, operator_token_file
from app.commands.place import (
    base_url,
    hide_secret,
    interviewer,
    metrics_port,
    open_to,
    reachable_host,
    refuse_taken_port,
)
from app.domain.access import is_loopback
from app.embedded import EmbeddedValkey
from app.settings import Settings, read_settings
from app.supervise import Child, ChildFailed, Supervisor, child_environment
from app.tether import Tether

_READY_SECONDS = 90.0
_STEP_SECONDS = 0.03
_COLOURS = {"api": "cyan", "worker": "magenta", "valkey": "yellow"}


@click.command()
@click.option("--no-worker", is_flag=True, help="Leave the background worker out.")
def up(no_worker: bool) -> None:
    """Start everything on this machine and say where to go.

    Embedded Valkey (unless TRIAGE_REDIS_URL names a server), the API and the background worker run
    until Ctrl-C. What they write is passed on under their names; whatever crashes is started again.
    """
    settings = read_settings(os.environ)
    settings = replace(settings, var=settings.var.absolute())
    console = Console(highlight=False, soft_wrap=True)
    refuse_taken_port(settings.host, settings.port)
    port = None if no_worker else metrics_port(settings)
    settings = replace(settings, metrics_port=port)
    asyncio.run(_up(settings, console, worker=not no_worker))


async def _up(settings: Settings, console: Console, *, worker: bool) -> None:
    def say(name: str, line: str) -> None:
        label = Text(f"{name:>6} │ ", style=_COLOURS.get(name, "green"))
        console.print(label + Text.from_ansi(line))

    tether = Tether()
    valkey: EmbeddedValkey | None = None
    supervisor = Supervisor(say, tether)
    with _stop_on_signals(supervisor):
        try:
            if settings.redis_url is None:
                say("valkey", f"loading the data in {settings.var / 'valkey'}")
                valkey = EmbeddedValkey(settings.var, tether=tether)
                valkey.spawn()
                await asyncio.to_thread(valkey.wait_ready)
                supervisor.keep_valkey(valkey)
            url = valkey.url if valkey else str(settings.redis_url)
            for child in _children(settings, url, worker=worker):
                supervisor.keep(child)
            if not await supervisor.until_stopped(_until_ready(settings)):
                supervisor.mark_ready()
                console.print(welcome(settings))
                await supervisor.until_stopped()
            console.print("stopping")
        finally:
            await supervisor.stop()
            if valkey is not None:
                valkey.stop()
            tether.close()
    console.print("everything has stopped")


def _children(settings: Settings, redis_url: str, *, worker: bool) -> Iterator[Child]:
    env = child_environment(
        os.environ,
        TRIAGE_REDIS_URL=redis_url,
        TRIAGE_VAR=str(settings.var),
        TRIAGE_OPERATOR_TOKEN=made_operator_token(settings),
        **made_vapid_key(settings),
    )
    triage = [sys.executable, "-m", "app.cli"]
    yield Child(name="api", command=[*triage, "serve"], env=env)
    if worker:
        port = {"TRIAGE_METRICS_PORT": str(settings.metrics_port)}
        yield Child(name="worker", command=[*triage, "worker"], env=env | port)


@contextlib.contextmanager
def _stop_on_signals(supervisor: Supervisor) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, supervisor.request_stop)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _until_ready(settings: Settings) -> None:
    host, port = reachable_host(settings.host), settings.port
    try:
        async with asyncio.timeout(_READY_SECONDS):
            while True:
                if await _health_status(host, port) == 200:
                    return
                await asyncio.sleep(_STEP_SECONDS)
    except TimeoutError:
        raise ChildFailed(
            f"the API did not become ready within {_READY_SECONDS:g} s; its own words are above"
        ) from None


async def _health_status(host: str, port: int) -> int | None:
    """Ask the API whether it is ready; None where it does not answer."""
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(
                    b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    parts = line.split()
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None


def welcome(settings: Settings) -> str:
    """Return what a person needs to know once everything runs."""
    base = base_url(settings)
    command = _own_command()
    port = "" if settings.port == Settings().port else f"TRIAGE_PORT={settings.port} "
    reach = "this machine only" if is_loopback(settings.host) else "everybody who can reach it"
    rows = {
        "Page": f"{base}/",
        "API docs": f"{base}/docs",
        "Terminal": f"{port}{command} chat",
        "Metrics": f"{base}/metrics"
        + (f", the worker's at port {settings.metrics_port}" if settings.metrics_port else ""),
        "Interviewer": interviewer(settings),
        "Data": f"{settings.var}"
        + (f" and {hide_secret(settings.redis_url)}" if settings.redis_url else ""),
        "Operators": f"{base}/operators, with "
        + (
            "TRIAGE_OPERATOR_TOKEN"
            if settings.operator_token
            else f"the token in {operator_token_file(settings.var)}"
        ),
        "Reached by": reach,
        "Cases": f"opened by {open_to(settings)}",
    }
    lines = "\n".join(f"  {name:<12} {text}" for name, text in rows.items())
    return f"\ntriage is ready.\n\n{lines}\n\n  Ctrl-C stops everything.\n"


def _own_command() -> str:
    """How this command was called, so that what we print can be pasted."""
    path = Path(sys.argv[0])
    if path.name != "triage":
        return "triage"
    with contextlib.suppress(ValueError):
        return str(path.absolute().relative_to(Path.cwd()))
    return "triage"
