"""API keys as an instance knows them: what was made or rotated a moment ago holds at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.core.access.desk import KeyDesk
from app.core.access.live import LiveKeys
from app.core.access.streams import OpenStreams
from app.domain.access import Hasher, new_key_token
from app.embedded import EmbeddedValkey
from app.state.access import AccessBook, Admissions
from app.state.store import Store

HASHER = Hasher(b"a secret of these tests")


class CountedBook(AccessBook):
    """Keys as they are kept; counts how often somebody looks."""

    looks = 0

    async def news(self, after: str) -> tuple[int, list[tuple[str, str]]]:
        """Return the news, counted."""
        self.looks += 1
        return await super().news(after)


@pytest.fixture
async def store(own_valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """A storage without keys."""
    made = Store(own_valkey.url)
    await made.command("FLUSHALL")
    yield made
    await made.close()


@pytest.fixture
def book(store: Store) -> CountedBook:
    """The keys as they are kept."""
    return CountedBook(store)


@pytest.fixture
def desk(book: CountedBook) -> KeyDesk:
    """Where others make and change keys."""
    return KeyDesk(book, HASHER)


@pytest.fixture
def live(book: CountedBook, store: Store) -> LiveKeys:
    """The keys of an instance that does not keep up by itself: it was not started."""
    streams = OpenStreams(9)
    return LiveKeys(book, Admissions(store), HASHER, streams, owner="one", operator_token=None)


async def test_what_was_made_and_rotated_elsewhere_holds_at_once(
    desk: KeyDesk, live: LiveKeys
) -> None:
    """Also the new token of a key that the instance has known for long; the old one as agreed."""
    first = await desk.create("Website", ("intake",))
    assert await live.find(first.token) is not None
    other = await desk.create("Kiosk", ("intake",))
    assert await live.find(other.token) is not None
    second = await desk.rotate(first.key.id, keep_seconds=60)
    assert await live.find(second.token) is not None
    assert await live.find(first.token) is not None
    third = await desk.rotate(first.key.id, keep_seconds=0)
    assert await live.find(third.token) is not None
    assert await live.find(second.token) is None
    assert await live.find(first.token) is None


async def test_tokens_that_are_made_up_load_the_storage_little(
    desk: KeyDesk, live: LiveKeys, book: CountedBook
) -> None:
    """All who ask at the same time share one look, and one that has ended is not looked up."""
    known = await desk.create("Website", ("intake",))
    assert await live.find(known.token) is not None
    before = book.looks
    guesses = [new_key_token(known.key.id) for _ in range(200)]
    found = await asyncio.gather(*map(live.find, guesses))
    assert found == [None] * 200
    assert book.looks <= before + 2
    await desk.revoke(known.key.id)
    assert await live.find(guesses[0]) is None
    before = book.looks
    assert await live.find(known.token) is None
    assert book.looks == before
