"""The use cases of the structured intake: look at the form of a case, begin it, submit it."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from app.core.form import Answer, form_of, taken
from app.core.intake import Intake
from app.core.interview import SUBMITTED
from app.domain.case import Begin, CaseState, Fill
from app.domain.errors import FormSubmitted
from app.domain.playbook import Playbook
from app.state.conversations import ConversationStateManager

_BEGINS = "form begin"
"""The key under which the first touch of a form counts once; nobody else's has a space in it."""


class OpenedForm(Struct, frozen=True, kw_only=True):
    """The form of a case and how it stands."""

    playbook: Playbook
    state: CaseState
    submitted: Fill | None
    """What was submitted, also where its turn is still to come; None while the form is open."""

    @property
    def status(self) -> Literal["open", "submitted"]:
        """Whether it can still be submitted."""
        return "open" if self.submitted is None else "submitted"


class FormDesk:
    """What can be done with the form of a case."""

    def __init__(self, intake: Intake, conversations: ConversationStateManager) -> None:
        """Take who posts commands, and where they are kept."""
        self._intake = intake
        self._conversations = conversations

    async def open(self, case_id: str, token: str) -> OpenedForm:
        """Return the form of a case.

        Raises:
            CaseNotFound: no such case for this token.
            FormNotFound: the case is a conversation.
        """
        state = (await self._intake.open(case_id, token)).state
        playbook = self._intake.playbook(state)
        form_of(playbook, state)
        return OpenedForm(playbook=playbook, state=state, submitted=await self._submitted(state))

    async def begin(self, case_id: str, token: str) -> int:
        """Take in that the person begins to fill in the form; returns the turn, the same each time.

        Raises:
            CaseNotFound, CaseFull: as `accept` does.
            FormNotFound: the case is a conversation.
        """
        state = (await self._intake.open(case_id, token)).state
        form_of(self._intake.playbook(state), state)
        return await self._intake.command(case_id, token, key=_BEGINS, command=Begin())

    async def submit(
        self, case_id: str, token: str, *, key: str, answers: Mapping[str, Answer]
    ) -> int:
        """Take the form in; once this returns it is never lost. Returns its turn.

        Raises:
            CaseNotFound, IdempotencyMismatch, CaseFull: as `accept` does.
            FormNotFound: the case is a conversation.
            FormSubmitted: it was submitted before, and this is no repetition of that.
            FormInvalid: with every mistake of every field.
        """
        state = (await self._intake.open(case_id, token)).state
        playbook = self._intake.playbook(state)
        form_of(playbook, state)
        # The key is looked up last: what was submitted by then may be this very form, told again.
        submitted = await self._submitted(state) is not None
        if submitted and not await self._conversations.is_repeated(case_id, key):
            raise FormSubmitted(SUBMITTED)
        today = datetime.fromtimestamp(time.time(), UTC).date()
        form = taken(playbook, state.locale, answers, today)
        return await self._intake.command(case_id, token, key=key, command=form)

    async def _submitted(self, state: CaseState) -> Fill | None:
        if state.form_turn is not None:
            turn = await self._conversations.turn(state.case_id, state.form_turn)
            return turn.command if turn is not None and isinstance(turn.command, Fill) else None
        waiting = await self._conversations.waiting(state.case_id)
        return next((one.command for one in waiting if isinstance(one.command, Fill)), None)
