"""Costs and budgets over HTTP, for operators alone."""

import json
from datetime import UTC, datetime

import pytest

from app.embedded import EmbeddedValkey
from app.state import keys
from tests.support.api import BASE, OPERATOR_TOKEN, Answer, Api
from tests.support.ledgers import row, settled
from tests.support.valkey import Wire

CASE = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def empty_ledger(valkey: EmbeddedValkey) -> None:
    """Every test begins with an empty ledger."""
    with Wire(valkey.socket) as wire:
        wire.call(
            "EVAL",
            "for _, k in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do redis.call('DEL', k) end",
            "0",
            keys.LEDGER,
        )


def put(api: Api, path: str, limit: object) -> Answer:
    """Set a budget."""
    body = json.dumps({"limit_usd": limit}).encode()
    headers = {"Content_Type": "application/json"}
    return api.call("PUT", BASE + path, body, token=OPERATOR_TOKEN, **headers)


def test_a_budget_is_set_shown_and_removed(api: Api) -> None:
    """What an operator sets is what every operator sees, to the nano-dollar."""
    path = "/operator/budgets/operation:analysis/day"
    answer = put(api, path, "2.000000001")
    assert answer.status == 200
    assert answer.json()["limit_nano_usd"] == 2_000_000_001
    (listed,) = api.get("/operator/budgets", OPERATOR_TOKEN).json()["budgets"]
    assert (listed["scope"], listed["period"]) == ("operation:analysis", "day")
    assert (listed["limit_usd"], listed["spent_usd"]) == ("2.000000001", "0.00")
    assert listed["left_nano_usd"] == 2_000_000_001
    assert listed["ends_at"] > datetime.now(UTC).timestamp() * 1_000
    assert api.call("DELETE", BASE + path, token=OPERATOR_TOKEN).status == 204
    assert api.call("DELETE", BASE + path, token=OPERATOR_TOKEN).status == 204
    assert api.get("/operator/budgets", OPERATOR_TOKEN).json() == {"budgets": []}


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/operator/budgets/everything/day", "1"),
        ("/operator/budgets/operation:cooking/day", "1"),
        ("/operator/budgets/arm:one/day", "1"),
        ("/operator/budgets/global/week", "1"),
        ("/operator/budgets/global/day", "-1"),
        ("/operator/budgets/global/day", "1e3"),
        ("/operator/budgets/global/day", "9999999"),
        ("/operator/budgets/global/day", 1),
    ],
)
def test_what_is_no_budget_is_refused(api: Api, path: str, limit: object) -> None:
    """A slip must not become a budget that protects nothing."""
    answer = put(api, path, limit)
    assert answer.status in {400, 404}
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert api.get("/operator/budgets", OPERATOR_TOKEN).json() == {"budgets": []}


def test_costs_are_told_apart(api: Api, valkey: EmbeddedValkey) -> None:
    """By model, hour, arm and case; the answer names the range it is about."""
    settled(
        valkey.url,
        row("a", case_id=CASE),
        row("b", case_id=CASE, model="claude-x", provider="anthropic", arm="greeting:warm"),
        row("c", case_id="other", cost_nano_usd=None, source="unpriced"),
    )
    whole = api.get("/operator/costs", OPERATOR_TOKEN).json()
    (group,) = whole["groups"]
    assert (group["calls"], group["cost_nano_usd"], group["unpriced"]) == (3, 2_000, 1)
    assert (group["cost_usd"], group["mean_latency_ms"]) == ("0.000002", 100.0)
    assert whole["until"] - whole["since"] == 86_400_000
    by_model = api.get("/operator/costs?by=model&by=arm", OPERATOR_TOKEN).json()["groups"]
    assert [one["key"] for one in by_model] == [
        {"model": "claude-x", "arm": "greeting:warm"},
        {"model": "gpt-5", "arm": ""},
    ]
    (one,) = api.get("/operator/costs?by=hour&provider=anthropic", OPERATOR_TOKEN).json()["groups"]
    assert one["calls"] == 1
    by_case = api.get("/operator/costs?by=case", OPERATOR_TOKEN).json()["groups"]
    assert {one["key"]["case"]: one["cost_nano_usd"] for one in by_case} == {
        CASE: 2_000,
        "other": 0,
    }


def test_a_case_shows_its_rows(api: Api, valkey: EmbeddedValkey) -> None:
    """Each call with its tokens, prices and source."""
    settled(valkey.url, row("a", case_id=CASE), row("b", case_id=CASE, cost_nano_usd=5))
    shown = api.get(f"/operator/costs/{CASE}", OPERATOR_TOKEN).json()
    assert (shown["cost_nano_usd"], shown["unpriced"]) == (1_005, 0)
    assert [one["id"] for one in shown["rows"]] == ["a", "b"]
    assert shown["rows"][0]["source"] == "catalogue"


@pytest.mark.parametrize(
    "query",
    ["by=planet", "from=2026-13-01", "from=2026-02-02&to=2026-02-01", "from=2020-01-01",
     "by=case&by=model"],
)  # fmt: skip
def test_what_cannot_be_added_up_is_refused(api: Api, query: str) -> None:
    """Nobody gets a sum of something else."""
    answer = api.get(f"/operator/costs?{query}", OPERATOR_TOKEN)
    assert answer.status == 400
    assert answer.json()["status"] == 400


@pytest.mark.parametrize(
    "path", ["/operator/costs", f"/operator/costs/{CASE}", "/operator/budgets"]
)
def test_only_operators_see_costs(api: Api, path: str) -> None:
    """Neither strangers nor the holders of cases do."""
    assert api.get(path, None).status == 401
    assert api.get(path, "x" * 43).status in {401, 403}
