"""The tables: one for each kind of fact, with a column for each field, by name.

Columns are only ever added. A fact that a newer version has written may bring columns, or be of a
kind, that this one does not know: they are kept under their names, with the type of their value.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct, inspect

from analytics.warehouse.interface import Row
from app.domain.facts import FACTS, About, kind_of
from app.domain.ledger import LedgerRow, UnitPrices

Type = Literal["text", "integer", "real", "boolean"]
_PYTHON: Mapping[Type, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "real": (float, int),
    "boolean": (bool,),
}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_MOST_INTEGER = 2**63
_DAY_MS = 86_400_000
_LAST_MS = 253_402_300_799_999
"""The end of the year 9999."""


class NotAFact(msgspec.ValidationError):
    """A row cannot be kept in any table."""


class Batch(Struct, frozen=True, kw_only=True):
    """Rows of one kind."""

    kind: str
    columns: Mapping[str, Type]
    """What the rows have, and what this version knows of the kind."""
    rows: list[Row]


def _types(struct: type[Struct]) -> dict[str, Type]:
    """Return the columns of a struct, laid out as `app.domain.facts.flattened` does it."""
    found: dict[str, Type] = {}
    for field in msgspec.structs.fields(struct):
        match field.name:
            case "about":
                found |= _types(About)
            case "row":
                found |= _types(LedgerRow)
            case "prices":
                found |= {f"price_{name}": kind for name, kind in _types(UnitPrices).items()}
            case name:
                found[name] = _type(inspect.type_info(field.type))
    return found


def _type(kind: inspect.Type) -> Type:
    if isinstance(kind, inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    match kind:
        case inspect.BoolType():
            return "boolean"
        case inspect.IntType():
            return "integer"
        case inspect.FloatType():
            return "real"
        case inspect.StrType() | inspect.LiteralType():
            return "text"
        case _:
            raise TypeError(f"a fact has a field of type {kind}")


def _table(struct: type[Struct]) -> dict[str, Type]:
    first: dict[str, Type] = {"id": "text", "occurred_ms": "integer", "case_id": "text"}
    return first | _types(struct)


TABLES: Mapping[str, Mapping[str, Type]] = {kind_of(one): _table(one) for one in FACTS}
"""The columns of every table, by the kind of fact it holds."""


def day_of(occurred_ms: int) -> str:
    """Return the day (UTC) to which a time belongs.

    >>> day_of(1_764_115_199_999), day_of(1_764_115_200_000)
    ('2025-11-25', '2025-11-26')
    """
    return (dt.date(1970, 1, 1) + dt.timedelta(days=occurred_ms // _DAY_MS)).isoformat()


def neighbours(day: str) -> tuple[str, str, str]:
    """Return the day before, the day, and the day after.

    >>> neighbours("2026-03-01")
    ('2026-02-28', '2026-03-01', '2026-03-02')
    """
    middle = dt.date.fromisoformat(day)
    one = dt.timedelta(days=1)
    return (middle - one).isoformat(), day, (middle + one).isoformat()


def check(row: Row) -> None:
    """See that a row fits its table.

    Raises:
        NotAFact: naming what does not.
    """
    kind = row.get("kind")
    if not isinstance(kind, str) or not _NAME.match(kind):
        raise NotAFact(f"{kind!r} is no kind of fact")
    for name in ("id", "case_id", "occurred_ms"):
        if row.get(name) is None:
            raise NotAFact(f"{kind}: it has no {name}")
    if not row["id"]:
        raise NotAFact(f"{kind}: its id is empty")
    known = TABLES.get(kind, TABLES["triage_started"])
    for name, value in row.items():
        if not _NAME.match(name) or name == "day":
            raise NotAFact(f"{kind}: {name!r} is no name of a column")
        wanted = known.get(name) or type_of(value)
        if value is not None and not _fits(value, wanted):
            raise NotAFact(f"{kind}: {name} is {type(value).__name__}, not {wanted}")
    if not 0 <= row["occurred_ms"] <= _LAST_MS:
        raise NotAFact(f"{kind}: occurred_ms is no time")


def _fits(value: Any, wanted: Type) -> bool:
    if type(value) not in _PYTHON[wanted]:
        return False
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")
    return not isinstance(value, int) or -_MOST_INTEGER <= value < _MOST_INTEGER


def type_of(value: Any) -> Type:
    """Return the type of a column that only this value is known of."""
    for name, kinds in _PYTHON.items():
        if type(value) is kinds[0]:
            return name
    return "text"


def batches(rows: Iterable[Row]) -> list[Batch]:
    """Sort rows by their kind, each id once; the first one counts."""
    sorted_: dict[str, dict[str, Row]] = {}
    for row in rows:
        sorted_.setdefault(row["kind"], {}).setdefault(row["id"], row)
    return [_batch(kind, list(one.values())) for kind, one in sorted(sorted_.items())]


def _batch(kind: str, rows: Sequence[Row]) -> Batch:
    columns: dict[str, Type] = dict(
        TABLES.get(kind, {"id": "text", "occurred_ms": "integer", "case_id": "text"})
    )
    for row in rows:
        for name, value in row.items():
            if name != "kind" and value is not None:
                columns.setdefault(name, type_of(value))
    return Batch(kind=kind, columns=columns, rows=list(rows))
