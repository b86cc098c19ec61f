"""What operators do with conversations: see who waits for a human, take over, answer, hand back."""

from collections.abc import Mapping

from msgspec import Struct

from app.core.case_desk import place_of
from app.core.intake import fingerprint
from app.core.playbook.known import playbook_of
from app.core.reading import Reader
from app.core.runner import TurnRunner
from app.core.terminals import check_refused
from app.domain.analysis import Analysis
from app.domain.case import Accepted, HandoffStatus, OperatorCommand, Turn
from app.domain.clock import now_ms
from app.domain.errors import Draining
from app.domain.playbook import Playbook
from app.state.conversations import ConversationStateManager
from app.state.handoffs import HandoffPlace, ListedHandoff
from app.state.records import CaseRecord


class HandoffPage(Struct, frozen=True, kw_only=True):
    """Some cases that need a human, whoever waited longest first."""

    handoffs: tuple[ListedHandoff, ...]
    cursor: str | None
    """Where the next page begins; None where there is none."""


class OpenedCase(Struct, frozen=True, kw_only=True):
    """A whole case, as only its person and operators may see it."""

    record: CaseRecord
    playbook: Playbook
    committed: tuple[Turn, ...]
    waiting: tuple[Accepted, ...]
    result: Analysis | None


class HandoffReader:
    """Looks at cases for operators; that they are operators was checked before."""

    def __init__(
        self, conversations: ConversationStateManager, playbooks: Mapping[str, Playbook]
    ) -> None:
        self._conversations = conversations
        self._playbooks = playbooks

    async def list(
        self, *, status: HandoffStatus | None = None, limit: int = 50, cursor: str | None = None
    ) -> HandoffPage:
        """List cases in which a human is waited for, or has the conversation.

        Raises:
            InvalidInput: if the cursor is none of ours.
        """
        rows = await self._conversations.handoffs(
            limit=limit + 1,
            status=status,
            after=None if cursor is None else HandoffPlace(*place_of(cursor)),
        )
        more = len(rows) > limit
        rows = rows[:limit]
        last = rows[-1].place if more else None
        return HandoffPage(
            handoffs=tuple(rows),
            cursor=None if last is None else f"{last.requested_at}-{last.case_id}",
        )

    async def open(self, case_id: str) -> OpenedCase:
        """Return a whole case.

        Raises:
            CaseNotFound: no such case.
        """
        record = await self._conversations.open_as_operator(case_id)
        return OpenedCase(
            record=record,
            playbook=playbook_of(self._playbooks, record.state),
            committed=await self._conversations.turns(case_id),
            waiting=await self._conversations.waiting(case_id),
            result=await self._conversations.result(case_id),
        )


class HandoffDesk(HandoffReader):
    """Acts on cases for operators, in a process that works on turns."""

    def __init__(
        self,
        conversations: ConversationStateManager,
        runner: TurnRunner,
        reader: Reader,
        playbooks: Mapping[str, Playbook],
    ) -> None:
        super().__init__(conversations, playbooks)
        self._runner = runner
        self._reader = reader

    async def post(self, case_id: str, command: OperatorCommand, *, key: str) -> int:
        """Take an operator's command in; from then on it cannot be lost. Returns its turn.

        Whether the operator may is decided when its turn comes, in the order of all commands.

        Raises:
            CaseNotFound, IdempotencyMismatch, CaseFull: as `accept` does.
        """
        if self._runner.draining:
            raise Draining("this instance is shutting down")
        receipt = await self._conversations.accept_from_operator(
            case_id,
            Accepted(command=command, at=now_ms()),
            key=key,
            fingerprint=fingerprint(command),
            claim=self._runner.has_room,
        )
        if receipt.claim is not None:
            await self._runner.take(receipt.claim, receipt.listed_ms)
        return receipt.turn

    async def wait(self, case_id: str, turn: int) -> Turn | None:
        """Wait for a turn; None if this process stopped before it was committed.

        Raises:
            HandoffConflict: the command was refused.
        """
        await self._reader.wait(case_id, turn)
        found = await self._conversations.turn(case_id, turn)
        if found is not None:
            check_refused(found)
        return found
