"""How operators find cases: by what they are like, or because somebody is to review them."""

from collections.abc import Mapping

from msgspec import Struct

from app.domain.errors import InvalidInput
from app.domain.playbook import Playbook
from app.state import case_index
from app.state.case_index import CaseFilter, CasePlace, ListedCase, Wanting
from app.state.store import Store


class CasePage(Struct, frozen=True, kw_only=True):
    """Some cases, the latest opened first."""

    cases: tuple[ListedCase, ...]
    cursor: str | None
    """Where the next page begins; None where there is none."""


class CaseDesk:
    """Finds cases for operators; that they are operators was checked before."""

    def __init__(self, store: Store, playbooks: Mapping[str, Playbook]) -> None:
        self._store = store
        self.playbooks = playbooks

    async def list(
        self, wanted: CaseFilter, *, limit: int = 50, cursor: str | None = None
    ) -> CasePage:
        """List cases in which something was said.

        A page may be short, or empty, and still have a cursor: it looks at no more than
        `MOST_LOOKED_AT` cases.

        Raises:
            InvalidInput: if the cursor is none of ours.
        """
        found, following = await case_index.page(
            self._store,
            wanted,
            limit=limit,
            after=None if cursor is None else CasePlace(*place_of(cursor)),
        )
        return CasePage(
            cases=tuple(one for one in found if one.state.playbook in self.playbooks),
            cursor=None if following is None else f"{following.created_at}-{following.case_id}",
        )

    async def waiting(self) -> Mapping[Wanting, int]:
        """Return how many cases wait for a first review, a second one, and to be settled: about."""
        return await case_index.waiting(self._store)


def place_of(cursor: str) -> tuple[int, str]:
    """Read a cursor: a time, and a case among those of one moment.

    Raises:
        InvalidInput: if it is none of ours.
    """
    at, dash, case_id = cursor.partition("-")
    if not dash or not case_id or not (at.isascii() and at.isdigit() and len(at) < 18):
        raise InvalidInput("cursor: take it from an earlier page")
    return int(at), case_id
