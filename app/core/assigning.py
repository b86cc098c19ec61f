"""Which of the two products somebody gets, and in which experiment that counts.

The core asks through this port when a case is opened; `plugins.flags` answers by GrowthBook's
rules. Whoever answers always answers: an experiment never keeps a case from being opened.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from msgspec import Struct

from app.domain.assignment import CONVERSATIONAL, Assignment


class Subject(Struct, frozen=True, kw_only=True):
    """Who opens a case, as far as an experiment may know."""

    person: str | None
    """`app.domain.assignment.person_key` of the caller's name for them; None where it gave none."""
    playbook: str
    locale: str
    attributes: Mapping[str, str] = {}
    """What the frontend said besides, such as a channel."""


class Assigned(Struct, frozen=True, kw_only=True):
    """What somebody gets."""

    variant: str
    assignment: Assignment | None = None
    """None where they take part in no experiment."""


@runtime_checkable
class Assigner(Protocol):
    """Decides what somebody gets."""

    async def assign(self, subject: Subject) -> Assigned:
        """Decide; never raises, and never waits for anything outside this installation."""
        ...


class Unassigned:
    """Gives everybody the conversational interview."""

    async def assign(self, _: Subject) -> Assigned:
        """Return the conversational interview, in no experiment."""
        return Assigned(variant=CONVERSATIONAL)
