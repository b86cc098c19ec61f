"""How a conversation gets to a human and back: what each command does to it, and who may give it.

Pure functions of a case's handoff. That the list of waiting cases follows is the state room's care.
"""

from collections.abc import Iterable
from typing import Literal, assert_never

from msgspec.structs import replace

from app.core.language.text import cleaned
from app.domain.assessment import Assessment
from app.domain.case import (
    AskHuman,
    Command,
    HandBack,
    Handoff,
    HandoffCommand,
    OperatorSays,
    Take,
)
from app.domain.errors import HandoffConflict, InvalidInput
from app.domain.event import (
    HandoffEvent,
    HandoffMessage,
    HandoffRequested,
    HandoffReturned,
    HandoffTaken,
)
from app.domain.notification import Notification, notification_id
from app.domain.playbook import RedFlag

LONGEST_NAME = 80
LONGEST_TEXT = 10_000


def requested(
    handoff: Handoff | None, by: Literal["person", "red_flag", "analysis"], reason: str, at: int
) -> Handoff:
    """Return the handoff after somebody asked for a human; an open one stays as it is."""
    if handoff is not None and handoff.is_open:
        return handoff
    # By its time a request stands in the list of those that wait, so each has one of its own.
    earliest = 0 if handoff is None else handoff.requested_at + 1
    return Handoff(status="requested", by=by, reason=reason, requested_at=max(at, earliest))


def requested_by_flags(
    handoff: Handoff | None,
    flags: Iterable[RedFlag],
    before: Assessment,
    after: Assessment,
    at: int,
) -> Handoff | None:
    """Return the handoff after a turn that may have raised red flags which call a human."""
    known = {flag.code for flag in before.red_flags}
    calling = {flag.code for flag in flags if flag.handoff} - known
    raised = [flag.code for flag in after.red_flags if flag.code in calling]
    return requested(handoff, "red_flag", ", ".join(raised), at) if raised else handoff


def moved(handoff: Handoff | None, command: HandoffCommand, at: int) -> Handoff:
    """Return the handoff after a command.

    Raises:
        HandoffConflict: the operator does not have the conversation, or cannot have it.
    """
    match command:
        case AskHuman(reason=reason, by=by):
            return requested(handoff, by, reason, at)
        case Take(operator=operator):
            return _taken(handoff, operator, at)
        case OperatorSays(operator=operator):
            return _held(handoff, operator)
        case HandBack(operator=operator):
            return replace(_held(handoff, operator), status="returned", returned_at=at)
        case _:
            assert_never(command)


def _taken(handoff: Handoff | None, operator: str, at: int) -> Handoff:
    if handoff is None:
        raise HandoffConflict("nobody asked for a human in this case")
    if handoff.status == "taken":
        return _held(handoff, operator)
    asked = requested(handoff, handoff.by, handoff.reason, at)
    return replace(asked, status="taken", operator=operator, taken_at=at)


def _held(handoff: Handoff | None, operator: str) -> Handoff:
    if handoff is None or handoff.status != "taken":
        raise HandoffConflict("nobody has this conversation: take it first")
    if handoff.operator != operator:
        raise HandoffConflict(f"{handoff.operator} has this conversation")
    return handoff


def happened(
    before: Handoff | None, after: Handoff | None, command: Command, turn: int
) -> tuple[HandoffEvent, ...]:
    """Return what a case's readers should know of a turn that was not refused."""
    if isinstance(command, OperatorSays):
        return (HandoffMessage(turn=turn, operator=command.operator),)
    if after is None or after == before:
        return ()
    match after.status:
        case "requested":
            return (HandoffRequested(turn=turn, by=after.by),)
        case "taken":
            return (HandoffTaken(turn=turn, operator=after.operator or ""),)
        case "returned":
            return (HandoffReturned(turn=turn, operator=after.operator or ""),)
        case _:
            assert_never(after.status)


def notifications(
    events: Iterable[object], case_id: str, turn: int, at: int
) -> tuple[Notification, ...]:
    """Return what the world should be told of a turn's events: that a human was asked for."""
    if not any(isinstance(one, HandoffRequested) for one in events):
        return ()
    kind: Literal["handoff.requested"] = "handoff.requested"
    name = notification_id(kind, case_id, turn)
    return (Notification(id=name, kind=kind, case_id=case_id, turn=turn, at=at),)


def display_name(name: str, *, field: str = "operator") -> str:
    """Return an operator's name as a person will see it; `field` names it where it is none.

    Raises:
        InvalidInput: if it is empty, too long, or more than one line.
    """
    name = cleaned(name)
    if not name or len(name) > LONGEST_NAME or "\n" in name or "\t" in name:
        raise InvalidInput(f"{field}: a name on one line, of 1 to {LONGEST_NAME} characters")
    return name


def operator_says(operator: str, text: str) -> OperatorSays:
    """Return an operator's message.

    Raises:
        InvalidInput: if it, or the name, is empty or too long.
    """
    text = cleaned(text)
    if not text or len(text) > LONGEST_TEXT:
        raise InvalidInput(f"text: a message of 1 to {LONGEST_TEXT} characters")
    return OperatorSays(operator=display_name(operator), text=text)
