"""The embedded warehouse: Parquet files, one folder a table and day, written and read with DuckDB.

DuckDB does both: it writes Parquet by columns, compressed, and reads it with SQL in any process
while another one writes; one wheel without dependencies, where pyarrow would be a second, larger
one that cannot be asked in SQL. It runs in memory and keeps nothing of its own.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from analytics.warehouse.files import DataFile, Folder, json_lines, literal, quoted
from analytics.warehouse.interface import (
    Erased,
    Row,
    Rows,
    TableStatus,
    WarehouseError,
    Writer,
)
from analytics.warehouse.retention import outdated_by
from analytics.warehouse.schema import (
    TABLES,
    Batch,
    Type,
    batches,
    day_of,
    neighbours,
)
from analytics.warehouse.views import FIRST_BY_PLACE, VIEWS

T = TypeVar("T")
_Lists = dict[str, list[DataFile]]

_TYPES: Mapping[Type, str] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "real": "DOUBLE",
    "boolean": "BOOLEAN",
}
_DIALECT = {"timestamp": "epoch_ms({})", "first_exposures": FIRST_BY_PLACE}
_SMALL_BYTES = 8 * 1024 * 1024
_MANY = 16
"""How many small files a day may have before they are brought together."""
_PATIENCE_SECONDS = 60.0
"""How long a reader asks again while what it reads is replaced, over and over."""
_WRITINGS = 50
"""After how many writings the engine is begun anew. It keeps some hundred bytes of every statement
and of every file, for as long as it lives, and its beginning takes some hundredths of a second."""
_ERASED_FOR_MS = 90 * 86_400_000
"""How long it is remembered what was erased: longer than any fact can be late."""


class ParquetWarehouse:
    """Facts in files."""

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is made before somebody writes."""
        self._folder = Folder(root)
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._writings = 0
        self._views: tuple[_Lists, duckdb.DuckDBPyConnection] | None = None
        self._guard = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Become the one that writes; see `Warehouse.writing`."""
        with self._folder.locked():
            try:
                yield _FileWriter(self._folder, self._kept_connection())
            except (duckdb.Error, OSError) as error:
                self.close()  # a connection that has failed keeps nothing that is needed
                raise WarehouseError(f"{self._folder.root}: {error}") from error

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Ask in SQL; see `Warehouse.query`.

        Whoever writes removes what it has replaced, and may do so under a reader: who then finds a
        file gone asks again, of the files that count by then.
        """

        def ask(connection: duckdb.DuckDBPyConnection) -> Rows:
            answer = connection.execute(sql, list(parameters))
            columns = tuple(one[0] for one in answer.description or ())
            return Rows(columns, answer.fetchall())

        return self._read(ask)

    def _read(self, ask: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Ask until no file goes meanwhile.

        A file that goes has left the list before. So while the lists change it is somebody's
        writing, and asking again is right; while they stay, the file is missing.
        """
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            lists = self._lists()
            try:
                with self._cursor(lists) as cursor:
                    return ask(cursor)
            except duckdb.IOException as error:
                self._views = None
                if self._lists() == lists or time.monotonic() > until:
                    text = f"a file of the warehouse cannot be read: {error}"
                    raise WarehouseError(text) from error
            except duckdb.Error as error:
                raise WarehouseError(str(error)) from error

    def _lists(self) -> _Lists:
        return {
            name: self._folder.files(name) for name in sorted({*TABLES, *self._folder.tables()})
        }

    def _cursor(self, lists: _Lists) -> duckdb.DuckDBPyConnection:
        """Return a connection of one's own on which every table and view is defined.

        Defining them takes longer than most questions, so it is done anew only where files have
        changed.
        """
        with self._guard:
            if self._views is None or self._views[0] != lists:
                connection = _connect()
                define_views(connection, self._folder, lists)
                self._views = (lists, connection)
            return self._views[1].cursor()

    def status(self) -> tuple[TableStatus, ...]:
        """Say how each table stands; see `Warehouse.status`."""
        return tuple(
            _status(name, self._folder.files(name))
            for name in sorted({*TABLES, *self._folder.tables()})
        )

    def erased(self) -> Erased:
        """Say what was erased; see `Warehouse.erased`."""
        return self._folder.erased()

    def close(self) -> None:
        """Let go of the connections."""
        self._views = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _kept_connection(self) -> duckdb.DuckDBPyConnection:
        if self._connection is not None and self._writings >= _WRITINGS:
            self._connection.close()
            self._connection = None
        if self._connection is None:
            self._connection = _connect()
            self._connection.execute("SET threads = 1")
            self._writings = 0
        self._writings += 1
        return self._connection


def _connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    # Local files are not cached anyway, but each that was ever read would have its entry.
    connection.execute(
        "SET autoinstall_known_extensions = false; SET enable_progress_bar = false;"
        " SET enable_external_file_cache = false;"
        " SET TimeZone = 'UTC'"
    )
    return connection


def define_views(connection: duckdb.DuckDBPyConnection, folder: Folder, lists: _Lists) -> None:
    """Define every table over these files, and every view."""
    for table, files in lists.items():
        source = _source(folder, table, files)
        connection.execute(f"CREATE VIEW {quoted(table)} AS {source}")
    for name, sql in VIEWS.items():
        connection.execute(f"CREATE VIEW {name} AS {sql(_DIALECT)}")


def _source(folder: Folder, table: str, files: Sequence[DataFile]) -> str:
    """Return what selects everything in a table; a column that no file has yet is there, empty."""
    kept = {name: kind for one in files for name, kind in one.columns.items()}
    wanted = {**TABLES.get(table, {}), **kept}
    columns = [
        quoted(name) if name in kept else f"CAST(NULL AS {_TYPES[kind]}) AS {quoted(name)}"
        for name, kind in wanted.items()
    ]
    if not files:
        return f"SELECT {', '.join(columns)}, CAST(NULL AS DATE) AS day WHERE false"
    return f"SELECT {', '.join(columns)}, day FROM {_read_parquet(folder, table, files, days=True)}"


def _read_parquet(
    folder: Folder, table: str, files: Sequence[DataFile], *, days: bool = False
) -> str:
    paths = ", ".join(literal(str(folder.path(table, one.name))) for one in files)
    hive = "true, hive_types = {'day': DATE}" if days else "false"
    return f"read_parquet([{paths}], union_by_name = true, hive_partitioning = {hive})"


class _FileWriter:
    """Writes files, for whoever holds the lock."""

    def __init__(self, folder: Folder, connection: duckdb.DuckDBPyConnection) -> None:
        self._folder = folder
        self._db = connection

    def append(self, rows: Sequence[Row]) -> int:
        erased = self._folder.erased()
        kept = [row for row in rows if not erased.covers(row)]
        return sum(self._append(batch) for batch in batches(kept))

    def keep_unread(self, place: str, data: bytes) -> None:
        self._folder.keep_unread(place, data)

    def _append(self, batch: Batch) -> int:
        files = self._folder.files(batch.kind)
        days: dict[str, list[Row]] = {}
        for row in self._new(batch, files):
            days.setdefault(day_of(row["occurred_ms"]), []).append(row)
        if not days:
            return 0
        added = [self._write(batch, day, rows) for day, rows in sorted(days.items())]
        self._folder.replace(batch.kind, [*files, *added])
        for day in days:
            self._compact_day(batch.kind, day, most=_MANY)
        return sum(one.rows for one in added)

    def _new(self, batch: Batch, files: Sequence[DataFile]) -> list[Row]:
        """Return the rows whose ids are not there yet.

        A turn that is answered anew after a failover may end on the next day: its id is looked for
        in the days around as well.
        """
        near = {one for row in batch.rows for one in neighbours(day_of(row["occurred_ms"]))}
        look = [one for one in files if one.day in near]
        if not look:
            return batch.rows
        ids = [row["id"] for row in batch.rows]
        source = _read_parquet(self._folder, batch.kind, look)
        found = self._db.execute(
            f"SELECT id FROM {source} WHERE id IN (SELECT unnest($1::VARCHAR[]))",
            [ids],
        ).fetchall()
        known = {one for (one,) in found}
        return [row for row in batch.rows if row["id"] not in known]

    def _write(self, batch: Batch, day: str, rows: Sequence[Row]) -> DataFile:
        """Write rows of one day to a file that is named after their ids."""
        digest = hashlib.sha256("\n".join(row["id"] for row in rows).encode()).hexdigest()
        name = f"day={day}/{digest[:24]}.parquet"
        lines = self._folder.partial(batch.kind, f"day={day}/{digest[:24]}.jsonl")
        lines.write_bytes(json_lines(rows, batch.columns))
        schema = ", ".join(
            f"{literal(name)}: {literal(_TYPES[kind])}" for name, kind in batch.columns.items()
        )
        source = (
            f"read_json({literal(str(lines))}, format = 'newline_delimited',"
            f" columns = {{{schema}}})"
        )
        made = self._copy(batch.kind, name, f"SELECT * FROM {source}", batch.columns)
        lines.unlink()
        return made

    def _copy(self, table: str, name: str, sql: str, columns: Mapping[str, Type]) -> DataFile:
        partial = self._folder.partial(table, name)
        counted = self._db.execute(
            f"COPY ({sql} ORDER BY occurred_ms, id) TO {literal(str(partial))}"
            " (FORMAT parquet, COMPRESSION zstd)"
        ).fetchall()
        size = self._folder.complete(table, name)
        return DataFile(name=name, rows=int(counted[0][0]), size_bytes=size, columns=dict(columns))

    def erase(self, *, cases: Sequence[str] = (), persons: Sequence[str] = (), at_ms: int) -> int:
        """Remember it first, so that nobody who comes late undoes it; then rewrite the files."""
        gone = set(cases) | self._cases_of(persons, at_ms)
        erased = self._folder.erased()
        since = at_ms - _ERASED_FOR_MS
        self._folder.keep_erased(
            Erased(
                cases={one: at for one, at in erased.cases.items() if at > since}
                | dict.fromkeys(gone, at_ms),
                persons={one: at for one, at in erased.persons.items() if at > since}
                | dict.fromkeys(persons, at_ms),
            )
        )
        self._folder.forget_unread([*gone, *persons])
        if not gone:
            return 0
        where = f"case_id IN ({', '.join(map(literal, sorted(gone)))})"
        return sum(
            self._remove(table, self._folder.files(table), where) for table in self._folder.tables()
        )

    def retain(self, cuts: Mapping[str, int]) -> int:
        if not cuts:
            return 0
        longest, newest = min(cuts.values()), day_of(max(cuts.values()))
        removed = 0
        for table in self._folder.tables():
            old = [one for one in self._folder.files(table) if one.day <= newest]
            with_playbook = [one for one in old if "playbook" in one.columns]
            without = [one for one in old if "playbook" not in one.columns]
            removed += self._remove(table, with_playbook, outdated_by(cuts))
            removed += self._remove(table, without, f"occurred_ms < {longest}")
        self._folder.drop_unread(longest)
        return removed

    def _cases_of(self, persons: Sequence[str], at_ms: int) -> set[str]:
        found: set[str] = set()
        for table in self._folder.tables() if persons else ():
            files = [one for one in self._folder.files(table) if "person" in one.columns]
            if files:
                sql = (
                    f"SELECT DISTINCT case_id FROM {_read_parquet(self._folder, table, files)}"
                    " WHERE person IN (SELECT unnest($1::VARCHAR[])) AND occurred_ms <= $2"
                )
                rows = self._db.execute(sql, [list(persons), at_ms]).fetchall()
                found |= {one for (one,) in rows}
        return found

    def _remove(self, table: str, files: Sequence[DataFile], where: str) -> int:
        """Let those of these files count without the rows of which this holds."""
        held = self._holding(table, files, where)
        if not held:
            return 0
        kept = [
            self._without(table, one, where) if one.name in held else one
            for one in self._folder.files(table)
            if held.get(one.name, 0) < one.rows
        ]
        self._folder.replace(table, kept)
        return sum(held.values())

    def _holding(self, table: str, files: Sequence[DataFile], where: str) -> dict[str, int]:
        """Return how many such rows each file holds that holds any."""
        if not files:
            return {}
        names = {str(self._folder.path(table, one.name)): one.name for one in files}
        source = _read_parquet(self._folder, table, files).replace(
            "union_by_name", "filename = true, union_by_name", 1
        )
        rows = self._db.execute(
            f"SELECT filename, count(*) FROM {source} WHERE {where} GROUP BY 1"
        ).fetchall()
        return {names[path]: count for path, count in rows}

    def _without(self, table: str, one: DataFile, where: str) -> DataFile:
        sql = (
            f"SELECT * FROM {_read_parquet(self._folder, table, [one])} WHERE ({where}) IS NOT TRUE"
        )
        return self._copy(table, self._merged_name(table, [one], sql), sql, one.columns)

    def compact(self) -> int:
        went = 0
        for table in self._folder.tables():
            files = self._folder.files(table)
            self._folder.tidy(table, {one.name for one in files})
            went += sum(
                self._compact_day(table, day, most=1) for day in sorted({one.day for one in files})
            )
        return went

    def _compact_day(self, table: str, day: str, *, most: int) -> int:
        """Bring a day's small files together, if there are more than so many."""
        files = self._folder.files(table)
        small = [one for one in files if one.day == day and one.size_bytes < _SMALL_BYTES]
        if len(small) <= most:
            return 0
        columns = {name: kind for one in small for name, kind in one.columns.items()}
        listed = ", ".join(map(quoted, columns))
        sql = f"SELECT {listed} FROM {_read_parquet(self._folder, table, small)}"
        merged = self._copy(table, self._merged_name(table, small, sql), sql, columns)
        gone = {one.name for one in small}
        self._folder.replace(table, [one for one in files if one.name not in gone] + [merged])
        return len(small) - 1

    def _merged_name(self, table: str, files: Sequence[DataFile], sql: str) -> str:
        """Return a name that no file has: of what it is made from, and how."""
        told = "\n".join([table, sql, *(one.name for one in files)])
        digest = hashlib.sha256(told.encode()).hexdigest()
        return f"day={files[0].day}/{digest[:24]}.parquet"


def _status(name: str, files: Sequence[DataFile]) -> TableStatus:
    days = sorted({one.day for one in files})
    return TableStatus(
        name=name,
        rows=sum(one.rows for one in files),
        days=len(days),
        files=len(files),
        size_bytes=sum(one.size_bytes for one in files),
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
    )
