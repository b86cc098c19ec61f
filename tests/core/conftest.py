"""Cores of instances on the shared Valkey."""

from collections.abc import AsyncIterator

import pytest

from app.embedded import EmbeddedValkey
from tests.support.cores import Core, StartCore, cores


@pytest.fixture
async def start_core(valkey: EmbeddedValkey) -> AsyncIterator[StartCore]:
    """Start any number of instances' cores; they end with the test."""
    async with cores(valkey.url) as start:
        yield start


@pytest.fixture
async def core(start_core: StartCore) -> Core:
    """One instance's core."""
    return start_core()


@pytest.fixture
async def other(start_core: StartCore, core: Core) -> Core:
    """Another instance's core on the same storage, which takes no turns but those handed to it."""
    del core
    return start_core()
