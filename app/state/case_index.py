"""The indexes by which operators find cases, and how a page of them is read.

One sorted set lists every case in which something was said, by when it was opened; one more for
each *facet*: what holds for some cases and not for most, such as an urgency or a sub-area. A page
walks the smallest set that a filter names, from the latest case down, and looks at each case itself
for all the rest: the sets may name a case too many, never one too few. So a page costs what it
looks at, which is bounded; where a filter is rare and has no facet, a page is short and says where
to go on.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from msgspec import Struct

from app.domain.analysis import Analysis
from app.domain.case import CaseState, CaseStatus
from app.domain.opinion import Rated, Reviewed, ReviewState, review_state
from app.domain.playbook import UrgencyLevel
from app.domain.sealing import CaseKey
from app.state import codec, keys
from app.state.indexes import Command, listed, now_ms, pairs, scored
from app.state.keys import CaseKeys
from app.state.looking import read
from app.state.records import Claim
from app.state.sealing import KEY
from app.state.store import Store

RATING = "rate"
REVIEW = "rv:"
SETTLED = "rs"
"""Fields of a case's hash: its rating, each reviewer's review, and what settled a disagreement."""

MOST_LOOKED_AT = 1_000
"""Cases that one page looks at."""
_PAGE = 100
_HUMAN = "human"
_SWEPT = 5_000
"""Cases that one sweep looks at; the next one goes on behind them."""
_SWEEP_MS = 30_000

Wanting = Literal["none", "one", "disputed"]
WANTING: tuple[Wanting, ...] = ("none", "one", "disputed")
"""States of reviews in which somebody is to do something, so that each has a facet."""


class CasePlace(Struct, frozen=True, order=True):
    """A place in the list: when a case was opened and, among those of one moment, which it is."""

    created_at: int
    case_id: str


class ListedCase(Struct, frozen=True, kw_only=True):
    """A row of the list."""

    place: CasePlace
    state: CaseState
    result: Analysis | None
    turns: int
    running: bool
    rated: Rated | None
    reviews: tuple[Reviewed, ...]
    settled: Reviewed | None

    @property
    def review_state(self) -> ReviewState:
        """How far its ground truth is."""
        return review_state(self.reviews, self.settled)

    @property
    def needs_human(self) -> bool:
        """Whether its result says so, or a human was asked for."""
        return self.state.handoff is not None or (
            self.result is not None and self.result.needs_human
        )

    @property
    def red_flags(self) -> tuple[str, ...]:
        """Those raised by a turn, and those that only the analysis found."""
        raised = [flag.code for flag in self.state.assessment.red_flags]
        found = () if self.result is None else self.result.red_flags
        return tuple(dict.fromkeys((*raised, *found)))


class CaseFilter(Struct, frozen=True, kw_only=True):
    """Which cases are wanted; what is left out may be anything."""

    status: CaseStatus | None = None
    urgency: UrgencyLevel | None = None
    code: str | None = None
    """Of the result: an area, or a sub-area."""
    playbook: str | None = None
    locale: str | None = None
    variant: str | None = None
    red_flag: str | None = None
    needs_human: bool | None = None
    since_ms: int | None = None
    """Opened at or after this time."""
    reviews: ReviewState | None = None
    """Of those with a result: how far their ground truth is."""
    unseen_by: str | None = None
    """Only cases that this reviewer has not reviewed."""

    def facets(self) -> list[str]:
        """Return the facets that every case that is wanted has."""
        named = {
            "urgency": self.urgency,
            "code": self.code,
            "flag": self.red_flag,
            "reviews": self.reviews if self.reviews in WANTING else None,
        }
        found = [f"{name}:{value}" for name, value in named.items() if value is not None]
        return [*found, _HUMAN] if self.needs_human else found

    def holds(self, case: ListedCase) -> bool:
        """Say whether a case is wanted, by the case itself."""
        state, result = case.state, case.result
        plain = (
            (self.status, state.status),
            (self.playbook, state.playbook),
            (self.locale, state.locale),
            (self.variant, state.variant),
            (self.urgency, None if result is None else result.urgency.level),
            (self.needs_human, case.needs_human),
            (self.reviews, None if result is None else case.review_state),
        )
        return (
            all(wanted is None or wanted == found for wanted, found in plain)
            and (self.since_ms is None or state.created_at >= self.since_ms)
            and (self.red_flag is None or self.red_flag in case.red_flags)
            and (self.code is None or self.code in _codes(result))
            and all(one.reviewer != self.unseen_by for one in case.reviews)
        )


# Writing.


def after_turn(claim: Claim, state: CaseState, result: Analysis | None) -> list[Command]:
    """Return the commands that run in front of the commit of a turn: for what is new in it."""
    first, before = claim.turn == 1, claim.state
    known = set() if first else {flag.code for flag in before.assessment.red_flags}
    raised = (flag.code for flag in state.assessment.red_flags)
    facets = [f"flag:{code}" for code in raised if code not in known]
    if state.handoff is not None and (first or before.handoff is None):
        facets.append(_HUMAN)
    if result is not None:
        facets += of_result(result)
    return listing(state, facets) if facets or first else []


def of_result(result: Analysis) -> list[str]:
    """Return the facets that a result brings."""
    facets = [f"urgency:{result.urgency.level}", "reviews:none"]
    facets += [f"code:{code}" for code in _codes(result)]
    facets += [f"flag:{flag}" for flag in result.red_flags]
    return [*facets, _HUMAN] if result.needs_human else facets


def listing(state: CaseState, facets: Sequence[str]) -> list[Command]:
    """Return the commands that list a case, and with these facets."""
    indexes = (keys.CASES, *map(keys.cases, facets))
    commands = listed(state.created_at, state.case_id, *indexes)
    if facets:
        commands.append(("SADD", keys.CASE_FACETS, *facets))
        commands.append(("EXPIRE", keys.CASE_FACETS, keys.INDEX_TTL))
    return commands


def review_listing(state: CaseState, now: ReviewState) -> list[Command]:
    """Return the commands that list a case for who is to review it next."""
    return listing(state, [f"reviews:{now}"] if now in WANTING else [])


async def reviewed(store: Store, case_id: str, now: ReviewState) -> None:
    """Take a case off the lists of reviews in which it no longer belongs."""
    await store.commands(
        ("ZREM", keys.cases(f"reviews:{one}"), case_id) for one in WANTING if one != now
    )


async def forget(store: Store, case_ids: Sequence[str]) -> None:
    """Take cases off all lists."""
    facets = await store.command("SMEMBERS", keys.CASE_FACETS)
    indexes = [keys.CASES, *(keys.cases(one.decode()) for one in facets)]
    await store.commands(("ZREM", index, *case_ids) for index in indexes)


async def sweep(store: Store) -> int:
    """Take cases off all lists that are gone; returns how many were.

    Each sweep looks at some thousands, wherever the time has come to, so that all have their turn;
    where most of those are gone, at all: many may have ended at once.
    """
    size = await store.command("ZCARD", keys.CASES)
    first = 0 if size <= _SWEPT else now_ms() // _SWEEP_MS * _SWEPT % size
    looked_at, swept = await _sweep(store, first)
    if swept <= looked_at // 2:
        return swept
    place = 0
    while True:
        looked_at, gone = await _sweep(store, place)
        swept += gone
        place += looked_at - gone
        if looked_at == 0:
            return swept


async def _sweep(store: Store, first: int) -> tuple[int, int]:
    """Sweep some thousands from a place on; returns how many were looked at, and how many gone."""
    members = await store.command("ZRANGE", keys.CASES, first, first + _SWEPT - 1)
    gone = []
    for at in range(0, len(members), _PAGE):
        cases = [one.decode() for one in members[at : at + _PAGE]]
        there = await store.commands(("EXISTS", CaseKeys(one).meta) for one in cases)
        gone += [one for one, exists in zip(cases, there, strict=True) if not exists]
    for at in range(0, len(gone), _PAGE):
        await forget(store, gone[at : at + _PAGE])
    return len(members), len(gone)


# Reading.


async def page(
    store: Store, wanted: CaseFilter, *, limit: int, after: CasePlace | None
) -> tuple[list[ListedCase], CasePlace | None]:
    """Return cases beyond a place, the latest first, and where the next page begins.

    Fewer than `limit` with a place to go on from means that more were looked at than one page may.
    """
    index = await _smallest(store, wanted)
    top = "+inf" if after is None else after.created_at
    least = "-inf" if wanted.since_ms is None else wanted.since_ms
    found: list[ListedCase] = []
    passed = looked_at = 0
    while True:
        rows = scored(
            await store.command(
                "ZRANGE", index, top, least, "BYSCORE", "REV", "LIMIT", passed, _PAGE, "WITHSCORES"
            )
        )  # fmt: skip
        passed += len(rows)
        places = [CasePlace(score, case_id) for case_id, score in rows]
        fresh = [one for one in places if after is None or one < after]
        looked_at += len(fresh)
        found += filter(wanted.holds, await _cases(store, fresh))
        if len(found) > limit:
            return found[:limit], found[limit - 1].place
        if len(rows) < _PAGE:
            return found, None
        if looked_at >= MOST_LOOKED_AT:
            return found, places[-1]


async def waiting(store: Store) -> dict[Wanting, int]:
    """Return how many cases wait for a first review, for a second one, and to be settled: about."""
    counts = await store.commands(("ZCARD", keys.cases(f"reviews:{one}")) for one in WANTING)
    return dict(zip(WANTING, counts, strict=True))


async def _smallest(store: Store, wanted: CaseFilter) -> str:
    indexes = [keys.CASES, *map(keys.cases, wanted.facets())]
    sizes = await store.commands(("ZCARD", index) for index in indexes)
    return indexes[sizes.index(min(sizes))]


async def _cases(store: Store, places: Sequence[CasePlace]) -> Iterable[ListedCase]:
    answers = await store.commands(("HGETALL", CaseKeys(one.case_id).meta) for one in places)
    found = []
    for place, answer in zip(places, answers, strict=True):
        fields = pairs(answer)
        if b"s" in fields:
            case = read(store, place.case_id, fields.get(KEY.encode()), _case_of(place, fields))
            found += [case] if isinstance(case, ListedCase) else []
    return found


def _case_of(
    place: CasePlace, fields: dict[bytes, bytes]
) -> Callable[[CaseKey | None], ListedCase]:
    return lambda key: _case(place, fields, key)


def _case(place: CasePlace, fields: dict[bytes, bytes], key: CaseKey | None) -> ListedCase:
    rated, settled = fields.get(RATING.encode()), fields.get(SETTLED.encode())
    return ListedCase(
        place=place,
        state=codec.STATE.open(key, fields[b"s"]),
        result=codec.ANALYSIS.open(key, fields[b"r"]) if b"r" in fields else None,
        turns=int(fields[b"d"]),
        running=fields[b"n"] != fields[b"d"],
        rated=None if rated is None else codec.RATED.open(key, rated),
        reviews=tuple(
            codec.REVIEWED.open(key, fields[name])
            for name in sorted(fields)
            if name.startswith(REVIEW.encode())
        ),
        settled=None if settled is None else codec.REVIEWED.open(key, settled),
    )


def _codes(result: Analysis | None) -> tuple[str, ...]:
    """Return the sub-area of a result, and its area."""
    code = None if result is None else result.classification.code
    if code is None:
        return ()
    area = code.partition(".")[0]
    return (code,) if area == code else (code, area)
