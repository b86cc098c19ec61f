"""When an instance says that it has as much to do as it takes, and to whom."""

from typing import Any

import msgspec
import pytest
from litestar.types import Receive, Scope, Send

from app.api.overload import OverloadGuard

BELOW = "/api/v2/triage"


@pytest.mark.parametrize(
    ("path", "is_work"),
    [
        (f"{BELOW}/start", True),
        (f"{BELOW}/continue", True),
        (f"{BELOW}/continue-stream", True),
        (f"{BELOW}/cases/{'0' * 32}/turns/1/events", False),
        (f"{BELOW}/cases/{'0' * 32}/turns/1/cancel", False),
        (f"{BELOW}/operator/cases", False),
        ("/health/ready", False),
        ("/metrics", False),
    ],
)
@pytest.mark.parametrize("is_full", [True, False])
async def test_only_work_is_refused_and_only_where_there_is_too_much(
    path: str, is_work: bool, is_full: bool
) -> None:
    """With a problem, the seconds to wait, and a connection that ends."""
    sent: list[Any] = []
    reached: list[str] = []
    told: list[tuple[str, int]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        reached.append(scope["path"])

    async def send(message: Any) -> None:
        sent.append(message)

    guard = OverloadGuard(
        app,
        lambda: is_full,
        below=BELOW,
        on_problem=lambda kind, status: told.append((kind, status)),
    )
    scope: Any = {"type": "http", "path": path}
    await guard(scope, None, send)  # type: ignore[arg-type]
    if not (is_work and is_full):
        assert reached == [path]
        assert not sent
        return
    assert not reached
    start, body = sent
    headers = dict(start["headers"])
    assert start["status"] == 503
    assert 1 <= int(headers[b"retry-after"]) <= 3
    assert headers[b"connection"] == b"close"
    assert msgspec.json.decode(body["body"])["type"] == "urn:triage:problem:overloaded"
    assert told == [("overloaded", 503)]
