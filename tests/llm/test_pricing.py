"""What attempts cost: golden figures worked out by hand from published prices."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.usage import Attempt, Outcome, Provider, Usage
from app.llm.pricing import cost_nano_usd, total_nano_usd

JUNE_2026 = 1_781_000_000_000


def attempt(
    provider: Provider = "openai",
    model: str = "gpt-5",
    usage: Usage | None = None,
    *,
    outcome: Outcome = "completed",
    answered_by: str | None = None,
) -> Attempt:
    """Return an attempt that used this much."""
    return Attempt(
        provider=provider,
        operation="analysis",
        model=model,
        answered_by=answered_by,
        outcome=outcome,
        usage=usage,
        started_ms=JUNE_2026,
        latency_ms=900.0,
    )


# Prices in USD for a million tokens, as the providers publish them: gpt-5 1.25 in, 0.125 cached,
# 10 out; gpt-5-mini 0.25, 0.025, 2; gpt-4o-mini 0.15, 0.075, 0.6; claude-sonnet-4-5 3 in, 0.30 read
# and 3.75 written, 15 out; claude-haiku-4-5 1, 0.10, 1.25, 5; claude-opus-4-5 5, 0.50, 6.25, 25.
GOLDEN = [
    ("openai", "gpt-5", Usage(input=1_000, output=50), 1_250_000 + 500_000),
    ("openai", "gpt-5", Usage(input=1_000, cached=200, output=50), 1_000_000 + 25_000 + 500_000),
    ("openai", "gpt-5", Usage(input=1_000, cached=1_000, output=0), 125_000),
    ("openai", "gpt-5", Usage(input=1_000, output=50, reasoning=40), 1_750_000),
    ("openai", "gpt-5", Usage(), 0),
    ("openai", "gpt-5", Usage(input=1), 1_250),
    ("openai", "gpt-5-mini", Usage(input=3, cached=1, output=1), 500 + 25 + 2_000),
    ("openai", "gpt-5-mini-2025-08-07", Usage(input=3, cached=1, output=1), 2_525),
    ("openai", "gpt-4o-mini", Usage(input=7, cached=3, output=11), 600 + 225 + 6_600),
    ("anthropic", "claude-sonnet-4-5", Usage(input=1_000, output=50), 3_000_000 + 750_000),
    (
        "anthropic",
        "claude-sonnet-4-5-20250929",
        Usage(input=1_000, cached=200, cache_write=300, output=50),
        1_500_000 + 60_000 + 1_125_000 + 750_000,
    ),
    (
        "anthropic",
        "claude-haiku-4-5",
        Usage(input=1_000, cached=600, cache_write=400, output=7),
        60_000 + 500_000 + 35_000,
    ),
    ("anthropic", "claude-opus-4-5", Usage(input=9, cache_write=9, output=1), 56_250 + 25_000),
]


@pytest.mark.parametrize(("provider", "model", "usage", "cost"), GOLDEN)
def test_a_cost_is_exact_to_the_nano_dollar(
    provider: Provider, model: str, usage: Usage, cost: int
) -> None:
    """Cached and written tokens are parts of the input and are charged at their own prices."""
    assert cost_nano_usd(attempt(provider, model, usage)) == cost


def test_the_model_that_answered_is_charged_for() -> None:
    """It may be another than was asked for."""
    usage = Usage(input=1_000)
    asked = attempt(model="gpt-5-mini", usage=usage, answered_by="gpt-5-2025-08-07")
    assert cost_nano_usd(asked) == 1_250_000


@pytest.mark.parametrize("model", ["local", "", "llama.gguf", "text-embedding-3-small"])
def test_a_model_without_a_price_costs_nothing_known(model: str) -> None:
    """None, never zero; a model that has no price for what it writes is one of them."""
    assert cost_nano_usd(attempt(model=model, usage=Usage(input=10, output=10))) is None


def test_a_usage_that_is_not_known_or_not_sound_has_no_price() -> None:
    """Nobody said, or the parts exceed the whole."""
    assert cost_nano_usd(attempt()) is None
    assert cost_nano_usd(attempt(usage=Usage(input=10, cached=8, cache_write=3))) is None


@pytest.mark.parametrize(
    ("others", "total"),
    [
        ([], 1_250),
        ([attempt(outcome="failed")], 1_250),
        ([attempt(outcome="invalid", usage=Usage(input=1))], 2_500),
        ([attempt(outcome="refused", usage=Usage(input=1))], 2_500),
        ([attempt(outcome="cut")], None),
        ([attempt(outcome="completed")], None),
        ([attempt(outcome="failed", usage=Usage(input=1), model="local")], None),
        ([attempt(model="local", usage=Usage(input=1))], None),
    ],
)
def test_a_total_is_known_only_where_every_charge_is(
    others: list[Attempt], total: int | None
) -> None:
    """What failed before an answer came is free; what cannot be priced leaves no total."""
    assert total_nano_usd([attempt(usage=Usage(input=1)), *others]) == total


@given(
    read=st.integers(0, 10**7),
    written=st.integers(0, 10**7),
    rest=st.integers(0, 10**7),
    output=st.integers(0, 10**7),
)
def test_parts_add_up(read: int, written: int, rest: int, output: int) -> None:
    """A cost is the sum of its parts to the nano-dollar, for any usage."""
    usage = Usage(input=read + written + rest, cached=read, cache_write=written, output=output)
    cost = cost_nano_usd(attempt("anthropic", "claude-opus-4-5", usage))
    assert cost == rest * 5_000 + read * 500 + written * 6_250 + output * 25_000


def test_the_catalogue_is_not_loaded_at_start() -> None:
    """An instance without models never pays for it, and one with models not before it serves."""
    code = (
        "import sys, app.main, app.llm.pricing; "
        "sys.exit('genai_prices' in sys.modules or 'pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
