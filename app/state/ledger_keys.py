"""Names of what the ledger keeps, and how its sums are told apart."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from app.domain.ledger import LedgerRow, Period
from app.state import keys

SEPARATOR = "\x1f"
SPENT = keys.LEDGER + "spent:"
BUDGETS = keys.LEDGER + "budgets"
HELD = keys.LEDGER + "held"
OPEN = keys.LEDGER + "open"
DUE = keys.LEDGER + "due"
COMMON = (OPEN, DUE, HELD, BUDGETS, SPENT)
"""What every script of the ledger takes first."""


def rows_key(case_id: str, day: datetime | None = None) -> str:
    """Return where the rows of a case are; calls for no case are kept by the day."""
    return f"{keys.LEDGER}rows:{case_id or (day and f'-{day:%Y-%m-%d}')}"


def sums_key(bucket: str) -> str:
    """Return where the sums of an hour or a day are."""
    return f"{keys.LEDGER}sums:{bucket}"


def cases_key(day: datetime) -> str:
    """Return where the costs of the cases of a day are."""
    return f"{keys.LEDGER}cases:{day:%Y-%m-%d}"


def field(name: bytes) -> tuple[str, Period]:
    """Return the scope and the period of a budget's field."""
    scope, _, period = name.decode().rpartition("|")
    return scope, msgspec.convert(period, Period)


def pairs(answer: Any) -> Iterable[tuple[bytes, bytes]]:
    """Return a hash's fields, whichever way the client answers."""
    if isinstance(answer, dict):
        return answer.items()
    return zip(answer[::2], answer[1::2], strict=True)


def counted(row: LedgerRow) -> dict[str, int]:
    """Return what a row adds to `Totals`."""
    spared = row.outcome == "cached"
    return {
        "calls": int(not spared),
        "completed": int(row.outcome == "completed"),
        "cached": int(spared),
        "unpriced": int(row.source == "unpriced"),
        "estimated": int(row.source == "estimated"),
        "input": row.input,
        "cached_input": row.cached,
        "cache_write": row.cache_write,
        "output": row.output,
        "reasoning": row.reasoning,
        "cost_nano_usd": row.cost_nano_usd or 0,
        "saved_nano_usd": row.saved_nano_usd or 0,
        "latency_ms": round(row.latency_ms),
    }
