"""What people say of a triage afterwards: how they liked it, and what would have been right."""

from typing import Annotated

from msgspec import Meta, Struct


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

    @property
    def correct(self) -> bool:
        """Whether the result had it right."""
        return self.code == self.predicted
