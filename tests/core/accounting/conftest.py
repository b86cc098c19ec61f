"""A ledger of its own for each test, in a real Valkey."""

from collections.abc import AsyncIterator

import pytest

from app.core.accounting.meter import LedgerMeter
from app.core.accounting.monitoring import AIMonitoringService
from app.embedded import EmbeddedValkey
from app.llm.catalogue import Catalogue
from app.state.budgets import Budgets
from app.state.ledger import Ledger
from app.state.store import Store
from tests.support.llmock import llmock_process, providers
from tests.support.sealed import store_at

__all__ = ["llmock_process", "providers"]

CATALOGUE = Catalogue()


@pytest.fixture
async def store(empty_valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """A connection to an empty Valkey."""
    made = store_at(empty_valkey.url)
    yield made
    await made.close()


@pytest.fixture
def ledger(store: Store) -> Ledger:
    """The ledger."""
    return Ledger(store)


@pytest.fixture
def budgets(store: Store) -> Budgets:
    """Its budgets."""
    return Budgets(store)


@pytest.fixture
def monitoring(store: Store) -> AIMonitoringService:
    """Its face."""
    return AIMonitoringService(store, CATALOGUE)


@pytest.fixture
async def meter(ledger: Ledger) -> AsyncIterator[LedgerMeter]:
    """A process's meter."""
    made = LedgerMeter(ledger, CATALOGUE)
    yield made
    await made.close()
