"""The page for the person: a handful of files, under a policy that lets nothing else in."""

from pathlib import Path

from litestar import Router
from litestar.static_files import create_static_files_router

FOLDER = Path(__file__).resolve().parent.parent / "web" / "page"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        " img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_router() -> Router:
    """Return the router that serves the page at the root."""
    files = create_static_files_router(
        path="/", directories=[FOLDER], html_mode=True, name="page", include_in_schema=False
    )
    return Router(path="/", route_handlers=[files], response_headers=HEADERS)
