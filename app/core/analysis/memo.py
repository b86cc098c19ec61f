"""The steps of an analysis: each is taken once and kept, however often the analysis begins anew."""

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from app.domain.job import StepRecord


@runtime_checkable
class Steps(Protocol):
    """Where an analysis keeps what its steps came to."""

    def expect(self, of: int) -> None:
        """Say how many steps the analysis is expected to take, for whoever follows its progress."""
        ...

    async def once(self, name: str, work: Callable[[], Awaitable[StepRecord]]) -> StepRecord:
        """Return what the step came to: as it is kept, or by doing the work and keeping it.

        Raises:
            Fenced: another worker has the job now; nothing more will be kept.
        """
        ...


class Unkept:
    """Steps of an analysis that is made within a turn: if it begins anew, so do they."""

    def expect(self, of: int) -> None:
        """Nobody follows."""

    async def once(
        self,
        name: str,  # noqa: ARG002
        work: Callable[[], Awaitable[StepRecord]],
    ) -> StepRecord:
        """Do the work."""
        return await work()
