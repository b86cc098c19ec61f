"""What is done where more is asked of an instance than it can do: it says so, at once.

Whatever was let in is answered in time; whatever is not is told so before anything was taken in,
and may ask another instance, or this one a second later. An instance works on so many turns at once
and no more: beyond that everybody would wait for everybody. Reading, stopping and leaving go on.
"""

import random
from collections.abc import Callable

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from app.api.guard import refuse
from app.api.problems import TYPE, OnProblem, Problem

OVERLOADED = Problem(
    type=TYPE + "overloaded",
    title="This instance has as much to do as it takes",
    status=503,
    detail="nothing was taken in; ask again after the seconds in Retry-After, with the same key",
)
_WORK = ("start", "continue", "continue-stream")
"""What gives an instance something to do."""


class OverloadGuard:
    """Refuses what would give an instance more to do while it works on as much as it takes."""

    def __init__(
        self, app: ASGIApp, is_full: Callable[[], bool], *, below: str, on_problem: OnProblem
    ) -> None:
        """Stand before `app`.

        Args:
            app: What answers.
            is_full: Whether there is as much to do as may be.
            below: The path below which the API is.
            on_problem: Is told of what is refused.
        """
        self._app = app
        self._is_full = is_full
        self._work = frozenset(f"{below}/{one}" for one in _WORK)
        self._on_problem = on_problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        asks = scope["type"] == ScopeType.HTTP and scope["path"] in self._work
        if asks and self._is_full():
            self._on_problem("overloaded", OVERLOADED.status)
            # Not all of them in the same second.
            await refuse(send, OVERLOADED, retry_after=random.randint(1, 3))  # noqa: S311
        else:
            await self._app(scope, receive, send)
