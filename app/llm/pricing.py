"""What attempts at models cost, in integer nano-USD, where no ledger has said so.

A price that is not known is None and never zero: whoever adds costs up has to notice.
"""

from collections.abc import Iterable

from app.domain.usage import Attempt
from app.llm.catalogue import Catalogue, cost_of

_CATALOGUE = Catalogue()
"""It is what a package ships and never changes, so one serves the process."""


def cost_nano_usd(attempt: Attempt, catalogue: Catalogue = _CATALOGUE) -> int | None:
    """Return what an attempt cost; None where its usage or its model's price is not known.

    The model that answered counts, which may be another than was asked for, at the prices of its
    service tier and of the day of the attempt. A provider that says what it cost is believed. A
    usage whose parts exceed its totals has no price.

    >>> from app.domain.usage import Usage
    >>> cost_nano_usd(Attempt(
    ...     provider="openai", operation="analysis", model="gpt-5", outcome="completed",
    ...     usage=Usage(input=1000, cached=200, output=50),
    ...     started_ms=1_760_000_000_000, latency_ms=900.0,
    ... ))
    1525000
    """
    usage = attempt.usage
    if usage is None:
        return None
    if usage.cost_nano_usd is not None:
        return usage.cost_nano_usd
    if usage.cached + usage.cache_write > usage.input or usage.reasoning > usage.output:
        return None
    priced = catalogue.prices(
        attempt.provider,
        attempt.answered_by or attempt.model,
        attempt.tier,
        attempt.started_ms,
        usage.input,
    )
    return None if priced is None else cost_of(usage, priced.prices)


def total_nano_usd(attempts: Iterable[Attempt]) -> int | None:
    """Return what attempts cost together; None where one was or may have been charged for unpriced.

    What the ledger says of an attempt counts. Without a ledger, one that failed before any of its
    answer came is free; one that was cut is not, and its usage is not known.
    """
    total = 0
    for attempt in attempts:
        if attempt.source is not None:
            cost = attempt.cost_nano_usd
        elif attempt.usage is None and attempt.outcome == "failed":
            continue
        else:
            cost = cost_nano_usd(attempt)
        if cost is None:
            return None
        total += cost
    return total
