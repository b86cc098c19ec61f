"""When an instance says that it has as much to do as it takes, and to whom."""

import asyncio
from typing import Any

import msgspec
import pytest
from litestar.types import Receive, Scope, Send

from app.api.overload import MOST_OPENINGS, OverloadGuard

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
        lambda: 1_000 if is_full else 0,
        lambda: False,
        most=1_000,
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


@pytest.mark.parametrize(
    ("working", "is_crowded", "is_opened"),
    [(74, False, True), (75, False, False), (99, False, False), (0, True, False)],
)
async def test_whoever_has_begun_goes_first(
    working: int, is_crowded: bool, is_opened: bool
) -> None:
    """No case is opened where those who have one would have to wait for it; they are let in."""
    reached: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        reached.append(scope["path"].rpartition("/")[2])

    async def send(message: Any) -> None:
        del message

    guard = OverloadGuard(
        app,
        lambda: working,
        lambda: is_crowded,
        most=100,
        below=BELOW,
        on_problem=lambda *_: None,
    )
    for name in ("start", "continue", "continue-stream"):
        scope: Any = {"type": "http", "path": f"{BELOW}/{name}"}
        await guard(scope, None, send)  # type: ignore[arg-type]
    assert reached == ["start"] * is_opened + ["continue", "continue-stream"]


async def test_a_turn_that_is_waited_for_counts_once() -> None:
    """It is worked on while its caller has no answer yet, and takes the room of one."""
    reached: list[str] = []
    inside, answering = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        reached.append(scope["path"].rpartition("/")[2])
        if len(reached) == 40:
            inside.set()
        await answering.wait()

    async def send(message: Any) -> None:
        del message

    guard = OverloadGuard(
        app, lambda: 40, lambda: False, most=100, below=BELOW, on_problem=lambda *_: None
    )

    def ask(name: str) -> asyncio.Task[None]:
        scope: Any = {"type": "http", "path": f"{BELOW}/{name}"}
        return asyncio.create_task(guard(scope, None, send))  # type: ignore[arg-type]

    turns = [ask("continue") for _ in range(40)]
    await inside.wait()
    openings = [ask("start") for _ in range(36)]
    await asyncio.sleep(0)
    assert reached.count("start") == 35
    answering.set()
    await asyncio.gather(*turns, *openings)


@pytest.mark.parametrize(
    ("name", "most", "let_in"),
    [
        ("start", 1_000, MOST_OPENINGS),
        ("start", 3, 3),
        ("continue", 100, 100),
        ("continue-stream", 100, 100),
    ],
)
async def test_no_more_come_in_at_once_than_can_be_taken_in(
    name: str, most: int, let_in: int
) -> None:
    """Whose answer has begun makes room for another, and so does whoever goes without one."""
    reached, full_again = asyncio.Event(), asyncio.Event()
    answering, leaving = asyncio.Event(), asyncio.Event()
    inside = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal inside
        del scope, receive
        inside += 1
        if inside >= let_in:
            reached.set()
        if inside >= 2 * let_in:
            full_again.set()
        await answering.wait()
        if inside % 2:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await leaving.wait()

    refused: list[Any] = []

    async def send(message: Any) -> None:
        if message.get("status") == 503:
            refused.append(message)

    guard = OverloadGuard(
        app, lambda: 0, lambda: False, most=most, below=BELOW, on_problem=lambda *_: None
    )
    scope: Any = {"type": "http", "path": f"{BELOW}/{name}"}

    def ask() -> asyncio.Task[None]:
        return asyncio.create_task(guard(scope, None, send))  # type: ignore[arg-type]

    first = [ask() for _ in range(let_in)]
    await reached.wait()
    await ask()
    assert (inside, len(refused)) == (let_in, 1)
    answering.set()
    await asyncio.sleep(0)
    second = [ask() for _ in range(let_in)]
    await full_again.wait()
    leaving.set()
    await asyncio.gather(*first, *second)
    assert len(refused) == 1


async def test_whose_body_is_still_on_its_way_keeps_nobody_out() -> None:
    """As many as may come wait for their callers; one more, whose body is there, is let in."""
    sending = asyncio.Event()
    waiting = asyncio.Event()
    heard = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal heard
        del scope, send
        await receive()
        heard += 1

    async def receive() -> Any:
        waiting.set()
        await sending.wait()

    async def at_once() -> Any:
        return None

    async def send(message: Any) -> None:
        raise AssertionError(message)

    guard = OverloadGuard(
        app, lambda: 0, lambda: False, most=1, below=BELOW, on_problem=lambda *_: None
    )
    scope: Any = {"type": "http", "path": f"{BELOW}/start"}
    slow = asyncio.create_task(guard(scope, receive, send))
    await waiting.wait()
    await guard(scope, at_once, send)
    assert heard == 1
    sending.set()
    await slow
    assert heard == 2
