"""`triage worker`: one background worker."""

import os

import click
import uvloop

from app.commands.storage import storage_url
from app.domain.job import QUEUES, Queue
from app.engine import load_rules
from app.logging import set_up_logging
from app.settings import read_settings
from jobs.worker import SLOTS, run_worker


def _slots(_: click.Context, __: click.Parameter, text: str) -> dict[Queue, int]:
    """Read `complex`, or `standard:4,complex:1`."""
    slots: dict[Queue, int] = {}
    for part in text.split(","):
        name, _colon, count = part.strip().partition(":")
        queue = next((one for one in QUEUES if one == name), None)
        if queue is None:
            raise click.BadParameter(f"no queue {name!r}; there are: {', '.join(QUEUES)}")
        if count and not (count.isascii() and count.isdigit() and 1 <= int(count) <= 256):
            raise click.BadParameter(f"{part.strip()!r}: say how many jobs at once, from 1 to 256")
        slots[queue] = int(count) if count else SLOTS[queue]
    return slots


@click.command()
@click.option(
    "--queues",
    default=",".join(QUEUES),
    show_default=True,
    callback=_slots,
    metavar="NAME[:SLOTS],…",
    help="Which queues to serve, and how many jobs of each at once.",
)
def worker(queues: dict[Queue, int]) -> None:
    """Run one background worker.

    It makes analyses, wakes what was forgotten, and keeps the indexes tidy. Like the API it needs
    storage: TRIAGE_REDIS_URL, or the embedded server of a running `triage up` with the same
    TRIAGE_VAR. Several may run, each for any of the queues.
    """
    settings = read_settings(os.environ)
    set_up_logging(settings, "worker")
    uvloop.run(run_worker(settings, load_rules(settings), storage_url(settings), queues))
