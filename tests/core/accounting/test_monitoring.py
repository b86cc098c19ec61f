"""The face of the ledger: calls made elsewhere count with our own, and money is written exactly."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.accounting.money import nano_usd, usd
from app.core.accounting.monitoring import AIMonitoringService
from app.domain.errors import InvalidInput
from app.domain.ledger import MOST_NANO_USD, Account, LedgerRow, Scope
from app.domain.usage import Usage
from app.state.store import Store
from tests.core.accounting.conftest import CATALOGUE


async def test_calls_of_both_providers_are_tracked(monitoring: AIMonitoringService) -> None:
    """A usage is priced by the catalogue; what the provider said goes before it."""
    account = Account(case_id="case-9")
    used = Usage(input=1_000, cached=200, output=50)
    priced = await monitoring.track_openai_call("gpt-5", used, None, 1.5, account=account)
    assert (priced.cost_nano_usd, priced.source, priced.latency_ms) == (
        1_525_000,
        "catalogue",
        1_500,
    )
    said = await monitoring.track_anthropic_call(
        "claude-haiku-4-5", used, Decimal("0.0123"), 0.5, account=account
    )
    assert (said.cost_nano_usd, said.source) == (12_300_000, "provider")
    assert [row.id for row in await monitoring.case_rows("case-9")] == [priced.id, said.id]
    today = await monitoring.get_daily_costs()
    assert {one.key["model"]: one.cost_nano_usd for one in today} == {
        "gpt-5": 1_525_000, "claude-haiku-4-5": 12_300_000,
    }  # fmt: skip
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert await monitoring.get_daily_costs(yesterday) == []


async def test_a_mere_number_of_tokens_is_counted_and_not_priced(
    monitoring: AIMonitoringService,
) -> None:
    """Nobody knows how much of it was written; with the provider's word it is known after all."""
    unknown = await monitoring.track_openai_call("gpt-5", 1_234, None, 0.1)
    assert (unknown.input, unknown.cost_nano_usd, unknown.source) == (1_234, None, "unpriced")
    known = await monitoring.track_openai_call("gpt-5", 1_234, 0.25, 0.1)
    assert known.cost_nano_usd == 250_000_000
    (total,) = await monitoring.get_daily_costs()
    assert (total.calls, total.unpriced, total.cost_nano_usd) == (2, 1, 250_000_000)


async def test_a_call_is_tracked_once_under_its_id(store: Store) -> None:
    """Whoever cannot tell whether it arrived may enter it again; it is told of once."""
    told: list[LedgerRow] = []
    monitoring = AIMonitoringService(store, CATALOGUE, on_row=told.append)
    for _ in range(3):
        await monitoring.track_openai_call("gpt-5", Usage(input=8), None, 0.1, call_id="mine")
    assert [row.id for row in told] == ["mine"]
    (total,) = await monitoring.get_daily_costs()
    assert total.calls == 1


async def test_tracked_calls_count_against_budgets(monitoring: AIMonitoringService) -> None:
    """What is spent elsewhere is spent."""
    scope = Scope(kind="operation", name="report")
    state = await monitoring.set_budget(scope, "day", 1_000_000)
    assert (state.spent_nano_usd, state.left_nano_usd) == (0, 1_000_000)
    await monitoring.track_openai_call("gpt-5", Usage(input=600), None, 0.1, operation="report")
    (state,) = await monitoring.budgets()
    assert (state.spent_nano_usd, state.left_nano_usd) == (750_000, 250_000)
    assert await monitoring.remove_budget(scope, "day")
    assert await monitoring.budgets() == []


@given(st.integers(0, MOST_NANO_USD))
def test_money_is_written_and_read_exactly(nano: int) -> None:
    """Whatever a budget can be."""
    assert nano_usd(usd(nano)) == nano


@pytest.mark.parametrize("text", ["", "-1", "1.", ".5", "1e3", "1,000", "0.0000000001", "9999999"])
def test_what_is_no_money_is_refused(text: str) -> None:
    """A limit that is misread is worse than none."""
    with pytest.raises(InvalidInput, match="no amount in USD"):
        nano_usd(text)
