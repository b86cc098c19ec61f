"""A case, its turns, and the commands that move it on.

Everything a person does to a case is a command with a number of its own: the turn. Commands wait in
the case's inbox in the order in which they were accepted; one owner at a time turns the oldest into
a committed turn and a new state. Stored values are tagged with their schema version.
"""

from typing import Literal

from msgspec import Struct

from app.domain.assessment import Assessment
from app.domain.usage import Attempt

CaseStatus = Literal["active", "completed"]
TurnOutcome = Literal["completed", "cancelled", "failed"]
OnBusy = Literal["enqueue", "reject", "interrupt"]


class Say(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="say"):
    """The person says something."""

    text: str


class Correct(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="correct"):
    """The person corrects a fact; an empty value removes it."""

    slot: str
    value: str


class Conclude(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="conclude"):
    """Somebody ends the interview with what is known."""

    reason: str


Command = Say | Correct | Conclude


class Accepted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="accepted/1"):
    """A command in the inbox; its place there is its turn."""

    command: Command
    at: int
    """When it was accepted: Unix time in milliseconds, by the accepting instance's clock."""


class Turn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="turn/1"):
    """A finished turn: what came in, what was answered, and how it went."""

    turn: int
    command: Command
    at: int
    reply: str
    outcome: TurnOutcome
    finished_at: int
    event_id: str
    """Id of the terminal event; a reader that has seen it has seen everything."""
    terminal: bytes
    """The terminal event's data as it was sent, JSON."""
    attempts: tuple[Attempt, ...] = ()
    degradations: tuple[str, ...] = ()


class CaseState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="case/1"):
    """What an owner needs to continue a case; it does not grow with the conversation."""

    case_id: str
    playbook: str
    playbook_version: str
    locale: str
    variant: str
    created_at: int
    updated_at: int
    status: CaseStatus = "active"
    user_ref: str | None = None
    attributes: dict[str, str] = {}
    assessment: Assessment = Assessment()
    asking: str | None = None
    """The slot that the last question asked for."""
    asked: dict[str, int] = {}
    """How often each slot was asked."""
    questions: int = 0
    """Questions put to the person, the greeting not counted."""
    said_chars: int = 0
    completed_at: int | None = None
