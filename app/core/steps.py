"""What an interviewer does while it answers, step by step, and the answer it arrives at."""

from typing import Literal

from msgspec import Struct

from app.domain.analysis import Analysis
from app.domain.case import CaseState
from app.domain.errors import FormSubmitted, HandoffConflict
from app.domain.event import CaseEvent
from app.domain.job import Job
from app.domain.notification import Notification
from app.domain.usage import Attempt


class Words(Struct, frozen=True):
    """A piece of the visible answer."""

    text: str
    paused: float = 0.0
    """Seconds that were waited before it on purpose, so that it can be read along."""


class Anew(Struct, frozen=True):
    """Forget the words so far: another provider begins again."""

    reason: Literal["provider"] = "provider"


class Analysing(Struct, frozen=True):
    """The words are said; the result is being made."""


class Answer(Struct, frozen=True, kw_only=True):
    """Everything that a turn leaves behind, ready to be committed at once."""

    reply: str
    state: CaseState
    result: Analysis | None = None
    job: Job | None = None
    """The background analysis that the turn asks for, in place of a result."""
    notifications: tuple[Notification, ...] = ()
    """What the world outside should be told."""
    events: tuple[CaseEvent, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    degradations: tuple[str, ...] = ()
    refused: HandoffConflict | FormSubmitted | None = None
    """Why the command was not done; the turn then tells so and changes nothing."""


Step = Words | Anew | Analysing | Answer
