"""Turns while a human is asked for or has the conversation: the interviewer adds little."""

from collections.abc import AsyncIterator, Mapping
from typing import assert_never

from app.core import handoff as handoffs
from app.core.ending import Ending
from app.core.outcome import Reply, now_ms, was_left_out, was_told
from app.core.rules import Rules
from app.core.steps import Answer, Step, Words
from app.core.understanding.plan import next_slot
from app.core.understanding.screening import question
from app.domain.assessment import Assessment
from app.domain.case import AskHuman, CaseState, HandBack, HandoffCommand, OperatorSays, Take
from app.domain.errors import HandoffConflict
from app.state.records import Claim


class HumanTurns:
    """Answers what concerns the human, and what is said to them."""

    def __init__(self, rules: Mapping[str, Rules], ending: Ending) -> None:
        """Take what is compiled of each playbook, and how turns end."""
        self._rules = rules
        self._ending = ending

    async def overheard(
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
        async for step in self._ending.steps(claim, reply, text, analyse=False):
            yield step

    async def hand(self, claim: Claim, command: HandoffCommand) -> AsyncIterator[Step]:
        """Do what a command says about who has the conversation."""
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
        async for step in self._ending.steps(claim, reply, "", analyse=analyse):
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
