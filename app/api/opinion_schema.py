"""Bodies of ratings and reviews."""

from typing import Annotated

from msgspec import Meta, Struct

from app.api.schema import CaseId
from app.core.handoff import LONGEST_NAME
from app.domain.opinion import ReviewState
from app.domain.playbook import UrgencyLevel

LONGEST_COMMENT = 2_000
LONGEST_CODE = 100

Score = Annotated[
    int, Meta(ge=0, le=10, description="0 not at all, 10 extremely: would you recommend it?")
]
Comment = Annotated[str, Meta(max_length=LONGEST_COMMENT, description="In the person's own words.")]
Code = Annotated[str, Meta(min_length=1, max_length=LONGEST_CODE)]


class RatingRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Says how the person liked it."""

    score: Score
    comment: Comment = ""


class RatingView(Struct, kw_only=True):
    """How the person liked it."""

    score: Score
    comment: Comment


class ReviewRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Says what the right classification was, and how urgent it was."""

    reviewer: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=LONGEST_NAME,
            description="Who says so; a reviewer's later review takes the place of the earlier.",
            examples=["Ana"],
        ),
    ]
    code: Annotated[
        Code | None,
        Meta(
            description="The right sub-area's code; null where the case belongs to none.",
            examples=[None],
        ),
    ]
    urgency: Annotated[
        UrgencyLevel | None,
        Meta(description="How urgent it was; null leaves that open.", examples=["high"]),
    ] = None
    note: Annotated[
        str,
        Meta(
            max_length=LONGEST_COMMENT,
            description="Why; kept with the case and nowhere else.",
            examples=["The dismissal came first; the debt is a consequence."],
        ),
    ] = ""
    settles: Annotated[
        bool,
        Meta(
            description="Decides what reviewers differ about; it alone counts for the case then.",
            examples=[False],
        ),
    ] = False


class ReviewView(Struct, kw_only=True):
    """A reviewer's latest review."""

    reviewer: Annotated[str, Meta(description="Who says so.")]
    code: Annotated[str | None, Meta(description="The right sub-area; null for none.")]
    predicted: Annotated[str | None, Meta(description="What the result said when it was reviewed.")]
    correct: Annotated[bool, Meta(description="Whether that was right.")]
    urgency: Annotated[
        UrgencyLevel | None, Meta(description="How urgent it was; null where that was left open.")
    ]
    predicted_urgency: Annotated[
        UrgencyLevel | None,
        Meta(description="What the result said; null for reviews from before it was asked."),
    ]
    note: Annotated[str, Meta(description="Why, in the reviewer's words.")]


class OpinionsView(Struct, kw_only=True):
    """What is said of a case."""

    case_id: CaseId
    predicted: Annotated[
        str | None, Meta(description="What the present result says; null while it abstains.")
    ]
    predicted_urgency: Annotated[
        UrgencyLevel | None, Meta(description="The same; null while there is no result.")
    ]
    rating: Annotated[RatingView | None, Meta(description="How the person liked it, if said.")]
    state: Annotated[
        ReviewState,
        Meta(
            description="How far the ground truth is. `one`: a second reviewer is wanted;"
            " `disputed`: reviewers differ and nobody has decided."
        ),
    ]
    reviews: Annotated[list[ReviewView], Meta(description="Each reviewer's latest, by name.")]
    hidden: Annotated[
        int, Meta(description="Others' reviews that `reviewer` sees after their own alone.")
    ]
    settled: Annotated[
        ReviewView | None, Meta(description="What decided a disagreement, if somebody did.")
    ]
