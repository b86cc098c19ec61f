"""`triage worker`: one background worker."""

import asyncio
import os

import click

from app.commands.storage import storage_url
from app.logging import set_up_logging
from app.settings import read_settings
from jobs.worker import run_worker


@click.command()
def worker() -> None:
    """Run one background worker.

    It keeps the indexes of cases tidy. Like the API it needs storage: TRIAGE_REDIS_URL, or the
    embedded server of a running `triage up` with the same TRIAGE_VAR. Several may run.
    """
    settings = read_settings(os.environ)
    set_up_logging(settings, "worker")
    asyncio.run(run_worker(storage_url(settings)))
