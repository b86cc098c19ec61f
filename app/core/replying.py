"""Who replies to a message: a model of variant `v2`, the guided interviewer where none does."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing

from msgspec.structs import replace

from app.core import prompts
from app.core.accounting.accounts import account_of
from app.core.hearing import said_so_far
from app.core.outcome import Reply, guided_reply, model_reply
from app.core.rules import Rules
from app.core.steps import Anew, Words
from app.core.understanding.plan import budget_of, fixed_question, is_ending, screening_due
from app.domain.assessment import Assessment
from app.domain.assignment import CONVERSATIONAL
from app.domain.usage import Attempt, Provider
from app.llm.errors import NoModelLeft
from app.llm.failover import Answered, FailoverModel, Restarted
from app.llm.metering import Denied
from app.llm.model import ModelRequest, TextDelta
from app.state.records import Claim
from app.telemetry.labels import BudgetAction

_MAX_OUTPUT_TOKENS = 2_500
_WORD = re.compile(r"\s*\S+\s*")


class Speaker:
    """Finds the words of a reply, and says those that are ready at a pace."""

    def __init__(
        self,
        rules: Mapping[str, Rules],
        model: FailoverModel | None,
        names: Callable[[Mapping[Provider, str]], Mapping[Provider, str]],
        *,
        pace_seconds: float,
        on_budget: Callable[[BudgetAction], None],
    ) -> None:
        """Take what `Interviewer` takes of the same name."""
        self._rules = rules
        self._model = model
        self._names = names
        self._pace = pace_seconds
        self._on_budget = on_budget

    async def reply(
        self, claim: Claim, text: str, assessment: Assessment, watched: Callable[[], bool]
    ) -> AsyncIterator[Words | Anew | Reply]:
        """Let a model answer, and the guided interviewer where none does; `Reply` comes last."""
        rules = self._rules[claim.state.playbook]
        tried: Reply | None = None
        asks = claim.state.status == "active" and claim.state.variant == CONVERSATIONAL
        if self._model is not None and asks:
            async for step in self._ask(self._model, rules, claim, text, assessment):
                if isinstance(step, Reply):
                    tried = step
                else:
                    yield step
        if tried is not None and tried.text.strip():
            yield tried
            return
        if tried is not None and tried.text:  # nothing but space was shown: take it back
            yield Anew("provider")
        known = assessment if tried is None else tried.assessment
        line = rules.guided.answer(claim.state, known, said_so_far(claim.turns), text, claim.turn)
        async for word in self.spoken(line.text, watched):
            yield word
        yield guided_reply(line, assessment, tried)

    async def spoken(self, text: str, watched: Callable[[], bool]) -> AsyncIterator[Words]:
        """Say a ready text word by word, at a pace that can be read along."""
        for word in _WORD.findall(text):
            # The pause comes first, so that whoever posted has the time to begin to listen.
            pause = self._pace if watched() else 0.0
            await asyncio.sleep(pause)
            yield Words(word, paused=pause)

    async def _ask(
        self,
        model: FailoverModel,
        rules: Rules,
        claim: Claim,
        text: str,
        assessment: Assessment,
    ) -> AsyncIterator[Words | Anew | Reply]:
        """Ask the models; without a reply at the end, the guided interviewer answers."""
        playbook, state = rules.playbook, claim.state
        most = budget_of(playbook, assessment.complexity).most
        fixed = screening_due(playbook, state, assessment)
        last = fixed is None and (
            state.questions >= most
            or is_ending(playbook, state, assessment, said_so_far(claim.turns), text)
        )
        if fixed is None and not last:
            fixed = fixed_question(playbook, state, assessment)
        left = max(0, most - state.questions)
        situation = prompts.situation(assessment, last=last, left=left, followed=fixed is not None)
        request = ModelRequest(
            operation="interview",
            system=rules.interview_system[state.locale],
            messages=(
                *prompts.conversation(claim.turns),
                prompts.current(claim.turn, text, situation),
            ),
            schema_name="turn",
            schema=rules.documents.turn_schema,
            stream_field="reply",
            max_output_tokens=_MAX_OUTPUT_TOKENS,
            account=account_of(state, claim.turn),
            canary=rules.canary,
        )
        attempts: list[Attempt] = []
        pieces: list[str] = []
        room = left = playbook.limits.reply_chars
        names = self._names(playbook.models.interview)
        cheaper = self._names(playbook.models.small)
        read = rules.documents.read_turn
        try:
            async with aclosing(
                model.stream(request, names, attempts.append, read, cheaper=cheaper)
            ) as events:
                async for event in events:
                    match event:
                        case TextDelta(piece):
                            kept = piece[:left]
                            left -= len(kept)
                            if kept:
                                pieces.append(kept)
                                yield Words(kept)
                        case Restarted():
                            pieces.clear()
                            left = room
                            yield Anew("provider")
                        case Answered(value=value, denied=denied):
                            reply = model_reply(
                                rules,
                                claim,
                                "".join(pieces),
                                assessment,
                                value,
                                last,
                                attempts,
                                fixed,
                            )
                            yield self._cheaper(reply, denied)
        except NoModelLeft as error:
            if error.denied_for:
                self._on_budget("guided")
            yield Reply(
                text="",
                assessment=assessment,
                asking=None,
                complete=False,
                attempts=tuple(attempts),
                degradations=(f"guided: {error}",),
            )

    def _cheaper(self, reply: Reply, denied: tuple[Denied, ...]) -> Reply:
        """Note that a budget did not let the planned model be asked."""
        if not denied:
            return reply
        self._on_budget("cheaper")
        noted = (*reply.degradations, f"cheaper: {denied[0].detail}")
        return replace(reply, degradations=noted)
