"""The API's description for people: Scalar at `/docs`, its data at `/docs/openapi.json`.

Nothing comes from another host. Scalar's script is a file of the installed package `offapi`, and
the page's policy forbids the browser to fetch, or to send, anything elsewhere.
"""

from html import escape
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Router, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import ScalarRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.response import File

from app.api.description import DescriptionPlugin

PATH = "/docs"
_SCRIPT = "scalar.js"
_ICON = "/icon.svg"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "connect-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_OPTIONS = {
    "theme": "default",
    "withDefaultFonts": False,
    "defaultOpenAllTags": False,
    "defaultHttpClient": {"targetKey": "shell", "clientKey": "curl"},
    "authentication": {"preferredSecurityScheme": "case_token"},
    "hideClientButton": True,
    "showDeveloperTools": "never",
    "telemetry": False,
    "agent": {"disabled": True},
    "mcp": {"disabled": True},
}
_DESCRIPTION = """\
A person tells what happened, an interviewer asks one plain question at a time, and the answer is a
result: what kind of problem it is, how urgent, and what to do next.

1. `POST /api/v2/triage/start` opens a case and returns its **token**, once. Send it with every
   other call as `Authorization: Bearer <case_token>`.
2. `POST /api/v2/triage/continue-stream` says something and streams the answer as server-sent
   events; `POST /api/v2/triage/continue` is the same turn as plain JSON. Give each message an
   `Idempotency-Key` of its own: repeating a request is then always safe.
3. When an answer says `"interview": "complete"`, `GET /api/v2/triage/result/{case_id}` is there.

If a stream ends without `turn.completed`, `turn.cancelled` or `turn.failed`, it was interrupted:
go on behind the last id you saw with `GET /cases/{case_id}/turns/{turn}/events`. Nothing is lost
and nothing is said twice. Every error is a problem document (RFC 9457) whose `detail` is fit to
show."""


class OfflineScalarPlugin(ScalarRenderPlugin):
    """Scalar without the internet: our own address for the script, no style sheet, no inline code.

    The options travel in an attribute, so that the page's policy need not allow inline scripts.
    """

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page that loads the description and draws it."""
        title = escape(str(openapi_schema["info"]["title"]))
        source = escape(self.get_openapi_json_route(request))
        options = escape(msgspec.json.encode(self.options).decode())
        return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{_ICON}" type="image/svg+xml">
</head>
<body>
<noscript><p>These pages need JavaScript. The description itself does not:
<a href="{source}">{source}</a>.</p></noscript>
<script id="api-reference" data-url="{source}" data-configuration="{options}"></script>
<script src="{self.js_url}"></script>
</body>
</html>
""".encode()


@get(f"/{_SCRIPT}", media_type="text/javascript", include_in_schema=False, sync_to_thread=False)
def _script() -> File:
    return File(
        path=script_path(),
        filename=_SCRIPT,
        content_disposition_type="inline",
        media_type="text/javascript",
        headers={"Cache-Control": "public, max-age=86400"},
    )


def script_path() -> Path:
    """Return where the installed package keeps Scalar's script."""
    return Path(str(distribution("offapi").locate_file("offapi/scalar.js")))


def docs_router() -> Router:
    """Return the router of everything below `/docs`, with the policy of its pages."""
    return Router(
        path=PATH,
        route_handlers=[_script],
        response_headers=_HEADERS,
        include_in_schema=False,
    )


def openapi_config() -> OpenAPIConfig:
    """Return how the API describes itself, and where. Brings `docs_router` along."""
    return OpenAPIConfig(
        title="Triage",
        version=version("triage"),
        summary="Hears people out and says what to do next.",
        description=_DESCRIPTION,
        openapi_router=docs_router(),
        render_plugins=[
            OfflineScalarPlugin(js_url=f"{PATH}/{_SCRIPT}", path="/", options=_OPTIONS),
            DescriptionPlugin(path="/openapi.json"),
        ],
        components=Components(
            security_schemes={
                "case_token": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description="The token that `/start` returned for this case.",
                ),
                "api_key": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description=(
                        "An API key, `tk_…`, with one of the scopes that the operation names; or"
                        " `TRIAGE_OPERATOR_TOKEN`, which has `operator`, `analyst` and `admin`."
                    ),
                ),
            }
        ),
        tags=[
            Tag(name="Conversation", description="Opening a case, taking turns, ending it."),
            Tag(name="Form", description="The structured intake of cases of variant v1."),
            Tag(name="Case", description="Reading, correcting and erasing a case; its result."),
            Tag(name="Operation", description="For operators: background work and who does it."),
            Tag(name="Health", description="Probes, without credentials."),
        ],
        use_handler_docstrings=True,
    )
