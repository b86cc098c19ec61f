"""What AI costs: on whose account a call is made, the row that stays of it, sums and budgets.

Money is counted in whole nano-USD (a thousand-millionth of a dollar), prices in nano-USD for a
million tokens, so that nothing is ever rounded but a row's cost, once.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from app.domain.errors import InvalidInput
from app.domain.usage import Operation, Outcome, Provider, Source, Tier

RowOutcome = Literal[Outcome, "cached", "lost"]
"""`cached`: nobody was asked, a kept analysis served. `lost`: the process died during the call."""
SOURCES: tuple[Source, ...] = ("provider", "catalogue", "estimated", "unpriced", "free")
MOST_NANO_USD = 2**53 - 1
"""The largest budget, about nine million dollars: scripts in Valkey compare up to it exactly."""

_NAME = re.compile(r"[\w.-]+:[\w.-]+")

Nano = Annotated[int, Meta(ge=0)]


class Account(Struct, frozen=True, kw_only=True):
    """On whose account calls are made."""

    case_id: str = ""
    turn: int = 0
    step: str = ""
    """The step of an analysis; empty for the turn itself."""
    playbook: str = ""
    strategy: str = ""
    """How the result is made; empty in the interview."""
    arm: str = ""
    """The experiment and its arm, `experiment:variant`; empty outside experiments."""


class UnitPrices(Struct, frozen=True, kw_only=True):
    """Prices that were applied, in nano-USD for a million tokens; None where there is none."""

    input: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    output: int | None = None


class LedgerRow(Struct, frozen=True, kw_only=True):
    """One attempt at a model, or a call that a kept analysis spared: written once, under its id."""

    id: str
    """Given when the money is reserved; writing a row again changes nothing."""
    case_id: str
    turn: int
    step: str
    playbook: str
    strategy: str
    arm: str
    provider: Provider
    model: str
    """The model asked for."""
    answered_by: str | None = None
    """The model that says it answered, which may be a dated version."""
    tier: Tier = "standard"
    operation: Operation
    outcome: RowOutcome
    error: str | None = None
    status: int | None = None
    input: int = 0
    """Tokens read, with `cached` and `cache_write` as its parts; an estimate where `source` says
    so."""
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    """Tokens written, `reasoning` being part of them."""
    reasoning: int = 0
    clamped: bool = False
    """The provider's parts exceeded its totals and were cut to fit."""
    prices: UnitPrices | None = None
    catalogue: str = ""
    """Whose prices they are, and of which version."""
    cost_nano_usd: int | None
    """None where the price is not known; never zero for that reason."""
    source: Source
    saved_nano_usd: int | None = None
    """What the spared call had cost, of a row `cached`."""
    started_ms: int
    completed_ms: int
    """Unix time in milliseconds; it decides to which hour, day and month the row belongs."""
    latency_ms: float
    first_token_ms: float | None = None
    request_id: str | None = None


Grain = Literal["hour", "day", "month"]
Dimension = Literal["hour", "day", "month", "provider", "model", "operation", "arm", "case"]
"""What sums can be told apart by. Hours, days and months are UTC."""


class Query(Struct, frozen=True, kw_only=True):
    """Which rows to add up, and by what to tell the sums apart."""

    since_ms: int
    """Unix time in milliseconds; from the beginning of its hour on."""
    until_ms: int
    """Unix time in milliseconds; up to the end of its hour, unless it begins one."""
    by: tuple[Dimension, ...] = ()
    """Nothing gives one sum."""
    provider: Provider | None = None
    model: str | None = None
    operation: Operation | None = None
    arm: str | None = None
    case_id: str | None = None
    """The rows of one case; otherwise sums of all."""


class Totals(Struct, frozen=True, kw_only=True):
    """What rows add up to."""

    key: dict[str, str] = {}
    """What they have in common, by dimension: `{"day": "2026-11-25", "model": "gpt-5"}`."""
    calls: int = 0
    """Attempts at models; calls that the cache spared are not among them."""
    completed: int = 0
    cached: int = 0
    """Calls that the cache spared."""
    unpriced: int = 0
    """Calls whose cost is not known; `cost_nano_usd` is without them."""
    estimated: int = 0
    """Calls whose cost is an estimate; `cost_nano_usd` is with them."""
    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    cost_nano_usd: int = 0
    saved_nano_usd: int = 0
    latency_ms: int = 0
    """Of all calls together."""


Period = Literal["hour", "day", "month"]
"""By the calendar in UTC."""
PERIODS: tuple[Period, ...] = ("hour", "day", "month")


class Scope(Struct, frozen=True, kw_only=True):
    """What a budget is for: everything, one operation, or one arm of an experiment."""

    kind: Annotated[Literal["global", "operation", "arm"], Meta(description="What it is for.")]
    name: Annotated[
        str, Meta(description="The operation, or `experiment:variant`; empty for everything.")
    ] = ""

    def __str__(self) -> str:
        """Return its name in storage and in addresses.

        >>> str(Scope(kind="global")), str(Scope(kind="operation", name="judge"))
        ('global', 'operation:judge')
        """
        return f"{self.kind}:{self.name}" if self.name else self.kind

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """Read a scope as `str` writes it.

        >>> Scope.parse("arm:greeting:warm")
        Scope(kind='arm', name='greeting:warm')

        Raises:
            InvalidInput: if there is no such scope.
        """
        kind, _, name = text.partition(":")
        valid = {
            "global": not name,
            "operation": name in get_args(Operation),
            "arm": _NAME.fullmatch(name) is not None,
        }
        if not valid.get(kind):
            operations = ", ".join(get_args(Operation))
            raise InvalidInput(
                f"no scope {text!r}: it is `global`, `operation:` with one of {operations}, or"
                " `arm:` with an experiment's key, a colon and its variation"
            )
        return cls(kind=msgspec.convert(kind, Literal["global", "operation", "arm"]), name=name)


class Budget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="budget/1"):
    """How much may be spent in one scope in each period."""

    scope: Annotated[Scope, Meta(description="What it is for.")]
    period: Annotated[Period, Meta(description="By the calendar in UTC.")]
    limit_nano_usd: Annotated[
        int, Meta(ge=0, le=MOST_NANO_USD, description="In each period, in nano-USD.")
    ]


class BudgetState(Struct, frozen=True, kw_only=True):
    """A budget as it stands."""

    budget: Annotated[Budget, Meta(description="How much may be spent.")]
    spent_nano_usd: Annotated[
        Nano, Meta(description="In the period that runs, by when calls were completed.")
    ]
    reserved_nano_usd: Annotated[
        Nano, Meta(description="For calls that are under way in the scope.")
    ]
    ends_ms: Annotated[int, Meta(description="When the period ends: Unix time in milliseconds.")]

    @property
    def left_nano_usd(self) -> int:
        """What may still be reserved."""
        return max(0, self.budget.limit_nano_usd - self.spent_nano_usd - self.reserved_nano_usd)


def scopes_of(operation: Operation, arm: str) -> tuple[Scope, ...]:
    """Return the scopes a call belongs to.

    >>> [str(one) for one in scopes_of("judge", "")]
    ['global', 'operation:judge']
    """
    scopes = [Scope(kind="global"), Scope(kind="operation", name=operation)]
    if arm:
        scopes.append(Scope(kind="arm", name=arm))
    return tuple(scopes)


def period_end_ms(period: Period, at_ms: int) -> int:
    """Return when the period of a time ends: Unix time in milliseconds.

    >>> period_end_ms("hour", 3_599_999), period_end_ms("month", 0) // 86_400_000
    (3600000, 31)
    """
    at = datetime.fromtimestamp(at_ms / 1_000, UTC).replace(minute=0, second=0, microsecond=0)
    if period == "hour":
        end = at + timedelta(hours=1)
    elif period == "day":
        end = at.replace(hour=0) + timedelta(days=1)
    else:
        end = (at.replace(hour=0, day=1) + timedelta(days=32)).replace(day=1)
    return int(end.timestamp() * 1_000)
