"""The use cases of a person and of whoever acts for them: open a case, say something, look at it.

The one place that puts together what is stored, who works on it and who reads it. It knows
credentials only by their digest.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.core import recording, terminals
from app.core.assigning import Assigner, Subject
from app.core.language.text import cleaned
from app.core.opening import Opening, OpeningDesk, StartKey
from app.core.playbook.known import playbook_of
from app.core.reading import START, Reader
from app.core.runner import TurnRunner
from app.core.stopwatch import TurnWatch, arm
from app.domain import event as events
from app.domain.analysis import Analysis
from app.domain.assignment import person_key
from app.domain.case import (
    Accepted,
    AskHuman,
    CaseState,
    Command,
    Correct,
    OnBusy,
    PersonCommand,
    Say,
    Turn,
    Unstoppable,
)
from app.domain.clock import now_ms
from app.domain.errors import (
    CaseNotFound,
    Draining,
    Fenced,
    IdempotencyMismatch,
    InvalidInput,
    ResultNotReady,
    TurnNotFound,
)
from app.domain.event import EventId
from app.domain.job import JobView
from app.domain.playbook import Playbook
from app.state.conversations import ConversationStateManager
from app.state.job_board import JobBoard
from app.state.records import CaseRecord, Claim
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import CASE, Span, Tracing, Untraced

_canonical = msgspec.msgpack.Encoder(order="sorted").encode


class Opened(Struct, frozen=True, kw_only=True):
    """A new case and the only copy of its token."""

    state: CaseState
    token: str
    playbook: Playbook


class TurnView(Struct, frozen=True, kw_only=True):
    """A turn as it stands, committed or not."""

    turn: int
    status: Literal["queued", "running", "completed", "cancelled", "failed"]
    text: str
    last: EventId | None
    committed: Turn | None


class Intake:
    """What can be done with cases."""

    def __init__(
        self,
        conversations: ConversationStateManager,
        runner: TurnRunner,
        reader: Reader,
        board: JobBoard,
        playbooks: Mapping[str, Playbook],
        *,
        default_playbook: str,
        assigner: Assigner,
        digest: Callable[[str], str],
        openings: OpeningDesk,
        metrics: Metrics | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing or Untraced()
        self._metrics = metrics or Metrics()
        self._conversations = conversations
        self._runner = runner
        self._reader = reader
        self._board = board
        self._playbooks = playbooks
        self._default_playbook = default_playbook
        self._assigner = assigner
        self._digest = digest
        self._openings = openings

    async def start(
        self,
        *,
        playbook: str | None,
        locale: str | None,
        user_ref: str | None,
        attributes: Mapping[str, str],
        once: StartKey | None = None,
    ) -> Opened:
        """Open a case; with a key that has opened one in the last ten minutes, return that one.

        Raises:
            InvalidInput: if there is no such playbook.
            IdempotencyMismatch: the key came with something else before, or its case is gone.
        """
        if self._runner.draining:
            raise Draining("this instance is shutting down")
        chosen = self._playbooks.get(playbook or self._default_playbook)
        if chosen is None:
            known = ", ".join(sorted(self._playbooks))
            raise InvalidInput(f"there is no playbook {playbook!r}; there are: {known}")
        spoken = chosen.locale(locale)
        opening = None
        if once is not None:
            asked = _canonical([chosen.id, spoken, user_ref, dict(attributes)]).hex()
            opening = await self._openings.begin(once, asked)
            if opening.was_open:
                return await self._opened(opening)
        given = await self._assigner.assign(
            Subject(
                person=None if user_ref is None else person_key(user_ref),
                playbook=chosen.id,
                locale=spoken,
                attributes=attributes,
            )
        )
        now = now_ms()
        state = CaseState(
            case_id=secrets.token_hex(16) if opening is None else opening.case_id,
            playbook=chosen.id,
            playbook_version=chosen.version,
            locale=spoken,
            variant=given.variant,
            assignment=given.assignment,
            created_at=now,
            updated_at=now,
            user_ref=user_ref,
            attributes=dict(attributes),
        )
        token = secrets.token_urlsafe(32) if opening is None else opening.token
        is_new = await self._conversations.start(
            state, token_hash=self._digest(token), cap=chosen.limits.messages, ttl=chosen.ttl.active
        )
        if is_new:
            self._metrics.case("started", state.playbook, arm(state))
        if opening is not None:
            await self._openings.done(opening)
        if opening is not None and not is_new:
            return await self._opened(opening)
        return Opened(state=state, token=token, playbook=chosen)

    async def _opened(self, opening: Opening) -> Opened:
        try:
            record = await self.open(opening.case_id, opening.token)
        except CaseNotFound as error:
            raise IdempotencyMismatch(
                "the case that this key has opened is gone: use a new one"
            ) from error
        state = record.state
        return Opened(state=state, token=opening.token, playbook=self.playbook(state))

    async def open(self, case_id: str, token: str) -> CaseRecord:
        """Return a case to whoever holds its token.

        Raises:
            CaseNotFound: no such case for this token.
        """
        return await self._conversations.open(case_id, self._digest(token))

    def playbook(self, state: CaseState) -> Playbook:
        """Return the playbook of a case.

        Raises:
            CaseForOthers: this instance lacks it.
        """
        return playbook_of(self._playbooks, state)

    async def say(
        self,
        case_id: str,
        token: str,
        *,
        key: str,
        text: str,
        on_busy: OnBusy,
        streamed: bool = False,
    ) -> int:
        """Take a message in; from then on it cannot be lost. Returns its turn.

        Args:
            case_id: the case.
            token: its token.
            key: the caller's idempotency key.
            text: in the person's own words.
            on_busy: what to do while another turn is unfinished.
            streamed: whether the caller reads the answer as it forms.

        Raises:
            CaseNotFound, IdempotencyMismatch, TurnBusy, CaseFull: as `accept` does.
            InvalidInput: if the message is empty or longer than the playbook allows.
        """
        said = cleaned(text)
        if not said:
            raise InvalidInput("message: it is empty; say in your own words what happened")
        # The longest that any playbook takes is checked before the case is looked up; a playbook
        # with a shorter limit is looked up only for messages that come near it.
        shortest = min(one.limits.message_chars for one in self._playbooks.values())
        if len(said) > shortest:
            record = await self.open(case_id, token)
            most = self.playbook(record.state).limits.message_chars
            if len(said) > most:
                raise InvalidInput(
                    f"message: it has {len(said)} characters and at most {most} are taken;"
                    " send it in parts"
                )
        return await self._post(case_id, token, key, Say(text=said), on_busy, streamed=streamed)

    async def correct(self, case_id: str, token: str, *, key: str, slot: str, value: str) -> int:
        """Take the correction of a fact in; returns its turn.

        Raises:
            CaseNotFound, IdempotencyMismatch, CaseFull: as `accept` does.
            InvalidInput: if the playbook has no such slot.
        """
        record = await self.open(case_id, token)
        if self.playbook(record.state).slot(slot) is None:
            known = ", ".join(one.name for one in self.playbook(record.state).slots)
            raise InvalidInput(f"slot: there is no {slot!r}; there are: {known}")
        return await self._post(
            case_id, token, key, Correct(slot=slot, value=cleaned(value)), "enqueue"
        )

    async def ask_human(self, case_id: str, token: str, *, key: str, reason: str) -> int:
        """Take in that the person wants a human; returns its turn."""
        return await self.command(case_id, token, key=key, command=AskHuman(reason=cleaned(reason)))

    async def command(self, case_id: str, token: str, *, key: str, command: PersonCommand) -> int:
        """Take any other command in; returns its turn."""
        return await self._post(case_id, token, key, command, "enqueue")

    def words(self, case_id: str, turn: int) -> AsyncIterator[bytes]:
        """Return the frames of a turn as they come; see `Reader.turn`."""
        return self._reader.turn(case_id, turn, START)

    async def wait(self, case_id: str, turn: int) -> Turn | None:
        """Wait for a turn; None if this process stopped before it was committed.

        Raises:
            FormSubmitted: the turn was refused, since another one had submitted the form.
        """
        await self._reader.wait(case_id, turn)
        found = await self._conversations.turn(case_id, turn)
        if found is not None:
            terminals.check_refused(found)
        return found

    async def view(self, record: CaseRecord, turn: int) -> TurnView:
        """Return a turn as it stands.

        Raises:
            TurnNotFound: if the case has none of that number.
        """
        if not 1 <= turn <= record.accepted:
            raise TurnNotFound(f"this case has no turn {turn}")
        return await self.progress(record.state.case_id, turn)

    async def progress(self, case_id: str, turn: int) -> TurnView:
        """Return a turn as it stands that the case is known to have, as `say` returned it."""
        if (committed := await self._conversations.turn(case_id, turn)) is not None:
            return TurnView(
                turn=turn,
                status=committed.outcome,
                text=committed.reply,
                last=EventId.parse(committed.event_id),
                committed=committed,
            )
        so_far = await self._reader.text(case_id, turn)
        return TurnView(
            turn=turn,
            status="running" if so_far.started else "queued",
            text=so_far.text,
            last=so_far.last if so_far.started else None,
            committed=None,
        )

    async def turns(self, record: CaseRecord) -> tuple[tuple[Turn, ...], tuple[Accepted, ...]]:
        """Return a case's committed turns and the commands that wait, oldest first."""
        case_id = record.state.case_id
        committed = await self._conversations.turns(case_id)
        waiting = await self._conversations.waiting(case_id)
        return committed, waiting

    async def result(self, record: CaseRecord) -> Analysis:
        """Return a case's result.

        Raises:
            ResultNotReady: while there is none.
        """
        found = await self._conversations.result(record.state.case_id)
        if found is None:
            job = await self.job(record)
            raise ResultNotReady(record.state.status, None if job is None else job.state)
        return found

    async def job(self, record: CaseRecord) -> JobView | None:
        """Return the background analysis that a case's result comes from, or will, if any."""
        return await self._board.latest(record.state.case_id)

    async def cancel(self, case_id: str, token: str, turn: int) -> TurnView:
        """Stop a turn, wherever it runs; what it said so far is kept. Idempotent.

        What says who has the conversation cannot be stopped: an operator's words get through. Nor
        can a form, which is taken in whole. The canceller becomes the owner, which fences whoever
        generates, and commits the turn.

        Raises:
            CaseNotFound, TurnNotFound: if there is none.
        """
        record = await self.open(case_id, token)
        if await self._conversations.drop(case_id, turn) == "next":
            await self._runner.hush(case_id, turn)
            found = await self._conversations.claim(case_id, turn=turn, opening="cancel")
            try:
                if isinstance(found, Claim) and isinstance(found.accepted.command, Unstoppable):
                    await self._runner.take(found, now_ms())
                elif isinstance(found, Claim):
                    await self._stop(found)
            except Fenced:
                # Somebody else cancels the same turn and came second: theirs counts.
                await self._reader.wait(case_id, turn)
        return await self.view(record, turn)

    async def erase(self, case_id: str, token: str) -> None:
        """Erase a case with everything in it.

        Raises:
            CaseNotFound: no such case for this token.
        """
        await self._conversations.erase(case_id, self._digest(token))

    async def _post(
        self,
        case_id: str,
        token: str,
        key: str,
        command: PersonCommand,
        on_busy: OnBusy,
        *,
        streamed: bool = False,
    ) -> int:
        if self._runner.draining:
            raise Draining("this instance is shutting down")
        with self._tracing.span("triage.accept", role="server") as span:
            span.set({CASE: case_id})
            receipt = await self._conversations.accept(
                case_id,
                Accepted(
                    command=command,
                    at=now_ms(),
                    trace=self._tracing.carried(),
                ),
                token_hash=self._digest(token),
                key=key,
                fingerprint=fingerprint(command),
                on_busy=on_busy,
                claim=self._runner.has_room,
            )
            span.set({"triage.turn": receipt.turn, "triage.repeated": not receipt.new})
        if receipt.claim is not None:
            await self._runner.take(receipt.claim, receipt.listed_ms, awaited=streamed)
            # The turn goes first: while it waits for the ledger, the response can begin.
            await asyncio.sleep(0)
        elif receipt.new and on_busy == "interrupt" and receipt.turn > receipt.done + 1:
            await self.cancel(case_id, token, receipt.done + 1)
        return receipt.turn

    async def _stop(self, claim: Claim) -> None:
        watch = TurnWatch(claim)
        with self._tracing.span("triage.turn", parent=claim.accepted.trace or "") as span:
            pending = await self._commit_stop(claim, watch, span)
        if pending:
            await self._runner.resume(claim.case_id)

    async def _commit_stop(self, claim: Claim, watch: TurnWatch, span: Span) -> int:
        so_far = await self._reader.text(claim.case_id, claim.turn)
        terminal = terminals.cancelled(claim.turn, so_far.text)
        answer = replace(self._runner.absorb(claim), reply=so_far.text)
        ttl = self._playbooks[claim.state.playbook].ttl
        turn = terminals.record(claim, answer, terminal, seq=1)
        pending = await self._conversations.finish(
            claim,
            turn,
            state=answer.state,
            result=None,
            ttl=ttl.completed if answer.state.status == "completed" else ttl.active,
            log_ttl=ttl.turn_log,
            events=[events.encode(one) for one in answer.events],
            facts=recording.of_turn(claim, turn, answer),
        )
        watch.committed(self._metrics, span, turn, answer)
        return pending


def fingerprint(command: Command) -> str:
    """Return what tells a command from any other, so that a key is not used for two."""
    return hashlib.sha256(_canonical(command)).hexdigest()
