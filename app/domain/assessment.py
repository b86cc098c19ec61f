"""What was understood so far: slots, candidates of the taxonomy, complexity and red flags."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.domain.playbook import Level

Share = Annotated[float, Meta(ge=0, le=1)]


class SlotValue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A known fact and where it comes from."""

    value: Annotated[str, Meta(description="The fact, normalised where its kind allows.")]
    turn: Annotated[int, Meta(description="The turn whose message it rests on.")]
    source: Annotated[
        Literal["rules", "model", "person"],
        Meta(
            description="Found by rules, by a model, or set by the person: in the form, or by a"
            " correction."
        ),
    ]


class Candidate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A possible classification."""

    code: Annotated[str, Meta(description="A code of the playbook's closed taxonomy.")]
    confidence: Annotated[float, Meta(ge=0, le=1, description="Calibrated probability, 0 to 1.")]


class RaisedFlag(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A red flag that was raised, by which turn, and by whom."""

    code: Annotated[str, Meta(description="A red flag of the playbook.")]
    turn: Annotated[int, Meta(description="The turn that raised it.")]
    source: Annotated[Literal["rules", "model"], Meta(description="Who raised it.")]


class Assessment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The running understanding of a case; a turn replaces it as a whole."""

    slots: dict[str, SlotValue] = {}
    candidates: tuple[Candidate, ...] = ()
    """Most likely first; empty while nothing is recognised."""
    complexity: Level = "low"
    signals: tuple[str, ...] = ()
    """Names of the playbook's complexity signals that hold."""
    confidence: Share = 0.0
    red_flags: tuple[RaisedFlag, ...] = ()
    """Grows only."""
    missing: tuple[str, ...] = ()
    """Required slots that are still unknown."""
