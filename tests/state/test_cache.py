"""Kept analyses in Valkey: for how long, how many, and gone with their case."""

from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.domain.cached import CacheCounts, Kept
from app.state import keys
from app.state.cache import KeptAnalyses
from app.state.conversations import ConversationStateManager
from app.state.store import Store
from tests.support.cases import opened
from tests.support.sealed import cached_name

KEPT = Kept(
    document=b'{"plain":"[NAME_1]"}',
    placeholders=("[NAME_1]",),
    strategy="simple",
    models=("gpt-small",),
    prompts=("analysis.v1",),
    cost_nano_usd=1_000,
    calls=1,
    kept_at=1,
)


@pytest.fixture
def kept(store: Store) -> KeptAnalyses:
    """The cache under test."""
    return KeptAnalyses(store)


async def test_what_is_kept_is_found(
    kept: KeptAnalyses, conversations: ConversationStateManager, store: Store
) -> None:
    """Until its time is over, and under its own context alone."""
    case, context = await opened(conversations), uuid4().hex
    assert await kept.put(context, KEPT, seconds=60, bands=(), case_id=case.case_id)
    assert await kept.get([context, uuid4().hex]) == {context: KEPT}
    assert await kept.get([]) == {}
    name = await cached_name(store, context)
    for key in (keys.cached(name), keys.cached_of(case.case_id)):
        left = await store.command("TTL", key)
        assert 0 < left <= 60


async def test_nothing_is_kept_of_a_case_that_is_gone(kept: KeptAnalyses) -> None:
    """An analysis that ends after its case was erased leaves nothing behind."""
    context = uuid4().hex
    assert not await kept.put(context, KEPT, seconds=60, bands=("b",), case_id=uuid4().hex)
    assert await kept.get([context]) == {}


async def test_erasing_a_case_takes_its_analyses_along(
    kept: KeptAnalyses, conversations: ConversationStateManager, store: Store
) -> None:
    """And those of others stay."""
    one, other = await opened(conversations), await opened(conversations)
    mine, theirs = uuid4().hex, uuid4().hex
    await kept.put(mine, KEPT, seconds=60, bands=(), case_id=one.case_id)
    await kept.put(theirs, KEPT, seconds=60, bands=(), case_id=other.case_id)
    await conversations.erase(one.case_id, "")
    assert await kept.get([mine, theirs]) == {theirs: KEPT}
    assert await store.command("EXISTS", keys.cached_of(one.case_id)) == 0


async def test_what_another_version_wrote_is_absent(
    kept: KeptAnalyses, conversations: ConversationStateManager, store: Store
) -> None:
    """It costs an analysis and breaks none."""
    context = uuid4().hex
    await store.command("SET", keys.cached(context), b"\x81\xa4type\xa6kept/9", "EX", "60")
    assert await kept.get([context]) == {}
    case = await opened(conversations)
    await kept.put(context, KEPT, seconds=60, bands=(), case_id=case.case_id)
    assert await kept.get([context]) == {context: KEPT}


async def test_bands_name_the_nearest_first_and_stay_short(
    kept: KeptAnalyses, conversations: ConversationStateManager, store: Store
) -> None:
    """A band forgets its oldest; a context kept again is listed once."""
    case = await opened(conversations)
    first, second = uuid4().hex, uuid4().hex
    one, two = f"near-{first}-1", f"near-{first}-2"
    await kept.put(first, KEPT, seconds=60, bands=(one,), case_id=case.case_id)
    await kept.put(second, KEPT, seconds=60, bands=(one, two), case_id=case.case_id)
    await kept.put(second, KEPT, seconds=60, bands=(one, two), case_id=case.case_id)
    names = [await cached_name(store, context) for context in (second, first)]
    assert await kept.near((one, two)) == names
    assert list(await kept.look(names)) == names
    for _ in range(20):
        await kept.put(uuid4().hex, KEPT, seconds=60, bands=(one,), case_id=case.case_id)
    band = keys.cache_band(await cached_name(store, one))
    assert await store.command("LLEN", band) == 16
    left = await store.command("TTL", band)
    assert 0 < left <= 60


async def test_counters_add_up_by_strategy(kept: KeptAnalyses, store: Store) -> None:
    """Over days and processes, and they end some day."""
    before = (await kept.report(2)).by_strategy.get("ensemble", CacheCounts())
    await kept.count("ensemble", {"hits": 1, "saved_calls": 3, "saved_nano_usd": 5_000})
    await kept.count("ensemble", {"hits": 1, "unpriced": 1, "near": 0})
    after = (await kept.report(2)).by_strategy["ensemble"]
    assert after == replace(
        before,
        hits=before.hits + 2,
        saved_calls=before.saved_calls + 3,
        saved_nano_usd=before.saved_nano_usd + 5_000,
        unpriced=before.unpriced + 1,
    )
    found = await store.command("KEYS", keys.cache_counts("*"))
    assert found
    for key in found:
        left = await store.command("TTL", key)
        assert 0 < left <= 40 * 86_400


async def test_clearing_forgets_analyses_and_keeps_counters(
    kept: KeptAnalyses, conversations: ConversationStateManager
) -> None:
    """However many there are."""
    case = await opened(conversations)
    contexts = [uuid4().hex for _ in range(30)]
    for context in contexts:
        await kept.put(context, KEPT, seconds=60, bands=(context,), case_id=case.case_id)
    await kept.count("simple", {"kept": 30})
    assert (await kept.report(1)).entries >= 30
    assert await kept.clear() >= 30
    report = await kept.report(1)
    assert report.entries == 0
    assert report.by_strategy["simple"].kept >= 30
    assert await kept.get(contexts) == {}
    assert await kept.near([contexts[0]]) == []
