"""What is refused before anything reads it: bodies that are not JSON, and undecodable headers.

A thin ASGI layer, because the framework would take `text/plain` for JSON and stumble over bytes
that are no text.
"""

from litestar.types import ASGIApp, Receive, Scope, Send

_REFUSAL = (
    b'{"type":"urn:triage:problem:%s","title":"%s","status":%d,"detail":"%s"}'  # filled below
)
_BODY_METHODS = {"POST", "PUT", "PATCH"}


class RequestGuard:
    """Refuses what no route could read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            for name, value in scope["headers"]:
                name.decode("ascii")
                value.decode("latin-1")
            scope["raw_path"].decode("ascii")
        except UnicodeDecodeError:
            await _refuse(send, 400, b"invalid-input", b"The request cannot be understood",
                          b"a header or the address is not text")  # fmt: skip
            return
        if scope["method"] in _BODY_METHODS and not _is_json(headers):
            await _refuse(send, 415, b"unsupported-media-type", b"The body must be application/json",
                          b"send Content-Type: application/json, without Content-Encoding")  # fmt: skip
            return
        await self._app(scope, receive, send)


def _is_json(headers: dict[bytes, bytes]) -> bool:
    kind, _, parameters = headers.get(b"content-type", b"").partition(b";")
    length = headers.get(b"content-length")
    empty = length in {None, b"0"} and b"transfer-encoding" not in headers
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        return False
    charset = parameters.strip().lower()
    if charset and charset not in {b"charset=utf-8", b'charset="utf-8"'}:
        return False
    return empty or kind.strip().lower() == b"application/json"


async def _refuse(send: Send, status: int, name: bytes, title: bytes, detail: bytes) -> None:
    body = _REFUSAL % (name, title, status, detail)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/problem+json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
