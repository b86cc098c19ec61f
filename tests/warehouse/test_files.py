"""The files of the embedded warehouse: few, replaced at once, readable while they change."""

import threading
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analytics.warehouse import WarehouseError, open_warehouse, parquet
from analytics.warehouse.parquet import ParquetWarehouse
from tests.support.waiting import until
from tests.support.warehouses import HOUR, MIDNIGHT, rows, turn

DAY = 24 * HOUR


def files(folder: Path) -> list[str]:
    """Return the names of a warehouse's data files."""
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*.parquet"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the warehouse is."""
    return tmp_path / "odd 'name'=x" / "warehouse"


def append(warehouse: ParquetWarehouse, *facts: Any) -> None:
    """Keep facts."""
    with warehouse.writing() as writer:
        writer.append(rows(*facts))


def test_each_day_has_a_folder_of_its_own(folder: Path) -> None:
    """Anything that reads Parquet finds them there."""
    append(ParquetWarehouse(folder), turn("c", 1, MIDNIGHT - 1), turn("c", 2, MIDNIGHT))
    assert [name.rpartition("/")[0] for name in files(folder)] == [
        "turn/day=2025-11-25",
        "turn/day=2025-11-26",
    ]


def test_small_files_are_brought_together(folder: Path) -> None:
    """By themselves where a day has many, and by hand; nothing is lost or twice."""
    warehouse = ParquetWarehouse(folder)
    for number in range(40):
        append(warehouse, turn("c", number, MIDNIGHT + number), turn("d", number, MIDNIGHT + DAY))
        assert len(files(folder)) <= 2 * 17
    with warehouse.writing() as writer:
        went = writer.compact()
        assert writer.compact() == 0
    assert went > 0
    assert len(files(folder)) == 2
    sql = "SELECT case_id, count(*), count(DISTINCT id) FROM turn GROUP BY 1 ORDER BY 1"
    assert warehouse.query(sql).rows == [("c", 40, 40), ("d", 40, 40)]


def test_the_engine_of_a_writer_does_not_grow_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps something of all that it ever did, so another takes its place now and then."""
    engines: list[Any] = []
    connect = duckdb.connect

    def counted(place: str) -> Any:
        engines.append(connect(place))
        return engines[-1]

    monkeypatch.setattr(duckdb, "connect", counted)
    monkeypatch.setattr(parquet, "_WRITINGS", 10)
    warehouse = ParquetWarehouse(folder)
    for number in range(35):
        append(warehouse, turn("c", number, MIDNIGHT + number))
        append(warehouse, turn("c", number, MIDNIGHT + number))
        of_files = "SELECT coalesce(sum(memory_usage_bytes), 0) FROM duckdb_memory()"
        assert engines[-1].execute(of_files).fetchone() == (0,), "something is kept of each file"
    assert len(engines) == 7
    for one in engines[:-1]:
        with pytest.raises(duckdb.ConnectionException):
            one.execute("SELECT 1")
    assert warehouse.query("SELECT count(*) FROM turn").rows == [(35,)]


def test_what_the_killed_left_does_not_count(folder: Path) -> None:
    """Files that are on no list are not read, and go with the next change of their table."""
    warehouse = ParquetWarehouse(folder)
    append(warehouse, turn("c", 1))
    real = folder / files(folder)[0]
    for name in ("left.parquet", "left.jsonl.part", "left.parquet.part"):
        (real.parent / name).write_bytes(real.read_bytes())
    (folder / "turn" / "day=2020-01-01").mkdir()
    assert warehouse.query("SELECT count(*) FROM turn").rows == [(1,)]
    append(warehouse, turn("c", 2))
    assert warehouse.query("SELECT count(*) FROM turn").rows == [(2,)]
    assert len([one for one in (folder / "turn").rglob("*") if one.is_file()]) == 3
    assert not (folder / "turn" / "day=2020-01-01").exists()


def test_erasing_rewrites_only_the_files_that_hold_it(folder: Path) -> None:
    """Others stay as they are; a file of nothing else goes; no byte of the case is left."""
    warehouse = ParquetWarehouse(folder)
    append(warehouse, turn("theirs", 1, MIDNIGHT))
    append(warehouse, turn("secret-case", 1, MIDNIGHT + DAY), turn("theirs", 2, MIDNIGHT + DAY))
    append(warehouse, turn("secret-case", 2, MIDNIGHT + 2 * DAY))
    before = files(folder)
    with warehouse.writing() as writer:
        assert writer.erase(cases=["secret-case"], at_ms=MIDNIGHT) == 2
    after = files(folder)
    assert len(after) == 2
    assert before[0] in after
    assert before[1] not in after
    held = [one for one in folder.rglob("*") if one.is_file() and b"secret" in one.read_bytes()]
    assert [one.name for one in held] == ["erased.json"]


def test_readers_never_see_half_of_a_change(folder: Path) -> None:
    """While files come, are brought together and go, counts only grow and never miss or repeat."""
    writer_, reader = ParquetWarehouse(folder), ParquetWarehouse(folder)
    append(writer_, turn("c", 0))
    seen: list[tuple[int, int]] = []
    failed: list[Exception] = []
    ended = threading.Event()

    def read() -> None:
        try:
            while not ended.is_set():
                (pair,) = reader.query("SELECT count(*), count(DISTINCT id) FROM turn").rows
                seen.append(pair)
        except WarehouseError as error:
            failed.append(error)

    def answered(before: int) -> bool:
        return len(seen) > before or bool(failed)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in range(1, 60):
            append(writer_, turn("c", number))
            if number % 5 == 0:
                with writer_.writing() as writer:
                    writer.compact()
                until(partial(answered, len(seen)), "an answer")
    finally:
        ended.set()
        thread.join()
    assert failed == []
    counts = [one for one, _ in seen]
    assert all(rows_ == distinct for rows_, distinct in seen)
    assert counts == sorted(counts)
    assert len(set(counts)) > 2


def test_a_list_that_is_damaged_is_not_taken_for_nothing(folder: Path) -> None:
    """Reading and writing both refuse, so that nothing is written over."""
    warehouse = ParquetWarehouse(folder)
    append(warehouse, turn("c", 1))
    (folder / "turn" / "files.json").write_bytes(b"[{")
    with pytest.raises(WarehouseError, match=r"files\.json"):
        warehouse.query("SELECT 1")
    with pytest.raises(WarehouseError, match=r"files\.json"):
        append(warehouse, turn("c", 2))
    assert len(files(folder)) == 1


def test_a_file_that_is_gone_is_an_error(folder: Path) -> None:
    """What somebody removed by hand is told, and not answered around."""
    warehouse = ParquetWarehouse(folder)
    append(warehouse, turn("c", 1))
    (folder / files(folder)[0]).unlink()
    with pytest.raises(WarehouseError, match="cannot be read"):
        ParquetWarehouse(folder).query("SELECT count(*) FROM turn")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """It is an error of ours, with the reason."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(WarehouseError, match="file/warehouse"),
        open_warehouse(tmp_path / "file" / "warehouse").writing(),
    ):
        raise AssertionError("it was made")
