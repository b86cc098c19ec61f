"""The page for the person: a handful of files, under a policy that lets nothing else in."""

from pathlib import Path

from litestar import Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import File

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
    return Router(path="/", route_handlers=[_index, _file], include_in_schema=False)


@get("/", sync_to_thread=False)
def _index() -> File:
    return _served(FOLDER / "index.html")


@get("/{name:str}", sync_to_thread=False)
def _file(name: FromPath[str]) -> File:
    # Only names that are in the folder: what comes from outside never becomes a path.
    if (path := {one.name: one for one in FOLDER.iterdir()}.get(name)) is None:
        raise NotFoundException
    return _served(path)


def _served(path: Path) -> File:
    return File(path=path, content_disposition_type="inline", filename=path.name, headers=HEADERS)
