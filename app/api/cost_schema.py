"""What operators read and set of costs and budgets, each field described."""

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import asdict

from app.core.accounting.money import USD, usd
from app.domain.ledger import BudgetState, LedgerRow, Period, RowOutcome, Totals
from app.domain.usage import Operation, Provider, Source, Tier

Usd = Annotated[
    str,
    Meta(description="USD, exact to the nano-dollar.", examples=["25.00"], pattern=r"^-?\d+\.\d+$"),
]
NanoUsd = Annotated[int, Meta(description="The same in nano-USD: a thousand-millionth each.")]


class BudgetLimit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much may be spent in each period."""

    limit_usd: Annotated[
        str, Meta(description="USD, with up to nine decimals.", pattern=USD, examples=["25.00"])
    ]


class BudgetView(Struct, frozen=True, kw_only=True):
    """A budget as it stands."""

    scope: Annotated[
        str,
        Meta(description="`global`, `operation:…` or `arm:…`.", examples=["operation:analysis"]),
    ]
    period: Annotated[Period, Meta(description="By the calendar in UTC.")]
    limit_usd: Usd
    limit_nano_usd: NanoUsd
    spent_usd: Usd
    spent_nano_usd: NanoUsd
    reserved_usd: Annotated[Usd, Meta(description="Set aside for calls that are under way.")]
    reserved_nano_usd: NanoUsd
    left_usd: Annotated[Usd, Meta(description="What may still be set aside for calls.")]
    left_nano_usd: NanoUsd
    ends_at: Annotated[int, Meta(description="When the period ends: Unix time in milliseconds.")]

    @classmethod
    def of(cls, state: BudgetState) -> "BudgetView":
        """Return how a budget looks from outside."""
        budget = state.budget
        return cls(
            scope=str(budget.scope),
            period=budget.period,
            limit_usd=usd(budget.limit_nano_usd),
            limit_nano_usd=budget.limit_nano_usd,
            spent_usd=usd(state.spent_nano_usd),
            spent_nano_usd=state.spent_nano_usd,
            reserved_usd=usd(state.reserved_nano_usd),
            reserved_nano_usd=state.reserved_nano_usd,
            left_usd=usd(state.left_nano_usd),
            left_nano_usd=state.left_nano_usd,
            ends_at=state.ends_ms,
        )


class BudgetList(Struct, frozen=True, kw_only=True):
    """Every budget."""

    budgets: Annotated[list[BudgetView], Meta(description="By scope, then period.")]


class CostGroup(Struct, frozen=True, kw_only=True):
    """What some calls add up to."""

    key: Annotated[
        dict[str, str],
        Meta(description="What they have in common.", examples=[{"day": "2026-11-25"}]),
    ]
    calls: Annotated[int, Meta(description="Attempts at models, failed ones too.")]
    completed: Annotated[int, Meta(description="Those that gave a whole, valid answer.")]
    cached: Annotated[int, Meta(description="Calls that kept analyses spared; none of `calls`.")]
    unpriced: Annotated[int, Meta(description="Calls whose cost nobody knows: not in the sum.")]
    estimated: Annotated[int, Meta(description="Calls whose cost is an estimate: in the sum.")]
    input_tokens: Annotated[int, Meta(description="Read, cached and written ones included.")]
    cached_tokens: Annotated[int, Meta(description="Of those, read from the provider's cache.")]
    cache_write_tokens: Annotated[int, Meta(description="Of those, written to it.")]
    output_tokens: Annotated[int, Meta(description="Written, reasoning included.")]
    reasoning_tokens: Annotated[int, Meta(description="Of those, reasoning.")]
    cost_usd: Usd
    cost_nano_usd: NanoUsd
    saved_usd: Annotated[Usd, Meta(description="What spared calls had cost when they were made.")]
    mean_latency_ms: Annotated[
        float | None, Meta(description="Of all calls; null where there were none.")
    ]

    @classmethod
    def of(cls, totals: Totals) -> "CostGroup":
        """Return how sums look from outside."""
        return cls(
            key=totals.key,
            calls=totals.calls,
            completed=totals.completed,
            cached=totals.cached,
            unpriced=totals.unpriced,
            estimated=totals.estimated,
            input_tokens=totals.input,
            cached_tokens=totals.cached_input,
            cache_write_tokens=totals.cache_write,
            output_tokens=totals.output,
            reasoning_tokens=totals.reasoning,
            cost_usd=usd(totals.cost_nano_usd),
            cost_nano_usd=totals.cost_nano_usd,
            saved_usd=usd(totals.saved_nano_usd),
            mean_latency_ms=round(totals.latency_ms / totals.calls, 1) if totals.calls else None,
        )


class CostReport(Struct, frozen=True, kw_only=True):
    """Sums over a range of hours (UTC)."""

    since: Annotated[int, Meta(description="Beginning of the range: Unix time in milliseconds.")]
    until: Annotated[int, Meta(description="Its end, not included.")]
    groups: Annotated[list[CostGroup], Meta(description="In the order of their keys.")]


class CallRow(Struct, frozen=True, kw_only=True):
    """One attempt at a model, or one that a kept analysis spared."""

    id: Annotated[str, Meta(description="The row's id; nothing is counted twice under one.")]
    turn: Annotated[int, Meta(description="The turn that it was made for.")]
    step: Annotated[str, Meta(description="The step of the analysis; empty in the interview.")]
    strategy: Annotated[str, Meta(description="How the result was to be made; else empty.")]
    arm: Annotated[str, Meta(description="`experiment:variation`; empty outside experiments.")]
    provider: Annotated[Provider, Meta(description="Who is paid.")]
    model: Annotated[str, Meta(description="The model asked for.")]
    answered_by: Annotated[str | None, Meta(description="The model that says it answered.")]
    tier: Annotated[Tier, Meta(description="The provider's service tier.")]
    operation: Annotated[Operation, Meta(description="What it was for.")]
    outcome: Annotated[
        RowOutcome,
        Meta(
            description="`cached`: nobody was asked, a kept analysis served; `lost`: the process"
            " died during the call."
        ),
    ]
    error: Annotated[str | None, Meta(description="How it failed, in a short closed word.")]
    status: Annotated[int | None, Meta(description="The provider's HTTP status.")]
    input_tokens: Annotated[int, Meta(description="Read, cached and written ones included.")]
    cached_tokens: Annotated[int, Meta(description="Of those, read from the provider's cache.")]
    cache_write_tokens: Annotated[int, Meta(description="Of those, written to it.")]
    output_tokens: Annotated[int, Meta(description="Written, reasoning included.")]
    reasoning_tokens: Annotated[int, Meta(description="Of those, reasoning.")]
    prices: Annotated[
        dict[str, int],
        Meta(
            description="Prices that were applied, in nano-USD for a million tokens.",
            examples=[{"input": 1250000000, "output": 10000000000}],
        ),
    ]
    catalogue: Annotated[str, Meta(description="Whose prices they are, and of which version.")]
    cost_nano_usd: Annotated[int | None, Meta(description="Null where the price is not known.")]
    source: Annotated[
        Source,
        Meta(
            description="Where the cost comes from: the provider's own word, the catalogue, an"
            " estimate of the usage, nowhere (`unpriced`), or nothing was used (`free`)."
        ),
    ]
    saved_nano_usd: Annotated[
        int | None, Meta(description="What a spared call had cost when it was made.")
    ]
    started_at: Annotated[int, Meta(description="Unix time in milliseconds.")]
    completed_at: Annotated[int, Meta(description="Unix time in milliseconds.")]
    latency_ms: Annotated[float, Meta(description="From the request to the end.")]
    first_token_ms: Annotated[float | None, Meta(description="From the request to the words.")]
    request_id: Annotated[str | None, Meta(description="The provider's name for the request.")]

    @classmethod
    def of(cls, row: LedgerRow) -> "CallRow":
        """Return how a row looks from outside."""
        prices = {} if row.prices is None else asdict(row.prices)
        return cls(
            id=row.id,
            turn=row.turn,
            step=row.step,
            strategy=row.strategy,
            arm=row.arm,
            provider=row.provider,
            model=row.model,
            answered_by=row.answered_by,
            tier=row.tier,
            operation=row.operation,
            outcome=row.outcome,
            error=row.error,
            status=row.status,
            input_tokens=row.input,
            cached_tokens=row.cached,
            cache_write_tokens=row.cache_write,
            output_tokens=row.output,
            reasoning_tokens=row.reasoning,
            prices={name: price for name, price in prices.items() if price is not None},
            catalogue=row.catalogue,
            cost_nano_usd=row.cost_nano_usd,
            source=row.source,
            saved_nano_usd=row.saved_nano_usd,
            started_at=row.started_ms,
            completed_at=row.completed_ms,
            latency_ms=row.latency_ms,
            first_token_ms=row.first_token_ms,
            request_id=row.request_id,
        )


class CaseCosts(Struct, frozen=True, kw_only=True):
    """What a case has cost, call by call."""

    cost_usd: Usd
    cost_nano_usd: NanoUsd
    unpriced: Annotated[int, Meta(description="Calls whose cost nobody knows: not in the sum.")]
    rows: Annotated[
        list[CallRow], Meta(description="The ledger's rows of the latest eight days, in order.")
    ]
