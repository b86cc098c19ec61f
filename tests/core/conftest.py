"""Cores of instances on a Valkey that no other test's instance looks into."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.embedded import EmbeddedValkey
from app.llm.scripted import Hold
from tests.support.cores import Core, StartCore, cores
from tests.support.llmock import llmock_process, providers

__all__ = ["llmock_process", "providers"]


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A Valkey for the cores alone: anybody else would take over the turns that they leave."""
    with EmbeddedValkey(tmp_path_factory.mktemp("core")) as server:
        yield server


@pytest.fixture
async def start_core(empty_valkey: EmbeddedValkey) -> AsyncIterator[StartCore]:
    """Start any number of instances' cores; they end with the test."""
    async with cores(empty_valkey.url) as start:
        yield start


@pytest.fixture
async def core(start_core: StartCore) -> Core:
    """One instance's core."""
    return start_core()


@pytest.fixture
async def other(start_core: StartCore, core: Core) -> Core:
    """Another instance's core on the same storage."""
    del core
    return start_core()


@pytest.fixture
def hold() -> Hold:
    """Where a model waits that is asked to: before its third word."""
    return Hold(before=2)
