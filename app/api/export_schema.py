"""Everything that is held about a case, as it leaves."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from app.api.cost_schema import CallRow
from app.api.opinion_schema import RatingView, ReviewView
from app.api.schema import CaseId, CaseView, StatusView
from app.domain.analysis import Analysis
from app.domain.delivery import Channel, DeliveryState
from app.domain.job import JobView

At = Annotated[int, Meta(description="Unix time in milliseconds.")]


class HeldAssignment(Struct, kw_only=True):
    """The experiment that the case counts in."""

    experiment: Annotated[str, Meta(description="Its key.")]
    variation: Annotated[str, Meta(description="What was given.")]
    person: Annotated[str, Meta(description="A digest of your reference: who counts as one.")]
    flags: Annotated[str, Meta(description="Digest of the flags by which it was decided.")]


class HeldEvent(Struct, kw_only=True):
    """Something that happened to the case."""

    id: Annotated[str, Meta(description="Its place among them.")]
    event: Annotated[str, Meta(description="What happened.")]
    data: Annotated[dict[str, Any], Meta(description="The details, as they were told.")]


class HeldBrowser(Struct, kw_only=True):
    """A browser that is told of the case."""

    subscription: Annotated[str, Meta(description="Its name here.")]
    endpoint: Annotated[str, Meta(description="Its address at its push service.")]


class HeldDelivery(Struct, kw_only=True):
    """A notification about the case: ids and a kind, nobody's words."""

    notification: Annotated[str, Meta(description="Its id.")]
    kind: Annotated[str, Meta(description="What it tells of.")]
    channel: Annotated[Channel, Meta(description="How it goes.")]
    target: Annotated[str, Meta(description="The endpoint's or the subscription's name.")]
    state: Annotated[DeliveryState, Meta(description="What became of it.")]
    at: At


class CaseExport(Struct, kw_only=True):
    """Everything that is held about a case."""

    case_id: CaseId
    exported_at: At
    user_ref: Annotated[
        str | None, Meta(description="The reference under which the case was opened, if any.")
    ]
    attributes: Annotated[
        dict[str, str], Meta(description="Targeting attributes with which it was opened.")
    ]
    playbook_version: Annotated[str, Meta(description="Of the playbook that is followed.")]
    assignment: Annotated[
        HeldAssignment | None, Meta(description="The experiment it counts in; null where in none.")
    ]
    conversation: Annotated[CaseView, Meta(description="Everything that was said.")]
    status: Annotated[StatusView, Meta(description="What was understood, and how it stands.")]
    form_answers: Annotated[
        dict[str, str | list[str]] | None,
        Meta(description="What was submitted in the form; null where nothing was."),
    ]
    result: Annotated[Analysis | None, Meta(description="The result, once there is one.")]
    jobs: Annotated[list[JobView], Meta(description="Background analyses, oldest first.")]
    rating: Annotated[RatingView | None, Meta(description="How the person liked it, if said.")]
    reviews: Annotated[list[ReviewView], Meta(description="What reviewers say of the result.")]
    settled: Annotated[
        ReviewView | None, Meta(description="What decided a disagreement between them, if any.")
    ]
    events: Annotated[list[HeldEvent], Meta(description="The case's own life, oldest first.")]
    calls: Annotated[
        list[CallRow],
        Meta(description="The ledger's rows: calls at models, of the latest eight days."),
    ]
    browsers: Annotated[list[HeldBrowser], Meta(description="Who is told by Web Push.")]
    deliveries: Annotated[list[HeldDelivery], Meta(description="Notifications that went out.")]
    counted: Annotated[
        dict[str, list[str]],
        Meta(
            description="What the warehouse counts of every case, by kind: the names of the fields."
            " They hold codes, numbers and times, and nobody's words.",
        ),
    ]
