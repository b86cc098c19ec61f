"""`triage openapi`: the API's description as a file, without a server."""

import json
from tempfile import TemporaryDirectory

import click

from app.api.description import completed
from app.engine import load_rules
from app.main import build_parts, create_app
from app.settings import read_settings


@click.command()
def openapi() -> None:
    """Print the API's OpenAPI document, the same that a running instance has at /docs/openapi.json.

    Nothing is started, asked or left behind, whatever the environment says; the same version of the
    product always prints the same bytes.
    """
    with TemporaryDirectory() as var:
        settings = read_settings({"TRIAGE_VAR": var})
        app = create_app(build_parts(settings, "redis://127.0.0.1:0", load_rules(settings)))
    document = completed(app.openapi_schema.to_schema())
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True))
