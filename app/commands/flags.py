"""`triage flags`: the feature flags that all instances go by, straight from the storage."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from app.commands.auditing import audited
from app.commands.storage import storage_url
from app.domain.assignment import person_key
from app.domain.errors import FlagsInvalid, InvalidInput
from app.settings import read_settings
from app.state.flags import Flags, SharedPayload
from app.state.store import Store
from plugins.flags.evaluation import FEATURE, Evaluator
from plugins.flags.payload import MOST_BYTES, PERSON, Payload, read_payload, shipped
from plugins.flags.sticky import StickyBuckets
from plugins.flags.views import features_of

T = TypeVar("T")


class _Kept(Struct, frozen=True, kw_only=True):
    """The flags that count, and where they come from."""

    payload: Payload
    source: str
    at: int


@click.group()
def flags() -> None:
    """See, try and set the feature flags that all instances go by.

    Flags are in GrowthBook's format. They come from GrowthBook where TRIAGE_GROWTHBOOK_CLIENT_KEY
    is set, else from TRIAGE_FLAGS_FILE or `triage flags set-file`, else from those that ship.
    """


@flags.command()
@click.option("--json", "raw", is_flag=True, help="Print the flags as they are kept.")
def show(raw: bool) -> None:
    """Show the flags that count, and their experiments."""
    kept = _with_flags(_kept)
    if raw:
        click.echo(msgspec.json.format(kept.payload.raw, indent=2))
        return
    console = Console()
    came = "" if not kept.at else time.strftime(", %Y-%m-%d %H:%M", time.localtime(kept.at / 1_000))
    console.print(f"flags {kept.payload.hash} ({kept.source}{came})", highlight=False)
    table = Table(box=None, pad_edge=False)
    for name in ("FEATURE", "DEFAULT", "EXPERIMENT", "COVERAGE", "BY", "VARIATIONS"):
        table.add_column(name, overflow="fold")
    for feature in features_of(kept.payload.content):
        if not feature.experiments:
            table.add_row(feature.key, feature.default)
        for one in feature.experiments:
            shares = (
                each.key if each.weight is None else f"{each.key} {each.weight:.0%}"
                for each in one.variations
            )
            table.add_row(
                feature.key,
                feature.default,
                one.key,
                f"{one.coverage:.0%}",
                one.hash_attribute,
                ", ".join(shares),
            )
    console.print(table)


@flags.command("eval")
@click.argument("feature", default=FEATURE)
@click.option("--person", help="The name that a frontend gives somebody: `user_ref`.")
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Repeatable; JSON or text.",
)
@click.option("--json", "raw", is_flag=True, help="Print all that GrowthBook's client says.")
def evaluate(feature: str, person: str | None, attributes: tuple[str, ...], raw: bool) -> None:
    """Say what somebody gets of FEATURE, and why; it leaves no trace.

    FEATURE is the one that chooses between the two products unless another is named. What somebody
    was given before counts, as it does when they open a case.
    """
    known = dict(_attribute(one) for one in attributes)
    if person is not None:
        known[PERSON] = person_key(person)

    async def work(kept: Flags) -> dict[str, Any]:
        found = await _kept(kept)
        evaluator = Evaluator(
            found.payload,
            _ReadOnly(kept),
            decryption_key=_decryption_key(),
        )
        if feature not in found.payload.content["features"]:
            raise InvalidInput(f"there is no feature {feature!r}; see: triage flags show")
        return (await evaluator.evaluate(feature, known)).to_dict()

    told = _with_flags(work)
    if raw:
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2))
        return
    decided = told.get("experimentResult") or {}
    click.echo(f"{feature} = {msgspec.json.encode(told['value']).decode()} ({told['source']})")
    if decided:
        taken = "takes part in" if decided["inExperiment"] else "takes no part in"
        click.echo(
            f"{taken} {told['experiment']['key']}: variation {decided['key']}, by"
            f" {decided['hashAttribute'] or 'nothing'}"
            f"{', as before' if decided['stickyBucketUsed'] else ''}"
        )
    elif PERSON not in known:
        click.echo("no --person was named, so nobody can be assigned")


@flags.command("set-file")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only check the file.")
def set_file(path: Path, check: bool) -> None:
    """Let the flags in the file PATH decide, in every instance within a second.

    Where GrowthBook is set up as well, it decides again when it changes.
    """
    try:
        with path.open("rb") as file:
            payload = read_payload(file.read(MOST_BYTES + 1))
        asyncio.run(Evaluator(payload, decryption_key=_decryption_key()).prepare(payload))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from None
    except FlagsInvalid as error:
        raise FlagsInvalid(f"{path}: {error}") from None
    if check:
        click.echo(f"{path}: {len(payload.content['features'])} features, flags {payload.hash}")
        return
    _share(payload, "file")
    if read_settings(os.environ).growthbook_client_key is not None:
        click.echo("GrowthBook is set up too: it decides again when it changes", err=True)


@flags.command()
def reset() -> None:
    """Let the flags that ship decide again, in every instance within a second."""
    _share(shipped(), "shipped")


def _share(payload: Payload, source: str) -> None:
    at = time.time_ns() // 1_000_000
    shared = SharedPayload(raw=payload.raw, source=source, at=at)
    _with_flags(
        lambda kept: kept.offer(shared, name=payload.hash, updated=""), f"flags:{payload.hash}"
    )
    click.echo(f"flags {payload.hash} decide now")


class _ReadOnly(StickyBuckets):
    """Assignments as they are kept; trying a flag keeps none."""

    async def save_assignments(self, doc: dict[str, object]) -> None:
        """Keep nothing."""
        del doc


def _decryption_key() -> str | None:
    return read_settings(os.environ).growthbook_decryption_key


async def _kept(kept: Flags) -> _Kept:
    found = await kept.read()
    if found is None:
        return _Kept(payload=shipped(), source="shipped", at=0)
    return _Kept(payload=read_payload(found.raw), source=found.source, at=found.at)


def _attribute(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidInput(f"--attribute {text!r}: write NAME=VALUE")
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value


def _with_flags(work: Callable[[Flags], Awaitable[T]], set_to: str | None = None) -> T:
    """Do something with the flags; what they are set to is written down first."""

    async def run() -> T:
        settings = read_settings(os.environ)
        store = Store(storage_url(settings))
        try:
            if set_to is None:
                return await work(Flags(store))
            async with audited(settings, store, "flags.set", set_to):
                return await work(Flags(store))
        finally:
            await store.close()

    return asyncio.run(run())
