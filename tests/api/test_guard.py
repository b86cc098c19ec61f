"""The guard holds whatever server stands before it, also one that lets everything through."""

from typing import Any, cast

import msgspec
import pytest
from litestar.types import Message, Receive, Scope, Send

from app.api.guard import MAX_HEAD_BYTES, RequestGuard

Header = tuple[bytes, bytes]


async def passed_on(scope: dict[str, Any]) -> list[Message]:
    """Return what is sent for a request; nothing where the application would answer it."""
    sent: list[Message] = []
    reached: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        reached.append(scope)

    async def receive() -> Any:
        raise AssertionError("the guard reads no body")

    async def send(message: Message) -> None:
        sent.append(message)

    await RequestGuard(app)(cast("Scope", scope), receive, send)
    assert bool(reached) != bool(sent)
    return sent


def request(*headers: Header, method: str = "GET", path: bytes = b"/health/live") -> dict[str, Any]:
    """Return a request's scope."""
    return {"type": "http", "method": method, "raw_path": path, "headers": list(headers)}


async def refusal(scope: dict[str, Any]) -> int:
    """Check that a request is refused with a whole problem; returns its status."""
    start, body = await passed_on(scope)
    assert start["type"] == "http.response.start"
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"connection"] == b"close"
    assert body["type"] == "http.response.body"
    assert int(headers[b"content-length"]) == len(body["body"])
    problem = msgspec.json.decode(body["body"])
    assert problem["status"] == start["status"]
    return int(start["status"])


@pytest.mark.parametrize(
    "scope",
    [
        request(),
        request((b"x-a", b"\xe9"), (b"content-type", b"text/plain")),
        request((b"x-a", b"a" * (MAX_HEAD_BYTES - 3))),
        request((b"content-type", b"application/json"), method="POST"),
        request((b"content-length", b"0"), method="POST"),
        {"type": "lifespan"},
    ],
    ids=["plain", "odd header", "large head", "JSON", "no body", "no request at all"],
)
async def test_what_a_route_can_read_is_passed_on(scope: dict[str, Any]) -> None:
    """And the guard says nothing to it."""
    assert await passed_on(scope) == []


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (request((b"x-a", b"a" * (MAX_HEAD_BYTES - 2))), 431),
        (request(*[(b"x-a", b"a" * 10)] * 4_000), 431),
        (request((b"x-\xc3\xa9", b"a")), 400),
        (request(path=b"/\xc3\xa9"), 400),
        (request((b"content-length", b"2"), method="POST"), 415),
        (request((b"transfer-encoding", b"chunked"), method="PUT"), 415),
        (request((b"content-type", b"text/plain"), (b"content-length", b"2"), method="PATCH"), 415),
        (
            request(
                (b"content-type", b"application/json"),
                (b"content-encoding", b"gzip"),
                method="POST",
            ),
            415,
        ),
    ],
)
async def test_what_no_route_could_read_is_refused(scope: dict[str, Any], status: int) -> None:
    """Heads that are too large, names and addresses that are no text, bodies that are no JSON."""
    assert await refusal(scope) == status
