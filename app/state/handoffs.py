"""The index of cases in which a human is waited for, or has the conversation.

The truth is each case's state. An entry is written in front of the commit that makes it true and
taken off after the one that ends it, so that nobody who asked for a human is ever overlooked.
"""

from msgspec import Struct

from app.domain.case import CaseState, Handoff, HandoffStatus
from app.domain.errors import CaseUnreadable
from app.state import keys
from app.state.indexes import Command, listed, scored
from app.state.looking import states
from app.state.store import Store

_PAGE = 200


class HandoffPlace(Struct, frozen=True, order=True):
    """A place in the list: when a human was asked for and, among those of one moment, the case."""

    requested_at: int
    case_id: str


class ListedHandoff(Struct, frozen=True, kw_only=True):
    """A row of the list."""

    place: HandoffPlace
    state: CaseState
    handoff: Handoff


def listing(case_id: str, handoff: Handoff | None) -> list[Command]:
    """Return the commands that run in front of a commit with this handoff."""
    if handoff is None or not handoff.is_open:
        return []
    return listed(handoff.requested_at, case_id, keys.HANDOFF)


async def settle(store: Store, case_id: str, asked: Handoff, now: Handoff | None) -> None:
    """Take a case off the list after a commit that ended its handoff, unless it is asked anew."""
    if now is None or not now.is_open:
        await store.run("unlist", [keys.HANDOFF], [case_id, asked.requested_at])


async def page(
    store: Store, *, limit: int, status: HandoffStatus | None, after: HandoffPlace | None
) -> list[ListedHandoff]:
    """Return the rows of the list beyond a place, the oldest first."""
    found: list[ListedHandoff] = []
    least = "-inf" if after is None else after.requested_at
    seen = 0
    while len(found) < limit:
        rows = scored(
            await store.command(
                "ZRANGE", keys.HANDOFF, least, "+inf", "BYSCORE", "LIMIT", seen, _PAGE, "WITHSCORES"
            )
        )
        places = [HandoffPlace(score, case_id) for case_id, score in rows]
        for place, state in zip(places, await _states(store, places), strict=True):
            handoff = state.handoff if isinstance(state, CaseState) else None
            if not isinstance(state, CaseState) or handoff is None or not handoff.is_open:
                continue
            if (after is None or place > after) and status in {None, handoff.status}:
                found.append(ListedHandoff(place=place, state=state, handoff=handoff))
        seen += len(rows)
        if len(rows) < _PAGE:
            break
    return found[:limit]


async def sweep(store: Store, top: int) -> int:
    """Take cases off the list in which nobody waits any more.

    Args:
        store: the storage.
        top: only entries up to this time, so that no commit is under way.

    Returns:
        How many were taken off.
    """
    gone = kept = 0
    while True:
        rows = scored(
            await store.command(
                "ZRANGE", keys.HANDOFF, "-inf", top, "BYSCORE", "LIMIT", kept, _PAGE, "WITHSCORES"
            )
        )
        places = [HandoffPlace(score, case_id) for case_id, score in rows]
        for place, state in zip(places, await _states(store, places), strict=True):
            if _waits(state):
                kept += 1
            else:
                gone += await _forget(store, place)
        if len(rows) < _PAGE:
            return gone


async def _forget(store: Store, place: HandoffPlace) -> int:
    gone = int(await store.run("unlist", [keys.HANDOFF], [place.case_id, place.requested_at]))
    (state,) = await _states(store, [place])
    if isinstance(state, CaseState) and _waits(state):
        # A commit that an outage had held up came in between: it must not stay unlisted.
        await store.commands(listing(place.case_id, state.handoff))
        return 0
    return gone


async def _states(
    store: Store, places: list[HandoffPlace]
) -> list[CaseState | CaseUnreadable | None]:
    return await states(store, [one.case_id for one in places])


def _waits(state: CaseState | CaseUnreadable | None) -> bool:
    """Say whether a human is waited for; where that cannot be read, it may be so."""
    if isinstance(state, CaseUnreadable):
        return True
    return state is not None and state.handoff is not None and state.handoff.is_open
