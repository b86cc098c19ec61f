"""What travels between operators and conversations that need a human, each field described."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.api.schema import CaseId, CaseView, StatusView
from app.core.handoff import LONGEST_NAME, LONGEST_TEXT
from app.domain.analysis import Analysis
from app.domain.assessment import Candidate
from app.domain.case import Handoff
from app.domain.playbook import Level

OperatorName = Annotated[
    str,
    Meta(
        description="The operator's display name, as the person sees it; one name is one operator.",
        min_length=1,
        max_length=LONGEST_NAME,
        examples=["Ana"],
    ),
]


class HandoffRow(Struct, kw_only=True):
    """A case that needs a human; what was said in it is only in the case itself."""

    case_id: CaseId
    status: Annotated[
        Literal["requested", "taken"],
        Meta(description="`requested`: nobody has it yet; `taken`: an operator answers."),
    ]
    by: Annotated[
        Literal["person", "red_flag", "analysis"],
        Meta(description="Who asked: the person, a red flag, or an analysis that needs a human."),
    ]
    requested_at: Annotated[int, Meta(description="Unix time in milliseconds.")]
    operator: Annotated[str | None, Meta(description="Who has it; null while nobody does.")]
    taken_at: Annotated[int | None, Meta(description="Unix time in milliseconds.")]
    case_status: Annotated[
        Literal["active", "completed"], Meta(description="Whether the interview still goes on.")
    ]
    playbook: Annotated[str, Meta(description="Playbook id.")]
    locale: Annotated[str, Meta(description="The case's locale.")]
    complexity: Annotated[Level, Meta(description="As assessed so far.")]
    candidates: Annotated[list[Candidate], Meta(description="Most likely first.")]
    red_flags: Annotated[list[str], Meta(description="Red flags raised so far.")]
    updated_at: Annotated[int, Meta(description="Unix time in milliseconds.")]


class HandoffList(Struct, kw_only=True):
    """A page of cases that need a human."""

    handoffs: Annotated[list[HandoffRow], Meta(description="Whoever waited longest comes first.")]
    cursor: Annotated[
        str | None, Meta(description="Send it back for the next page; null where there is none.")
    ]


class OperatorCase(Struct, kw_only=True):
    """A whole case, with everything that was understood."""

    case: CaseView
    status: StatusView
    analysis: Annotated[Analysis | None, Meta(description="The result, once there is one.")]
    user_ref: Annotated[
        str | None, Meta(description="The caller's own reference of the person, from `/start`.")
    ]
    attributes: Annotated[dict[str, str], Meta(description="Attributes from `/start`.")]


class OperatorRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Says who acts."""

    operator: OperatorName


class OperatorReply(Struct, kw_only=True, forbid_unknown_fields=True):
    """Something an operator says to the person."""

    operator: OperatorName
    text: Annotated[
        str,
        Meta(
            description="What the person will read.",
            min_length=1,
            max_length=LONGEST_TEXT,
            examples=["I am Ana from the team. Are you somewhere safe right now?"],
        ),
    ]


class OperatorAnswer(Struct, kw_only=True):
    """What became of an operator's command."""

    case_id: CaseId
    turn: Annotated[int, Meta(description="Number of the turn, from 1.")]
    outcome: Annotated[
        Literal["completed", "failed", "cancelled", "pending"],
        Meta(description="`pending`: it is taken in, and earlier turns come first."),
    ]
    handoff: Annotated[Handoff | None, Meta(description="How it stands now.")]
