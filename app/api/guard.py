"""What is refused before anything reads it: bodies that are not JSON, heads that are too large.

A thin ASGI layer, because the framework would take `text/plain` for JSON and stumble over bytes
that are no text.
"""

from collections.abc import Callable

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Receive, Scope, Send

from app.api.problems import TYPE, OnProblem, Problem

OnArrival = Callable[[bytes | None], None]

encode = msgspec.json.Encoder().encode

_NOT_TEXT = Problem(
    type="urn:triage:problem:invalid-input",
    title="The request cannot be understood",
    status=400,
    detail="a header or the address is not text",
)
_NOT_JSON = Problem(
    type="urn:triage:problem:unsupported-media-type",
    title="The body must be application/json",
    status=415,
    detail="send Content-Type: application/json, in UTF-8 and without Content-Encoding",
)
TOO_LARGE = Problem(
    type="urn:triage:problem:headers-too-large",
    title="The headers are too large",
    status=431,
    detail="send at most 32 kB of headers",
)
MAX_HEAD_BYTES = 32 * 1024
_BODY_METHODS = {"POST", "PUT", "PATCH"}


class RequestGuard:
    """Refuses what no route could read."""

    def __init__(
        self,
        app: ASGIApp,
        on_problem: OnProblem = lambda *_: None,
        on_arrival: OnArrival = lambda _: None,
    ) -> None:
        """Stand before `app`.

        Args:
            app: What answers.
            on_problem: Is told the kind and status of what is refused.
            on_arrival: Is told the `traceparent` of everything else.
        """
        self._app = app
        self._on_arrival = on_arrival
        self._on_problem = on_problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with a problem."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD_BYTES:
            await self._refuse(send, TOO_LARGE)
            return
        try:
            for name, value in scope["headers"]:
                name.decode("ascii")
                value.decode("latin-1")
            scope["raw_path"].decode("ascii")
        except UnicodeDecodeError:
            await self._refuse(send, _NOT_TEXT)
            return
        if scope["method"] in _BODY_METHODS and not _is_json(headers):
            await self._refuse(send, _NOT_JSON)
            return
        self._on_arrival(headers.get(b"traceparent"))
        await self._app(scope, receive, send)

    async def _refuse(self, send: Send, problem: Problem) -> None:
        self._on_problem(problem.type.removeprefix(TYPE), problem.status)
        await refuse(send, problem)


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


async def refuse(send: Send, problem: Problem, *, retry_after: int | None = None) -> None:
    """Answer with a problem, and hang up."""
    body = encode(problem)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    start: HTTPResponseStartEvent = {
        "type": "http.response.start",
        "status": problem.status,
        "headers": headers,
    }
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})
