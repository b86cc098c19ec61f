"""What the SDKs do for requests that are sent by `app.llm.transport`: build them, judge answers.

An SDK is given a client that sends nothing: it notes the request and answers with what it is told.
So addresses, authentication and headers are the SDK's, and so are the errors that it raises.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import httpx2

from app.llm.transport import Head

Post = Callable[[httpx2.AsyncClient], Coroutine[Any, Any, object]]
"""Lets the SDK post something through a client."""

_OF_THE_BODY = frozenset({"content-length", "transfer-encoding"})


class _Desk(httpx2.AsyncBaseTransport):
    """Notes a request and gives the answer it was told."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self.request: httpx2.Request | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.request = request
        return self.answer


def nowhere() -> httpx2.AsyncClient:
    """Return a client that reaches nobody, for an SDK whose own would never be used."""
    return httpx2.AsyncClient(transport=_Desk(httpx2.Response(503)), trust_env=False)


async def drafted(post: Post) -> Head:
    """Return the request that an SDK sends, but for its body; it is the same each time."""
    desk = _Desk(httpx2.Response(200, headers={"content-type": "text/event-stream"}))
    async with httpx2.AsyncClient(transport=desk, trust_env=False) as client:
        await post(client)
    request = desk.request
    if request is None:
        raise RuntimeError("the SDK sent nothing")
    headers = (
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
    )
    return Head(
        request.method,
        str(request.url),
        tuple(one for one in headers if one[0].lower() not in _OF_THE_BODY),
    )


async def judged(post: Post, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise what the SDK raises for an answer with an error status."""
    kept = [(name, value) for name, value in headers.items() if name.lower() not in _OF_THE_BODY]
    desk = _Desk(httpx2.Response(status, headers=kept, content=body))
    async with httpx2.AsyncClient(transport=desk, trust_env=False) as client:
        await post(client)
    raise RuntimeError(f"the SDK took status {status} for an answer")
