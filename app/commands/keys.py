"""`triage keys vapid`: make the keys for Web Push that this installation signs with."""

import os

import click
import msgspec
from msgspec.structs import replace

from app.core.private_file import write_private
from app.domain.errors import InvalidInput
from app.notify.vapid import DEFAULT_SUBJECT, VapidFile, new_vapid, read_vapid, vapid_file
from app.settings import Settings, read_settings


@click.command()
@click.option(
    "--subject",
    help="Whom push services may write to: mailto:you@example.org or https://example.org."
    f"  [default: TRIAGE_VAPID_SUBJECT, or {DEFAULT_SUBJECT}]",
)
@click.option("--print", "shown", is_flag=True, help="Print settings instead of writing a file.")
@click.option("--force", is_flag=True, help="Replace keys; browsers have to subscribe anew.")
def vapid(subject: str | None, shown: bool, force: bool) -> None:
    """Make the keys for Web Push, and keep them in TRIAGE_VAR/vapid.json.

    Every API instance and worker must have the same: share the file, or print the keys as settings
    with --print. `triage up` makes them if there are none.
    """
    settings = read_settings(os.environ)
    made = new_vapid(subject or settings.vapid_subject or DEFAULT_SUBJECT)
    if shown:
        click.echo(f"TRIAGE_VAPID_PRIVATE_KEY={made.private_key}")
        click.echo(f"TRIAGE_VAPID_SUBJECT={made.subject}")
        return
    path = vapid_file(settings.var)
    if path.exists() and not force:
        raise InvalidInput(f"{path} is there already; --force replaces it")
    _keep(settings, made)
    click.echo(f"wrote {path}; the public key is {made.public_key}")
    if settings.vapid_private_key is not None:
        click.echo("TRIAGE_VAPID_PRIVATE_KEY is set and takes precedence over it", err=True)


def made_vapid_key(settings: Settings) -> dict[str, str]:
    """Return the settings with the keys for Web Push: set, kept, or made now.

    Raises:
        InvalidInput: if those that are kept cannot be used.
    """
    if settings.vapid_private_key is not None:
        return {}
    kept = read_vapid(settings.var)
    if kept is None:
        kept = new_vapid(settings.vapid_subject or DEFAULT_SUBJECT)
        _keep(settings, kept)
    if settings.vapid_subject is not None:
        kept = replace(kept, subject=settings.vapid_subject)
    return {
        "TRIAGE_VAPID_PRIVATE_KEY": kept.private_key,
        "TRIAGE_VAPID_SUBJECT": kept.subject,
    }


def _keep(settings: Settings, made: VapidFile) -> None:
    text = msgspec.json.format(msgspec.json.encode(made), indent=2).decode()
    write_private(vapid_file(settings.var), f"{text}\n")
