"""What is known of a case: the right to work on it, a receipt, the case as its readers see it."""

from typing import Literal

from msgspec import Struct

from app.domain.case import Accepted, CaseState, Turn
from app.state.keys import CaseKeys


class Claim(Struct, frozen=True, kw_only=True):
    """The right to work on a case's oldest unfinished turn."""

    case_id: str
    owner: str
    epoch: int
    turn: int
    attempt: int
    """1 for the first owner, one more for each that took over."""
    state: CaseState
    accepted: Accepted
    turns: tuple[Turn, ...]
    """All committed turns, oldest first."""
    dropped: bool
    """Somebody cancelled the turn while it waited."""
    reason: Literal["takeover", "handover"]
    """Why there is a new owner, if it is not the first."""
    behind: int
    """How many accepted turns wait behind this one."""

    @property
    def lease_key(self) -> str:
        """The lease's key."""
        return CaseKeys(self.case_id).lease

    @property
    def lease(self) -> str:
        """The lease's value."""
        return f"{self.owner}:{self.epoch}"


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of a posted command."""

    turn: int
    new: bool
    """False if the idempotency key was known: the turn is the one of the first post."""
    done: int
    """Turns that were committed at that moment; meaningful for new commands."""
    listed_ms: int
    """When the case was listed as busy for this command."""
    claim: Claim | None = None
    """Set if the case was free and the caller now owns it."""


Refusal = Literal["gone", "idle", "held", "other"]
"""Why there was nothing to claim: no such case, nothing unfinished, owned, not that turn."""


class CaseRecord(Struct, frozen=True, kw_only=True):
    """A case as its readers see it."""

    state: CaseState
    accepted: int
    """Turns accepted so far."""
    done: int
    """Turns committed so far; the next one runs, the rest wait."""
    epoch: int
    version: int
    has_result: bool


class ActiveConversation(Struct, frozen=True, kw_only=True):
    """A row of the list of active conversations."""

    case_id: str
    last_activity_ms: int
    state: CaseState
