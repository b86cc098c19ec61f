"""Analyses that need no model: looked up before one is asked, and kept after one has answered.

Looking up is a step of the analysis like any other. An analysis that begins anew finds what it
found before, so that it never serves itself, and never forgets what it has paid.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from app.core import prompts
from app.core.accounting.accounts import account_of
from app.core.analysis.composing import CaseInHand
from app.core.analysis.judging import Finding
from app.core.analysis.memo import Steps
from app.core.analysis.strategies import Outcome
from app.core.privacy.redaction import Redactor
from app.core.reuse.similarity import AnalysisCache, Context, Contexts, Made
from app.domain.analysis import Analysis, Strategy
from app.domain.cached import Kept
from app.domain.job import StepRecord
from app.domain.playbook import Playbook
from app.domain.usage import Attempt, Provider
from app.llm.metering import Meter
from app.llm.pricing import total_nano_usd

RECALL = "recall"
"""The step's name; finding nothing is no failure."""
_NOTHING = "nothing_kept"
_PROMPTS: Mapping[Strategy, tuple[str, ...]] = {
    "guided": (),
    "simple": (prompts.ANALYSIS,),
    "failover": (prompts.ANALYSIS,),
    "ensemble": (prompts.ANALYSIS, prompts.JUDGE, prompts.REPORT),
}

Names = Mapping[Provider, str]

_encode = msgspec.json.Encoder().encode
_decode_kept: Callable[[bytes], Kept] = msgspec.json.Decoder(Kept).decode
_decode_finding: Callable[[bytes], Finding] = msgspec.json.Decoder(Finding).decode


class Recall:
    """What the cache of similar analyses does for one playbook's cases."""

    def __init__(
        self,
        cache: AnalysisCache,
        playbook: Playbook,
        names: Callable[[Names], Names],
        meter: Meter | None = None,
    ) -> None:
        self._cache = cache
        self._meter = meter
        self._contexts = Contexts(playbook)
        self._models = playbook.models
        self._names = names

    def context(
        self, case: CaseInHand, draft: Analysis, redactor: Redactor, planned: Strategy
    ) -> Context:
        """Return what the analysis of a case by this strategy depends on."""
        return self._contexts.of(
            case.state,
            case.turns,
            draft,
            redactor,
            strategy=planned,
            prompts=_PROMPTS[planned],
            models=self._models_for(planned),
            near=self._cache.near,
        )

    async def consult(
        self,
        case: CaseInHand,
        draft: Analysis,
        redactor: Redactor,
        planned: Strategy,
        steps: Steps,
        ask: Callable[[Steps], Awaitable[Outcome]],
    ) -> Outcome:
        """Return what is kept for a case like this one, or what `ask` comes to, with placeholders.

        Args:
            case: The case itself.
            draft: The rules' draft of its result.
            redactor: The case's own.
            planned: The strategy.
            steps: Where the analysis keeps its steps.
            ask: Carries the strategy out.
        """
        context = self.context(case, draft, redactor, planned)
        found = await self._find(context, steps)
        if found is not None:
            self._spared(case, planned, found)
            return found
        outcome = await ask(AfterRecall(steps))
        await self._keep(context, outcome, case.state.case_id)
        return outcome

    def _spared(self, case: CaseInHand, planned: Strategy, found: Outcome) -> None:
        """Enter into the ledger what nobody was asked, once however often the analysis begins."""
        asked = self._models.small if planned == "simple" else self._models.analysing()
        model = next(iter(self._names(asked).items()), None)
        if self._meter is None or model is None or found.kept is None:
            return
        self._meter.spared(
            account_of(case.state, case.turn, step=RECALL, strategy=planned),
            row_id=f"{case.state.case_id}.{case.turn}.{RECALL}",
            model=model,
            saved=found.kept.cost_nano_usd,
        )

    async def _find(self, context: Context, steps: Steps) -> Outcome | None:
        """Return what models once found of a case like this one, with placeholders."""

        async def work() -> StepRecord:
            found = await self._cache.find(context)
            if found is None:
                return StepRecord(error=_NOTHING)
            return StepRecord(document=_encode(found.kept))

        record = await steps.once(RECALL, work)
        if record.document is None:
            return None
        kept = _decode_kept(record.document)
        return Outcome(
            strategy=kept.strategy,
            finding=_decode_finding(kept.document),
            degradations=(),
            prompts=kept.prompts,
            records=(),
            kept=kept,
        )

    async def _keep(self, context: Context, outcome: Outcome, case_id: str) -> None:
        """Keep what models found, if they did all that the strategy asks for."""
        whole = outcome.strategy == context.strategy and not outcome.degradations
        if outcome.finding is None or not whole or outcome.finding.undecided:
            return
        attempts = [one for record in outcome.records for one in record.attempts]
        made = Made(
            document=_encode(outcome.finding),
            models=answering(attempts),
            prompts=outcome.prompts,
            calls=len(attempts),
        )
        # Pricing is loaded when it is first needed, and other people's words must not wait for it.
        cost = await asyncio.to_thread(total_nano_usd, attempts)
        await self._cache.keep(context, made, cost, case_id=case_id)

    def _models_for(self, planned: Strategy) -> list[str]:
        """Return the models that the strategy may ask, by role and provider."""
        chosen: dict[str, Names] = {}
        match planned:
            case "simple":
                chosen["small"] = self._names(self._models.small)
            case "failover":
                chosen["strong"] = self._names(self._models.analysing())
            case "ensemble":
                chosen["strong"] = self._names(self._models.analysing())
                chosen["judge"] = self._names(self._models.judging())
            case "guided":
                pass
        return [f"{role} {of} {name}" for role in chosen for of, name in chosen[role].items()]


class AfterRecall:
    """The steps that come after the look-up, which counts as one of them."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.once = steps.once

    def expect(self, of: int) -> None:
        """Say how many more steps the analysis is expected to take."""
        self._steps.expect(of + 1)


def answering(attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """Return the models that answered, each once."""
    answered = [one for one in attempts if one.outcome == "completed"]
    return tuple(dict.fromkeys(one.answered_by or one.model for one in answered))
