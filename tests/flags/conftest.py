"""Flags on a Valkey of their own: what one test shares, another would go by."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from app.embedded import EmbeddedValkey
from app.state.flags import Flags
from app.state.store import Store
from tests.support.fleet import Member, Parent, fleet, parent
from tests.support.growthbook import GrowthBookServer, growthbook


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A Valkey for the flags alone."""
    with EmbeddedValkey(tmp_path_factory.mktemp("flags")) as server:
        yield server


@pytest.fixture
async def shared(empty_valkey: EmbeddedValkey) -> AsyncIterator[Flags]:
    """The shared flags: none yet."""
    store = Store(empty_valkey.url)
    yield Flags(store)
    await store.close()


@pytest.fixture
def server() -> Iterator[GrowthBookServer]:
    """A server that answers as GrowthBook does, or as the test would have it."""
    with growthbook() as running:
        yield running


class StartMember(Protocol):
    """Starts an instance with settings of its own on the test's Valkey, ready when it returns."""

    def __call__(self, **settings: str) -> Member:
        """Start one more."""


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    """The process that instances are forked from."""
    with parent(tmp_path_factory.mktemp("forks"), {}) as running:
        yield running


@pytest.fixture
def start(forks: Parent, empty_valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[StartMember]:
    """Start any number of instances; they end with the test."""
    with ExitStack() as stack:

        def one(**settings: str) -> Member:
            made = stack.enter_context(fleet(forks, empty_valkey.url, tmp_path, settings))
            return made.some(1)[0]

        yield one
