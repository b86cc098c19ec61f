"""What people and reviewers say of a triage: ratings, and the ground truth it is measured by."""

import time
from collections.abc import Mapping
from uuid import uuid4

from msgspec import Struct

from app.core.handoff import display_name
from app.core.intake import digest
from app.core.language.text import cleaned
from app.domain.errors import InvalidInput, ResultNotReady
from app.domain.facts import About, Rating, Review
from app.domain.opinion import Rated, Reviewed
from app.domain.playbook import Playbook
from app.state.conversations import ConversationStateManager
from app.state.opinions import Opinions


class CaseOpinions(Struct, frozen=True, kw_only=True):
    """What is said of a case."""

    predicted: str | None
    """The sub-area of its present result."""
    rating: Rated | None
    reviews: tuple[Reviewed, ...]


class OpinionDesk:
    """Takes ratings and reviews in."""

    def __init__(
        self,
        conversations: ConversationStateManager,
        opinions: Opinions,
        playbooks: Mapping[str, Playbook],
    ) -> None:
        self._conversations = conversations
        self._opinions = opinions
        self._playbooks = playbooks

    async def rate(self, case_id: str, token: str, *, score: int, comment: str) -> Rated:
        """Take in how the person liked it; the latest counts, the same again changes nothing.

        Raises:
            CaseNotFound: no such case for this token.
        """
        record = await self._conversations.open(case_id, digest(token))
        rated = Rated(score=score, comment=cleaned(comment))
        fact = Rating(
            id=f"rating:{case_id}.{uuid4().hex}",
            occurred_ms=time.time_ns() // 1_000_000,
            about=About.of(record.state),
            score=score,
            comment_chars=len(rated.comment),
        )
        await self._opinions.rate(case_id, digest(token), rated, fact)
        return rated

    async def review(self, case_id: str, *, reviewer: str, code: str | None) -> CaseOpinions:
        """Take in what a reviewer says was right; the latest of each reviewer counts.

        Raises:
            CaseNotFound: no such case.
            ResultNotReady: there is no result that could be reviewed.
            InvalidInput: if the playbook has no such sub-area, or the name is none.
        """
        name = display_name(reviewer, field="reviewer")
        record = await self._conversations.open_as_operator(case_id)
        state = record.state
        known = self._playbooks[state.playbook].subareas()
        if code is not None and code not in known:
            raise InvalidInput(f"code: there is no sub-area {code!r} in {state.playbook}")
        result = await self._conversations.result(case_id)
        if result is None:
            raise ResultNotReady(state.status, None)
        reviewed = Reviewed(reviewer=name, code=code, predicted=result.classification.code)
        fact = Review(
            id=f"review:{case_id}.{uuid4().hex}",
            occurred_ms=time.time_ns() // 1_000_000,
            about=About.of(state),
            reviewer=name,
            code=code,
            predicted=reviewed.predicted,
            correct=reviewed.correct,
        )
        await self._opinions.review(case_id, reviewed, fact)
        return await self.of(case_id)

    async def of(self, case_id: str) -> CaseOpinions:
        """Return what is said of a case.

        Raises:
            CaseNotFound: no such case.
        """
        await self._conversations.open_as_operator(case_id)
        result = await self._conversations.result(case_id)
        return CaseOpinions(
            predicted=None if result is None else result.classification.code,
            rating=await self._opinions.rating(case_id),
            reviews=await self._opinions.reviews(case_id),
        )
