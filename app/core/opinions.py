"""What people and reviewers say of a triage: ratings, and the ground truth it is measured by."""

from collections.abc import Callable, Mapping
from uuid import uuid4

from msgspec import Struct

from app.core.handoff import display_name
from app.core.language.text import cleaned
from app.core.playbook.known import playbook_of
from app.domain.clock import now_ms
from app.domain.errors import InvalidInput, ResultNotReady, ReviewConflict
from app.domain.facts import About, Rating, Review
from app.domain.opinion import Rated, Reviewed, ReviewState
from app.domain.playbook import Playbook, UrgencyLevel
from app.state.conversations import ConversationStateManager
from app.state.opinions import Opinions, Reviews

_SETTLED_BY: frozenset[ReviewState] = frozenset({"disputed", "settled"})
"""States in which somebody may settle a case; what is settled may be thought over."""


class CaseOpinions(Struct, frozen=True, kw_only=True):
    """What is said of a case."""

    predicted: str | None
    """The sub-area of its present result."""
    predicted_urgency: UrgencyLevel | None
    rating: Rated | None
    state: ReviewState
    reviews: tuple[Reviewed, ...]
    hidden: int
    """Reviews by others that this reviewer is not to see before they have said their own."""
    settled: Reviewed | None


class OpinionDesk:
    """Takes ratings and reviews in."""

    def __init__(
        self,
        conversations: ConversationStateManager,
        opinions: Opinions,
        playbooks: Mapping[str, Playbook],
        *,
        digest: Callable[[str], str],
    ) -> None:
        self._conversations = conversations
        self._opinions = opinions
        self._playbooks = playbooks
        self._digest = digest

    async def rate(self, case_id: str, token: str, *, score: int, comment: str) -> Rated:
        """Take in how the person liked it; the latest counts, the same again changes nothing.

        Raises:
            CaseNotFound: no such case for this token.
        """
        record = await self._conversations.open(case_id, self._digest(token))
        rated = Rated(score=score, comment=cleaned(comment))
        fact = Rating(
            id=f"rating:{case_id}.{uuid4().hex}",
            occurred_ms=now_ms(),
            about=About.of(record.state),
            score=score,
            comment_chars=len(rated.comment),
        )
        await self._opinions.rate(case_id, self._digest(token), rated, fact)
        return rated

    async def review(
        self,
        case_id: str,
        *,
        reviewer: str,
        code: str | None,
        urgency: UrgencyLevel | None = None,
        note: str = "",
        settles: bool = False,
    ) -> CaseOpinions:
        """Take in what a reviewer says was right; the latest of each reviewer counts.

        Args:
            case_id: the case.
            reviewer: who says so.
            code: the right sub-area; None where the case belongs to none.
            urgency: how urgent it was; None where they do not say.
            note: why, in the reviewer's words; it stays with the case.
            settles: it decides what reviewers differ about, whoever they are.

        Raises:
            CaseNotFound: no such case.
            ResultNotReady: there is no result that could be reviewed.
            InvalidInput: if the playbook has no such sub-area, or the name is none.
            ReviewConflict: it should settle what nobody differs about.
        """
        name = display_name(reviewer, field="reviewer")
        record = await self._conversations.open_as_operator(case_id)
        state = record.state
        known = playbook_of(self._playbooks, state).subareas()
        if code is not None and code not in known:
            raise InvalidInput(f"code: there is no sub-area {code!r} in {state.playbook}")
        result = await self._conversations.result(case_id)
        if result is None:
            raise ResultNotReady(state.status, None)
        if settles and (await self._opinions.reviews(case_id)).state not in _SETTLED_BY:
            raise ReviewConflict("only what two reviewers differ about can be settled")
        reviewed = Reviewed(
            reviewer=name,
            code=code,
            predicted=result.classification.code,
            urgency=urgency,
            predicted_urgency=result.urgency.level,
            note=cleaned(note),
        )
        fact = Review(
            id=f"review:{case_id}.{uuid4().hex}",
            occurred_ms=now_ms(),
            about=About.of(state),
            reviewer=name,
            code=code,
            predicted=reviewed.predicted,
            correct=reviewed.correct,
            urgency=urgency,
            predicted_urgency=reviewed.predicted_urgency,
            settles=settles,
        )
        await self._opinions.review(state, reviewed, fact, settles=settles)
        return await self.of(case_id)

    async def of(self, case_id: str, *, seen_by: str | None = None) -> CaseOpinions:
        """Return what is said of a case.

        Args:
            case_id: the case.
            seen_by: a reviewer, who sees others' reviews only once their own is there, or once
                they are to be settled.

        Raises:
            CaseNotFound: no such case.
        """
        await self._conversations.open_as_operator(case_id)
        result = await self._conversations.result(case_id)
        said = await self._opinions.reviews(case_id)
        shown = said.latest if seen_by is None else _shown(said, seen_by)
        return CaseOpinions(
            predicted=None if result is None else result.classification.code,
            predicted_urgency=None if result is None else result.urgency.level,
            rating=await self._opinions.rating(case_id),
            state=said.state,
            reviews=shown,
            hidden=len(said.latest) - len(shown),
            settled=said.settled,
        )


def _shown(said: Reviews, reviewer: str) -> tuple[Reviewed, ...]:
    """Return what a reviewer may see, so that a second answer does not follow the first."""
    own = any(one.reviewer == reviewer for one in said.latest)
    return said.latest if own or len(said.latest) > 1 else ()
