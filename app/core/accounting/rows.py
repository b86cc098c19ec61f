"""Makes rows of the ledger: what a call may cost at most, and what one came to.

A bound has to hold, so it counts every byte that is sent as a token: no tokenizer makes more of
them. An estimate has to be near, so it counts three characters.
"""

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.domain.ledger import Account, LedgerRow, UnitPrices
from app.domain.usage import Attempt, Operation, Provider, Source, Usage
from app.llm.catalogue import MILLION, Catalogue, Priced, cost_of
from app.llm.model import ModelRequest

CHARS_PER_TOKEN = 3
"""Of prose in Portuguese and English, cautiously; JSON and names take more tokens than prose."""
_FRAME_TOKENS = 256
"""What providers add around messages and schemas, at most."""
_MESSAGE_TOKENS = 16
"""What they add to each message, at most."""
_MAY_HAVE_WORKED = frozenset({"timeout", "stall", "cut"})
"""Errors after which a provider may charge although nothing of its answer came."""

_json = msgspec.json.Encoder().encode


class Size(Struct, frozen=True, kw_only=True):
    """How large a call is, in tokens."""

    most_input: int
    likely_input: int
    most_output: int


def size_of(request: ModelRequest) -> Size:
    """Return how large a call is before it is made."""
    texts = [request.system, *(one.content for one in request.messages)]
    schema = len(_json(request.schema))
    bytes_sent = sum(len(one.encode(errors="replace")) for one in texts) + schema
    chars = sum(map(len, texts)) + schema
    return Size(
        most_input=bytes_sent + _FRAME_TOKENS + _MESSAGE_TOKENS * len(request.messages),
        likely_input=-(-chars // CHARS_PER_TOKEN),
        most_output=request.max_output_tokens,
    )


def most_nano_usd(size: Size, prices: UnitPrices) -> int:
    """Return what a call costs at most: all its input is written to the cache, all output used."""
    dearest = max(prices.input or 0, prices.cache_write or 0, prices.cached or 0)
    total = size.most_input * dearest + size.most_output * (prices.output or 0)
    return -(-total // MILLION)


def opened(
    request: ModelRequest,
    provider: Provider,
    row_id: str,
    size: Size,
    priced: Priced | None,
    started_ms: int,
) -> LedgerRow:
    """Return the row of a call that is about to be made, as it stays if the process dies."""
    return priced_row(
        LedgerRow(
            id=row_id,
            **_account(request.account),
            provider=provider,
            model=request.model,
            operation=request.operation,
            outcome="lost",
            cost_nano_usd=None,
            source="unpriced",
            started_ms=started_ms,
            completed_ms=started_ms,
            latency_ms=0.0,
        ),
        Usage(input=size.likely_input, output=size.most_output),
        priced,
        estimated=True,
    )


def closed(row: LedgerRow, size: Size, attempt: Attempt, catalogue: Catalogue) -> LedgerRow:
    """Return the row of a call, by what became of it."""
    row = replace(
        row,
        answered_by=attempt.answered_by,
        tier=attempt.tier,
        outcome=attempt.outcome,
        error=attempt.error,
        status=attempt.status,
        started_ms=attempt.started_ms,
        completed_ms=attempt.started_ms + round(attempt.latency_ms),
        latency_ms=attempt.latency_ms,
        first_token_ms=attempt.first_token_ms,
        request_id=attempt.request_id,
    )
    if attempt.usage is None and _was_free(attempt):
        return replace(
            row, input=0, output=0, prices=None, catalogue="", cost_nano_usd=0, source="free"
        )
    usage = attempt.usage or _likely(size, attempt)
    priced = catalogue.prices(
        row.provider, attempt.answered_by or row.model, row.tier, row.started_ms, usage.input
    )
    return priced_row(row, usage, priced, estimated=attempt.usage is None)


def priced_row(
    row: LedgerRow, usage: Usage, priced: Priced | None, *, estimated: bool
) -> LedgerRow:
    """Return a row with what was used and what that cost.

    What the provider says that it cost goes before the catalogue. Parts that exceed their totals
    have no price: one of the figures is wrong, and nobody knows which.
    """
    cost: int | None = None
    source: Source = "unpriced"
    if usage.cost_nano_usd is not None:
        cost, source = usage.cost_nano_usd, "provider"
    elif priced is not None and usage.cached + usage.cache_write <= usage.input:
        cost, source = cost_of(usage, priced.prices), "estimated" if estimated else "catalogue"
    return replace(
        row,
        input=usage.input,
        cached=usage.cached,
        cache_write=usage.cache_write,
        output=usage.output,
        reasoning=usage.reasoning,
        clamped=usage.clamped,
        prices=None if priced is None else priced.prices,
        catalogue="" if priced is None else priced.catalogue,
        cost_nano_usd=cost,
        source=source,
    )


def spared(
    account: Account,
    *,
    row_id: str,
    provider: Provider,
    model: str,
    operation: Operation,
    saved: int | None,
    at_ms: int,
) -> LedgerRow:
    """Return the row of a call that was not made, because a kept analysis served."""
    return LedgerRow(
        id=row_id,
        **_account(account),
        provider=provider,
        model=model,
        operation=operation,
        outcome="cached",
        cost_nano_usd=0,
        source="free",
        saved_nano_usd=saved,
        started_ms=at_ms,
        completed_ms=at_ms,
        latency_ms=0.0,
    )


def _account(account: Account) -> dict[str, Any]:
    return {name: getattr(account, name) for name in Account.__struct_fields__}


def _was_free(attempt: Attempt) -> bool:
    """Say whether a call without usage cost nothing: it failed before any of its answer came."""
    refused_at_the_door = attempt.status is not None and attempt.status >= 400
    return attempt.outcome == "failed" and (
        refused_at_the_door or (not attempt.output_chars and attempt.error not in _MAY_HAVE_WORKED)
    )


def _likely(size: Size, attempt: Attempt) -> Usage:
    """Return what a call used that never said so.

    Its input is known where the stream began with it. What it wrote is judged by the characters
    that came; where none came it may have written all that it was allowed to.
    """
    begun = attempt.begun or Usage(input=size.likely_input)
    written = -(-attempt.output_chars // CHARS_PER_TOKEN)
    return Usage(
        input=begun.input,
        cached=begun.cached,
        cache_write=begun.cache_write,
        output=min(written or size.most_output, size.most_output),
    )
