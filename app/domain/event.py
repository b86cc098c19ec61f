"""What a client reads from a stream: the events of a turn and of a case, and their frames.

Event ids are `{epoch}-{seq}`: the fencing number of whoever generated it, and a count. They are
also the entry ids of the Valkey stream that keeps them, so ids only ever grow.
"""

from collections.abc import Callable
from typing import Annotated, Literal

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


class _Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all event data; the event's name is its tag."""


class TurnStarted(_Event, frozen=True, kw_only=True, tag="turn.started"):
    """Somebody works on the turn."""

    turn: int
    attempt: int
    variant: str


class Status(_Event, frozen=True, kw_only=True, tag="status"):
    """A word about what is going on while nothing visible happens."""

    status: Literal["thinking", "analysing"]


class Delta(_Event, frozen=True, kw_only=True, tag="delta"):
    """A piece of the answer."""

    t: str


class TurnRestarted(_Event, frozen=True, kw_only=True, tag="turn.restarted"):
    """The turn begins again: drop the partial text."""

    turn: int
    attempt: int
    reason: Literal["takeover", "provider", "handover"]


class Snapshot(_Event, frozen=True, kw_only=True, tag="snapshot"):
    """The whole text so far, where the reader's place is unknown or no longer kept."""

    text: str


class TurnCompleted(_Event, frozen=True, kw_only=True, tag="turn.completed"):
    """The turn is done and stored."""

    turn: int
    message: str
    length: int
    """Characters (Unicode code points) of the message."""
    sha256: str
    """Of the message in UTF-8, hexadecimal."""
    interview: Literal["active", "complete"]
    status: Literal["active", "completed"]
    complexity: Level
    confidence: Annotated[float, Meta(ge=0, le=1)]
    missing: tuple[str, ...]
    usage: "TurnUsage"
    degradations: tuple[str, ...] = ()
    operator: str | None = None
    """The operator whose words the message is; absent where the interviewer speaks."""
    handoff: HandoffStatus | None = None
    """How it stands with a human in the case; absent while nobody asked for one."""


class TurnUsage(Struct, frozen=True, kw_only=True):
    """Tokens of all attempts of a turn."""

    input: int
    output: int
    attempts: int
    model: str | None


class TurnCancelled(_Event, frozen=True, kw_only=True, tag="turn.cancelled"):
    """Somebody stopped the turn; what was said so far is kept."""

    turn: int
    message: str
    length: int
    sha256: str


class TurnFailed(_Event, frozen=True, kw_only=True, tag="turn.failed"):
    """The turn could not be answered; the person's message is kept."""

    turn: int
    code: str
    retryable: bool
    retry_after_ms: int
    message: str
    """A sentence fit to show."""


class AnalysisQueued(_Event, frozen=True, kw_only=True, tag="analysis.queued"):
    """The interview is over and its analysis goes on in the background; one may leave."""

    turn: int
    job: str
    queue: Queue
    ahead: int
    """Jobs of the same queue that are not over yet."""
    estimate: Estimate | None = None
    """How long it will take; absent where too little was measured or no worker serves the queue."""


class AnalysisProgress(_Event, frozen=True, kw_only=True, tag="analysis.progress"):
    """A step of a background analysis is done."""

    turn: int
    job: str
    step: str
    done: int
    of: int
    """How many steps are expected; it can shrink, where one turns out not to be needed."""


class AnalysisFailed(_Event, frozen=True, kw_only=True, tag="analysis.failed"):
    """A background analysis was given up or cancelled; a person has to look at the case."""

    turn: int
    job: str
    code: Literal["gave_up", "cancelled"]
    retryable: bool
    message: str
    """A sentence fit to show."""


class AnalysisCompleted(_Event, frozen=True, kw_only=True, tag="analysis.completed"):
    """The result is there."""

    turn: int
    code: str | None
    urgency: str
    needs_human: bool
    job: str | None = None
    """The background job that made it; absent where the turn itself did."""


class CaseStatusChanged(_Event, frozen=True, kw_only=True, tag="case.status"):
    """The case moved on: a turn ended, its complexity or its status changed."""

    status: Literal["active", "completed"]
    complexity: Level
    confidence: float
    turn: int


class FactCorrected(_Event, frozen=True, kw_only=True, tag="case.fact"):
    """The person corrected a fact."""

    turn: int
    slot: str


class RedFlagRaised(_Event, frozen=True, kw_only=True, tag="case.red_flag"):
    """A red flag was raised."""

    turn: int
    code: str


class HandoffRequested(_Event, frozen=True, kw_only=True, tag="handoff.requested"):
    """A human was asked into the case."""

    turn: int
    by: Literal["person", "red_flag", "analysis"]


class HandoffTaken(_Event, frozen=True, kw_only=True, tag="handoff.taken"):
    """An operator has the conversation now."""

    turn: int
    operator: str


class HandoffMessage(_Event, frozen=True, kw_only=True, tag="handoff.message"):
    """An operator said something: it is the reply of that turn."""

    turn: int
    operator: str


class HandoffReturned(_Event, frozen=True, kw_only=True, tag="handoff.returned"):
    """The operator left; the interviewer goes on."""

    turn: int
    operator: str


Terminal = TurnCompleted | TurnCancelled | TurnFailed
TurnEvent = TurnStarted | Status | Delta | TurnRestarted | Snapshot | AnalysisQueued | Terminal
AnalysisEvent = AnalysisQueued | AnalysisProgress | AnalysisCompleted | AnalysisFailed
HandoffEvent = HandoffRequested | HandoffTaken | HandoffMessage | HandoffReturned
CaseEvent = CaseStatusChanged | AnalysisEvent | FactCorrected | RedFlagRaised | HandoffEvent
Event = TurnEvent | CaseEvent

TERMINAL_NAMES = frozenset({"turn.completed", "turn.cancelled", "turn.failed"})

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


def frame(event_id: str | None, name: str, data: bytes) -> bytes:
    """Return one SSE frame, ready to send."""
    head = b"" if event_id is None else b"id: " + event_id.encode() + b"\n"
    return head + b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
