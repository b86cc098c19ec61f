"""What is done where more is asked of an instance than it can do: it says so, at once.

Whatever was let in is answered in time; whatever is not is told so before anything was taken in,
and may ask another instance, or this one a second later. An instance works on so many turns at once
and no more, and lets so many in at once: beyond that everybody would wait for everybody. Whoever
has begun to tell goes first: the last of the room is kept from those who would only open a case,
since each of them will want a turn as well. Reading, stopping and leaving go on.
"""

import random
from collections.abc import Callable
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.api.guard import refuse
from app.api.problems import TYPE, OnProblem, Problem

OVERLOADED = Problem(
    type=TYPE + "overloaded",
    title="This instance has as much to do as it takes",
    status=503,
    detail="nothing was taken in; ask again after the seconds in Retry-After, with the same key",
)
_OPENING = "start"
_WORK = (_OPENING, "continue", "continue-stream")
"""What gives an instance something to do."""
MOST_OPENINGS = 64
"""So many cases are being opened at once. One keeps a processor busy for some milliseconds, so the
last of so many is open within a second, and refusing all others costs little beside it."""
OPENINGS_SHARE = 0.75
"""Of the turns that an instance works on at once: where so many are begun or on their way, no more
cases are opened, so that those which are open get their turns."""


class OverloadGuard:
    """Refuses what would give an instance more to do while it works on as much as it takes."""

    def __init__(
        self,
        app: ASGIApp,
        working: Callable[[], int],
        is_crowded: Callable[[], bool],
        *,
        most: int,
        below: str,
        on_problem: OnProblem,
    ) -> None:
        """Stand before `app`.

        Args:
            app: What answers.
            working: How many turns it works on.
            is_crowded: Whether more connections wait before its door than can be served soon.
            most: So many turns it may work on; as many messages may be on their way to become one.
            below: The path below which the API is.
            on_problem: Is told of what is refused.
        """
        self._app = app
        self._working = working
        self._is_crowded = is_crowded
        self._coming = {f"{below}/{one}": 0 for one in _WORK}
        """How many requests are inside whose answer has not begun, by path."""
        self._opening = f"{below}/{_OPENING}"
        self._most = most
        self._on_problem = on_problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        path = scope["path"]
        if scope["type"] != ScopeType.HTTP or path not in self._coming:
            await self._app(scope, receive, send)
        elif not self._has_room(path):
            self._on_problem("overloaded", OVERLOADED.status)
            # Not all of them in the same second.
            await refuse(send, OVERLOADED, retry_after=random.randint(1, 3))  # noqa: S311
        else:
            await self._let_in(path, scope, receive, send)

    def _has_room(self, path: str) -> bool:
        if path != self._opening:
            return max(self._working(), self._coming[path]) < self._most
        # A turn whose answer is waited for in one piece is both: on its way, and worked on.
        turns = max(self._working(), sum(self._coming.values()) - self._coming[path])
        return (
            turns + self._coming[path] < max(1, self._most * OPENINGS_SHARE)
            and self._coming[path] < MOST_OPENINGS
            and not self._is_crowded()
        )

    async def _let_in(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        counts = is_answered = False

        def count(value: bool) -> None:
            nonlocal counts
            self._coming[path] += value - counts
            counts = value

        async def hearing() -> Any:
            # Whose body is still on its way gives nothing to do, and keeps nobody out.
            count(False)
            try:
                return await receive()
            finally:
                count(not is_answered)

        async def telling(message: Message) -> None:
            nonlocal is_answered
            if not is_answered:
                is_answered = True
                count(False)
            await send(message)

        count(True)
        try:
            await self._app(scope, hearing, telling)
        finally:
            is_answered = True  # or nobody will be; whoever still listens counts no more
            count(False)
