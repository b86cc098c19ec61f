"""Budgets against a model of them: whatever happens in whatever order, the figures agree."""

import asyncio
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from app.domain.ledger import Budget, Period, Scope, scopes_of
from app.domain.usage import Operation
from app.embedded import EmbeddedValkey
from app.state.budgets import Budgets
from app.state.ledger import Exhausted, Ledger
from app.state.store import Store
from tests.support.ledgers import row
from tests.support.sealed import store_at
from tests.support.valkey import Wire

OPERATIONS: list[Operation] = ["interview", "analysis"]
ARMS = ["", "greeting:warm"]
PERIODS: list[Period] = ["day", "month"]
SCOPES = [
    Scope(kind="global"),
    Scope(kind="operation", name="analysis"),
    Scope(kind="arm", name="greeting:warm"),
]
AMOUNTS = st.integers(0, 1_000)


class Call:
    """A reservation as the model of the budgets knows it."""

    def __init__(self, number: int, operation: Operation, arm: str, amount: int) -> None:
        self.id = f"call-{number}"
        self.operation: Operation = operation
        self.arm = arm
        self.amount = amount
        self.scopes = scopes_of(operation, arm)


class BudgetMachine(RuleBasedStateMachine):
    """Sets budgets, reserves, settles twice, gives back; compares after each step."""

    valkey: EmbeddedValkey
    calls: Bundle[Call] = Bundle("calls")

    @initialize()
    def begin(self) -> None:
        """Begin with an empty ledger."""
        with Wire(self.valkey.socket) as wire:
            wire.call("FLUSHALL")
        self.runner = asyncio.Runner()
        self.store = self.runner.run(self._store())
        self.ledger, self.budgets = Ledger(self.store), Budgets(self.store)
        self.limits: dict[tuple[str, Period], int] = {}
        self.spent: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self.number = 0

    async def _store(self) -> Store:
        return store_at(self.valkey.url)

    def run(self, work: Any) -> Any:
        """Run something against the storage."""
        return self.runner.run(work)

    @rule(scope=st.sampled_from(SCOPES), period=st.sampled_from(PERIODS), limit=AMOUNTS)
    def set_budget(self, scope: Scope, period: Period, limit: int) -> None:
        """An operator sets a limit, perhaps below what is spent already."""
        self.run(self.budgets.set(Budget(scope=scope, period=period, limit_nano_usd=limit)))
        self.limits[str(scope), period] = limit

    @rule(scope=st.sampled_from(SCOPES), period=st.sampled_from(PERIODS))
    def remove_budget(self, scope: Scope, period: Period) -> None:
        """An operator removes one."""
        removed = self.run(self.budgets.remove(scope, period))
        assert removed == (self.limits.pop((str(scope), period), None) is not None)

    @rule(
        target=calls,
        operation=st.sampled_from(OPERATIONS),
        arm=st.sampled_from(ARMS),
        amount=AMOUNTS,
    )
    def reserve(self, operation: Operation, arm: str, amount: int) -> Any:
        """A call asks for leave; it gets it exactly where every budget has enough left."""
        self.number += 1
        call = Call(self.number, operation, arm, amount)
        answer = self.run(self.ledger.reserve(row(call.id), amount, call.scopes, seconds=600))
        names = [str(one) for one in call.scopes]
        fits = all(
            self.spent.get(name, 0) + self.held.get(name, 0) + amount <= limit
            for (name, _), limit in self.limits.items()
            if name in names
        )
        assert isinstance(answer, Exhausted) != fits
        if not fits:
            return multiple()
        for name in names:
            self.held[name] = self.held.get(name, 0) + amount
        return call

    @rule(call=consumes(calls), share=st.floats(0, 1))
    def settle(self, call: Call, share: float) -> None:
        """It cost at most what was set aside; entering it again changes nothing."""
        cost = int(call.amount * share)
        written = row(
            call.id, operation=call.operation, arm=call.arm, cost_nano_usd=cost, case_id=call.id
        )
        done = [self.run(self.ledger.settle(written, call.scopes, reserved=True)) for _ in range(2)]
        assert done == [True, False]
        self._released(call)
        for name in map(str, call.scopes):
            self.spent[name] = self.spent.get(name, 0) + cost

    @rule(call=consumes(calls))
    def void(self, call: Call) -> None:
        """It was never made."""
        assert self.run(self.ledger.void(call.id))
        self._released(call)

    def _released(self, call: Call) -> None:
        for name in map(str, call.scopes):
            self.held[name] -= call.amount

    @invariant()
    def the_figures_agree(self) -> None:
        """Limits, spent and set-aside money are what the model says."""
        if not hasattr(self, "runner"):
            return
        states = self.run(self.budgets.states())
        assert {
            (str(one.budget.scope), one.budget.period): (
                one.budget.limit_nano_usd, one.spent_nano_usd, one.reserved_nano_usd,
            )
            for one in states
        } == {
            (name, period): (limit, self.spent.get(name, 0), self.held.get(name, 0))
            for (name, period), limit in self.limits.items()
        }  # fmt: skip

    def teardown(self) -> None:
        """Close the connection."""
        if hasattr(self, "runner"):
            self.run(self.store.close())
            self.runner.close()


def test_budgets_agree_with_their_model(valkey: EmbeddedValkey) -> None:
    """Whatever operators and calls do, in whatever order."""
    machine = type("Machine", (BudgetMachine,), {"valkey": valkey})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=30, stateful_step_count=30, deadline=None)
    )
