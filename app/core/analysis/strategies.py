"""The strategies: whom to ask about a case, in which order, and what to do where nobody answers.

`simple` asks one small model. `failover` asks one strong model, and the other provider's where it
fails. `ensemble` asks both providers' strong models at once, a judge where their leading codes
differ, and then for a detailed report. Where a strategy cannot be carried out the next simpler one
is, down to the rules alone, and every such step down is named.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar, assert_never

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.core import prompts
from app.core.accounting.accounts import account_of
from app.core.analysis.asking import Said, ask, blame
from app.core.analysis.composing import CaseInHand, composed
from app.core.analysis.documents import ModelAnalysis, ModelVerdict
from app.core.analysis.judging import Finding, differ, named, together
from app.core.analysis.memo import Steps
from app.core.rules import Rules
from app.domain.analysis import Analysis, Strategy
from app.domain.cached import Kept
from app.domain.job import StepRecord
from app.domain.usage import Operation, Provider
from app.llm.errors import NoModelLeft
from app.llm.failover import FailoverModel
from app.llm.model import ChatMessage, ModelRequest

T = TypeVar("T")

Names = Mapping[Provider, str]

_ANALYSIS_TOKENS = 4_000
_VERDICT_TOKENS = 1_000
_REPORT_TOKENS = 6_000

_to_json = msgspec.json.Encoder().encode


class Outcome(Struct, frozen=True, kw_only=True):
    """What carrying out a strategy came to."""

    strategy: Strategy
    """The one that was carried out in the end."""
    finding: Finding | None
    """None where only rules are left."""
    degradations: tuple[str, ...]
    prompts: tuple[str, ...]
    """Of the steps that gave a document, each once."""
    records: tuple[StepRecord, ...]
    """Of all steps, in the order in which they were asked for."""
    denied: NoModelLeft | None = None
    """A budget did not let a model be asked that the strategy needs."""
    kept: Kept | None = None
    """The stored analysis of a similar case that was used instead of asking."""


class Strategist:
    """Carries out a strategy for one case."""

    def __init__(
        self,
        rules: Rules,
        model: FailoverModel,
        names: Callable[[Names], Names],
        case: CaseInHand,
        draft: Analysis,
        steps: Steps,
    ) -> None:
        """Take the case, the rules' draft of its result, and where steps are kept."""
        self._rules = rules
        self._model = model
        self._names = names
        self._case = case
        self._draft = draft
        self._steps = steps
        self._strong = names(rules.playbook.models.analysing())
        self._locale = rules.playbook.locale(case.state.locale)
        self._told = prompts.conversation(case.turns)
        self._degradations: list[str] = []
        self._prompts: dict[str, None] = {}
        self._records: list[StepRecord] = []
        self._denied: NoModelLeft | None = None
        self._planned: Strategy = "guided"

    async def run(self, planned: Strategy) -> Outcome:
        """Carry out the strategy, or the next simpler one that can be."""
        found: _Found | None = None
        self._planned = planned
        match planned:
            case "ensemble":
                found = await self._ensemble() or await self._simple()
            case "failover":
                found = await self._failover() or await self._simple()
            case "simple":
                found = await self._simple()
            case "guided":
                pass
            case _:
                assert_never(planned)
        return Outcome(
            strategy=found.by if found else "guided",
            finding=found.finding if found else None,
            degradations=tuple(self._degradations),
            prompts=tuple(self._prompts),
            records=tuple(self._records),
            denied=self._denied,
        )

    async def _simple(self) -> "_Found | None":
        self._expect(1)
        (said,) = await self._analyses({"simple": self._names(self._rules.playbook.models.small)})
        if said.value is None:
            self._instead("guided", f"no model could answer: {blame(said.record)}")
            return None
        return _Found(by="simple", finding=together([said.value]))

    async def _failover(self) -> "_Found | None":
        self._expect(1)
        (said,) = await self._analyses({"strong": self._strong})
        if said.value is None:
            self._instead("simple", blame(said.record))
            return None
        return _Found(by="failover", finding=together([said.value]))

    async def _ensemble(self) -> "_Found | None":
        both: dict[str, Names] = {
            one.provider: {one.provider: self._strong[one.provider]}
            for one in self._model.models
            if one.provider in self._strong
        }
        if len(both) < 2:
            self._instead("failover", "an ensemble needs two providers")
            return await self._failover()
        self._expect(len(both) + 1)
        said = await self._analyses(both)
        analyses = [one.value for one in said if one.value is not None]
        failed = [one.record for one in said if one.value is None]
        if not analyses:
            self._instead("simple", blame(*failed))
            return None
        if failed:
            self._instead("failover", blame(*failed))
            return _Found(by="failover", finding=together(analyses))
        return _Found(
            by="ensemble", finding=await self._report(analyses, await self._judge(analyses))
        )

    async def _judge(self, analyses: Sequence[ModelAnalysis]) -> ModelVerdict | None:
        """Return a judge's verdict where the leading codes differ, if one can be had."""
        if not differ(analyses):
            return None
        self._expect(2)
        choices = named(analyses)
        said = await self._ask(
            "judge",
            prompts.JUDGE,
            self._request(
                "judge",
                self._rules.judge_system,
                prompts.analyses(_to_json(list(analyses)).decode()),
                self._rules.documents.verdict_schema,
                _VERDICT_TOKENS,
            ),
            self._names(self._rules.playbook.models.judging()),
            lambda raw: self._rules.documents.read_verdict(raw, choices),
        )
        self._records.append(said.record)
        if said.value is None:
            self._instead("no judge", blame(said.record))
        return said.value

    async def _report(
        self, analyses: Sequence[ModelAnalysis], verdict: ModelVerdict | None
    ) -> Finding:
        """Return what was found together, with the detailed report if one can be had."""
        finding = together(analyses, verdict)
        settled = composed(self._rules, self._case, self._draft, finding)
        shown = {
            "settled": {
                "classification": settled.classification,
                "urgency": settled.urgency,
                "justification": finding.justification,
            },
            "analyses": analyses,
        }
        said = await self._ask(
            "report",
            prompts.REPORT,
            self._request(
                "report",
                self._rules.report_system,
                prompts.analyses(_to_json(shown).decode()),
                self._rules.documents.report_schema,
                _REPORT_TOKENS,
            ),
            self._strong,
            self._rules.documents.read_report,
        )
        self._records.append(said.record)
        if said.value is None:
            self._instead("no report", blame(said.record))
            return finding
        return replace(finding, report=said.value)

    async def _analyses(self, asked: Mapping[str, Names]) -> list[Said[ModelAnalysis]]:
        """Ask for analyses, all at once; each is a step of its own."""
        shown = {
            "classification": self._draft.classification,
            "urgency": self._draft.urgency,
            "facts": self._draft.facts,
        }
        request = self._request(
            "analysis",
            self._rules.analysis_system,
            prompts.draft(_to_json(shown).decode()),
            self._rules.documents.analysis_schema,
            _ANALYSIS_TOKENS,
            unhurried="simple" not in asked,
        )
        read = self._rules.documents.read_analysis
        said = await _at_once(
            self._ask(step, prompts.ANALYSIS, request, names, read) for step, names in asked.items()
        )
        self._records += [one.record for one in said]
        return said

    def _request(
        self,
        operation: Operation,
        system: Mapping[str, str],
        last: ChatMessage,
        schema: dict[str, Any],
        tokens: int,
        *,
        unhurried: bool = True,
    ) -> ModelRequest:
        return ModelRequest(
            operation=operation,
            system=system[self._locale],
            messages=(*self._told, last),
            schema_name=operation,
            schema=schema,
            stream_field=None,
            max_output_tokens=tokens,
            unhurried=unhurried,
            canary=self._rules.canary,
        )

    async def _ask(
        self,
        step: str,
        prompt: str,
        request: ModelRequest,
        names: Names,
        read: Callable[[bytes], T],
    ) -> Said[T]:
        account = account_of(self._case.state, self._case.turn, step=step, strategy=self._planned)
        request = replace(request, account=account)
        said = await ask(self._model, self._steps, step, request, names, read)
        self._denied = said.denied or self._denied
        if said.value is not None:
            self._prompts.setdefault(prompt)
        return said

    def _expect(self, more: int) -> None:
        self._steps.expect(len(self._records) + more)

    def _instead(self, what: str, why: str) -> None:
        self._degradations.append(f"{what}: {why}")


class _Found(Struct, frozen=True, kw_only=True):
    """A finding and the strategy that came to it."""

    by: Strategy
    finding: Finding


async def _at_once(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all at once and return what they came to; if one breaks, the others are stopped first."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
