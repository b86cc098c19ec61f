"""One turn of the interview, from the person's command to everything it leaves behind.

The order never changes: rules read the message first, their advice in danger goes out before
anything else, then a model or the guided interviewer answers, and at the end of the interview the
analyst makes the result. Whatever a model does, the turn gets an answer.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import assert_never

from msgspec.structs import replace

from app.core.analysis.analyst import Analyst
from app.core.ending import Ending
from app.core.hearing import Listener
from app.core.human_turns import HumanTurns
from app.core.outcome import Reply, events_of, notifications_of, now_ms
from app.core.replying import Speaker
from app.core.rules import Rules
from app.core.steps import Anew, Answer, Step, Words
from app.domain.case import (
    AskHuman,
    Begin,
    Conclude,
    Correct,
    Fill,
    HandBack,
    OperatorSays,
    Say,
    Take,
)
from app.domain.errors import FormSubmitted
from app.domain.usage import Provider
from app.llm.failover import FailoverModel
from app.state.records import Claim
from app.telemetry.labels import BudgetAction

SUBMITTED = "the form was submitted before; say what is to be added in the conversation"


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
        self._listener = Listener(rules)
        self._speaker = Speaker(rules, model, names, pace_seconds=pace_seconds, on_budget=on_budget)
        self._ending = Ending(rules, analyst, on_budget=on_budget)
        self._human = HumanTurns(rules, self._ending)

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
                steps = self._human.hand(claim, command)
            case _:
                assert_never(claim.accepted.command)
        async for step in steps:
            yield step

    def absorb(self, claim: Claim) -> Answer:
        """Take in what a command says, by rules alone: its facts and dangers are not lost."""
        match claim.accepted.command:
            case Say(text=text):
                assessment = self._listener.read(claim, text)
            case Fill(text=text) as form:
                assessment = self._listener.filled(claim, form)
            case _:
                return Answer(reply="", state=claim.state)
        reply = Reply(text="", assessment=assessment, asking=claim.state.asking, complete=False)
        state = replace(
            self._ending.state_after(claim, reply, text),
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
        assessment = self._listener.read(claim, text)
        advice = self._listener.advice(claim, assessment)
        if advice:
            yield Words(advice)
        if (handoff := claim.state.handoff) is not None and handoff.status == "taken":
            async for own in self._human.overheard(claim, text, assessment, advice):
                yield own
            return
        async for step in self._speaker.reply(claim, text, assessment, watched):
            if isinstance(step, Reply):
                late = self._listener.advice(claim, step.assessment, known=assessment).rstrip()
                if late:
                    yield Words(_apart(late))
                if step.question:
                    # At once: a list read out at a pace would hold up the turn's end for seconds.
                    yield Words(_apart(step.question))
                said = advice + step.text + _apart(late) + _apart(step.question)
                async for ending in self._ending.steps(claim, replace(step, text=said), text):
                    yield ending
                continue
            yield step
            if isinstance(step, Anew) and advice:
                yield Words(advice)

    async def _fill(self, claim: Claim, form: Fill) -> AsyncIterator[Step]:
        """Take the form in, as a whole interview: advice in danger, and the result."""
        state, rules = claim.state, self._rules[claim.state.playbook]
        if state.form_turn is not None:
            yield Answer(reply="", state=state, refused=FormSubmitted(SUBMITTED))
            return
        assessment = self._listener.filled(claim, form)
        phrases = rules.playbook.phrases
        with_human = state.handoff is not None and state.handoff.status == "taken"
        line = (phrases.with_human if with_human else phrases.closing)[state.locale]
        reply = Reply(
            text=self._listener.advice(claim, assessment) + line,
            assessment=assessment,
            asking=None,
            complete=True,
        )
        yield Words(reply.text)
        async for step in self._ending.steps(claim, reply, form.text):
            yield step

    async def _correct(self, claim: Claim, slot: str, value: str) -> AsyncIterator[Step]:
        rules = self._rules[claim.state.playbook]
        assessment = rules.understanding.correct(claim.state, slot, value, claim.turn)
        text = rules.playbook.phrases.corrected[claim.state.locale]
        reply = Reply(
            text=self._listener.advice(claim, assessment) + text,
            assessment=assessment,
            asking=None if claim.state.asking == slot else claim.state.asking,
            complete=claim.state.status == "completed",
        )
        yield Words(reply.text)
        async for step in self._ending.steps(claim, reply, ""):
            yield step

    async def _conclude(self, claim: Claim, watched: Callable[[], bool]) -> AsyncIterator[Step]:
        rules = self._rules[claim.state.playbook]
        text = rules.playbook.phrases.closing[claim.state.locale]
        assessment = claim.state.assessment
        if claim.state.status == "active":
            assessment = rules.understanding.left_open(claim.state, claim.turn)
        advice = self._listener.advice(claim, assessment)
        if advice:
            yield Words(advice)
        reply = Reply(text=advice + text, assessment=assessment, asking=None, complete=True)
        async for word in self._speaker.spoken(text, watched):
            yield word
        async for step in self._ending.steps(claim, reply, ""):
            yield step


async def _begun(claim: Claim) -> AsyncIterator[Step]:
    """Note that somebody is there; there is nothing to answer."""
    yield Answer(reply="", state=replace(claim.state, updated_at=now_ms()))


def _apart(text: str) -> str:
    """Return a text as a paragraph of its own, after others; nothing where there is none."""
    return f"\n\n{text}" if text else ""
