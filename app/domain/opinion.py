"""What people say of a triage afterwards: how they liked it, and what would have been right."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.domain.playbook import UrgencyLevel

ReviewState = Literal["none", "one", "agreed", "disputed", "settled"]
"""`one`: a second reviewer is wanted; `disputed`: reviewers differ and nobody has decided."""


class Rated(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="rated/1"):
    """How the person liked it."""

    score: Annotated[int, Meta(ge=0, le=10)]
    comment: str = ""
    """In the person's own words."""


class Reviewed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="reviewed/1"):
    """What a reviewer says the right classification was."""

    reviewer: str
    code: str | None
    """None where the case belongs to none of the taxonomy's sub-areas."""
    predicted: str | None
    """The sub-area of the result that was reviewed."""
    urgency: UrgencyLevel | None = None
    """How urgent it was; None where they did not say."""
    predicted_urgency: UrgencyLevel | None = None
    """The urgency of the result that was reviewed; None for reviews from before it was asked."""
    note: str = ""
    """In the reviewer's own words."""

    @property
    def correct(self) -> bool:
        """Whether the result had the classification right."""
        return self.code == self.predicted


def agree(one: Reviewed, other: Reviewed) -> bool:
    """Say whether two reviews say the same; an urgency that was left open is no disagreement."""
    urgencies = {one.urgency, other.urgency} - {None}
    return one.code == other.code and len(urgencies) < 2


def review_state(reviews: Sequence[Reviewed], settled: Reviewed | None) -> ReviewState:
    """Say how far the ground truth of a case is, by each reviewer's latest word."""
    if settled is not None:
        return "settled"
    if len(reviews) < 2:
        return "one" if reviews else "none"
    pairs = ((one, other) for at, one in enumerate(reviews) for other in reviews[at + 1 :])
    return "agreed" if all(agree(*pair) for pair in pairs) else "disputed"
