"""The ledger in Valkey: money set aside for calls, and the row that stays of each.

Money is set aside before a call and the row is written after it, each in one script, so that any
number of processes share one purse. Rows leave for the warehouse with the same script that adds
them up; what stays here is what budgets, operators and reports look at.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from app.domain import facts
from app.domain.errors import StateUnavailable
from app.domain.ledger import LedgerRow, Period, Scope, period_end_ms
from app.state.ledger_keys import (
    COMMON,
    DUE,
    OPEN,
    SEPARATOR,
    cases_key,
    counted,
    field,
    rows_key,
    sums_key,
)
from app.state.store import Store

ROW_SECONDS = 8 * 86_400
"""How long the rows of a case can be read here; the warehouse keeps them."""
HOUR_SECONDS = 40 * 86_400
"""How long sums by the hour, and costs by case, are kept."""
DAY_SECONDS = 400 * 86_400
"""How long sums by the day are kept."""

_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], LedgerRow] = msgspec.msgpack.Decoder(LedgerRow).decode


class Reserved(Struct, frozen=True, kw_only=True):
    """The money is set aside."""

    budgeted: bool
    """Whether any budget applies."""


class Exhausted(Struct, frozen=True, kw_only=True):
    """A budget applies, and the call must not be made."""

    unpriced: bool
    """Nobody knows what it would cost; otherwise not enough is left."""
    scope: str
    period: Period
    ends_ms: int
    """When the period ends."""


class Overdue(Struct, frozen=True, kw_only=True):
    """A reservation whose time is over: its process died during the call."""

    row: LedgerRow
    """As it was to be written in that case."""
    at_ms: int
    """The server's time."""


class Ledger:
    """The ledger, for all processes at once."""

    def __init__(self, store: Store) -> None:
        """Take the connection."""
        self._store = store

    async def reserve(
        self, row: LedgerRow, nano_usd: int | None, scopes: Sequence[Scope], *, seconds: float
    ) -> Reserved | Exhausted:
        """Set money aside for a call; doing so again under the same id changes nothing.

        Args:
            row: How the call is entered if its process dies.
            nano_usd: What it costs at most; None where the price is not known.
            scopes: What it belongs to.
            seconds: After which it counts as lost.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        answer = await self._store.run(
            "ledger_reserve",
            COMMON,
            [
                row.id,
                "" if nano_usd is None else nano_usd,
                int(seconds * 1_000),
                _encode(row),
                *map(str, scopes),
            ],
        )
        if answer[0] == b"OK":
            return Reserved(budgeted=bool(answer[1]))
        if answer[0] == b"VOID":
            raise StateUnavailable("the call was given up")
        scope, period = field(answer[1])
        return Exhausted(
            unpriced=answer[0] == b"UNPRICED",
            scope=scope,
            period=period,
            ends_ms=period_end_ms(period, int(answer[2])),
        )

    async def settle(self, row: LedgerRow, scopes: Sequence[Scope], *, reserved: bool) -> bool:
        """Write a row; False if it was written before, or its call was given back.

        Raises:
            StateUnavailable: if the storage does not answer or is full; it may be tried again.
        """
        day = datetime.fromtimestamp(row.completed_ms / 1_000, UTC)
        cost = row.cost_nano_usd
        sums: list[Any] = []
        for what, by in counted(row).items():
            if by:
                sums += [
                    SEPARATOR.join((row.provider, row.model, row.operation, row.arm, what)),
                    by,
                ]
        answer = await self._store.run(
            "ledger_settle",
            [
                *COMMON,
                rows_key(row.case_id, day),
                sums_key(f"{day:%Y-%m-%dT%H}"),
                sums_key(f"{day:%Y-%m-%d}"),
                cases_key(day),
            ],
            [
                row.id,
                int(reserved),
                "" if cost is None else cost,
                _encode(row),
                facts.encode(facts.AiCall(row=row)),
                SEPARATOR.join(map(str, scopes)),
                row.case_id,
                ROW_SECONDS,
                HOUR_SECONDS,
                DAY_SECONDS,
                *sums,
            ],
        )
        return bool(answer)

    async def void(self, row_id: str) -> bool:
        """Give back what was set aside for a call that was not made.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        return bool(await self._store.run("ledger_void", COMMON, [row_id]))

    async def overdue(self, limit: int) -> list[Overdue]:
        """Return reservations whose time is over, the oldest first.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        seconds, micros = await self._store.command("TIME")
        now = int(seconds) * 1_000 + int(micros) // 1_000
        ids = await self._store.command("ZRANGEBYSCORE", DUE, 0, now, "LIMIT", 0, limit)
        if not ids:
            return []
        entries = await self._store.command("HMGET", OPEN, *ids)
        return [
            Overdue(row=_decode(entry.partition(b"\x1e")[2]), at_ms=now)
            for entry in entries
            if entry is not None
        ]

    async def rows(self, case_id: str) -> list[LedgerRow]:
        """Return the rows of a case, the oldest first.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        found = await self._store.command("HVALS", rows_key(case_id, None))
        return sorted(map(_decode, found), key=lambda row: (row.started_ms, row.id))

    async def forget(self, case_id: str) -> None:
        """Forget the rows of a case; sums stay, for they name nobody.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        await self._store.command("DEL", rows_key(case_id, None))
