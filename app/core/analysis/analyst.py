"""Makes the result of a case: by rules always, and by models as far as they serve.

The rules' result is what remains where no model does. How models take part is the strategy's; what
they may change is the composer's; here the two come together, with the account of how it went.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog
from msgspec import Struct
from msgspec.structs import replace

from app.core import prompts
from app.core.analysis.composing import CaseInHand, composed, doubted, drafted, uncited
from app.core.analysis.discretion import disclosed, discreet
from app.core.analysis.memo import Steps
from app.core.analysis.recall import Recall, answering
from app.core.analysis.strategies import Outcome, Strategist
from app.core.privacy.redaction import Redactor
from app.core.reuse.similarity import AnalysisCache
from app.core.rules import Rules
from app.domain.analysis import Analysis, Provenance, Strategy
from app.domain.assignment import STRUCTURED
from app.domain.case import CaseState
from app.domain.errors import StateUnavailable
from app.domain.usage import Attempt, Provider
from app.llm.failover import FailoverModel
from app.llm.pricing import total_nano_usd

__all__ = ["Analysed", "Analyst", "CaseInHand"]

_log = structlog.get_logger(__name__)

_UNUSABLE = frozenset({"invalid", "refused"})


class Analysed(Struct, frozen=True, kw_only=True):
    """A result and the attempts at models it took."""

    result: Analysis
    attempts: tuple[Attempt, ...]
    refused: bool = False
    """A budget did not let models be asked, so that rules alone made it."""


class Analyst:
    """Makes results."""

    def __init__(
        self,
        rules: Mapping[str, Rules],
        model: FailoverModel | None,
        names: Callable[[Mapping[Provider, str]], Mapping[Provider, str]],
        *,
        strategy: Strategy | None = None,
        cache: AnalysisCache | None = None,
    ) -> None:
        """Take what is compiled of each playbook, and the models if there are any.

        Args:
            rules: by playbook id.
            model: None where only rules serve.
            names: turns a playbook's choice of models into the ones to ask.
            strategy: for every case; None leaves it to the playbook and the case's complexity.
            cache: where analyses are kept for similar cases; None keeps none.
        """
        self._rules = rules
        self._model = model
        self._names = names
        self._strategy = strategy
        meter = None if model is None else model.meter
        self._recalls = (
            {name: Recall(cache, one.playbook, names, meter) for name, one in rules.items()}
            if cache is not None
            else {}
        )

    def planned(self, state: CaseState) -> Strategy:
        """Return the strategy by which this case's result is to be made.

        The structured intake is made of rules alone, from the form to the result.
        """
        if state.variant == STRUCTURED:
            return "guided"
        plan = self._rules[state.playbook].playbook.analysis
        return self._strategy or plan.planned(state.assessment.complexity)

    def in_background(self, state: CaseState) -> bool:
        """Say whether the result takes so long that nobody should wait for it."""
        return self._model is not None and self.planned(state) in {"failover", "ensemble"}

    async def analyse(self, case: CaseInHand, steps: Steps, *, may_wait: bool = False) -> Analysed:
        """Return the result of a case; `steps` keep what models were asked and answered.

        With the same steps kept the result is the same and no model is asked again. Where a budget
        lets no model be asked the rules' result is made, with the reason; if it may wait, it is not
        made yet, unless somebody is in danger.

        Raises:
            NoModelLeft: it may wait, and there is no money for a model now.
            Fenced: whatever keeps the steps found that somebody else has the case now.
        """
        began = time.perf_counter()
        rules = self._rules[case.state.playbook]
        planned = self.planned(case.state)
        draft = drafted(rules, case, planned)
        outcome = await self._consult(rules, case, draft, steps, planned)
        if outcome.denied is not None and outcome.finding is None:
            if may_wait and draft.urgency.level != "critical":
                raise outcome.denied
            outcome = replace(
                outcome,
                degradations=(*outcome.degradations, f"refused: {outcome.denied.detail}"),
            )
        attempts = tuple(one for record in outcome.records for one in record.attempts)
        result = _result(rules, case, draft, outcome, attempts)
        cost = await self._cost(case, attempts)
        elapsed = (time.perf_counter() - began) * 1_000
        provenance = replace(
            result.provenance, cost_nano_usd=cost, duration_ms=max(elapsed, _span_ms(attempts))
        )
        return Analysed(
            result=replace(result, provenance=provenance),
            attempts=attempts,
            refused=outcome.denied is not None and outcome.finding is None,
        )

    async def _cost(self, case: CaseInHand, attempts: tuple[Attempt, ...]) -> int | None:
        """Return what the analysis has cost by the ledger; None where somebody may charge more.

        The ledger also knows what those had spent who began with it before. Rows that are not
        written yet are as their attempts say.
        """
        meter = None if self._model is None else self._model.meter
        if meter is None:
            # Pricing is loaded when it is first needed; other people's words must not wait for it.
            return await asyncio.to_thread(total_nano_usd, attempts)
        own = {one.row_id: one.cost_nano_usd for one in attempts if one.row_id is not None}
        try:
            own |= await meter.spent(case.state.case_id, case.turn)
        except StateUnavailable as error:
            _log.warning("analysis.cost_from_memory", reason=str(error))
        # Attempts of before there was a ledger have no row.
        own[""] = await asyncio.to_thread(
            total_nano_usd, [one for one in attempts if one.row_id is None]
        )
        costs = [cost for cost in own.values() if cost is not None]
        return sum(costs) if len(costs) == len(own) else None

    async def _consult(
        self, rules: Rules, case: CaseInHand, draft: Analysis, steps: Steps, planned: Strategy
    ) -> Outcome:
        if self._model is None or planned == "guided":
            unserved = () if planned == "guided" else ("guided: no model is configured",)
            return Outcome(
                strategy="guided", finding=None, degradations=unserved, prompts=(), records=()
            )
        # A long conversation takes a while, and other people's words must not wait for it.
        redactor = await asyncio.to_thread(Redactor, rules.playbook, case.state, case.turns)
        shown = discreet(case, draft, redactor)
        model, names = self._model, self._names

        async def ask(steps: Steps) -> Outcome:
            strategist = Strategist(rules, model, names, shown.case, shown.draft, steps)
            return await strategist.run(planned)

        recall = self._recalls.get(rules.playbook.id)
        if recall is None:
            outcome = await ask(steps)
        else:
            outcome = await recall.consult(case, draft, redactor, planned, steps, ask)
        if outcome.finding is None:
            return outcome
        return replace(outcome, finding=disclosed(outcome.finding, redactor))


def _result(
    rules: Rules,
    case: CaseInHand,
    draft: Analysis,
    outcome: Outcome,
    attempts: tuple[Attempt, ...],
) -> Analysis:
    found, degradations = outcome.finding, outcome.degradations
    if found is not None:
        result = composed(rules, case, draft, found)
        if lost := uncited(case, found):
            degradations += (f"left out: {lost} of the chronology cited no message",)
    elif any(one.outcome in _UNUSABLE for one in attempts):
        result = doubted(rules, case, draft)
    else:
        result = draft
    kept = outcome.kept
    provenance: Provenance = replace(
        result.provenance,
        strategy=outcome.strategy,
        degradations=degradations,
        models=answering(attempts) if kept is None else kept.models,
        cached=kept is not None,
        prompt=prompts.ANALYSIS if found is not None else None,
        prompts=outcome.prompts,
        differences=found.differences if found is not None else (),
        justification=found.justification if found is not None else None,
    )
    return replace(result, provenance=provenance)


def _span_ms(attempts: tuple[Attempt, ...]) -> float:
    """Return the time from the first attempt to the end of the last one."""
    if not attempts:
        return 0.0
    ends = max(one.started_ms + one.latency_ms for one in attempts)
    return ends - min(one.started_ms for one in attempts)
