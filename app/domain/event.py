"""What a client reads from a stream: the events of a turn and of a case, and their frames.

Event ids are `{epoch}-{seq}`: the fencing number of whoever generated it, and a count. They are
also the entry ids of the Valkey stream that keeps them, so ids only ever grow.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from app.domain.case import HandoffStatus
from app.domain.job import Estimate, Queue
from app.domain.playbook import Level


class EventId(Struct, frozen=True, order=True):
    """A place in a stream; compares by epoch, then by count."""

    epoch: int
    seq: int

    def __str__(self) -> str:
        """Write it as Valkey and SSE do."""
        return f"{self.epoch}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "EventId | None":
        """Read an id; None if the text is not one.

        >>> EventId.parse("17-3")
        EventId(epoch=17, seq=3)
        >>> EventId.parse("nonsense") is None
        True
        """
        epoch, dash, seq = text.partition("-")
        if not dash or not all(part.isascii() and part.isdigit() for part in (epoch, seq)):
            return None
        if len(epoch) > 18 or len(seq) > 18:
            return None
        return cls(int(epoch), int(seq))


_Turn = Annotated[int, Meta(description="Number of the turn.")]
_Job = Annotated[str, Meta(description="The background job.")]
_Attempt = Annotated[int, Meta(description="Counts from 1, across all instances.")]
_Message = Annotated[str, Meta(description="The whole answer.")]
_Length = Annotated[int, Meta(description="Characters (Unicode code points) of the message.")]
_Digest = Annotated[str, Meta(description="SHA-256 of the message in UTF-8, hexadecimal.")]
_Sentence = Annotated[str, Meta(description="A sentence fit to show.")]
_Retryable = Annotated[bool, Meta(description="Whether trying again makes sense.")]
_Operator = Annotated[str, Meta(description="Display name of the operator.")]
_Complexity = Annotated[Level, Meta(description="As assessed so far.")]
_CaseStatus = Annotated[Literal["active", "completed"], Meta(description="The case's status.")]


class _Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all event data; the event's name is its tag."""


class TurnStarted(_Event, frozen=True, kw_only=True, tag="turn.started"):
    """Somebody works on the turn."""

    turn: _Turn
    attempt: _Attempt
    variant: Annotated[str, Meta(description="`v1`: a form; `v2`: a conversation.")]


class Status(_Event, frozen=True, kw_only=True, tag="status"):
    """A word about what is going on while nothing visible happens."""

    status: Annotated[Literal["thinking", "analysing"], Meta(description="What goes on.")]


class Delta(_Event, frozen=True, kw_only=True, tag="delta"):
    """A piece of the answer."""

    t: Annotated[str, Meta(description="Text to append.")]


class TurnRestarted(_Event, frozen=True, kw_only=True, tag="turn.restarted"):
    """The turn begins again: drop the partial text."""

    turn: _Turn
    attempt: _Attempt
    reason: Annotated[
        Literal["takeover", "provider", "handover"],
        Meta(description="Another instance took over, another model did, or one is draining."),
    ]


class Snapshot(_Event, frozen=True, kw_only=True, tag="snapshot"):
    """The whole text so far, where the reader's place is unknown or no longer kept."""

    text: Annotated[str, Meta(description="All of the answer so far.")]


class TurnCompleted(_Event, frozen=True, kw_only=True, tag="turn.completed"):
    """The turn is done and stored."""

    turn: _Turn
    message: _Message
    length: _Length
    sha256: _Digest
    interview: Annotated[
        Literal["active", "complete"], Meta(description="Whether more will be asked.")
    ]
    status: _CaseStatus
    complexity: _Complexity
    confidence: Annotated[float, Meta(ge=0, le=1, description="In the leading classification.")]
    missing: Annotated[tuple[str, ...], Meta(description="Required slots that are still unknown.")]
    usage: Annotated["TurnUsage", Meta(description="What the turn took.")]
    degradations: Annotated[
        tuple[str, ...], Meta(description="What had to be done in a lesser way, by name.")
    ] = ()
    operator: Annotated[
        str | None,
        Meta(description="The operator who speaks; absent where the interviewer does."),
    ] = None
    handoff: Annotated[
        HandoffStatus | None,
        Meta(description="How it stands with a human; absent while nobody asked for one."),
    ] = None


class TurnUsage(Struct, frozen=True, kw_only=True):
    """Tokens of all attempts of a turn."""

    input: Annotated[int, Meta(description="Tokens read.")]
    output: Annotated[int, Meta(description="Tokens written.")]
    attempts: Annotated[int, Meta(description="Calls of models.")]
    model: Annotated[str | None, Meta(description="Who answered; null where no model did.")]


class TurnCancelled(_Event, frozen=True, kw_only=True, tag="turn.cancelled"):
    """Somebody stopped the turn; what was said so far is kept."""

    turn: _Turn
    message: Annotated[str, Meta(description="What was said until then.")]
    length: _Length
    sha256: _Digest


class TurnFailed(_Event, frozen=True, kw_only=True, tag="turn.failed"):
    """The turn could not be answered; the person's message is kept."""

    turn: _Turn
    code: Annotated[str, Meta(description="Why, by name.")]
    retryable: _Retryable
    retry_after_ms: Annotated[int, Meta(description="Milliseconds until then.")]
    message: _Sentence


class AnalysisQueued(_Event, frozen=True, kw_only=True, tag="analysis.queued"):
    """The interview is over and its analysis goes on in the background; one may leave."""

    turn: _Turn
    job: _Job
    queue: Annotated[Queue, Meta(description="The queue it waits in.")]
    ahead: Annotated[int, Meta(description="Jobs of the same queue that are not over yet.")]
    estimate: Annotated[
        Estimate | None,
        Meta(
            description="How long it will take; absent where too little was measured or no worker"
            " serves the queue."
        ),
    ] = None


class AnalysisProgress(_Event, frozen=True, kw_only=True, tag="analysis.progress"):
    """A step of a background analysis is done."""

    turn: _Turn
    job: _Job
    step: Annotated[str, Meta(description="The step.")]
    done: Annotated[int, Meta(description="Steps done so far.")]
    of: Annotated[
        int,
        Meta(description="Steps expected; it can shrink, where one turns out not to be needed."),
    ]


class AnalysisFailed(_Event, frozen=True, kw_only=True, tag="analysis.failed"):
    """A background analysis was given up or cancelled; a person has to look at the case."""

    turn: _Turn
    job: _Job
    code: Annotated[Literal["gave_up", "cancelled"], Meta(description="Why.")]
    retryable: _Retryable
    message: _Sentence


class AnalysisCompleted(_Event, frozen=True, kw_only=True, tag="analysis.completed"):
    """The result is there."""

    turn: _Turn
    code: Annotated[str | None, Meta(description="The class; null where none was certain.")]
    urgency: Annotated[str, Meta(description="The level of urgency.")]
    needs_human: Annotated[bool, Meta(description="Whether a human should look at the case.")]
    job: Annotated[
        str | None,
        Meta(description="The job that made it; absent where the turn itself did."),
    ] = None


class CaseStatusChanged(_Event, frozen=True, kw_only=True, tag="case.status"):
    """The case moved on: a turn ended, its complexity or its status changed."""

    status: _CaseStatus
    complexity: _Complexity
    confidence: Annotated[float, Meta(description="In the leading classification.")]
    turn: _Turn


class FactCorrected(_Event, frozen=True, kw_only=True, tag="case.fact"):
    """The person corrected a fact."""

    turn: _Turn
    slot: Annotated[str, Meta(description="Name of the slot.")]


class RedFlagRaised(_Event, frozen=True, kw_only=True, tag="case.red_flag"):
    """A red flag was raised."""

    turn: _Turn
    code: Annotated[str, Meta(description="The red flag, by name.")]


class HandoffRequested(_Event, frozen=True, kw_only=True, tag="handoff.requested"):
    """A human was asked into the case."""

    turn: _Turn
    by: Annotated[Literal["person", "red_flag", "analysis"], Meta(description="Who asked.")]


class HandoffTaken(_Event, frozen=True, kw_only=True, tag="handoff.taken"):
    """An operator has the conversation now."""

    turn: _Turn
    operator: _Operator


class HandoffMessage(_Event, frozen=True, kw_only=True, tag="handoff.message"):
    """An operator said something: it is the reply of that turn."""

    turn: _Turn
    operator: _Operator


class HandoffReturned(_Event, frozen=True, kw_only=True, tag="handoff.returned"):
    """The operator left; the interviewer goes on."""

    turn: _Turn
    operator: _Operator


Terminal = TurnCompleted | TurnCancelled | TurnFailed
TurnEvent = TurnStarted | Status | Delta | TurnRestarted | Snapshot | AnalysisQueued | Terminal
AnalysisEvent = AnalysisQueued | AnalysisProgress | AnalysisCompleted | AnalysisFailed
HandoffEvent = HandoffRequested | HandoffTaken | HandoffMessage | HandoffReturned
CaseEvent = CaseStatusChanged | AnalysisEvent | FactCorrected | RedFlagRaised | HandoffEvent
Event = TurnEvent | CaseEvent

TERMINAL_NAMES = frozenset({"turn.completed", "turn.cancelled", "turn.failed"})

_read: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_decode: Callable[[bytes], Event] = msgspec.json.Decoder(Event).decode


def name_of(event: Event) -> str:
    """Return the event's name on the wire."""
    return str(type(event).__struct_config__.tag)


def encode(event: Event) -> bytes:
    """Return the event's data as JSON, with its name in `type`."""
    return _encode(event)


def decode(data: bytes) -> Event:
    """Read an event back.

    Raises:
        msgspec.ValidationError: if it is none that this version knows.
    """
    return _decode(data)


def as_mapping(data: bytes) -> dict[str, Any]:
    """Read an event's data back as it is, whatever version wrote it."""
    return _read(data)


def frame(event_id: str | None, name: str, data: bytes) -> bytes:
    """Return one SSE frame, ready to send."""
    head = b"" if event_id is None else b"id: " + event_id.encode() + b"\n"
    return head + b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
