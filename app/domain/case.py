"""A case, its turns, and the commands that move it on.

Everything a person or an operator does to a case is a command with a number of its own: the turn.
Commands wait in the case's inbox in the order in which they were accepted; one owner at a time
turns the oldest into a committed turn and a new state. Stored values are tagged with their schema
version.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.domain.assessment import Assessment
from app.domain.assignment import Assignment
from app.domain.usage import Attempt

CaseStatus = Literal["active", "completed"]
TurnOutcome = Literal["completed", "cancelled", "failed"]
OnBusy = Literal["enqueue", "reject", "interrupt"]
HandoffStatus = Literal["requested", "taken", "returned"]


class Say(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="say"):
    """The person says something."""

    text: str


class Begin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="begin"):
    """The person begins to fill in the form; from here on somebody is there who may also leave."""


class Fill(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="fill"):
    """The person submits the form."""

    answers: dict[str, str | list[str]]
    """What was given, by slot; only what was answered, and in the form's order."""
    told: tuple[str, ...] = ()
    """The slots that are answered in the person's own words, the story first."""

    @property
    def text(self) -> str:
        """What the person said in their own words."""
        return "\n".join(str(self.answers[name]) for name in self.told)


class Correct(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="correct"):
    """The person corrects a fact; an empty value removes it."""

    slot: str
    value: str


class Conclude(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="conclude"):
    """Somebody ends the interview with what is known."""

    reason: str


class AskHuman(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="ask_human"):
    """Somebody asks for a human: the person, or a background analysis that needs one."""

    reason: str
    by: Literal["person", "analysis"] = "person"


class Take(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="take"):
    """An operator takes the conversation over from the interviewer."""

    operator: str
    """The operator's display name, as the person sees it."""


class OperatorSays(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="operator_says"
):
    """The operator who has the conversation says something to the person."""

    operator: str
    text: str


class HandBack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="hand_back"):
    """The operator leaves; the interviewer goes on."""

    operator: str


PersonCommand = Say | Begin | Fill | Correct | Conclude | AskHuman
"""What the holder of the case's token may send."""
OperatorCommand = Take | OperatorSays | HandBack
"""What only operators may send."""
HandoffCommand = AskHuman | OperatorCommand
"""What is done at once and answered by nobody, so that there is nothing to stop."""
Unstoppable = HandoffCommand | Begin | Fill
"""What is done whole or not at all: rules alone answer it, and nobody has to wait."""
Command = PersonCommand | OperatorCommand


def spoken(command: Command) -> str | None:
    """Return what the person says with a command in their own words; None where nothing.

    >>> spoken(Say(text="It leaks."))
    'It leaks.'
    >>> spoken(Fill(answers={"story": "It leaks.", "safety": ["none"]}, told=("story",)))
    'It leaks.'
    >>> spoken(Conclude(reason="")) is None
    True
    """
    return command.text if isinstance(command, Say | Fill) else None


class Accepted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="accepted/1"):
    """A command in the inbox; its place there is its turn."""

    command: Command
    at: int
    """When it was accepted: Unix time in milliseconds, by the accepting instance's clock."""
    trace: str | None = None
    """The trace that it belongs to, as a W3C `traceparent`; None where nothing is traced."""


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


class Handoff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A human was asked into the case: who asked, who has it, and how it stands."""

    status: Annotated[
        HandoffStatus,
        Meta(
            description="`requested`: nobody has it yet; `taken`: an operator answers; `returned`:"
            " the interviewer goes on."
        ),
    ]
    by: Annotated[
        Literal["person", "red_flag", "analysis"],
        Meta(description="Who asked: the person, a red flag, or an analysis that needs a human."),
    ]
    reason: Annotated[str, Meta(description="The person's words, or the red flags' codes.")]
    requested_at: Annotated[int, Meta(description="Unix time in milliseconds.")]
    operator: Annotated[
        str | None, Meta(description="Display name of the operator who has it, or had it last.")
    ] = None
    taken_at: Annotated[int | None, Meta(description="Unix time in milliseconds.")] = None
    returned_at: Annotated[int | None, Meta(description="Unix time in milliseconds.")] = None

    @property
    def is_open(self) -> bool:
        """Whether a human is waited for, or has the case."""
        return self.status != "returned"


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
    handoff: Handoff | None = None
    """None while nobody ever asked for a human."""
    form_turn: int | None = None
    """The turn in which the form was submitted; None while it was not."""
    assignment: Assignment | None = None
    """The experiment that the person takes part in with this case; None where in none."""
