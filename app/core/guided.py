"""The guided interviewer: the playbook's own questions, one at a time, without any model."""

from collections.abc import Sequence

from msgspec import Struct

from app.core.understanding.plan import is_complete, is_ending, is_unknown, next_slot
from app.core.understanding.running import Understanding
from app.core.understanding.screening import question
from app.domain.assessment import Assessment
from app.domain.case import CaseState
from app.domain.playbook import Playbook, Slot


class Line(Struct, frozen=True):
    """What the interviewer says, what it asks for with it, and whether the interview is over."""

    text: str
    asking: str | None
    complete: bool


class GuidedInterviewer:
    """Answers a person with an acknowledgement and the next question of the plan."""

    def __init__(self, playbook: Playbook, understanding: Understanding) -> None:
        """Take the playbook and its compiled rules."""
        self._playbook = playbook
        self._understanding = understanding

    def answer(
        self,
        state: CaseState,
        assessment: Assessment,
        said: Sequence[str],
        message: str,
        turn: int,
    ) -> Line:
        """Answer a message.

        Args:
            state: The case before the message: `asking`, `asked` and `questions` as they were.
            assessment: The understanding after the message.
            said: The person's earlier messages, oldest first.
            message: What the person says now.
            turn: The turn, which varies the acknowledgement.
        """
        playbook = self._playbook
        locale = playbook.locale(state.locale)
        phrases = playbook.phrases
        if state.status == "completed":
            return Line(phrases.addendum[locale], None, complete=True)
        unknown = is_unknown(playbook, message)
        declined = (state.asking,) if unknown and state.asking else ()
        wants = is_ending(playbook, state, assessment, said, message)
        story = self._story_to_ask_again(state, assessment)
        if story is not None and not wants and not unknown:
            return Line(phrases.unclear[locale], story.name, complete=False)
        slot = next_slot(playbook, state, assessment, declined)
        if slot is None or is_complete(playbook, state, assessment, wants):
            return Line(phrases.closing[locale], None, complete=True)
        asked = question(playbook, slot, locale, (one.code for one in assessment.red_flags))
        if slot.name == state.asking:
            return Line(f"{phrases.retry[locale]} {asked}", slot.name, complete=False)
        opening = _in_turn(phrases.acknowledge.get(locale, ()), turn)
        return Line(f"{opening} {asked}".strip(), slot.name, complete=False)

    def _story_to_ask_again(self, state: CaseState, assessment: Assessment) -> Slot | None:
        """Return the story's slot if nothing could be placed and nobody has asked for more yet."""
        story = self._understanding.story
        if story is None or state.questions or state.asked:
            return None
        return None if self._understanding.is_placed(assessment) else story


def _in_turn(phrases: Sequence[str], turn: int) -> str:
    return phrases[(turn - 1) % len(phrases)] if phrases else ""
