"""`triage budget` sets, shows and removes limits, straight from the storage."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.commands.budget import budget
from app.domain.errors import InvalidInput
from app.embedded import EmbeddedValkey
from tests.support.ledgers import row, settled


def run(valkey: EmbeddedValkey, *args: str) -> Result:
    """Run `triage budget` with these arguments; what it refuses is raised."""
    env = {"COLUMNS": "160", "TRIAGE_REDIS_URL": valkey.url}
    done = CliRunner().invoke(budget, args, env=env)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_budget_is_shown_as_it_stands(own_valkey: EmbeddedValkey) -> None:
    """Spent money is shown against its limit, for people and for programs."""
    assert "No budget is set" in run(own_valkey, "show").output
    settled(own_valkey.url, row("a", cost_nano_usd=1_500_000_000))
    run(own_valkey, "set", "global", "day", "2.00")
    shown = run(own_valkey, "show").output
    assert all(word in shown for word in ("global", "day", "2.00", "1.50", "0.50", "75%", "UTC"))
    states: list[dict[str, Any]] = json.loads(run(own_valkey, "show", "--json").output)
    assert [one["left_nano_usd"] for one in states] == [500_000_000]


def test_setting_again_replaces_and_removing_removes(own_valkey: EmbeddedValkey) -> None:
    """There is one budget for each scope and period."""
    run(own_valkey, "set", "arm:greeting:warm", "month", "1")
    run(own_valkey, "set", "arm:greeting:warm", "month", "3.5")
    (state,) = json.loads(run(own_valkey, "show", "--json").output)
    assert (state["scope"], state["limit_usd"]) == ("arm:greeting:warm", "3.50")
    assert "any more" in run(own_valkey, "remove", "arm:greeting:warm", "month").output
    with pytest.raises(InvalidInput, match="there is no budget"):
        run(own_valkey, "remove", "arm:greeting:warm", "month")
    assert json.loads(run(own_valkey, "show", "--json").output) == []


@pytest.mark.parametrize("args", [("globe", "day", "1"), ("global", "day", "much")])
def test_a_slip_is_refused(own_valkey: EmbeddedValkey, args: tuple[str, ...]) -> None:
    """With words that say what was meant to stand there."""
    with pytest.raises(InvalidInput, match=r"no scope|no amount"):
        run(own_valkey, "set", *args)
