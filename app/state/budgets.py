"""Budgets in Valkey: limits, and how much of them is spent and set aside."""

from collections.abc import Iterable
from datetime import UTC, datetime

from app.domain.ledger import PERIODS, Budget, BudgetState, Period, Scope, period_end_ms
from app.state.ledger_keys import BUDGETS, COMMON, SPENT, field
from app.state.store import Store


class Budgets:
    """The budgets of all processes at once."""

    def __init__(self, store: Store) -> None:
        """Take the connection."""
        self._store = store

    async def spent_of(self, scopes: Iterable[Scope], now_ms: int) -> dict[str, dict[Period, int]]:
        """Return what is spent in the periods that run, by scope.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        wanted = [(str(scope), period) for scope in scopes for period in PERIODS]
        answers = await self._store.commands(
            ("HGET", SPENT + period_name(period, now_ms), scope) for scope, period in wanted
        )
        found: dict[str, dict[Period, int]] = {}
        for (scope, period), value in zip(wanted, answers, strict=True):
            found.setdefault(scope, {})[period] = int(value or 0)
        return found

    async def set(self, budget: Budget) -> None:
        """Set a budget, in place of the one for the same scope and period.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        name = f"{budget.scope}|{budget.period}"
        await self._store.command("HSET", BUDGETS, name, budget.limit_nano_usd)

    async def remove(self, scope: Scope, period: Period) -> bool:
        """Remove a budget; False if there was none.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        return bool(await self._store.command("HDEL", BUDGETS, f"{scope}|{period}"))

    async def states(self) -> list[BudgetState]:
        """Return every budget as it stands, all at one moment and by the server's clock.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        clock, *flat = await self._store.run("ledger_budgets", COMMON, [])
        now = int(clock)
        states = []
        for name, limit, spent, reserved in zip(*(flat[at::4] for at in range(4)), strict=True):
            scope, period = field(name)
            states.append(
                BudgetState(
                    budget=Budget(
                        scope=Scope.parse(scope), period=period, limit_nano_usd=int(limit)
                    ),
                    spent_nano_usd=int(spent),
                    reserved_nano_usd=max(0, int(reserved)),
                    ends_ms=period_end_ms(period, now),
                )
            )
        return sorted(
            states, key=lambda one: (str(one.budget.scope), PERIODS.index(one.budget.period))
        )


def period_name(period: Period, at_ms: int) -> str:
    """Return the name of the period of a time, as the scripts name it."""
    at = datetime.fromtimestamp(at_ms / 1_000, UTC)
    return {"hour": f"{at:%Y-%m-%dT%H}", "day": f"{at:%Y-%m-%d}", "month": f"{at:%Y-%m}"}[period]
