"""The accounts of a real instance: what was said cost, a spent budget, a stop half-way."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from app.embedded import EmbeddedValkey
from tests.support.api import BASE, OPERATOR_TOKEN, Api
from tests.support.ledgers import rows_of
from tests.support.processes import Instance, instances
from tests.support.provider import SlowProvider, slow_provider

PATIENCE = 30.0


@pytest.fixture(scope="module")
def provider() -> Iterator[SlowProvider]:
    """A provider that says what each call used."""
    with slow_provider() as made:
        yield made


@pytest.fixture
def instance(
    own_valkey: EmbeddedValkey,
    tiny_settings: dict[str, str],
    provider: SlowProvider,
    tmp_path: Path,
) -> Iterator[Instance]:
    """An instance with storage of its own that asks this provider, at prices of our own."""
    prices = tmp_path / "prices.toml"
    prices.write_text("[openai.gpt-dated]\ninput = 1\ncached = 0.5\noutput = 10\n")
    provider.delay = 0.05
    with instances(own_valkey.url, tmp_path) as start:
        settings = {
            **tiny_settings,
            **provider.settings,
            "TRIAGE_PRICES": str(prices),
            "TRIAGE_OPENAI_MODEL": "gpt-dated",
            "TRIAGE_STRATEGY": "guided",
        }
        made = start(env=settings, wait=False)
        made.wait_ready(timeout=100)
        yield made


def until(found: Callable[[], Any]) -> Any:
    """Return what is found, once it is."""
    deadline = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def test_a_conversation_is_in_the_ledger_and_a_budget_ends_it(
    instance: Instance, provider: SlowProvider
) -> None:
    """Its row has tokens, prices and cost; with the budget spent the guided one goes on."""
    api = Api(instance.port)
    case = api.start(locale="en")
    api.talk(case, "Water drips from the ceiling since 2 January.")

    def shown() -> Any:
        return api.get(f"/operator/costs/{case.id}", OPERATOR_TOKEN).json()

    (row,) = until(lambda: shown()["rows"])
    assert (row["operation"], row["outcome"], row["source"]) == (
        "interview", "completed", "catalogue",
    )  # fmt: skip
    assert (row["catalogue"], row["turn"]) == ("own", 1)
    fresh = row["input_tokens"] - row["cached_tokens"]
    assert row["cost_nano_usd"] == (
        fresh * 1_000 + row["cached_tokens"] * 500 + row["output_tokens"] * 10_000
    )
    assert shown()["cost_nano_usd"] == row["cost_nano_usd"] > 0
    body = json.dumps({"limit_usd": "0.000001"}).encode()
    answer = api.call(
        "PUT",
        f"{BASE}/operator/budgets/global/day",
        body,
        token=OPERATOR_TOKEN,
        Content_Type="application/json",
    )
    assert answer.status == 200
    assert answer.json()["left_usd"] == "0.00"
    asked = len(provider.calls)
    other = api.start(locale="en")
    frames = api.talk(other, "The kitchen sink is clogged.")
    assert frames[-1].event == "turn.completed"
    assert len(provider.calls) == asked
    assert api.get(f"/operator/costs/{other.id}", OPERATOR_TOKEN).json()["rows"] == []


def test_a_stop_in_the_middle_of_a_call_loses_no_row(
    instance: Instance, own_valkey: EmbeddedValkey, provider: SlowProvider
) -> None:
    """An instance that is told to end writes what it knows of the calls that it gives up."""
    api = Api(instance.port)
    case = api.start(locale="en")
    provider.delay = 20.0
    story = "Water drips from the ceiling, said once."
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api.say, case, story)
        until(lambda: provider.of(story))
        instance.terminate()
        instance.wait_ended()
        wait([waiting])
    (row,) = rows_of(own_valkey.url, case.id)
    assert (row.outcome, row.source) == ("cancelled", "estimated")
    assert row.cost_nano_usd
