"""What the tests of telling the world share: an empty Valkey, and somebody who receives."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.embedded import EmbeddedValkey
from app.state.conversations import ConversationStateManager
from app.state.outbox import Outbox
from app.state.store import Store
from tests.support.receivers import Receiver, receiving
from tests.support.sealed import store_at


@pytest.fixture
async def store(empty_valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """A connection to an otherwise empty server."""
    made = store_at(empty_valkey.url)
    yield made
    await made.close()


@pytest.fixture
def conversations(store: Store) -> ConversationStateManager:
    """The cases."""
    return ConversationStateManager(store, "one")


@pytest.fixture
def outbox(store: Store) -> Outbox:
    """What cases have to tell."""
    return Outbox(store)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who receives."""
    with receiving() as made:
        yield made
