"""One turn of the interview, from the person's command to everything it leaves behind.

The order never changes: rules read the message first, their advice in danger goes out before
anything else, then a model or the guided interviewer answers, and at the end of the interview the
analyst makes the result. Whatever a model does, the turn gets an answer.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime
from typing import assert_never

from msgspec.structs import replace

from app.core import form as forms
from app.core import handoff as handoffs
from app.core import prompts
from app.core.accounting.accounts import account_of
from app.core.analysis.analyst import Analyst, CaseInHand
from app.core.analysis.memo import Unkept
from app.core.outcome import (
    Reply,
    events_of,
    guided_reply,
    model_reply,
    moved_on,
    notifications_of,
    now_ms,
    running,
    was_left_out,
    was_told,
)
from app.core.rules import Rules
from app.core.steps import Analysing, Anew, Answer, Step, Words
from app.core.understanding.learned import TELLING
from app.core.understanding.plan import (
    budget_of,
    fixed_question,
    is_ending,
    next_slot,
    screening_due,
)
from app.core.understanding.screening import question
from app.domain.assessment import Assessment
from app.domain.assignment import CONVERSATIONAL
from app.domain.case import (
    AskHuman,
    Begin,
    CaseState,
    Conclude,
    Correct,
    Fill,
    HandBack,
    HandoffCommand,
    OperatorSays,
    Say,
    Take,
    Turn,
)
from app.domain.errors import FormSubmitted, HandoffConflict
from app.domain.event import (
    AnalysisCompleted,
    CaseEvent,
)
from app.domain.job import QUEUE_OF, Job
from app.domain.usage import Attempt, Provider
from app.llm.errors import NoModelLeft
from app.llm.failover import Answered, FailoverModel, Restarted
from app.llm.metering import Denied
from app.llm.model import ModelRequest, TextDelta
from app.state.records import Claim
from app.telemetry.labels import BudgetAction

_MAX_OUTPUT_TOKENS = 2_500
SUBMITTED = "the form was submitted before; say what is to be added in the conversation"
_WORD = re.compile(r"\s*\S+\s*")


class Interviewer:
    """Answers the commands of cases."""

    def __init__(
        self,
        rules: Mapping[str, Rules],
        analyst: Analyst,
        model: FailoverModel | None,
        names: Callable[[Mapping[Provider, str]], Mapping[Provider, str]],
        *,
        pace_seconds: float = 0.0,
        on_budget: Callable[[BudgetAction], None] = lambda _: None,
    ) -> None:
        """Take what is compiled of each playbook, and the models if there are any.

        Args:
            rules: by playbook id.
            analyst: makes results.
            model: None where only the guided interviewer serves.
            names: turns a playbook's choice of models into the ones to ask.
            pace_seconds: between the guided interviewer's words while somebody watches.
            on_budget: is told what was done with less because a budget ran out.
        """
        self._rules = rules
        self._analyst = analyst
        self._model = model
        self._names = names
        self._pace = pace_seconds
        self._on_budget = on_budget

    async def answer(self, claim: Claim, *, watched: Callable[[], bool]) -> AsyncIterator[Step]:
        """Answer the claim's command step by step; the last step is the `Answer`.

        `watched` tells whether somebody follows the words as they come; only then is the guided
        interviewer's answer spread over time.
        """
        match claim.accepted.command:
            case Say(text=text):
                steps = self._say(claim, text, watched)
            case Fill() as form:
                steps = self._fill(claim, form)
            case Begin():
                steps = _begun(claim)
            case Correct(slot=slot, value=value):
                steps = self._correct(claim, slot, value)
            case Conclude():
                steps = self._conclude(claim, watched)
            case AskHuman() | Take() | OperatorSays() | HandBack() as command:
                steps = self._hand(claim, command)
            case _:
                assert_never(claim.accepted.command)
        async for step in steps:
            yield step

    def absorb(self, claim: Claim) -> Answer:
        """Take in what a command says, by rules alone: its facts and dangers are not lost."""
        match claim.accepted.command:
            case Say(text=text):
                assessment = self._read(claim, text)
            case Fill(text=text) as form:
                assessment = self._filled(claim, form)
            case _:
                return Answer(reply="", state=claim.state)
        reply = Reply(text="", assessment=assessment, asking=claim.state.asking, complete=False)
        state = replace(
            self._moved_on(claim, reply, text),
            questions=claim.state.questions,
            form_turn=claim.state.form_turn,  # a form without a result can be submitted again
        )
        events = events_of(claim, state)
        return Answer(
            reply="",
            state=state,
            events=events,
            notifications=notifications_of(claim, state, events),
        )

    async def _say(
        self, claim: Claim, text: str, watched: Callable[[], bool]
    ) -> AsyncIterator[Step]:
        assessment = self._read(claim, text)
        advice = self._advice(claim, assessment)
        if advice:
            yield Words(advice)
        if (handoff := claim.state.handoff) is not None and handoff.status == "taken":
            async for own in self._overheard(claim, text, assessment, advice):
                yield own
            return
        async for step in self._reply(claim, text, assessment, watched):
            if isinstance(step, Reply):
                late = self._advice(claim, step.assessment, known=assessment).rstrip()
                if late:
                    yield Words(_apart(late))
                if step.question:
                    # At once: a list read out at a pace would hold up the turn's end for seconds.
                    yield Words(_apart(step.question))
                said = advice + step.text + _apart(late) + _apart(step.question)
                async for ending in self._concluded(claim, replace(step, text=said), text):
                    yield ending
                continue
            yield step
            if isinstance(step, Anew) and advice:
                yield Words(advice)

    async def _reply(
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
        said = _said(claim.turns)
        line = rules.guided.answer(claim.state, known, said, text, claim.turn)
        async for word in self._spoken(line.text, watched):
            yield word
        yield guided_reply(line, assessment, tried)

    async def _fill(self, claim: Claim, form: Fill) -> AsyncIterator[Step]:
        """Take the form in, as a whole interview: advice in danger, and the result."""
        state, rules = claim.state, self._rules[claim.state.playbook]
        if state.form_turn is not None:
            yield Answer(reply="", state=state, refused=FormSubmitted(SUBMITTED))
            return
        assessment = self._filled(claim, form)
        phrases = rules.playbook.phrases
        with_human = state.handoff is not None and state.handoff.status == "taken"
        line = (phrases.with_human if with_human else phrases.closing)[state.locale]
        reply = Reply(
            text=self._advice(claim, assessment) + line,
            assessment=assessment,
            asking=None,
            complete=True,
        )
        yield Words(reply.text)
        async for step in self._concluded(claim, reply, form.text):
            yield step

    async def _correct(self, claim: Claim, slot: str, value: str) -> AsyncIterator[Step]:
        rules = self._rules[claim.state.playbook]
        assessment = rules.understanding.correct(claim.state, slot, value, claim.turn)
        text = rules.playbook.phrases.corrected[claim.state.locale]
        reply = Reply(
            text=self._advice(claim, assessment) + text,
            assessment=assessment,
            asking=None if claim.state.asking == slot else claim.state.asking,
            complete=claim.state.status == "completed",
        )
        yield Words(reply.text)
        async for step in self._concluded(claim, reply, ""):
            yield step

    async def _conclude(self, claim: Claim, watched: Callable[[], bool]) -> AsyncIterator[Step]:
        rules = self._rules[claim.state.playbook]
        text = rules.playbook.phrases.closing[claim.state.locale]
        assessment = claim.state.assessment
        if claim.state.status == "active":
            assessment = rules.understanding.left_open(claim.state, claim.turn)
        advice = self._advice(claim, assessment)
        if advice:
            yield Words(advice)
        reply = Reply(text=advice + text, assessment=assessment, asking=None, complete=True)
        async for word in self._spoken(text, watched):
            yield word
        async for step in self._concluded(claim, reply, ""):
            yield step

    async def _overheard(
        self, claim: Claim, text: str, assessment: Assessment, advice: str
    ) -> AsyncIterator[Step]:
        """Leave the answer to the human who has the conversation; say so once."""
        rules = self._rules[claim.state.playbook]
        line = "" if was_told(claim) else rules.playbook.phrases.with_human[claim.state.locale]
        if line:
            yield Words(line)
        reply = Reply(
            text=advice + line,
            assessment=assessment,
            asking=claim.state.asking,
            complete=False,
            asks=False,
        )
        async for step in self._concluded(claim, reply, text, analyse=False):
            yield step

    async def _hand(self, claim: Claim, command: HandoffCommand) -> AsyncIterator[Step]:
        """Do what a command says about who has the conversation; the interviewer adds little."""
        state, phrases = claim.state, self._rules[claim.state.playbook].playbook.phrases
        try:
            moved = handoffs.moved(state.handoff, command, now_ms())
        except HandoffConflict as refusal:
            yield Answer(reply="", state=state, refused=refusal)
            return
        asking, analyse = state.asking, False
        match command:
            case AskHuman():
                taken = moved.status == "taken"
                text = (phrases.with_human if taken else phrases.human_asked)[state.locale]
                analyse = was_left_out(claim)
            case Take():
                text = ""
            case OperatorSays(text=text):
                pass
            case HandBack():
                text, asking = self._taken_up(state)
                analyse = True  # what was said to the human belongs to the result
            case _:
                assert_never(command)
        if text:
            yield Words(text)
        reply = Reply(
            text=text,
            assessment=state.assessment,
            asking=asking,
            complete=False,
            handoff=moved,
        )
        async for step in self._concluded(claim, reply, "", analyse=analyse):
            yield step

    def _taken_up(self, state: CaseState) -> tuple[str, str | None]:
        """Return what is said when the human has left, and what is asked for with it."""
        playbook = self._rules[state.playbook].playbook
        line = playbook.phrases.human_left[state.locale]
        active = state.status == "active"
        slot = next_slot(playbook, state, state.assessment) if active else None
        if slot is None:
            return line, None
        flags = (flag.code for flag in state.assessment.red_flags)
        return f"{line} {question(playbook, slot, state.locale, flags)}", slot.name

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
            or is_ending(playbook, state, assessment, _said(claim.turns), text)
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

    async def _concluded(
        self, claim: Claim, reply: Reply, said: str, *, analyse: bool = True
    ) -> AsyncIterator[Step]:
        """End a turn: the new state and, if the interview is over, the result or its order."""
        state = self._moved_on(claim, reply, said)
        raised: tuple[CaseEvent, ...] = ()
        attempts, degradations = reply.attempts, reply.degradations
        result, job = None, None
        # Of several additions in a row, the last one's result counts for all.
        added = claim.state.status == "completed"
        wanted = analyse and state.status == "completed" and not (added and claim.behind)
        if wanted and self._analyst.in_background(state):
            job = Job(
                case_id=claim.case_id,
                turn=claim.turn,
                queue=QUEUE_OF[state.assessment.complexity],
                planned=self._analyst.planned(state),
                created_at=state.updated_at,
            )
        elif wanted:
            yield Analysing()
            case = CaseInHand(
                state=state, turns=(*claim.turns, running(claim, state)), turn=claim.turn
            )
            analysed = await self._analyst.analyse(case, Unkept())
            result = analysed.result
            if analysed.refused:
                self._on_budget("refused")
            attempts += analysed.attempts
            if result.needs_human:
                asked = handoffs.requested(state.handoff, "analysis", "", state.updated_at)
                state = replace(state, handoff=asked)
            raised = (
                AnalysisCompleted(
                    turn=claim.turn,
                    code=result.classification.code,
                    urgency=result.urgency.level,
                    needs_human=result.needs_human,
                ),
            )
        events = events_of(claim, state) + raised
        yield Answer(
            reply=reply.text,
            state=state,
            result=result,
            job=job,
            events=events,
            notifications=notifications_of(claim, state, events),
            attempts=attempts,
            degradations=degradations,
        )

    def _moved_on(self, claim: Claim, reply: Reply, said: str) -> CaseState:
        """Return the case's state after a turn; danger may have called a human into it."""
        state = moved_on(claim, reply, said)
        flags = self._rules[state.playbook].playbook.red_flags
        before, after = claim.state.assessment, state.assessment
        asked = handoffs.requested_by_flags(state.handoff, flags, before, after, state.updated_at)
        return replace(state, handoff=asked)

    def _read(self, claim: Claim, text: str) -> Assessment:
        handoff = claim.state.handoff
        with_human = handoff is not None and handoff.status == "taken"
        # What the person tells a human is no answer to the interviewer's last question.
        state = replace(claim.state, asking=None) if with_human else claim.state
        return self._rules[claim.state.playbook].understanding.read(
            state, _said(claim.turns), claim.turn, text, _day(claim)
        )

    def _filled(self, claim: Claim, form: Fill) -> Assessment:
        rules, state, today = self._rules[claim.state.playbook], claim.state, _day(claim)
        answers = forms.values_of(rules.playbook, form, state.locale, today)
        told = {name: str(form.answers[name]) for name in form.told}
        return rules.understanding.fill(state, _said(claim.turns), claim.turn, answers, told, today)

    def _advice(self, claim: Claim, assessment: Assessment, known: Assessment | None = None) -> str:
        """Return the advice for dangers that were not known before, ready to be said first."""
        before = {flag.code for flag in (known or claim.state.assessment).red_flags}
        new = [flag.code for flag in assessment.red_flags if flag.code not in before]
        if not new:
            return ""
        rules = self._rules[claim.state.playbook]
        return rules.understanding.safety.advice(new, claim.state.locale) + "\n\n"

    async def _spoken(self, text: str, watched: Callable[[], bool]) -> AsyncIterator[Words]:
        """Say a ready text word by word, at a pace that can be read along."""
        for word in _WORD.findall(text):
            # The pause comes first, so that whoever posted has the time to begin to listen.
            pause = self._pace if watched() else 0.0
            await asyncio.sleep(pause)
            yield Words(word, paused=pause)


async def _begun(claim: Claim) -> AsyncIterator[Step]:
    """Note that somebody is there; there is nothing to answer."""
    yield Answer(reply="", state=replace(claim.state, updated_at=now_ms()))


def _said(turns: Sequence[Turn]) -> list[str]:
    """Return what the person has told, message by message; of a form the story and its like."""
    said: list[str] = []
    for turn in turns:
        match turn.command:
            case Say(text=text):
                said.append(text)
            case Fill(answers=answers, told=told):
                story, *others = [str(answers[name]) for name in told] or [""]
                said += [one for one in others if len(one.split()) >= TELLING]
                said += [story] if story else []
            case _:
                pass
    return said


def _apart(text: str) -> str:
    """Return a text as a paragraph of its own, after others; nothing where there is none."""
    return f"\n\n{text}" if text else ""


def _day(claim: Claim) -> date:
    return datetime.fromtimestamp(claim.accepted.at / 1_000, UTC).date()
