"""The pages that people see: a handful of built files, under a policy that lets nothing else in.

They are read and compressed once, when the application is made, and are answered from memory.
"""

import gzip
import hashlib
import mimetypes
from pathlib import Path
from typing import Any

from litestar import Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from msgspec import Struct

BUILT = Path(__file__).resolve().parent.parent / "web" / "built"
FOLDER = BUILT / "person"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        " img-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types triage-push"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}
OPERATORS_HEADERS = HEADERS | {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        " img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    ),
}
INDEX = "index.html"


class Asset(Struct, frozen=True):
    """A file as it is answered."""

    body: bytes
    packed: bytes
    """The same, compressed."""
    tag: str
    media_type: str


def page_router() -> Router:
    """Return the router that serves the person's page at the root."""
    assets = read_assets(FOLDER)

    @get("/", sync_to_thread=False)
    def index(request: Request[Any, Any, Any]) -> Response[bytes]:
        return answer(request, assets, INDEX)

    @get("/{name:str}", sync_to_thread=False)
    def file(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        return answer(request, assets, name)

    return Router(path="/", route_handlers=[index, file], include_in_schema=False)


def operators_router() -> Router:
    """Return the router that serves the operators' page; what it shows needs their token."""
    assets = read_assets(BUILT / "operators")

    @get("/", sync_to_thread=False)
    def index(request: Request[Any, Any, Any]) -> Response[bytes]:
        return answer(request, assets, INDEX, OPERATORS_HEADERS)

    @get("/{name:str}", sync_to_thread=False)
    def file(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        return answer(request, assets, name, OPERATORS_HEADERS)

    return Router(path="/operators", route_handlers=[index, file], include_in_schema=False)


def read_assets(folder: Path) -> dict[str, Asset]:
    """Return a folder's files by name; what comes from outside never becomes a path."""
    return {path.name: _read(path) for path in sorted(folder.iterdir())}


def answer(
    request: Request[Any, Any, Any],
    assets: dict[str, Asset],
    name: str,
    headers: dict[str, str] = HEADERS,
) -> Response[bytes]:
    """Answer with a file, compressed where that is understood, or with word that it is unchanged.

    Raises:
        NotFoundException: if there is no such file.
    """
    if (asset := assets.get(name)) is None:
        raise NotFoundException
    sent = {**headers, "ETag": asset.tag}
    if request.headers.get("if-none-match") == asset.tag:
        return Response(b"", status_code=304, headers=sent)
    if "gzip" in request.headers.get("accept-encoding", ""):
        sent["Content-Encoding"] = "gzip"
        return Response(asset.packed, media_type=asset.media_type, headers=sent)
    return Response(asset.body, media_type=asset.media_type, headers=sent)


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(
        body=body,
        packed=gzip.compress(body, mtime=0),
        tag=f'"{hashlib.sha256(body).hexdigest()[:16]}"',
        media_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
    )
