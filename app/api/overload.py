"""What is done where more is asked of an instance than it can do: it says so, at once.

Whatever was let in is answered in time; whatever is not is told so before anything was taken in,
and may ask another instance, or this one a second later. How much there is to do is told by the
event loop: marks that it should pass every few hundredths of a second are late where callbacks
wait.

One late mark says little: a pause of the machine makes one as well. Requests are refused only where
no mark has been on time for a while (the idea is CoDel's, RFC 8289, section 3), and then those
alone that come while one is overdue.
"""

import asyncio
import random
import time
from collections.abc import Callable

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from app.api.guard import refuse
from app.api.problems import TYPE, OnProblem, Problem

_MARK_SECONDS = 0.05
_LATE_SECONDS = 0.2
_FOR_SECONDS = 1.0
"""How long every mark has to have been late before anything is refused."""
_CALM_SECONDS = 3.0
"""How long no mark may have been late for longer than that before everything is let in again."""

OVERLOADED = Problem(
    type=TYPE + "overloaded",
    title="This instance has more to do than it can",
    status=503,
    detail="nothing was taken in; ask again after the seconds in Retry-After, with the same key",
)


class Pressure:
    """How late the event loop of this process is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Measure by this clock."""
        self._clock = clock
        self._due: float | None = None
        self._late_since: float | None = None
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to set marks in the running loop."""
        self._due = self._clock() + _MARK_SECONDS
        self._timer = asyncio.get_running_loop().call_later(_MARK_SECONDS, self._pass)

    def close(self) -> None:
        """Set no more marks."""
        if self._timer is not None:
            self._timer.cancel()
        self._due = None

    @property
    def is_too_high(self) -> bool:
        """Whether what comes now should be refused."""
        if self._due is None:
            return False
        now = self._clock()
        return now < self._until and now - self._due > _LATE_SECONDS

    def _pass(self) -> None:
        if self._due is not None:
            self.passed(self._due)
            self.start()

    def passed(self, due: float) -> None:
        """Take note of a mark that was due at a time."""
        now = self._clock()
        if now - due <= _LATE_SECONDS:
            self._late_since = None
            return
        # A single pause, however long, is not a while in which every mark was late.
        since = self._late_since = now if self._late_since is None else self._late_since
        if now - since >= _FOR_SECONDS:
            self._until = now + _CALM_SECONDS


class OverloadGuard:
    """Refuses requests about cases while the pressure is too high; operators' and probes pass."""

    def __init__(
        self, app: ASGIApp, pressure: Pressure, *, below: str, on_problem: OnProblem
    ) -> None:
        """Stand before `app`.

        Args:
            app: What answers.
            pressure: How much there is to do.
            below: The path below which requests are refused, but for `operator/` in it.
            on_problem: Is told of what is refused.
        """
        self._app = app
        self._pressure = pressure
        self._below = below
        self._spared = f"{below}/operator/"
        self._on_problem = on_problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == ScopeType.HTTP and self._pressure.is_too_high:
            path = scope["path"]
            if path.startswith(self._below) and not path.startswith(self._spared):
                self._on_problem("overloaded", OVERLOADED.status)
                # Not all of them in the same second.
                await refuse(send, OVERLOADED, retry_after=random.randint(1, 3))  # noqa: S311
                return
        await self._app(scope, receive, send)
