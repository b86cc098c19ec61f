"""What happened, for whoever counts it: the events that leave the core for the warehouse.

A fact is flat and says nothing in anybody's words: codes, numbers, times. It has an id of its own,
by which it is counted once however often it arrives, and the time at which it happened, by which it
belongs to a day (UTC) however late it arrives. Facts travel as msgpack maps with their `kind`; they
are read by name, so that fields may be added and nothing else may change.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from app.domain.analysis import Strategy
from app.domain.assignment import person_key
from app.domain.case import CaseState, TurnOutcome
from app.domain.ledger import LedgerRow
from app.domain.playbook import Level, UrgencyLevel

Command = Literal[
    "say",
    "begin",
    "fill",
    "correct",
    "conclude",
    "ask_human",
    "take",
    "operator_says",
    "hand_back",
]


class About(Struct, frozen=True, kw_only=True):
    """Whose case a fact is about."""

    case_id: str
    person: str
    """The unit of experiments: `person_key` of the caller's reference; without one the case."""
    playbook: str
    playbook_version: str
    locale: str
    variant: str
    """The product that serves the case: `v1` the structured intake, `v2` the conversation."""
    experiment: str | None = None
    """The experiment that the case counts in; None where in none."""
    variation: str | None = None
    """The variation that was given in it."""

    @property
    def arm(self) -> str:
        """The experiment and the variation in one word; empty outside experiments."""
        return "" if self.experiment is None else f"{self.experiment}:{self.variation}"

    @classmethod
    def of(cls, state: CaseState) -> "About":
        """Return what facts say of a case."""
        given = state.assignment
        return cls(
            case_id=state.case_id,
            person=person_of(state),
            playbook=state.playbook,
            playbook_version=state.playbook_version,
            locale=state.locale,
            variant=state.variant,
            experiment=None if given is None else given.experiment,
            variation=None if given is None else given.variation,
        )


class _Fact(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of all facts."""

    id: str
    """Nothing is counted twice under one id."""
    occurred_ms: int
    """Unix time in milliseconds; it decides to which day the fact belongs."""
    about: About


class Exposure(_Fact, frozen=True, kw_only=True, tag="exposure"):
    """Somebody was treated with their variation: it answered a first message, or they began a form.

    It happened when that was accepted, so that whatever the answer costs comes after it.
    """

    experiment_id: str
    variation_id: str
    flags: str
    """The hash of the flags by which it was decided."""


class TriageStarted(_Fact, frozen=True, kw_only=True, tag="triage_started"):
    """A case had its first turn. Cases in which nobody ever said anything are none."""

    opened_ms: int
    """When the case was opened: Unix time in milliseconds."""


class TurnEnded(_Fact, frozen=True, kw_only=True, tag="turn"):
    """A turn was committed."""

    turn: int
    command: Command
    outcome: TurnOutcome
    accepted_ms: int
    duration_ms: int
    """From its acceptance to its commit, waiting behind others included."""
    said_chars: int
    reply_chars: int
    questions: int
    """Put to the person so far."""
    missing: int
    """Required facts that are still unknown."""
    complexity: Level
    confidence: float
    red_flags: int
    """Raised so far."""
    model: str | None
    """The model that answered; None where rules or an operator did."""
    model_calls: int
    degraded: bool
    """Less was done than planned."""


class TriageCompleted(_Fact, frozen=True, kw_only=True, tag="triage_completed"):
    """The interview came to its end; at most once a case."""

    turn: int
    duration_ms: int
    """From the opening of the case to the end of its interview."""
    turns: int
    questions: int
    complexity: Level
    confidence: float
    red_flags: int
    handoff: bool
    """A human was asked into the case."""
    background: bool
    """The analysis goes on in the background."""


class TriageAbandoned(_Fact, frozen=True, kw_only=True, tag="triage_abandoned"):
    """Nothing was heard in an unfinished interview for so long that it counts as abandoned.

    Whoever comes back may still finish it: a `triage_completed` of the case outweighs this.
    """

    turns: int
    idle_ms: int
    """How long nothing had been heard by then."""
    questions: int
    missing: int


class AnalysisDone(_Fact, frozen=True, kw_only=True, tag="analysis_done"):
    """A case has a result, or its analysis was given up. The latest of a case counts."""

    turn: int
    outcome: Literal["done", "given_up"]
    background: bool
    since_opened_ms: int
    """From the opening of the case."""
    waited_ms: int
    """From the end of the interview: what somebody who stayed waited for."""
    attempts: int
    """Workers that began with it; 1 where the turn itself did."""
    code: str | None = None
    """The sub-area; None where the analysis abstains or was given up."""
    code_confidence: float | None = None
    urgency: UrgencyLevel | None = None
    complexity: Level | None = None
    needs_human: bool | None = None
    red_flags: int | None = None
    strategy: Strategy | None = None
    planned: Strategy | None = None
    cached: bool | None = None
    """A kept analysis was reused."""
    duration_ms: int | None = None
    """What the analysis itself took."""
    cost_nano_usd: int | None = None
    """What the result says that it cost; the ledger's rows are `ai_call`."""


class Rating(_Fact, frozen=True, kw_only=True, tag="rating"):
    """The person says how they liked it. The latest of a case counts."""

    score: int
    """0 to 10."""
    comment_chars: int
    """How long their comment is; its words stay with the case and are erased with it."""


class Review(_Fact, frozen=True, kw_only=True, tag="review"):
    """A human reviewer says what the right classification was: the ground truth.

    The latest of each reviewer counts.
    """

    reviewer: str
    code: str | None
    """The right sub-area; None where the case belongs to none."""
    predicted: str | None
    """The sub-area of the result that was reviewed."""
    correct: bool
    urgency: UrgencyLevel | None = None
    """How urgent it was; None where the reviewer did not say."""
    predicted_urgency: UrgencyLevel | None = None
    settles: bool = False
    """It decides what reviewers differed about; from then on it alone counts for the case."""


class AiCall(Struct, frozen=True, kw_only=True, tag_field="kind", tag="ai_call"):
    """A row of the ledger: one attempt at a model, or one that a kept analysis spared.

    It happened when it was completed, and is found under the row's own id.
    """

    row: LedgerRow

    @property
    def id(self) -> str:
        """The row's id."""
        return self.row.id

    @property
    def occurred_ms(self) -> int:
        """When it was completed."""
        return self.row.completed_ms


class Erased(Struct, frozen=True, kw_only=True, tag_field="kind", tag="erased"):
    """A case was erased: everything the warehouse has of it goes, and nothing of it comes again."""

    id: str
    occurred_ms: int
    case_id: str


Fact = (
    Exposure
    | TriageStarted
    | TurnEnded
    | TriageCompleted
    | TriageAbandoned
    | AnalysisDone
    | Rating
    | Review
    | AiCall
)
FACTS: tuple[type[Fact], ...] = (
    Exposure,
    TriageStarted,
    TurnEnded,
    TriageCompleted,
    TriageAbandoned,
    AnalysisDone,
    Rating,
    Review,
    AiCall,
)
ERASED = "erased"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


def kind_of(fact: Fact | type[Fact]) -> str:
    """Return a fact's kind, which is the name of its table.

    >>> kind_of(Rating)
    'rating'
    """
    return str(fact.__struct_config__.tag)


def encode(fact: Fact | Erased) -> bytes:
    """Return a fact as it travels."""
    return _encode(fact)


def flattened(data: bytes) -> dict[str, Any]:
    """Return a fact that has travelled, as a flat row with its `kind`.

    Fields and kinds that this version does not know are there as well.

    Raises:
        msgspec.DecodeError: if it is no fact of any version.
    """
    row: dict[str, Any] = {}
    for name, value in _decode(data).items():
        if name in {"about", "row"} and isinstance(value, dict):
            row |= value
        else:
            row[name] = value
    prices = row.pop("prices", None)
    if isinstance(prices, dict):
        row |= {f"price_{name}": price for name, price in prices.items()}
    if "completed_ms" in row:
        row.setdefault("occurred_ms", row["completed_ms"])
    for name, kind in (("kind", str), ("id", str), ("case_id", str), ("occurred_ms", int)):
        if type(row.get(name)) is not kind:
            raise msgspec.ValidationError(f"a fact has no {name}")
    return row


def person_of(state: CaseState) -> str:
    """Return the name under which experiments and events know whose case it is."""
    if state.assignment is not None:
        return state.assignment.person
    return state.case_id if state.user_ref is None else person_key(state.user_ref)
