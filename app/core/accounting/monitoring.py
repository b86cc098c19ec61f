"""The face of the ledger: what calls at models cost, and how much of the budgets is left."""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from app.core.accounting.rows import priced_row
from app.domain.clock import now_ms
from app.domain.ledger import (
    Account,
    Budget,
    BudgetState,
    Dimension,
    LedgerRow,
    Period,
    Query,
    Scope,
    Totals,
    scopes_of,
)
from app.domain.usage import Operation, Provider, Usage
from app.llm.catalogue import Catalogue
from app.llm.tokens import nano_of
from app.state.budgets import Budgets
from app.state.ledger import Ledger
from app.state.ledger_sums import LedgerSums
from app.state.store import Store


class AIMonitoringService:
    """Enters calls, adds them up, and sets budgets.

    The engine's own calls are entered by its meter; `track_openai_call` and `track_anthropic_call`
    are for calls that are made elsewhere and shall count with them.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue | None = None,
        *,
        on_row: Callable[[LedgerRow], None] = lambda _: None,
        now_ms: Callable[[], int] = now_ms,
    ) -> None:
        """Take the storage, what models cost, and who is told of rows that are entered here."""
        self._ledger = Ledger(store)
        self._sums = LedgerSums(store)
        self._budgets = Budgets(store)
        self._catalogue = catalogue or Catalogue()
        self._on_row = on_row
        self._now_ms = now_ms

    async def track_openai_call(
        self,
        model: str,
        tokens: Usage | int,
        cost: Decimal | float | None,
        latency: float,
        *,
        operation: Operation = "analysis",
        account: Account | None = None,
        call_id: str | None = None,
    ) -> LedgerRow:
        """Enter a call at OpenAI that was made elsewhere, and return its row.

        Args:
            model: The model that answered.
            tokens: What it used. One number counts as input: it can be counted and not be priced.
            cost: In USD, where the provider said so; None prices the usage by the catalogue.
            latency: Seconds from the request to the end of the answer.
            operation: What it was for.
            account: On whose account it was made; none by default.
            call_id: Entering a call again under the same id, for the same case or on the same day,
                changes nothing.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        return await self._track(
            "openai", model, tokens, cost, latency, operation, account or Account(), call_id
        )

    async def track_anthropic_call(
        self,
        model: str,
        tokens: Usage | int,
        cost: Decimal | float | None,
        latency: float,
        *,
        operation: Operation = "analysis",
        account: Account | None = None,
        call_id: str | None = None,
    ) -> LedgerRow:
        """Enter a call at Anthropic that was made elsewhere; see `track_openai_call`.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        return await self._track(
            "anthropic", model, tokens, cost, latency, operation, account or Account(), call_id
        )

    async def get_daily_costs(self, day: date | None = None) -> list[Totals]:
        """Return what a day (UTC; today by default) has cost, by provider and model.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        now = datetime.fromtimestamp(self._now_ms() / 1_000, UTC)
        start = datetime.combine(day or now.date(), datetime.min.time(), UTC)
        return await self.costs(start, start + timedelta(days=1), by=("provider", "model"))

    async def costs(
        self,
        since: datetime,
        until: datetime,
        *,
        by: Sequence[Dimension] = (),
        case_id: str | None = None,
        provider: Provider | None = None,
        model: str | None = None,
        operation: Operation | None = None,
        arm: str | None = None,
    ) -> list[Totals]:
        """Return sums of what was completed from one hour (UTC) to another.

        Sums by the hour go back 40 days and by the day 400; what is older is in the warehouse.

        Raises:
            StateUnavailable: if the storage does not answer.
            ValueError: if more is asked for than is kept.
        """
        return await self._sums.sums(
            Query(
                since_ms=round(since.timestamp() * 1_000),
                until_ms=round(until.timestamp() * 1_000),
                by=tuple(by),
                case_id=case_id,
                provider=provider,
                model=model,
                operation=operation,
                arm=arm,
            )
        )

    async def case_rows(self, case_id: str) -> list[LedgerRow]:
        """Return the rows of a case, the oldest first; they are kept here for eight days.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        return await self._ledger.rows(case_id)

    async def budgets(self) -> list[BudgetState]:
        """Return every budget as it stands.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        return await self._budgets.states()

    async def set_budget(self, scope: Scope, period: Period, limit_nano_usd: int) -> BudgetState:
        """Set a budget from now on; what the period has spent by now counts.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        budget = Budget(scope=scope, period=period, limit_nano_usd=limit_nano_usd)
        await self._budgets.set(budget)
        return next(
            one
            for one in await self._budgets.states()
            if (one.budget.scope, one.budget.period) == (scope, period)
        )

    async def remove_budget(self, scope: Scope, period: Period) -> bool:
        """Remove a budget; False if there was none.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        return await self._budgets.remove(scope, period)

    async def _track(
        self,
        provider: Provider,
        model: str,
        tokens: Usage | int,
        cost: Decimal | float | None,
        latency: float,
        operation: Operation,
        account: Account,
        call_id: str | None,
    ) -> LedgerRow:
        usage = tokens if isinstance(tokens, Usage) else Usage(input=tokens)
        if cost is not None:
            usage = replace(usage, cost_nano_usd=nano_of(Decimal(str(cost))))
        now, took = self._now_ms(), round(latency * 1_000)
        priced = None
        if isinstance(tokens, Usage):
            priced = self._catalogue.prices(provider, model, "standard", now - took, usage.input)
        row = LedgerRow(
            id=call_id or secrets.token_hex(12),
            case_id=account.case_id,
            turn=account.turn,
            step=account.step,
            playbook=account.playbook,
            strategy=account.strategy,
            arm=account.arm,
            provider=provider,
            model=model,
            answered_by=model,
            operation=operation,
            outcome="completed",
            cost_nano_usd=None,
            source="unpriced",
            started_ms=now - took,
            completed_ms=now,
            latency_ms=latency * 1_000,
        )
        row = priced_row(row, usage, priced, estimated=False)
        if await self._ledger.settle(row, scopes_of(operation, account.arm), reserved=False):
            self._on_row(row)
        return row
