"""Makes the result of a case: the `simple` strategy, on top of what rules find.

The rules' result is always made, and is the result where no model serves. A model's analysis is put
upon it: it may say more and better, but it can neither lower the urgency nor leave the taxonomy.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import aclosing

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.core import prompts
from app.core.documents import ModelAnalysis
from app.core.lexical import ABSTAIN_BELOW
from app.core.memo import Steps
from app.core.results import guided_analysis
from app.core.rules import Rules
from app.domain.analysis import (
    Analysis,
    ChronologyEntry,
    Classification,
    Party,
    Strategy,
    Summary,
    Viability,
)
from app.domain.assessment import Candidate
from app.domain.case import CaseState, Turn
from app.domain.playbook import URGENCY_ORDER, Level, Playbook
from app.domain.usage import Attempt, Provider
from app.llm.errors import NoModelLeft
from app.llm.failover import Answered, FailoverModel
from app.llm.model import ModelRequest

PLANNED: Mapping[Level, Strategy] = {"low": "simple", "medium": "failover", "high": "ensemble"}
_MAX_OUTPUT_TOKENS = 4_000
_TOP = 5

_to_json = msgspec.json.Encoder().encode


class CaseInHand(Struct, frozen=True, kw_only=True):
    """A case whose interview is over, as the analyst gets it."""

    state: CaseState
    turns: tuple[Turn, ...]
    """Oldest first, the one whose end asks for the result included."""
    turn: int
    """That turn's number."""


class Analysed(Struct, frozen=True, kw_only=True):
    """A result and the attempts at models it took."""

    result: Analysis
    attempts: tuple[Attempt, ...]


class Analyst:
    """Makes results by the `simple` strategy, the only one of this version."""

    def __init__(
        self,
        rules: Mapping[str, Rules],
        model: FailoverModel | None,
        names: Callable[[Mapping[Provider, str]], Mapping[Provider, str]],
    ) -> None:
        self._rules = rules
        self._model = model
        self._names = names

    def planned(self, state: CaseState) -> Strategy:
        """Return the strategy by which this case's result is to be made."""
        return PLANNED[state.assessment.complexity]

    def in_background(self, state: CaseState) -> bool:
        """Say whether the result takes so long that nobody should wait for it."""
        return self._model is not None and self.planned(state) in {"failover", "ensemble"}

    async def analyse(self, case: CaseInHand, steps: Steps) -> Analysed:  # noqa: ARG002
        """Return the result of a case; `steps` keep what models were asked and answered."""
        began = time.perf_counter()
        state, turns = case.state, case.turns
        rules = self._rules[state.playbook]
        planned = self.planned(state)
        degradations = () if planned == "simple" else (f"{planned}: not part of this version",)
        draft = guided_analysis(
            rules.playbook, rules.understanding, state, turns, state.updated_at, 0.0, planned,
            degradations,
        )  # fmt: skip
        attempts: list[Attempt] = []
        result = draft
        if self._model is not None:
            try:
                found = await self._ask(self._model, rules, state, turns, draft, attempts)
                result = _upon(rules, state, draft, found, attempts, case.turn)
            except NoModelLeft as error:
                reason = f"guided: {error}"
                result = _with_provenance(draft, degradations=(*degradations, reason))
        elapsed = (time.perf_counter() - began) * 1_000
        return Analysed(
            result=_with_provenance(result, duration_ms=elapsed), attempts=tuple(attempts)
        )

    async def _ask(
        self,
        model: FailoverModel,
        rules: Rules,
        state: CaseState,
        turns: tuple[Turn, ...],
        draft: Analysis,
        attempts: list[Attempt],
    ) -> ModelAnalysis:
        playbook = rules.playbook
        shown = {
            "classification": draft.classification,
            "urgency": draft.urgency,
            "facts": draft.facts,
        }
        request = ModelRequest(
            operation="analysis",
            system=rules.analysis_system[state.locale],
            messages=(
                *prompts.conversation(turns),
                prompts.draft(_to_json(shown).decode()),
            ),
            schema_name="analysis",
            schema=rules.documents.analysis_schema,
            stream_field=None,
            max_output_tokens=_MAX_OUTPUT_TOKENS,
            canary=rules.canary,
        )
        names = self._names(playbook.models.small)
        async with aclosing(
            model.stream(request, names, attempts.append, rules.documents.read_analysis)
        ) as events:
            async for event in events:
                if isinstance(event, Answered) and event.value is not None:
                    return event.value
        raise NoModelLeft(tuple(attempts))


def _upon(
    rules: Rules,
    state: CaseState,
    draft: Analysis,
    found: ModelAnalysis,
    attempts: list[Attempt],
    last: int,
) -> Analysis:
    """Put a model's analysis upon the rules' draft; `last` is the number of the latest message."""
    classification = _classification(rules.playbook, state, draft, found)
    sub = rules.playbook.subareas().get(classification.code or "")
    higher = URGENCY_ORDER.index(found.urgency) > URGENCY_ORDER.index(draft.urgency.level)
    urgency = replace(
        draft.urgency,
        level=found.urgency if higher else draft.urgency.level,
        reason=found.urgency_reason if higher else draft.urgency.reason,
        deadline=draft.urgency.deadline or found.deadline or None,
    )
    answered = [one for one in attempts if one.outcome == "completed"]
    return replace(
        draft,
        classification=classification,
        nature=sub.nature if sub else draft.nature,
        urgency=urgency,
        needs_human=rules.understanding.safety.handoff(draft.red_flags) or classification.abstained,
        parties=tuple(Party(role=one.role, name=one.name) for one in found.parties)
        or draft.parties,
        chronology=tuple(
            ChronologyEntry(when=one.when, what=one.what, turn=min(max(1, one.message), last))
            for one in found.chronology
        )
        or draft.chronology,
        requests=tuple(found.requests) or draft.requests,
        documents=replace(
            draft.documents, mentioned=tuple(found.documents) or draft.documents.mentioned
        ),
        viability=Viability(
            level=found.viability.level,
            strengths=tuple(found.viability.strengths),
            weaknesses=tuple(found.viability.weaknesses),
            rationale=found.viability.rationale,
        ),
        next_steps=tuple(found.next_steps) or draft.next_steps,
        summary=Summary(
            plain=found.plain or draft.summary.plain,
            professional=found.professional or draft.summary.professional,
        ),
        provenance=replace(
            draft.provenance,
            strategy="simple",
            models=tuple(dict.fromkeys(one.answered_by or one.model for one in answered)),
            prompt=prompts.ANALYSIS,
        ),
    )


def _classification(
    playbook: Playbook, state: CaseState, draft: Analysis, found: ModelAnalysis
) -> Classification:
    ranked = sorted(found.candidates, key=lambda one: -one.confidence)[:_TOP]
    if not ranked:
        return draft.classification
    top = tuple(Candidate(code=one.code, confidence=one.confidence) for one in ranked)
    if top[0].confidence < ABSTAIN_BELOW:
        return replace(
            draft.classification, code=None, area=None, subarea=None, top=top, abstained=True
        )
    area, sub = next(
        (area, sub) for area in playbook.areas for sub in area.subareas if sub.code == top[0].code
    )
    return Classification(
        code=sub.code,
        area=area.label[state.locale],
        subarea=sub.label[state.locale],
        top=top,
        abstained=False,
    )


def _with_provenance(
    result: Analysis,
    *,
    degradations: tuple[str, ...] | None = None,
    duration_ms: float | None = None,
) -> Analysis:
    provenance = result.provenance
    return replace(
        result,
        provenance=replace(
            provenance,
            degradations=provenance.degradations if degradations is None else degradations,
            duration_ms=provenance.duration_ms if duration_ms is None else duration_ms,
        ),
    )
