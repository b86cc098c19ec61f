"""From the stream into the warehouse: in order of ids, once, whatever else goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from analytics.warehouse import (
    Rows,
    Warehouse,
    WarehouseBusy,
    WarehouseError,
    Writer,
    open_warehouse,
)
from app.domain.facts import Erased, Fact, encode
from app.embedded import EmbeddedValkey
from app.state.facts import FactStream
from app.state.store import Store
from jobs.warehouse import Drain
from tests.support.sealed import store_at
from tests.support.warehouses import HOUR, MIDNIGHT, rating, started, turn

FACTS = "tri:facts"


@pytest.fixture
async def store(empty_valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """A storage in which nothing waits."""
    made = store_at(empty_valkey.url)
    yield made
    await made.close()


async def tell(store: Store, *facts: Fact | Erased | bytes) -> None:
    """Leave facts behind as the core does."""
    for one in facts:
        data = one if isinstance(one, bytes) else encode(one)
        await store.command("XADD", FACTS, "*", "f", data)


def erased(case_id: str) -> Erased:
    """Return word that a case was erased."""
    return Erased(id=f"erased:{case_id}", occurred_ms=MIDNIGHT, case_id=case_id)


def turns(warehouse: Warehouse) -> list[str]:
    """Return the ids of the turns in the warehouse."""
    return [one for (one,) in warehouse.query("SELECT id FROM turn ORDER BY id").rows]


async def test_what_happened_arrives_once_and_leaves_the_stream(
    store: Store, warehouse: Warehouse
) -> None:
    """In rounds of any size, of any kinds and days; what came before is known by its id."""
    facts = [turn("c", number, MIDNIGHT + number * HOUR) for number in range(1, 40)]
    await tell(store, *facts, started("c"), *facts[:5])
    drain = Drain(FactStream(store), warehouse, at_once=7)
    assert await drain.all() == 45
    assert await FactStream(store).waiting() == 0
    await tell(store, *facts[10:20])
    assert await drain.all() == 10
    assert turns(warehouse) == sorted(one.id for one in facts)
    assert await drain.round() == 0


async def test_erasing_reaches_what_is_there_and_what_comes_late(
    store: Store, warehouse: Warehouse
) -> None:
    """Rows from before, rows of the same round on either side of it, and rows of later rounds."""
    drain = Drain(FactStream(store), warehouse, at_once=100)
    await tell(store, turn("gone", 1), turn("stays", 1))
    await drain.all()
    await tell(store, turn("gone", 2), erased("gone"), turn("gone", 3), turn("stays", 2))
    await drain.all()
    await tell(store, turn("gone", 4), erased("never-was"))
    await drain.all()
    assert turns(warehouse) == ["turn:stays.1", "turn:stays.2"]


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\xc1",
        b"not msgpack",
        encode(turn("c"))[:-1],
        b"\x80",
        encode(turn("c")).replace(b"\xa4turn", b"\xa4Turn", 1),
    ],
)
async def test_what_is_no_fact_is_kept_aside(store: Store, junk: bytes, tmp_path: Path) -> None:
    """It stands in nobody's way, and its bytes are there for whoever can read them."""
    warehouse = open_warehouse(tmp_path / "w")
    await tell(store, turn("c", 1), junk, turn("c", 2))
    assert await Drain(FactStream(store), warehouse).all() == 3
    assert turns(warehouse) == ["turn:c.1", "turn:c.2"]
    kept = [one.read_bytes() for one in (tmp_path / "w" / "unread").iterdir()]
    assert kept == [junk]


class Broken:
    """A warehouse whose disk is full until it is mended."""

    def __init__(self, warehouse: Warehouse) -> None:
        """Take the one that it becomes."""
        self.inner = warehouse
        self.mended = False
        self.tried = asyncio.Event()

    @contextmanager
    def _refusing(self) -> Any:
        self.tried.set()
        raise WarehouseError("no space left on device")
        yield

    def writing(self) -> AbstractContextManager[Writer]:
        """Refuse until it is mended."""
        if self.mended:
            return self.inner.writing()
        refusing: AbstractContextManager[Writer] = self._refusing()
        return refusing

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Ask the inner one."""
        return self.inner.query(sql, parameters)

    def status(self) -> Any:
        """Ask the inner one."""
        return self.inner.status()

    def erased(self) -> Any:
        """Ask the inner one."""
        return self.inner.erased()

    def close(self) -> None:
        """Close the inner one."""
        self.inner.close()


async def until(store: Store, waiting: int) -> None:
    """Wait until so many facts wait."""
    async with asyncio.timeout(20):
        while await FactStream(store).waiting() != waiting:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)


async def test_a_warehouse_that_is_broken_loses_nothing(store: Store, tmp_path: Path) -> None:
    """Facts go on waiting, and are drained once it is mended; the drain never ends."""
    broken = Broken(open_warehouse(tmp_path / "w"))
    await tell(store, turn("c", 1))
    running = asyncio.create_task(Drain(FactStream(store), broken, every_seconds=0.01).run())
    await broken.tried.wait()
    broken.tried.clear()
    await broken.tried.wait()
    assert await FactStream(store).waiting() == 1
    broken.mended = True
    await until(store, 0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert turns(broken.inner) == ["turn:c.1"]


async def test_one_drains_and_the_others_wait(store: Store, warehouse: Warehouse) -> None:
    """While somebody writes, a drain has no round; it has one as soon as they are done."""
    await tell(store, turn("c", 1))
    drain = Drain(FactStream(store), warehouse)
    with warehouse.writing():
        with pytest.raises(WarehouseBusy):
            await drain.round()
        with pytest.raises(WarehouseBusy):
            await drain.all(patience_seconds=0)
    assert await drain.round() == 1


async def test_many_drains_at_once_keep_everything_once(store: Store, place: str | Path) -> None:
    """Several processes' worth of drains, on one stream that goes on filling."""
    warehouses = [open_warehouse(place) for _ in range(3)]
    running = [
        asyncio.create_task(Drain(FactStream(store), one, at_once=9, every_seconds=0.01).run())
        for one in warehouses
    ]
    facts = [turn("c", number) for number in range(120)]
    for fact in facts:
        await tell(store, fact)
    await until(store, 0)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert turns(warehouses[0]) == sorted(one.id for one in facts)


async def test_a_round_that_is_cancelled_is_finished(store: Store, warehouse: Warehouse) -> None:
    """Whoever cancels it waits for its end, and the right to write is free again."""
    await tell(store, *(rating(f"c{number}", 5) for number in range(200)))
    round_ = asyncio.create_task(Drain(FactStream(store), warehouse).round())
    await asyncio.sleep(0)
    round_.cancel()
    with pytest.raises(asyncio.CancelledError):
        await round_
    with warehouse.writing():
        pass
    kept = warehouse.query("SELECT count(*) FROM rating").rows[0][0]
    assert kept + await FactStream(store).waiting() == 200
