"""Facts on their way to the warehouse: by case, listed before, taken off by name."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.domain.facts import About, Rating, TurnEnded, encode, flattened
from app.domain.opinion import Rated
from app.embedded import EmbeddedValkey
from app.state import keys
from app.state.conversations import ConversationStateManager
from app.state.facts import MOST_OF_CASE, Entry, FactStream, facts_listed
from app.state.keys import CaseKeys
from app.state.opinions import Opinions
from app.state.store import Store
from tests.support.cases import TOKEN_HASH, claimed, finished, opened, post
from tests.support.sealed import store_at
from tests.support.warehouses import turn


@pytest.fixture
async def store(empty_valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """A storage in which nothing waits."""
    made = store_at(empty_valkey.url)
    yield made
    await made.close()


async def leave(store: Store, *facts: TurnEnded) -> None:
    """Leave facts of cases behind as their commits do."""
    for one in facts:
        case_id = one.about.case_id
        await store.commands(facts_listed(case_id))
        await store.command("RPUSH", CaseKeys(case_id).facts, encode(one))


def ids(entries: list[Entry]) -> list[str]:
    """Return the ids of facts."""
    return [flattened(one.data)["id"] for one in entries]


async def test_a_commit_lists_its_case_and_leaves_its_facts(store: Store) -> None:
    """They wait until they are taken off, and again after that where more comes."""
    conversations, stream = ConversationStateManager(store, "one"), FactStream(store, fresh_ms=0)
    case_id = (await opened(conversations)).case_id
    for number in (1, 2):
        await post(conversations, case_id)
        claim = await claimed(conversations, case_id)
        await finished(conversations, claim, facts=[turn(case_id, number)])
        assert await stream.waiting() == 1
        found = await stream.read(10)
        assert ids(found) == [f"turn:{case_id}.{number}"]
        assert await stream.read(10) == found
        await stream.take_off(found)
        assert await stream.waiting() == 0
        assert await store.command("ZCARD", keys.FACT_CASES) == 0


async def test_every_fact_comes_once_and_of_each_case_in_order(store: Store) -> None:
    """In pages of any size, also where both ways out are full."""
    stream = FactStream(store)
    facts = [turn(f"c{case}", number) for number in range(1, 4) for case in range(450)]
    await leave(store, *facts)
    for number in range(300):
        await store.command("XADD", keys.FACTS, "*", "f", encode(turn("streamed", number)))
    assert await stream.waiting() == 1_650
    came: list[str] = []
    while page := await stream.read(99):
        assert len(page) == min(99, 1_650 - len(came))
        came += ids(page)
        await stream.take_off(page)
    assert len(set(came)) == len(came) == 1_650
    for case in range(450):
        of_case = [one for one in came if one.startswith(f"turn:c{case}.")]
        assert of_case == [f"turn:c{case}.{number}" for number in range(1, 4)]
    assert any(one.startswith("turn:c") for one in came[:99])
    assert came[0].startswith("turn:streamed")
    assert await stream.waiting() == 0


async def test_a_commit_that_comes_late_is_found_by_a_last_look(store: Store) -> None:
    """Its listing was found empty and taken off in between; nobody lists it again."""
    stream = FactStream(store, settle_ms=50, fresh_ms=0)
    await store.commands(facts_listed("late"))
    assert await stream.waiting() == 0
    assert await store.command("ZCARD", keys.FACT_CASES) == 0
    await store.command("RPUSH", CaseKeys("late").facts, encode(turn("late", 1)))
    async with asyncio.timeout(30):
        while not await stream.waiting():  # noqa: ASYNC110 - time alone brings it
            await asyncio.sleep(0.01)
    page = await stream.read(10)
    assert ids(page) == ["turn:late.1"]
    await stream.take_off(page)
    assert await stream.read(10) == []
    assert await store.command("ZCARD", keys.FACT_CASES_SETTLING) == 0


async def test_a_look_between_listing_and_commit_puts_nothing_off(store: Store) -> None:
    """What was listed a moment ago stays listed, however often nothing is found there."""
    stream = FactStream(store)
    await leave(store, turn("other", 1))
    await store.commands(facts_listed("c"))
    assert await stream.waiting() == 1
    assert ids(await stream.read(10)) == ["turn:other.1"]
    assert (await stream.backlog()).waiting == 1
    await store.command("RPUSH", CaseKeys("c").facts, encode(turn("c", 1)))
    assert sorted(ids(await stream.read(10))) == ["turn:c.1", "turn:other.1"]


async def test_of_very_many_cases_some_tell_of_all(store: Store) -> None:
    """Also where most of them were listed a moment ago and have nothing yet."""
    stream = FactStream(store)
    number = 3_000
    await store.commands(command for at in range(number) for command in facts_listed(f"c{at}"))
    some = range(0, number, 3)
    await store.commands(
        ("RPUSH", CaseKeys(f"c{at}").facts, *[encode(turn(f"c{at}", n)) for n in (1, 2)])
        for at in some
    )
    assert await stream.waiting() == pytest.approx(2 * len(some), rel=0.05)


async def test_a_case_that_is_listed_again_meanwhile_stays_listed(store: Store) -> None:
    """What is taken off twice, or comes while it is, does not hide what came after."""
    stream = FactStream(store)
    await leave(store, turn("c", 1))
    page = await stream.read(10)
    await leave(store, turn("c", 2))
    await stream.take_off(page)
    await stream.take_off(page)
    assert ids(await stream.read(10)) == ["turn:c.2"]
    backlog = await stream.backlog()
    assert (backlog.waiting, backlog.lost) == (1, 0)
    assert backlog.memory_bytes > 0
    assert backlog.oldest_ms is not None


async def test_opinions_without_end_find_no_room(store: Store) -> None:
    """What is kept of a case stands, and what more is said of it is counted as lost."""
    conversations, stream = ConversationStateManager(store, "one"), FactStream(store)
    state = await opened(conversations)
    await store.commands(facts_listed(state.case_id))
    key = CaseKeys(state.case_id).facts
    await store.command("RPUSH", key, *[b"x"] * MOST_OF_CASE)
    about = About.of(state)
    for score in (3, 4):
        rated = Rated(score=score)
        fact = Rating(
            id=f"rating:{score}", occurred_ms=1, about=about, score=score, comment_chars=0
        )
        await Opinions(store).rate(state.case_id, TOKEN_HASH, rated, fact)
        assert await Opinions(store).rating(state.case_id) == rated
    backlog = await stream.backlog()
    assert (backlog.waiting, backlog.lost) == (MOST_OF_CASE, 2)
    assert backlog.lost_since_ms is not None
