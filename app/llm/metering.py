"""What failing over asks of whoever keeps the accounts: may this call be made?

And it tells them what became of it.

Reserve, call, settle. A call that must not be made is passed over like one whose provider is ill;
what was made is always settled, in whatever way it ended.
"""

from collections.abc import Coroutine, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

from app.domain.ledger import Account
from app.domain.usage import Attempt, Provider
from app.llm.model import ModelRequest, Rest

DeniedFor = Literal["budget", "unpriced", "unknown"]
"""`unpriced`: a budget applies, and nobody knows what the call would cost. `unknown`: how the
budgets stand could not be found out."""


class Denied(Struct, frozen=True, kw_only=True):
    """Why a call is not made."""

    reason: DeniedFor
    detail: str
    """For people: whose budget, and until when."""
    until_ms: int | None = None
    """When the period ends and there is money again: Unix time in milliseconds."""


@runtime_checkable
class Ticket(Protocol):
    """Leave to make one call, and the duty to say what became of it."""

    def salvage(self, rest: Coroutine[Any, Any, Rest]) -> None:
        """Take over reading an answer that nobody waits for any more, for the sake of its usage."""
        ...

    def settle(self, attempt: Attempt) -> Attempt:
        """Enter what became of the call; return the attempt with its row's id and cost.

        It never waits, so nothing that a person sees is held up.
        """
        ...


@runtime_checkable
class Meter(Protocol):
    """Keeps the accounts of calls at models."""

    async def reserve(self, request: ModelRequest, provider: Provider) -> Ticket | Denied:
        """Set aside what the call may cost at most, or say why it must not be made."""
        ...

    def spared(
        self, account: Account, *, row_id: str, model: tuple[Provider, str], saved: int | None
    ) -> None:
        """Enter a call that was not made because a kept analysis served.

        Args:
            account: On whose account it would have been made.
            row_id: The row's id, the same each time the analysis is begun anew.
            model: The one that would have been asked.
            saved: What the kept analysis had cost, in nano-USD; None where that is not known.
        """
        ...

    async def spent(self, case_id: str, turn: int) -> Mapping[str, int | None]:
        """Return what the analysis that a turn asked for has cost so far, by row.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        ...

    async def close(self) -> None:
        """Write what is not written yet."""
        ...
