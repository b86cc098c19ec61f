"""Waits for the pieces of an answer, and not for ever.

`asyncio.timeout` around every piece would set and clear a timer each time, which costs more than
reading the piece. Here one timer serves the whole answer: it is armed once, and when it fires it
looks whether the time that counts by then is up.
"""

import asyncio
from types import TracebackType


class Patience:
    """Deadlines of one answer: `with patience: await piece` raises TimeoutError where one passes.

    Only waiting counts: while nobody waits for the provider, because the consumer of the answer is
    slow, no time runs.
    """

    __slots__ = (
        "_between",
        "_cancelling",
        "_due",
        "_end",
        "_expired",
        "_loop",
        "_task",
        "_timer",
        "_words",
    )

    def __init__(self, *, first: float, between: float, total: float) -> None:
        """Begin now.

        Args:
            first: Seconds until `begun` must have been called.
            between: Seconds that one wait may take after that.
            total: Seconds for everything.
        """
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._between = between
        self._end = now + total
        self._due = min(now + first, self._end)
        self._words = False
        self._expired = False
        self._cancelling = 0
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def words_came(self) -> None:
        """From now on each wait has its own time; before, nothing extends the wait for words."""
        if not self._words:
            self._words = True
            self.close()

    def close(self) -> None:
        """Disarm the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> None:
        """Begin to wait."""
        # Asked without the loop, it would have to find it out, which costs a system call.
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("waiting needs a task")
        if self._words:
            self._due = min(self._loop.time() + self._between, self._end)
        self._cancelling = task.cancelling()
        self._task = task
        if self._timer is None:
            self._timer = self._loop.call_at(self._due, self._look)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the wait; where its time was up, what cancelled it becomes a TimeoutError."""
        task, self._task = self._task, None
        if not self._expired or task is None:
            return
        self._expired = False
        if task.uncancel() <= self._cancelling and (
            kind is None or issubclass(kind, asyncio.CancelledError)
        ):
            raise TimeoutError from error

    def _look(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._look)
        else:
            self._expired = True
            self._task.cancel()
