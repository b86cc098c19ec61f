"""What an attempt at a model cost, in integer nano-USD, by the catalogue that genai-prices ships.

A price that is not known is None and never zero: whoever adds costs up has to notice.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from app.domain.usage import Attempt

_NANO = Decimal(1_000_000_000)


def cost_nano_usd(attempt: Attempt) -> int | None:
    """Return what an attempt cost; None where its usage or its model's price is not known.

    The model that answered counts, which may be another than was asked for, at the prices of the
    moment of the attempt. The catalogue takes usage as an `Attempt` has it, for every provider:
    `input` with its subsets `cached` and `cache_write`, `output` with what was reasoned. A usage
    whose parts exceed its totals has no price.

    >>> from app.domain.usage import Usage
    >>> cost_nano_usd(Attempt(
    ...     provider="openai", operation="analysis", model="gpt-5", outcome="completed",
    ...     usage=Usage(input=1000, cached=200, output=50),
    ...     started_ms=1_760_000_000_000, latency_ms=900.0,
    ... ))
    1525000
    """
    # The catalogue needs pydantic, which takes a second to import where no provider's SDK has yet.
    from genai_prices import Usage, calc_price  # noqa: PLC0415

    usage = attempt.usage
    if usage is None or usage.cached + usage.cache_write > usage.input:
        return None
    try:
        price = calc_price(
            Usage(
                input_tokens=usage.input,
                cache_read_tokens=usage.cached,
                cache_write_tokens=usage.cache_write,
                output_tokens=usage.output,
            ),
            attempt.answered_by or attempt.model,
            provider_id=attempt.provider,
            genai_request_timestamp=datetime.fromtimestamp(attempt.started_ms / 1_000, UTC),
        )
    except LookupError:
        return None
    known = price.model_price
    if known.input_mtok is None or known.output_mtok is None:
        return None
    return int((price.total_price * _NANO).to_integral_value(rounding=ROUND_HALF_EVEN))


def total_nano_usd(attempts: Iterable[Attempt]) -> int | None:
    """Return what attempts cost together; None where one was or may have been charged for unpriced.

    One that failed before any of its answer came is free. One that was cut is not, and its usage
    is not known.
    """
    total = 0
    for attempt in attempts:
        if attempt.usage is None and attempt.outcome == "failed":
            continue
        cost = cost_nano_usd(attempt)
        if cost is None:
            return None
        total += cost
    return total
