"""What the cache of similar analyses would save an intake office, and what it would reuse wrongly.

Labelled cases are told in their order to the real rules, the real analyst and the real cache, on
storage of their own. Only the models are scripted: what they answer is made of what they are shown,
and what they would have cost is reckoned from the length of it, at real prices where there are any.
"""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from app.core import prompts
from app.core.analysis.analyst import Analyst
from app.core.analysis.composing import CaseInHand
from app.core.analysis.memo import Unkept
from app.core.evaluation.cache_figures import Heard, ReplayedCase, ReplayReport, Served, figures
from app.core.reuse.serving import SimilarAnalyses
from app.core.reuse.similarity import Context, Made
from app.core.rules import Rules
from app.domain.cached import CacheMode, Found, Kept
from app.domain.case import CaseState, Say, Turn
from app.domain.usage import Attempt, Provider, Usage
from app.llm.failover import FailoverModel
from app.llm.model import ModelEvent, ModelRequest, OnAttempt
from app.llm.scripted import Script, ScriptedModel
from app.state.cache import KeptAnalyses
from app.state.conversations import ConversationStateManager
from app.state.store import Store

START = datetime(2026, 11, 16, 8, tzinfo=UTC)
"""When the first hour of a replay begins: relative dates are read against it."""
_CHARS_A_TOKEN = 4
"""A usual rule of thumb; it weighs all calls alike, so that shares do not hang on it."""
_REPLY_TOKENS = 150
"""What a model answers to a message of an interview, its assessment included."""
_TTL = 3_600
_DRAFT = re.compile(r"<draft>\n(.*)\n</draft>", re.DOTALL)
_FOUND = re.compile(r"<(draft|analyses)>\n.*\n</\1>", re.DOTALL)


async def replay(
    store: Store, rules: Rules, cases: Sequence[ReplayedCase], mode: CacheMode
) -> ReplayReport:
    """Tell the cases in their order and return the figures.

    Args:
        store: Storage with nothing in it; it is written to.
        rules: Of the playbook.
        cases: In their order.
        mode: How the cache is used.
    """
    office = _Office(store, rules, mode)
    for case in cases:
        await office.hear(case)
    return figures(mode, cases, office.heard(), await KeptAnalyses(store).report(1))


class _Office:
    """An intake office with a clock of its own."""

    def __init__(self, store: Store, rules: Rules, mode: CacheMode) -> None:
        self._rules = rules
        self._conversations = ConversationStateManager(store, "replay")
        self._now_ms = 0
        self._cache = _Watched(SimilarAnalyses(KeptAnalyses(store), mode, now_ms=self._clock))
        models = FailoverModel((_Scripted("openai"), _Scripted("anthropic")))
        by_id = {rules.playbook.id: rules}
        self._analyst = Analyst(by_id, models, dict, cache=self._cache)
        self._made: dict[str, tuple[Attempt, ...]] = {}
        self._served: list[Served] = []
        self._shareable: list[bool] = []
        self._analyses: list[tuple[Attempt, ...]] = []
        self._saved: list[bool] = []
        self._interviews: list[Attempt] = []

    def heard(self) -> Heard:
        """Return what happened so far."""
        return Heard(
            analyses=self._analyses,
            saved=self._saved,
            served=self._served,
            interviews=self._interviews,
            shareable=self._shareable,
        )

    def _clock(self) -> int:
        return self._now_ms

    async def hear(self, case: ReplayedCase) -> None:
        """Hold a guided interview about a case and analyse it."""
        self._now_ms = int((START.timestamp() + case.hour * 3_600) * 1_000)
        in_hand = self._interview(case)
        await self._conversations.start(in_hand.state, token_hash=case.id, cap=1, ttl=_TTL)
        self._cache.telling = case.id
        found = await self._analyst.analyse(in_hand, Unkept())
        self._analyses.append(found.attempts)
        self._shareable.append(found.result.urgency.level != "critical")
        if found.result.provenance.cached:
            source, near = self._cache.source
            self._served.append(Served(case=case.id, source=source, near=near, right=False))
            self._analyses[-1] = self._made[source]
            self._saved.append(True)
        else:
            self._made[case.id] = found.attempts
            self._saved.append(False)

    def _interview(self, case: ReplayedCase) -> CaseInHand:
        rules = self._rules
        state = CaseState(
            case_id=case.id,
            playbook=rules.playbook.id,
            playbook_version=rules.playbook.version,
            locale=rules.playbook.locale(case.locale),
            variant="v2",
            created_at=self._now_ms,
            updated_at=self._now_ms,
        )
        turns: list[Turn] = []
        today = _day(self._now_ms)
        for number, text in enumerate(case.messages, 1):
            state, turn = self._turn(state, turns, number, text, today)
            turns.append(turn)
        completed = replace(state, status="completed", asking=None, completed_at=self._now_ms)
        return CaseInHand(state=completed, turns=tuple(turns), turn=len(turns))

    def _turn(
        self, state: CaseState, turns: Sequence[Turn], number: int, text: str, today: date
    ) -> tuple[CaseState, Turn]:
        said = [one.command.text for one in turns if isinstance(one.command, Say)]
        read = self._rules.understanding.read(state, said, number, text, today)
        line = self._rules.guided.answer(state, read, said, text, number)
        asked = dict(state.asked)
        if line.asking is not None:
            asked[line.asking] = asked.get(line.asking, 0) + 1
        turn = Turn(
            turn=number,
            command=Say(text=text),
            at=self._now_ms,
            reply=line.text,
            outcome="completed",
            finished_at=self._now_ms,
            event_id="",
            terminal=b"",
        )
        self._interviews.append(self._interview_call(state, (*turns, turn)))
        moved = replace(
            state,
            assessment=read,
            asking=line.asking,
            asked=asked,
            questions=state.questions + (line.asking is not None),
            said_chars=state.said_chars + len(text),
        )
        return moved, turn

    def _interview_call(self, state: CaseState, turns: Sequence[Turn]) -> Attempt:
        """Return the call that a model would have been asked for this reply."""
        chars = len(self._rules.interview_system[state.locale])
        chars += sum(len(one.content) for one in prompts.conversation(turns))
        models = self._rules.playbook.models.interview
        provider: Provider = "openai" if "openai" in models else "anthropic"
        return Attempt(
            provider=provider,
            operation="interview",
            model=models[provider],
            outcome="completed",
            usage=Usage(input=chars // _CHARS_A_TOKEN, output=_REPLY_TOKENS),
            started_ms=self._now_ms,
            latency_ms=0.0,
        )


class _Watched:
    """The cache, and which case what it finds was made for."""

    def __init__(self, cache: SimilarAnalyses) -> None:
        self._cache = cache
        self._sources: dict[tuple[int, bytes], str] = {}
        self.telling = ""
        self.source = ("", False)

    @property
    def near(self) -> bool:
        return self._cache.near

    async def find(self, context: Context) -> Found | None:
        found = await self._cache.find(context)
        if found is not None:
            kept = found.kept
            self.source = self._sources[kept.kept_at, kept.document], found.near
        return found

    async def keep(
        self, context: Context, made: Made, cost_nano_usd: int | None, *, case_id: str
    ) -> Kept | None:
        kept = await self._cache.keep(context, made, cost_nano_usd, case_id=case_id)
        if kept is not None:
            self._sources[kept.kept_at, kept.document] = self.telling
        return kept


class _Scripted(ScriptedModel):
    """Answers from what it is shown: it quotes the telling, as a summary does."""

    async def stream(
        self, request: ModelRequest, on_attempt: OnAttempt
    ) -> AsyncGenerator[ModelEvent, None]:
        """Answer any request."""
        document = msgspec.json.encode(_answer(request))
        shown = len(request.system) + sum(len(one.content) for one in request.messages)
        usage = Usage(
            input=shown // _CHARS_A_TOKEN, output=len(document.decode()) // _CHARS_A_TOKEN
        )
        self.requests.clear()
        self.enqueue(Script(document=document, usage=usage))
        async for event in super().stream(request, on_attempt):
            yield event


def _answer(request: ModelRequest) -> dict[str, Any]:
    told = " ".join(one.content for one in request.messages if one.role == "user")
    told = " ".join(re.sub(r"<[^>]*>", " ", _FOUND.sub(" ", told)).split())
    report = {
        "parties": [],
        "chronology": [],
        "requests": [],
        "documents": [],
        "viability": {"level": "medium", "strengths": [], "weaknesses": [], "rationale": ""},
        "next_steps": ["Junte os documentos.", "Procure atendimento."],
        "plain": told[:200],
        "professional": told[:600],
    }
    if request.schema_name == "report":
        return report
    return {
        "candidates": _candidates(request),
        "urgency": "low",
        "urgency_reason": "",
        "deadline": "",
        **report,
    }


def _candidates(request: ModelRequest) -> list[dict[str, Any]]:
    """Return what the draft holds for likely, so that two models agree."""
    draft = _DRAFT.search(request.messages[-1].content)
    if draft is None:
        return []
    shown = msgspec.json.decode(draft.group(1).replace("&lt;", "<").replace("&amp;", "&"))
    top: list[Mapping[str, Any]] = shown["classification"]["top"][:1]
    return [{"code": one["code"], "confidence": one["confidence"]} for one in top]


def _day(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).date()
