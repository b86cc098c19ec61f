"""What is said of a case: kept with it, told to the warehouse as it is kept, erased with it."""

from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from app.domain.case import CaseState
from app.domain.errors import CaseNotFound
from app.domain.facts import Fact, Rating, Review
from app.domain.opinion import Rated, Reviewed, ReviewState, review_state
from app.domain.sealing import CaseKey
from app.state import case_index, codec
from app.state.case_index import RATING, REVIEW, SETTLED
from app.state.facts import MOST_OF_CASE, LeavingFacts, count_lost
from app.state.keys import CaseKeys
from app.state.sealing import KEY, run_sealed
from app.state.store import Store

T = TypeVar("T")


class Reviews(Struct, frozen=True, kw_only=True):
    """What reviewers say of a case."""

    latest: tuple[Reviewed, ...] = ()
    """Each reviewer's latest, by name."""
    settled: Reviewed | None = None
    """What decided their disagreement."""

    @property
    def state(self) -> ReviewState:
        """How far the ground truth of the case is."""
        return review_state(self.latest, self.settled)


class Opinions:
    """What people say of cases."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._facts = LeavingFacts(store)

    async def rate(self, case_id: str, token_hash: str, rated: Rated, fact: Rating) -> None:
        """Keep how the person liked it, in place of what they said before.

        The fact is told once: where it stands so already, nothing happens.

        Raises:
            CaseNotFound: no such case for this credential.
        """
        if not token_hash:
            raise ValueError("a person rates with a credential")
        await self._keep(case_id, token_hash, RATING, codec.RATED, rated, fact)

    async def review(
        self, state: CaseState, reviewed: Reviewed, fact: Review, *, settles: bool = False
    ) -> Reviews:
        """Keep a review, in place of the reviewer's earlier one, or of what settled it before.

        Returns:
            What is said of the case now.

        Raises:
            CaseNotFound: no such case.
        """
        case_id = state.case_id
        before = await self.reviews(case_id)
        expected = (
            replace(before, settled=reviewed)
            if settles
            else replace(before, latest=_with(before.latest, reviewed))
        )
        await self._store.commands(case_index.review_listing(state, expected.state))
        field = SETTLED if settles else f"{REVIEW}{reviewed.reviewer}"
        await self._keep(case_id, "", field, codec.REVIEWED, reviewed, fact)
        # Somebody else may have said something in the same moment: what is kept decides.
        now = await self.reviews(case_id)
        await self._store.commands(case_index.review_listing(state, now.state))
        await case_index.reviewed(self._store, case_id, now.state)
        return now

    async def rating(self, case_id: str) -> Rated | None:
        """Return how the person liked it; None where they did not say."""
        meta = CaseKeys(case_id).meta
        data, wrapped = await self._store.command("HMGET", meta, RATING, KEY)
        key = self._store.sealer.key(case_id, wrapped)
        return None if data is None else codec.RATED.open(key, data)

    async def reviews(self, case_id: str) -> Reviews:
        """Return what reviewers say of a case."""
        meta = CaseKeys(case_id).meta
        fields = await self._store.command("HKEYS", meta)
        wanted = sorted(one for one in fields if one.startswith(REVIEW.encode()))
        wrapped, settled, *latest = await self._store.command("HMGET", meta, KEY, SETTLED, *wanted)
        key = self._store.sealer.key(case_id, wrapped)
        return Reviews(
            latest=tuple(codec.REVIEWED.open(key, data) for data in latest if data is not None),
            settled=None if settled is None else codec.REVIEWED.open(key, settled),
        )

    async def _keep(
        self, case_id: str, token_hash: str, field: str, kind: codec.Kind[T], value: T, fact: Fact
    ) -> None:
        """Keep what is said, unless it stands so already."""
        leaving, listing = await self._facts.with_commit(case_id, [fact])
        meta = CaseKeys(case_id).meta
        after = [*(leaving or [b""]), MOST_OF_CASE]
        answer = b"AGAIN"
        while answer == b"AGAIN":  # somebody else has said something since it was looked at
            held, seen, wrapped = await self._store.command("HMGET", meta, "h", field, KEY)
            if held is None or token_hash not in {"", held.decode()}:
                raise CaseNotFound(case_id)
            key = self._store.sealer.key(case_id, wrapped)
            if seen is not None and kind.open(key, seen) == value:
                return
            before = [token_hash, field, seen or b""]

            def args(key: CaseKey, before: list[Any] = before) -> list[Any]:
                return [*before, kind.seal(key, value), *after]

            answer = await run_sealed(self._store, "say_of", case_id, args, before=listing)
        if answer == b"GONE":
            raise CaseNotFound(case_id)
        if answer == b"UNTOLD":
            await count_lost(self._store, 1)


def _with(reviews: tuple[Reviewed, ...], one: Reviewed) -> tuple[Reviewed, ...]:
    others = [other for other in reviews if other.reviewer != one.reviewer]
    return tuple(sorted((*others, one), key=lambda review: review.reviewer))
