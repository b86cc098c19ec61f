"""A warehouse of either engine, empty."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.warehouse import Warehouse, open_warehouse
from tests.support.warehouses import postgres_binaries, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Debian's PostgreSQL on a socket of its own."""
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("Debian's postgresql is not installed")
    with postgres_server(binaries) as url:
        yield url


def emptied(url: str) -> str:
    """Forget everything that a warehouse in PostgreSQL holds; returns its address."""
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS triage CASCADE")
    return url


@pytest.fixture
def empty_postgres(postgres: str) -> str:
    """The same with nothing in it."""
    return emptied(postgres)


@pytest.fixture(params=["parquet", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where the warehouse under test is: files, then PostgreSQL."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("empty_postgres")
        return url
    return tmp_path / "warehouse"


@pytest.fixture
def warehouse(place: str | Path) -> Iterator[Warehouse]:
    """An empty warehouse."""
    opened = open_warehouse(place)
    yield opened
    opened.close()
