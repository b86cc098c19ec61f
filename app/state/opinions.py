"""What is said of a case: kept with it, told to the warehouse as it is kept, erased with it."""

from app.domain.errors import CaseNotFound
from app.domain.facts import Rating, Review
from app.domain.facts import encode as encode_fact
from app.domain.opinion import Rated, Reviewed
from app.state import codec
from app.state.keys import CaseKeys
from app.state.store import Store

_RATING = "rate"
_REVIEW = "rv:"


class Opinions:
    """What people say of cases."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def rate(self, case_id: str, token_hash: str, rated: Rated, fact: Rating) -> None:
        """Keep how the person liked it, in place of what they said before.

        The fact is told once: where it stands so already, nothing happens.

        Raises:
            CaseNotFound: no such case for this credential.
        """
        if not token_hash:
            raise ValueError("a person rates with a credential")
        await self._keep(case_id, token_hash, _RATING, codec.encode(rated), encode_fact(fact))

    async def review(self, case_id: str, reviewed: Reviewed, fact: Review) -> None:
        """Keep a review, in place of the reviewer's earlier one.

        Raises:
            CaseNotFound: no such case.
        """
        field = f"{_REVIEW}{reviewed.reviewer}"
        await self._keep(case_id, "", field, codec.encode(reviewed), encode_fact(fact))

    async def rating(self, case_id: str) -> Rated | None:
        """Return how the person liked it; None where they did not say."""
        data = await self._store.command("HGET", CaseKeys(case_id).meta, _RATING)
        return None if data is None else codec.decode_rated(data)

    async def reviews(self, case_id: str) -> tuple[Reviewed, ...]:
        """Return each reviewer's latest review, by name."""
        meta = CaseKeys(case_id).meta
        fields = await self._store.command("HKEYS", meta)
        wanted = sorted(one for one in fields if one.startswith(_REVIEW.encode()))
        if not wanted:
            return ()
        found = await self._store.command("HMGET", meta, *wanted)
        return tuple(codec.decode_reviewed(data) for data in found if data is not None)

    async def _keep(
        self, case_id: str, token_hash: str, field: str, value: bytes, fact: bytes
    ) -> None:
        args = [token_hash, field, value, fact]
        if await self._store.run("say_of", CaseKeys(case_id).all(), args) == b"GONE":
            raise CaseNotFound(case_id)
