"""What travels when operators look for cases, each field described."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.api.schema import CaseId
from app.domain.analysis import Strategy
from app.domain.assessment import Candidate
from app.domain.case import CaseStatus, HandoffStatus
from app.domain.opinion import ReviewState
from app.domain.playbook import Level, UrgencyLevel


class CaseRow(Struct, kw_only=True):
    """A case in a list; what was said in it is only in the case itself."""

    case_id: CaseId
    status: Annotated[CaseStatus, Meta(description="Whether the interview still goes on.")]
    running: Annotated[bool, Meta(description="Whether a turn is being answered.")]
    playbook: Annotated[str, Meta(description="Playbook id.")]
    locale: Annotated[str, Meta(description="The case's locale.")]
    variant: Annotated[str, Meta(description="v1: structured intake, a form; v2: conversation.")]
    turns: Annotated[int, Meta(description="Finished turns.")]
    complexity: Annotated[Level, Meta(description="As assessed so far.")]
    candidates: Annotated[list[Candidate], Meta(description="Most likely first.")]
    result: Annotated[bool, Meta(description="Whether there is a result.")]
    code: Annotated[
        str | None, Meta(description="The result's sub-area; null without one, or if it abstains.")
    ]
    urgency: Annotated[UrgencyLevel | None, Meta(description="The result's.")]
    needs_human: Annotated[
        bool, Meta(description="Its result says so, or a human was asked for at some time.")
    ]
    red_flags: Annotated[list[str], Meta(description="Codes of those raised so far.")]
    handoff: Annotated[
        HandoffStatus | None, Meta(description="How it stands with a human; null if none was.")
    ]
    strategy: Annotated[Strategy | None, Meta(description="How the result was made.")]
    rating: Annotated[int | None, Meta(description="What the person gave: 0 to 10.")]
    reviews: Annotated[ReviewState, Meta(description="How far its ground truth is.")]
    created_at: Annotated[int, Meta(description="Unix time in milliseconds.")]
    updated_at: Annotated[int, Meta(description="Unix time in milliseconds.")]


class CaseList(Struct, kw_only=True):
    """A page of cases."""

    cases: Annotated[list[CaseRow], Meta(description="The latest opened first.")]
    cursor: Annotated[
        str | None,
        Meta(
            description="Send it back to go on; null at the end. A page may be short, or empty, and"
            " have one: no page looks at more than a thousand cases."
        ),
    ]


class ReviewCounts(Struct, kw_only=True):
    """How many cases wait for reviewers, about."""

    first: Annotated[int, Meta(description="Nobody has reviewed them.")]
    second: Annotated[int, Meta(description="One reviewer has.")]
    settling: Annotated[int, Meta(description="Reviewers differ.")]


class ReviewQueue(Struct, kw_only=True):
    """A page of cases that wait for a reviewer."""

    cases: Annotated[list[CaseRow], Meta(description="The latest opened first.")]
    cursor: Annotated[str | None, Meta(description="As of lists of cases.")]
    waiting: Annotated[ReviewCounts, Meta(description="In all, whatever the filters.")]


class CodeView(Struct, kw_only=True):
    """A sub-area of a taxonomy."""

    code: Annotated[str, Meta(description="Its code.")]
    label: Annotated[dict[str, str], Meta(description="What people call it, by locale.")]
    description: Annotated[dict[str, str], Meta(description="What belongs there, by locale.")]
    urgency: Annotated[UrgencyLevel, Meta(description="The least that such a case has.")]


class AreaView(Struct, kw_only=True):
    """An area of a taxonomy."""

    code: Annotated[str, Meta(description="Its code.")]
    label: Annotated[dict[str, str], Meta(description="What people call it, by locale.")]
    subareas: Annotated[list[CodeView], Meta(description="In the playbook's order.")]


class FlagView(Struct, kw_only=True):
    """A red flag."""

    code: Annotated[str, Meta(description="Its code.")]
    label: Annotated[dict[str, str], Meta(description="What people call it, by locale.")]
    urgency: Annotated[UrgencyLevel, Meta(description="The least that such a case has.")]
    handoff: Annotated[bool, Meta(description="Whether it calls a human.")]


class PlaybookView(Struct, kw_only=True):
    """What a playbook's cases can be."""

    id: Annotated[str, Meta(description="Its id.")]
    version: Annotated[str, Meta(description="Its version.")]
    title: Annotated[dict[str, str], Meta(description="What people call it, by locale.")]
    locales: Annotated[list[str], Meta(description="The first is the default.")]
    areas: Annotated[list[AreaView], Meta(description="The closed taxonomy.")]
    red_flags: Annotated[list[FlagView], Meta(description="Dangers that it knows.")]
    slots: Annotated[
        dict[str, dict[str, str]], Meta(description="What it asks for: labels by name and locale.")
    ]


class PlaybookList(Struct, kw_only=True):
    """The playbooks of this instance."""

    playbooks: Annotated[list[PlaybookView], Meta(description="By id; the default one first.")]


Needs = Literal["first", "second", "settling"]
