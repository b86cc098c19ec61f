"""`triage doctor`: look at the set-up, say in plain words what is wrong and how to mend it."""

import difflib
import http.client
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.text import Text

from app.commands.doctor_secrets import access, masters
from app.commands.doctor_storage import storage
from app.commands.finding import Finding
from app.commands.place import interviewer, reachable_host, refuse_taken_port
from app.domain.errors import InvalidInput, PlaybookInvalid, TriageError
from app.settings import Settings, read_settings

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "bad": ("✗", "red")}
_LEAST_FREE_MB = 200
_NOT_SETTINGS = {"TRIAGE_TEST_STRICT"}


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
    yield from storage(settings)
    yield _port(settings)
    yield from access(settings)
    yield from masters(settings)
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
