"""What a warehouse can do, whichever engine it stands on."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from msgspec import Struct

from app.domain.errors import TriageError

Row = Mapping[str, Any]
"""A fact as `app.domain.facts.flattened` gives it: its `kind` and its columns by name."""


class WarehouseError(TriageError):
    """The warehouse cannot be used; the text says why."""


class WarehouseBusy(WarehouseError):
    """Somebody else writes to the warehouse just now."""


class Erased(Struct, kw_only=True):
    """Of what nothing may be kept any more, and since when: Unix time in milliseconds."""

    cases: dict[str, int] = {}
    persons: dict[str, int] = {}

    def covers(self, row: Mapping[str, object]) -> bool:
        """Say whether a row is of something that was erased."""
        if row["case_id"] in self.cases:
            return True
        until = self.persons.get(str(row.get("person")))
        return until is not None and int(str(row["occurred_ms"])) <= until


class Rows(Struct, frozen=True):
    """What a question is answered with."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class TableStatus(Struct, frozen=True, kw_only=True):
    """How a table stands."""

    name: str
    rows: int
    days: int
    """Days (UTC) of which it holds something."""
    files: int
    """Files it is made of; 0 where the engine has none of its own."""
    size_bytes: int
    first_day: str | None = None
    last_day: str | None = None


class Outdated(Struct, frozen=True, kw_only=True):
    """Rows of a table that have been kept for as long as their playbook says."""

    table: str
    playbook: str
    """Empty where the table does not say it; then the longest time of all counts."""
    rows: int
    first_day: str
    last_day: str


class Writer(Protocol):
    """The right to write: one at a time, and gone with the process that has it."""

    def append(self, rows: Sequence[Row]) -> int:
        """Keep rows whose ids are not there yet, each in its own day; returns how many were new.

        When this returns they are on disk. A row of something that was erased is not kept.
        """
        ...

    def keep_unread(self, place: str, data: bytes) -> None:
        """Keep what could not be read as a fact, under its place in the stream."""
        ...

    def erase(self, *, cases: Sequence[str] = (), persons: Sequence[str] = (), at_ms: int) -> int:
        """Erase all rows of these cases, and of these persons' cases; returns how many there were.

        Of an erased case nothing is kept any more, of an erased person nothing that happened until
        `at_ms`, however late it comes.
        """
        ...

    def retain(self, cuts: Mapping[str, int]) -> int:
        """Remove rows that are older than is kept of their playbook; returns how many there were.

        Each table changes at once; whoever is killed in between finds the other tables as they
        were. Rows of other playbooks stay.

        Args:
            cuts: by playbook, since when rows are kept: Unix time in milliseconds.
        """
        ...

    def compact(self) -> int:
        """Bring what is kept in many small pieces together; returns how many pieces went."""
        ...


class Warehouse(Protocol):
    """A place where facts are kept. Reading needs no right, and never waits for who writes."""

    def writing(self) -> AbstractContextManager[Writer]:
        """Become the one that writes, for as long as the block lasts.

        Raises:
            WarehouseBusy: somebody else is; in this process or another.
            WarehouseError: the warehouse cannot be reached or made.
        """
        ...

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Ask in SQL; `docs/warehouse.md` names the tables and views.

        Args:
            sql: one statement; `$1`, `$2` … stand for the parameters.
            parameters: in their order.

        Raises:
            WarehouseError: the statement is wrong, or the warehouse cannot be reached.
        """
        ...

    def status(self) -> tuple[TableStatus, ...]:
        """Say how each table stands, by name.

        Raises:
            WarehouseError: the warehouse cannot be reached.
        """
        ...

    def erased(self) -> Erased:
        """Say what was erased lately: for 90 days, where it is files.

        Raises:
            WarehouseError: the warehouse cannot be reached.
        """
        ...

    def close(self) -> None:
        """Let go of connections; it may be used again."""
        ...
