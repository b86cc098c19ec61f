"""The `triage` command: a table of sub-commands that are imported only when they are called.

Listing them costs nothing, so that `triage --help` answers at once; what a command needs is loaded
by its own module under `app.commands`.
"""

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click
from msgspec import Struct

from app.domain.errors import TriageError


class _Entry(Struct, frozen=True):
    """Where a sub-command lives and what the listing says about it."""

    module: str
    attribute: str
    summary: str


_COMMANDS = {
    "up": _Entry("app.commands.up", "up", "Start everything on this machine and say where to go."),
    "serve": _Entry("app.commands.serve", "serve", "Run one API instance."),
    "worker": _Entry("app.commands.worker", "worker", "Run one background worker."),
    "top": _Entry("app.commands.top", "top", "See cases, calls, spend and queues as they move."),
    "chat": _Entry("app.commands.chat", "chat", "Talk to a running instance in this terminal."),
    "doctor": _Entry("app.commands.doctor", "doctor", "Check the set-up; say how to mend it."),
    "settings": _Entry("app.commands.settings", "settings", "Show what can be set, and what is."),
    "handoff": _Entry("app.commands.handoff", "handoff", "See who needs a human; answer them."),
    "jobs": _Entry("app.commands.jobs", "jobs", "List, retry and cancel background analyses."),
    "budget": _Entry("app.commands.budget", "budget", "Limit what AI may cost; see what is left."),
    "webhooks": _Entry(
        "app.commands.webhooks", "webhooks", "Have other systems told of every case."
    ),
    "experiment": _Entry(
        "app.commands.experiment", "experiment", "Plan, check and judge experiments."
    ),
    "flags": _Entry("app.commands.flags", "flags", "See, try and set the feature flags."),
    "keys": _Entry("app.commands.api_keys", "keys", "Make, rotate and revoke API keys."),
    "audit": _Entry("app.commands.audit", "audit", "See who did what; prove it was not changed."),
    "playbook": _Entry("app.commands.playbook", "playbook", "List, show and check playbooks."),
    "cache": _Entry("app.commands.cache", "cache", "Show or clear kept analyses; replay cases."),
    "warehouse": _Entry(
        "app.commands.warehouse", "warehouse", "Ask the warehouse; drain, compact and erase in it."
    ),
    "report": _Entry(
        "app.commands.report", "report", "Report costs and performance of any days; send them."
    ),
    "backup": _Entry(
        "app.commands.backup", "backup", "Back everything up; verify and restore back-ups."
    ),
    "migrate": _Entry(
        "app.commands.migrate", "migrate", "Move the earlier system's conversations here; undo it."
    ),
    "openapi": _Entry("app.commands.openapi", "openapi", "Print the API's OpenAPI document."),
    "eval": _Entry("app.commands.evaluate", "evaluate", "Replay labelled cases; report figures."),
}


class _LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table, which is the order of a first visit."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None where there is no such name."""
        del ctx
        if (entry := _COMMANDS.get(cmd_name)) is None:
            return None
        # What modules build as they are imported is no garbage: looking for some takes a while.
        gc.disable()
        try:
            command = getattr(importlib.import_module(entry.module), entry.attribute)
        finally:
            gc.enable()
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.module}.{entry.attribute} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the listing from the table, importing nothing."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in _COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run the command line; what this project raises on purpose becomes one line and exit 1."""
        try:
            return super().main(args, *rest, **extra)
        except TriageError as error:
            given = list(sys.argv[1:] if args is None else args)
            if "--debug" in given or os.environ.get("TRIAGE_LOG_LEVEL", "").lower() == "debug":
                traceback.print_exc()
            click.echo(f"triage: {error}", err=True)
            sys.exit(1)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="triage", prog_name="triage")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def main(debug: bool) -> None:
    """Hear people out, ask what is missing, and say what to do next.

    `triage up` starts everything. Settings are environment variables named TRIAGE_...; `triage
    doctor` checks them.
    """
    del debug


if __name__ == "__main__":
    main()
