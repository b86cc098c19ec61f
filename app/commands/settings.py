"""`triage settings`: what can be set, what is set here, and the page of the documentation."""

import ast
import inspect
import os
import textwrap
from collections.abc import Mapping
from typing import Any

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app import settings as module
from app.commands.place import hide_secret
from app.settings import SECRETS, Settings, read_settings, variable_of

_HEAD = """# Settings

Made from `app/settings.py` by `make settings`. Each is read once from the environment, at start. An
empty variable counts as absent; `<VARIABLE>_FILE` may name a file that holds the value instead, as
containers are handed secrets. `triage settings` shows what is set, `triage doctor` what is wrong.

| variable | default | |
|---|---|---|
"""


class Described(Struct, frozen=True, kw_only=True):
    """A setting."""

    variable: str
    default: str
    """As it would be written; empty where there is none."""
    about: str
    is_secret: bool
    value: str
    """What holds here; secrets are not shown."""
    is_set: bool


@click.command("settings")
@click.option("--markdown", is_flag=True, help="Write the page of the documentation.")
@click.option("--json", "as_json", is_flag=True, help="Write all of it for machines.")
def settings(markdown: bool, as_json: bool) -> None:
    """Show what can be set, and what is set here; secrets are not shown."""
    if markdown and as_json:
        raise click.UsageError("choose one of --markdown and --json")
    found = described({} if markdown else os.environ)
    if markdown:
        click.echo(page(found), nl=False)
    elif as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        Console(highlight=False).print(_table(found))


def described(environ: Mapping[str, str]) -> list[Described]:
    """Return every setting as it is declared, in that order, with what an environment gives.

    Raises:
        InvalidInput: naming the variable whose value cannot be used.
    """
    given, about = read_settings(environ), _docstrings()
    found = []
    for field in msgspec.structs.fields(Settings):
        variable = variable_of(field.name)
        value = getattr(given, field.name)
        found.append(
            Described(
                variable=variable,
                default=_written(field.default),
                about=about.get(field.name, ""),
                is_secret=field.name in SECRETS,
                value="***" if field.name in SECRETS and value else hide_secret(_written(value)),
                is_set=bool(environ.get(variable) or environ.get(f"{variable}_FILE")),
            )
        )
    return found


def page(found: list[Described]) -> str:
    """Return the page of the documentation."""
    rows = [
        f"| `{one.variable}` | {f'`{one.default}`' if one.default else ''} |"
        f" {one.about.replace('|', chr(92) + '|')}{' *Secret.*' if one.is_secret else ''} |\n"
        for one in found
    ]
    return _HEAD + "".join(rows)


def _docstrings() -> dict[str, str]:
    """Return the text below each field, which Python itself does not keep."""
    (declared,) = (
        node
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.ClassDef) and node.name == Settings.__name__
    )
    found: dict[str, str] = {}
    for node, after in zip(declared.body, declared.body[1:], strict=False):
        match node, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
    return found


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def _table(found: list[Described]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("VARIABLE", no_wrap=True)
    table.add_column("VALUE", overflow="fold")
    table.add_column("", overflow="fold")
    for one in found:
        style = "bold" if one.is_set else "dim"
        about = Text(textwrap.shorten(one.about, 160, placeholder=" …"), style="dim")
        table.add_row(Text(one.variable, style=style), Text(one.value, style=style), about)
    return table
