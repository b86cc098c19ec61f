"""The warehouse in PostgreSQL: the same tables and views, in the schema `triage`.

Ids are primary keys, so that nothing is there twice whoever writes. Who writes holds an advisory
lock, which the server frees when the connection of its holder ends.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, sql

from analytics.warehouse.interface import (
    Erased,
    Row,
    Rows,
    TableStatus,
    WarehouseBusy,
    WarehouseError,
    Writer,
)
from analytics.warehouse.retention import outdated_by
from analytics.warehouse.schema import TABLES, Batch, Type, batches
from analytics.warehouse.views import VIEWS

SCHEMA = "triage"
_WRITING = 7_247_001
_CHANGING = 7_247_002
_TYPES: Mapping[Type, str] = {
    "text": "text",
    "integer": "bigint",
    "real": "double precision",
    "boolean": "boolean",
}
_EPOCH = "(timestamp '1970-01-01' + ({}) * interval '1 millisecond')"
_DIALECT = {"timestamp": _EPOCH}
_OWN = """
CREATE TABLE IF NOT EXISTS warehouse_erased (
  what text NOT NULL, name text NOT NULL, at_ms bigint NOT NULL, PRIMARY KEY (what, name));
CREATE TABLE IF NOT EXISTS warehouse_unread (place text PRIMARY KEY, data bytea NOT NULL);
CREATE TABLE IF NOT EXISTS warehouse_made (version text NOT NULL);"""
_CONNECT_SECONDS = 5


class PostgresWarehouse:
    """Facts in PostgreSQL."""

    def __init__(self, url: str) -> None:
        """Name the database; nobody connects before it is used."""
        self._url = url
        self._made = False

    @contextmanager
    def _connected(self) -> Iterator["Connection[Any]"]:
        try:
            with psycopg.connect(
                self._url,
                connect_timeout=_CONNECT_SECONDS,
                application_name="triage",
                options=f"-c search_path={SCHEMA} -c timezone=UTC -c extra_float_digits=1",
                cursor_factory=psycopg.RawCursor,
            ) as connection:
                if not self._made:
                    _make(connection)
                    self._made = True
                yield connection
        except psycopg.Error as error:
            raise WarehouseError(f"PostgreSQL: {str(error).strip()}") from error

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Become the one that writes; see `Warehouse.writing`."""
        with self._connected() as connection:
            answer = connection.execute("SELECT pg_try_advisory_lock($1)", [_WRITING]).fetchone()
            connection.commit()
            if answer is None or not answer[0]:
                raise WarehouseBusy("somebody else writes to the warehouse in PostgreSQL")
            yield _TableWriter(connection)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Ask in SQL; see `Warehouse.query`."""
        with self._connected() as connection:
            connection.read_only = True
            answer = connection.execute(sql, list(parameters))
            columns = tuple(one.name for one in answer.description or ())
            return Rows(columns, answer.fetchall())

    def status(self) -> tuple[TableStatus, ...]:
        """Say how each table stands; see `Warehouse.status`."""
        with self._connected() as connection:
            return tuple(_status(connection, name) for name in _tables(connection))

    def erased(self) -> Erased:
        """Say what was erased; see `Warehouse.erased`."""
        with self._connected() as connection:
            rows = connection.execute("SELECT what, name, at_ms FROM warehouse_erased").fetchall()
        named: dict[str, dict[str, int]] = {"case": {}, "person": {}}
        for what, name, at_ms in rows:
            named[what][name] = at_ms
        return Erased(cases=named["case"], persons=named["person"])

    def close(self) -> None:
        """Do nothing: connections last as long as what they are used for."""


class _TableWriter:
    """Writes rows, for whoever holds the lock."""

    def __init__(self, connection: "Connection[Any]") -> None:
        self._db = connection

    def append(self, rows: Sequence[Row]) -> int:
        with self._db.transaction():
            kept = self._not_erased(rows)
            found = batches(kept)
            missing = {one.kind: one.columns for one in found}
            if any(set(wanted) - _columns(self._db, name) for name, wanted in missing.items()):
                _define(self._db, {**TABLES, **missing})
            return sum(self._append(batch) for batch in found)

    def _not_erased(self, rows: Sequence[Row]) -> list[Row]:
        cases = list({row["case_id"] for row in rows})
        persons = list({row["person"] for row in rows if row.get("person") is not None})
        erased = self._db.execute(
            "SELECT what, name, at_ms FROM warehouse_erased"
            " WHERE (what = 'case' AND name = ANY($1)) OR (what = 'person' AND name = ANY($2))",
            [cases, persons],
        ).fetchall()
        until = {(what, name): at for what, name, at in erased}
        return [
            row
            for row in rows
            if ("case", row["case_id"]) not in until
            and row["occurred_ms"] > until.get(("person", row.get("person")), -1)
        ]

    def _append(self, batch: Batch) -> int:
        table = sql.Identifier(batch.kind)
        columns = sql.SQL(", ").join(map(sql.Identifier, batch.columns))
        self._db.execute(
            sql.SQL("CREATE TEMP TABLE arriving ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA")
            .format(columns, table)
        )  # fmt: skip
        with self._db.cursor() as cursor:
            with cursor.copy(sql.SQL("COPY arriving ({}) FROM STDIN").format(columns)) as copy:
                for row in batch.rows:
                    copy.write_row([row.get(name) for name in batch.columns])
            cursor.execute(
                sql.SQL("INSERT INTO {} ({}) SELECT {} FROM arriving ON CONFLICT DO NOTHING")
                .format(table, columns, columns)
            )  # fmt: skip
            added = cursor.rowcount
            cursor.execute("DROP TABLE arriving")
        return added

    def keep_unread(self, place: str, data: bytes) -> None:
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO warehouse_unread VALUES ($1, $2) ON CONFLICT DO NOTHING",
                [place, data],
            )

    def erase(self, *, cases: Sequence[str] = (), persons: Sequence[str] = (), at_ms: int) -> int:
        with self._db.transaction():
            gone = set(cases)
            tables = _tables(self._db)
            for name in tables if persons else ():
                if "person" in _columns(self._db, name):
                    asked = sql.SQL(
                        "SELECT DISTINCT case_id FROM {} WHERE person = ANY($1)"
                        " AND occurred_ms <= $2"
                    ).format(sql.Identifier(name))
                    rows = self._db.execute(asked, [list(persons), at_ms]).fetchall()
                    gone |= {one for (one,) in rows}
            for what, names in (("case", gone), ("person", set(persons))):
                self._db.execute(
                    "INSERT INTO warehouse_erased SELECT $1, unnest($2::text[]), $3"
                    " ON CONFLICT (what, name) DO UPDATE SET at_ms = excluded.at_ms",
                    [what, sorted(names), at_ms],
                )
            self._db.execute(
                "DELETE FROM warehouse_unread WHERE EXISTS (SELECT FROM unnest($1::text[]) AS t(n)"
                " WHERE position(convert_to(n, 'UTF8') IN data) > 0)",
                [sorted({*gone, *persons})],
            )
            return sum(
                self._db.execute(
                    sql.SQL("DELETE FROM {} WHERE case_id = ANY($1)").format(sql.Identifier(name)),
                    [sorted(gone)],
                ).rowcount
                for name in tables
            )

    def retain(self, cuts: Mapping[str, int]) -> int:
        if not cuts:
            return 0
        longest, removed = min(cuts.values()), 0
        for name in _tables(self._db):
            known = "playbook" in _columns(self._db, name)
            where = outdated_by(cuts) if known else f"occurred_ms < {longest}"
            with self._db.transaction():
                removed += self._db.execute(
                    sql.SQL("DELETE FROM {} WHERE ").format(sql.Identifier(name)) + sql.SQL(where)
                ).rowcount
        with self._db.transaction():
            self._db.execute(
                "DELETE FROM warehouse_unread WHERE split_part(place, '-', 1) ~ '^[0-9]{1,15}$'"
                " AND split_part(place, '-', 1)::bigint < $1",
                [longest],
            )
        return removed

    def compact(self) -> int:
        """Do nothing: PostgreSQL sees to that itself."""
        return 0


def _make(connection: "Connection[Any]") -> None:
    """Make tables and views as this version has them, unless they are."""
    told = repr((sorted(TABLES.items()), [one(_DIALECT) for one in VIEWS.values()]))
    version = hashlib.sha256(told.encode()).hexdigest()
    if connection.execute("SELECT to_regclass('warehouse_made')").fetchone() != (None,):
        found = connection.execute("SELECT version FROM warehouse_made").fetchall()
        connection.commit()
        if found == [(version,)]:
            return
    connection.rollback()
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock($1)", [_CHANGING])
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA)))
        for statement in _OWN.split(";"):
            if statement.strip():
                connection.execute(statement)
        _define(connection, TABLES)
        connection.execute("DELETE FROM warehouse_made")
        connection.execute("INSERT INTO warehouse_made VALUES ($1)", [version])


def _define(connection: "Connection[Any]", tables: Mapping[str, Mapping[str, Type]]) -> None:
    """Make what is missing of these tables, and the views anew, since they name columns."""
    for view in reversed(list(VIEWS)):
        connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(sql.Identifier(view)))
    for name, columns in tables.items():
        table = sql.Identifier(name)
        day = sql.SQL(f"date GENERATED ALWAYS AS (({_EPOCH.format('occurred_ms')})::date) STORED")
        connection.execute(
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {} (id text PRIMARY KEY, occurred_ms bigint NOT NULL,"
                " case_id text NOT NULL, day {})"
            ).format(table, day)
        )
        for column, kind in columns.items():
            connection.execute(
                sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}").format(
                    table, sql.Identifier(column), sql.SQL(_TYPES[kind])
                )
            )
        for column in ("case_id", "day"):
            connection.execute(
                sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({})").format(
                    sql.Identifier(f"{name}_{column}"), table, sql.Identifier(column)
                )
            )
    for view, text in VIEWS.items():
        connection.execute(
            sql.SQL("CREATE VIEW {} AS {}").format(
                sql.Identifier(view),
                sql.SQL(text(_DIALECT)),
            )
        )


def _tables(connection: "Connection[Any]") -> list[str]:
    rows = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = $1"
        " AND tablename NOT LIKE 'warehouse\\_%' ORDER BY 1",
        [SCHEMA],
    ).fetchall()
    return [name for (name,) in rows]


def _columns(connection: "Connection[Any]", table: str) -> set[str]:
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = $1 AND table_name = $2",
        [SCHEMA, table],
    ).fetchall()
    return {name for (name,) in rows}


def _status(connection: "Connection[Any]", name: str) -> TableStatus:
    counted = connection.execute(
        sql.SQL(
            "SELECT count(*), count(DISTINCT day), min(day)::text, max(day)::text,"
            " pg_total_relation_size($1::regclass) FROM {}"
        ).format(sql.Identifier(name)),
        [name],
    ).fetchone()
    rows, days, first, last, size = counted or (0, 0, None, None, 0)
    return TableStatus(
        name=name,
        rows=rows,
        days=days,
        files=0,
        size_bytes=size,
        first_day=first,
        last_day=last,
    )
