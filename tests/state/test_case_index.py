"""How operators find cases: what is listed, what a page looks at, and what is taken off again."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.domain.assessment import Assessment, RaisedFlag
from app.domain.case import CaseState, Handoff
from app.domain.facts import About, Review
from app.domain.job import Job
from app.domain.opinion import Reviewed
from app.state import case_index, keys
from app.state.case_index import CaseFilter, CasePlace, ListedCase
from app.state.conversations import ConversationStateManager
from app.state.jobs import JobClaim, Jobs
from app.state.keys import CaseKeys
from app.state.opinions import Opinions
from app.state.store import Store
from tests.support.analyses import done, result
from tests.support.cases import (
    TOKEN_HASH,
    case_state,
    claimed,
    finished,
    job_of,
    post,
    turn_of,
)


async def case(
    conversations: ConversationStateManager, at: int, *, code: str | None = None, **fields: Any
) -> str:
    """Open a case at a time and answer one turn in it; with a code it has a result."""
    state = replace(case_state(), created_at=at, **fields)
    await conversations.start(state, token_hash=TOKEN_HASH, cap=100, ttl=600)
    await post(conversations, state.case_id)
    claim = await claimed(conversations, state.case_id)
    if code is None:
        await finished(conversations, claim, state=state)
        return state.case_id
    found = result()
    classified = replace(found.classification, code=code, abstained=False)
    await conversations.finish(
        claim,
        turn_of(claim, "Here is your result."),
        state=replace(state, status="completed"),
        result=replace(found, classification=classified, needs_human=False),
        ttl=600,
        log_ttl=60,
        events=[],
    )
    return state.case_id


async def found(store: Store, wanted: CaseFilter) -> list[str]:
    """Return the cases that a filter finds on one page."""
    rows, following = await case_index.page(store, wanted, limit=200, after=None)
    assert following is None
    return [one.state.case_id for one in rows]


async def walked(store: Store, wanted: CaseFilter, limit: int) -> list[list[ListedCase]]:
    """Return page after page, to the end."""
    pages = []
    place: CasePlace | None = None
    while True:
        rows, place = await case_index.page(store, wanted, limit=limit, after=place)
        pages.append(rows)
        if place is None:
            return pages


async def clean(store: Store) -> None:
    """Forget the lists that other tests have left on the same server."""
    facets = await store.command("SMEMBERS", keys.CASE_FACETS)
    await store.command("DEL", keys.CASES, *(keys.cases(one.decode()) for one in facets))


async def test_a_case_is_listed_once_something_was_said(
    store: Store, conversations: ConversationStateManager
) -> None:
    """Whoever only opens the page is nobody's case; nothing is listed twice."""
    await clean(store)
    empty = case_state()
    await conversations.start(empty, token_hash=TOKEN_HASH, cap=100, ttl=600)
    told = await case(conversations, 5)
    assert await found(store, CaseFilter()) == [told]
    await post(conversations, told)
    await finished(conversations, await claimed(conversations, told))
    assert await found(store, CaseFilter()) == [told]


async def test_every_filter_finds_its_cases(
    store: Store, conversations: ConversationStateManager
) -> None:
    """Indexed or not; a filter that no case has finds none."""
    await clean(store)
    flag = RaisedFlag(code="gas", turn=1, source="rules")
    asked = Handoff(status="requested", by="person", reason="", requested_at=1)
    work = await case(conversations, 10, code="work.dismissal", locale="pt-BR", variant="v3")
    home = await case(conversations, 20, code="home.leak", playbook="other")
    danger = await case(conversations, 30, assessment=Assessment(red_flags=(flag,)))
    human = await case(conversations, 40, handoff=asked)
    expected: Sequence[tuple[CaseFilter, list[str]]] = [
        (CaseFilter(), [human, danger, home, work]),
        (CaseFilter(status="completed"), [home, work]),
        (CaseFilter(status="active"), [human, danger]),
        (CaseFilter(code="work"), [work]),
        (CaseFilter(code="work.dismissal"), [work]),
        (CaseFilter(code="work.wages"), []),
        (CaseFilter(code="wor"), []),
        (CaseFilter(urgency="medium"), [home, work]),
        (CaseFilter(urgency="critical"), []),
        (CaseFilter(locale="pt-BR"), [work]),
        (CaseFilter(variant="v3"), [work]),
        (CaseFilter(playbook="other"), [home]),
        (CaseFilter(red_flag="gas"), [danger]),
        (CaseFilter(needs_human=True), [human]),
        (CaseFilter(needs_human=False), [danger, home, work]),
        (CaseFilter(since_ms=20), [human, danger, home]),
        (CaseFilter(since_ms=20, urgency="medium"), [home]),
        (CaseFilter(reviews="none"), [home, work]),
        (CaseFilter(reviews="agreed"), []),
        (CaseFilter(urgency="medium", code="home", status="completed"), [home]),
    ]
    for wanted, cases in expected:
        assert await found(store, wanted) == cases, wanted


@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_pages_show_each_case_once(
    store: Store, conversations: ConversationStateManager, limit: int
) -> None:
    """In order, also where many were opened in one moment, and while new ones come in."""
    await clean(store)
    cases = {await case(conversations, at // 4) for at in range(10)}
    rows, place = await case_index.page(store, CaseFilter(), limit=2, after=None)
    await case(conversations, 99)
    seen = [one.place for one in rows]
    while place is not None:
        rows, place = await case_index.page(store, CaseFilter(), limit=limit, after=place)
        assert len(rows) <= limit
        seen += [one.place for one in rows]
    assert seen == sorted(seen, reverse=True)
    assert {one.case_id for one in seen} == cases


async def test_a_page_looks_at_a_bounded_number_of_cases(
    store: Store, conversations: ConversationStateManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rare filter without an index gives short pages that lead on, and misses nothing."""
    await clean(store)
    monkeypatch.setattr(case_index, "MOST_LOOKED_AT", 4)
    monkeypatch.setattr(case_index, "_PAGE", 2)
    rare = await case(conversations, 1, locale="pt-BR")
    for at in range(2, 12):
        await case(conversations, at)
    pages = await walked(store, CaseFilter(locale="pt-BR"), 5)
    assert [[one.state.case_id for one in page] for page in pages] == [[], [], [rare]]


async def test_the_smallest_index_is_walked(
    store: Store, conversations: ConversationStateManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a rare sub-area is found on the first page, however many cases there are."""
    await clean(store)
    monkeypatch.setattr(case_index, "MOST_LOOKED_AT", 4)
    rare = await case(conversations, 1, code="work.dismissal")
    for at in range(2, 12):
        await case(conversations, at, code="home.leak")
    assert await found(store, CaseFilter(code="work", urgency="medium")) == [rare]


async def test_a_case_is_found_by_what_it_has_become(
    store: Store, conversations: ConversationStateManager
) -> None:
    """A result that was made anew is found by its new sub-area and not by the old one."""
    await clean(store)
    name = await case(conversations, 1, code="home.leak")
    await post(conversations, name)
    claim = await claimed(conversations, name)
    again = result()
    await conversations.finish(
        claim,
        turn_of(claim, "Anew."),
        state=claim.state,
        result=replace(
            again, classification=replace(again.classification, code="work.wages", abstained=False)
        ),
        ttl=600,
        log_ttl=60,
        events=[],
    )
    assert await found(store, CaseFilter(code="home")) == []
    assert await found(store, CaseFilter(code="work")) == [name]


async def test_a_background_result_is_found(
    store: Store, conversations: ConversationStateManager
) -> None:
    """By its urgency, and because it waits for a reviewer."""
    await clean(store)
    state = replace(case_state(), created_at=7)
    await conversations.start(state, token_hash=TOKEN_HASH, cap=100, ttl=600)
    await post(conversations, state.case_id)
    turn = await claimed(conversations, state.case_id)
    job: Job = job_of(state.case_id, turn.turn)
    await finished(conversations, turn, job=job)
    assert await found(store, CaseFilter(reviews="none")) == []
    jobs = Jobs(store, "worker")
    claim = await jobs.claim(job.case_id, job.turn, most_attempts=8)
    assert isinstance(claim, JobClaim)
    await done(jobs, claim)
    assert await found(store, CaseFilter(reviews="none", needs_human=True)) == [state.case_id]


def said(state: CaseState, reviewer: str, code: str | None) -> tuple[Reviewed, Review]:
    """Return a review and its fact."""
    reviewed = Reviewed(reviewer=reviewer, code=code, predicted="home.leak")
    fact = Review(
        id=f"review:{uuid4().hex}",
        occurred_ms=1,
        about=About.of(state),
        reviewer=reviewer,
        code=code,
        predicted="home.leak",
        correct=reviewed.correct,
    )
    return reviewed, fact


async def test_reviews_move_a_case_from_list_to_list(
    store: Store, conversations: ConversationStateManager
) -> None:
    """For a first reviewer, for a second other than the first, to be settled, and done."""
    await clean(store)
    opinions = Opinions(store)
    name = await case(conversations, 1, code="home.leak")
    state = (await conversations.open_as_operator(name)).state
    first, second = CaseFilter(reviews="none"), CaseFilter(reviews="one")
    disputed = CaseFilter(reviews="disputed")

    async def lists() -> list[list[str]]:
        return [await found(store, one) for one in (first, second, disputed)]

    assert await lists() == [[name], [], []]
    await opinions.review(state, *said(state, "Ana", "home.leak"))
    assert await lists() == [[], [name], []]
    assert await found(store, replace(second, unseen_by="Ana")) == []
    assert await found(store, replace(second, unseen_by="Rui")) == [name]
    await opinions.review(state, *said(state, "Rui", None))
    assert await lists() == [[], [], [name]]
    assert (await case_index.waiting(store)) == {"none": 0, "one": 0, "disputed": 1}
    await opinions.review(state, *said(state, "Eva", None), settles=True)
    assert await lists() == [[], [], []]
    assert await found(store, CaseFilter(reviews="settled")) == [name]


async def test_what_is_gone_is_taken_off_every_list(
    store: Store, conversations: ConversationStateManager
) -> None:
    """An erased case at once, an expired one by the next sweep."""
    await clean(store)
    kept = await case(conversations, 1, code="home.leak")
    erased = await case(conversations, 2, code="home.leak")
    expired = await case(conversations, 3, code="home.leak")
    lists = [keys.CASES, *map(keys.cases, ("code:home", "urgency:medium", "reviews:none"))]
    await conversations.erase(erased, TOKEN_HASH)
    await store.command("DEL", CaseKeys(expired).meta)
    for index in lists:
        members = await store.command("ZRANGE", index, 0, -1)
        assert [one.decode() for one in members] == [kept, expired]
    assert await found(store, CaseFilter()) == [kept]
    assert await case_index.sweep(store) == 1
    for index in lists:
        assert await store.command("ZRANGE", index, 0, -1) == [kept.encode()]
        assert 0 < await store.command("TTL", index) <= keys.INDEX_TTL
