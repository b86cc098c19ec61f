"""Turns what providers say about tokens into one `Usage`, once, where it is read."""

from decimal import ROUND_HALF_EVEN, Decimal

from app.domain.usage import Usage

_NANO = Decimal(1_000_000_000)


def normalised(
    *,
    total_in: int,
    total_out: int,
    cached: int,
    written: int,
    thought: int,
    cost_usd: Decimal | None = None,
) -> Usage:
    """Return a usage whose parts fit into its totals.

    Totals are what a provider bills by, so they stand; parts that exceed them are cut down. That
    never fails an answer over its bookkeeping, and `clamped` keeps it from going unseen.

    >>> normalised(total_in=10, total_out=5, cached=12, written=0, thought=2
    ... )  # doctest: +NORMALIZE_WHITESPACE
    Usage(input=10, output=5, cached=10, cache_write=0, reasoning=2, clamped=True,
          cost_nano_usd=None)
    """
    said = (total_in, total_out, cached, written, thought)
    total_in, total_out = max(total_in, 0), max(total_out, 0)
    cached = min(max(cached, 0), total_in)
    written = min(max(written, 0), total_in - cached)
    thought = min(max(thought, 0), total_out)
    return Usage(
        input=total_in,
        output=total_out,
        cached=cached,
        cache_write=written,
        reasoning=thought,
        clamped=said != (total_in, total_out, cached, written, thought),
        cost_nano_usd=nano_of(cost_usd),
    )


def nano_of(usd: Decimal | None) -> int | None:
    """Return an amount in USD in nano-USD, rounded half to even; None if it is none."""
    if usd is None or not usd.is_finite() or usd < 0:
        return None
    return int((usd * _NANO).to_integral_value(rounding=ROUND_HALF_EVEN))
