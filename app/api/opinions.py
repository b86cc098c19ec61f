"""Ratings by the person, and reviews by operators: what the quality of a triage is measured by."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import Body, QueryParameter

from app.api.opinion_schema import (
    OpinionsView,
    RatingRequest,
    RatingView,
    ReviewRequest,
    ReviewView,
)
from app.api.parameters import CaseIdPath
from app.api.problems import OPERATING, SUBSCRIBING, documented
from app.core.handoff import LONGEST_NAME
from app.core.opinions import CaseOpinions, OpinionDesk
from app.domain.opinion import Reviewed


class RatingController(Controller):
    """What the person says of their triage."""

    tags = ("Case",)

    @post(
        "/cases/{case_id:str}/rating",
        operation_id="rate_case",
        status_code=200,
        summary="Rate a triage",
        response_description="The rating as it is kept.",
        responses=documented(*SUBSCRIBING),
    )
    async def rate(
        self,
        opinions: OpinionDesk,
        token: str,
        case_id: CaseIdPath,
        data: Annotated[RatingRequest, Body(title="Rating")],
    ) -> RatingView:
        """Say how you liked it, at any time. The latest counts; the same again changes nothing."""
        rated = await opinions.rate(case_id, token, score=data.score, comment=data.comment)
        return RatingView(score=rated.score, comment=rated.comment)


class ReviewController(Controller):
    """What operators say of a result."""

    tags = ("Operation",)

    @post(
        "/operator/cases/{case_id:str}/reviews",
        operation_id="review_case",
        status_code=200,
        summary="Say what was right",
        response_description="What is said of the case now.",
        responses=documented(*OPERATING, 409, 413, 415),
    )
    async def review(
        self,
        opinions: OpinionDesk,
        case_id: CaseIdPath,
        data: Annotated[ReviewRequest, Body(title="Review")],
    ) -> OpinionsView:
        """Say which sub-area a result should have found: the ground truth that accuracy needs.

        The latest of each reviewer counts. 409 while there is no result, or where there is nothing
        to settle.
        """
        said = await opinions.review(
            case_id,
            reviewer=data.reviewer,
            code=data.code,
            urgency=data.urgency,
            note=data.note,
            settles=data.settles,
        )
        return _view(case_id, said)

    @get(
        "/operator/cases/{case_id:str}/reviews",
        operation_id="list_reviews",
        summary="See what is said of a case",
        response_description="Its rating and its reviews.",
        responses=documented(*OPERATING),
    )
    async def reviews(
        self,
        opinions: OpinionDesk,
        case_id: CaseIdPath,
        reviewer: Annotated[
            str | None,
            QueryParameter(
                description="Who asks: others' reviews are left out until theirs is there, so that"
                " a second answer does not follow the first.",
                min_length=1,
                max_length=LONGEST_NAME,
                required=False,
            ),
        ] = None,
    ) -> OpinionsView:
        """Return how the person liked it, and each reviewer's latest review."""
        return _view(case_id, await opinions.of(case_id, seen_by=reviewer))


def _view(case_id: str, said: CaseOpinions) -> OpinionsView:
    rated = said.rating
    return OpinionsView(
        case_id=case_id,
        predicted=said.predicted,
        predicted_urgency=said.predicted_urgency,
        rating=None if rated is None else RatingView(score=rated.score, comment=rated.comment),
        state=said.state,
        reviews=[review_view(one) for one in said.reviews],
        hidden=said.hidden,
        settled=None if said.settled is None else review_view(said.settled),
    )


def review_view(one: Reviewed) -> ReviewView:
    """Return how a review looks from outside."""
    return ReviewView(
        reviewer=one.reviewer,
        code=one.code,
        predicted=one.predicted,
        correct=one.correct,
        urgency=one.urgency,
        predicted_urgency=one.predicted_urgency,
        note=one.note,
    )
