"""Costs are exact: a set of usages priced by hand, with the arithmetic shown beside each."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.domain.ledger import UnitPrices
from app.domain.usage import Attempt, Provider, Tier, Usage
from app.llm.catalogue import Catalogue, cost_of, read_own_prices
from app.llm.pricing import cost_nano_usd

NANO_A_MILLIONTH = 1_000
ROWS = [
    tuple(field.strip() for field in line.split("|"))
    for line in (Path(__file__).parent / "golden_prices.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
CATALOGUE = Catalogue()


def tokens_of(text: str) -> Usage:
    """Read the tokens of a row."""
    read, cached, written, output, reasoning = map(int, text.split())
    return Usage(input=read, cached=cached, cache_write=written, output=output, reasoning=reasoning)


def worked_out(work: str) -> int:
    """Do the sum that a row shows: tokens times USD for a million, in nano-USD."""
    products = (term.split("x") for term in work.split(" + "))
    total = sum((Decimal(tokens) * Decimal(price) for tokens, price in products), Decimal())
    return int((total * NANO_A_MILLIONTH).to_integral_value(rounding=ROUND_HALF_EVEN))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[1]} {row[3]} {row[4]}" for row in ROWS])
def test_a_cost_is_exact_to_the_nano_dollar(row: tuple[str, ...]) -> None:
    """What was worked out by hand is what the ledger says, and what is not known has no price."""
    provider, model, day, tier, tokens, work, nano = row
    attempt = Attempt(
        provider=msgspec.convert(provider, Provider),
        operation="analysis",
        model="the-one-asked-for",
        answered_by=model,
        outcome="completed",
        tier=msgspec.convert(tier, Tier),
        usage=tokens_of(tokens),
        started_ms=round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1_000),
        latency_ms=900.0,
    )
    expected = None if nano == "unpriced" else int(nano)
    if expected is not None:
        assert worked_out(work) == expected
    assert cost_nano_usd(attempt, CATALOGUE) == expected


def test_the_set_covers_what_can_go_wrong() -> None:
    """At least sixty usages, of both providers, at every tier, with every part of a usage."""
    assert len(ROWS) >= 60
    assert {row[0] for row in ROWS} == set(get_args(Provider))
    assert {row[3] for row in ROWS} == set(get_args(Tier))
    usages = [tokens_of(row[4]) for row in ROWS]
    assert all(
        any(getattr(usage, part) for usage in usages)
        for part in ("input", "cached", "cache_write", "output", "reasoning")
    )


def test_a_provider_is_believed_about_its_own_price() -> None:
    """A gateway that says what it charges is right, whatever a catalogue thinks of the model."""
    attempt = Attempt(
        provider="openai",
        operation="analysis",
        model="vendor/unknown",
        outcome="completed",
        usage=Usage(input=10, output=1, cost_nano_usd=12_345),
        started_ms=1_781_000_000_000,
        latency_ms=1.0,
    )
    assert cost_nano_usd(attempt, CATALOGUE) == 12_345


@given(
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.tuples(*(st.integers(0, 10**12) for _ in range(4))),
)
def test_no_cost_is_ever_rounded_twice(
    plain: int, cached: int, written: int, output: int, prices: tuple[int, int, int, int]
) -> None:
    """For any usage and prices the cost is the exact sum, rounded half to even, once."""
    usage = Usage(input=plain + cached + written, cached=cached, cache_write=written, output=output)
    paid, read, write, out = prices
    exact = Decimal(plain * paid + cached * read + written * write + output * out) / 1_000_000
    given_prices = UnitPrices(input=paid, cached=read, cache_write=write, output=out)
    assert cost_of(usage, given_prices) == int(exact.to_integral_value(rounding=ROUND_HALF_EVEN))


def test_parts_that_exceed_their_total_are_refused() -> None:
    """One of the figures is wrong, and nobody knows which."""
    with pytest.raises(ValueError, match="exceed"):
        cost_of(Usage(input=1, cached=2), UnitPrices(input=1, output=1))


def test_own_prices_go_before_the_catalogue(tmp_path: Path) -> None:
    """A model on one's own machine may cost nothing, which is not the same as unknown."""
    path = tmp_path / "prices.toml"
    path.write_text(
        '[openai."llama-local"]\ninput = 0\noutput = 0\n'
        '[openai.gpt-5]\ninput = "1"\ncached = 0.05\noutput = 8\n'
    )
    catalogue = Catalogue(read_own_prices(path))
    local = catalogue.prices("openai", "llama-local", "standard", 0, 5)
    assert local is not None
    assert (local.catalogue, local.prices.input) == ("own", 0)
    contract = catalogue.prices("openai", "gpt-5", "standard", 0, 5)
    assert contract is not None
    assert contract.prices == UnitPrices(
        input=1_000_000_000, cached=50_000_000, output=8_000_000_000
    )
    assert catalogue.prices("openai", "gpt-5", "flex", 0, 5) is None


@pytest.mark.parametrize(
    "text", ["[openai]\nx = 1", "[acme.m]\ninput = 1\noutput = 1", "[openai.m]\ninput = 1", "[",
             '[openai.m]\ninput = "0.0000000001"\noutput = 1', "[openai.m]\ninput=-1\noutput=1"]
)  # fmt: skip
def test_own_prices_that_cannot_be_used_are_refused(tmp_path: Path, text: str) -> None:
    """A price that is not understood must not become another one."""
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match="TRIAGE_PRICES"):
        read_own_prices(path)


def test_the_catalogue_says_how_old_it_may_be() -> None:
    """It knows nothing of what is ahead, and the prices we ask for are among what it knows."""
    day = CATALOGUE.known_until()
    assert datetime(2026, 1, 1, tzinfo=UTC).date() < day <= datetime.now(UTC).date()
    assert CATALOGUE.loaded
    assert CATALOGUE.name.startswith("genai-prices ")
