"""Who works on turns: detached generators with a lease each, and the reaper that finds orphans.

A generator outlives the request that began it. It says its words to the local feed and to the token
log, and only when the turn is committed does it say the terminal event. If this process dies, its
leases run out and the reaper of any other process goes on; if it merely stalled, its writes are
refused and it stops.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Protocol, assert_never

import structlog
from msgspec.structs import replace

from app.core import recording, terminals
from app.core.errands import Errands
from app.core.feed import TurnFeed
from app.core.steps import Analysing, Anew, Answer, Step, Words
from app.core.stopwatch import TurnWatch
from app.domain import event as events
from app.domain.case import Turn, Unstoppable
from app.domain.clock import now_ms
from app.domain.errors import CaseNotFound, CaseUnreadable, Fenced, StateUnavailable, TriageError
from app.domain.event import (
    AnalysisQueued,
    Delta,
    EventId,
    Status,
    Terminal,
    TurnRestarted,
    TurnStarted,
)
from app.domain.playbook import Playbook
from app.state.conversations import ConversationStateManager
from app.state.journal import Journal, TurnLog
from app.state.leases import LeaseKeeper
from app.state.records import Claim
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Span, Tracing, Untraced

MAX_ATTEMPTS = 10
"""Owners a turn may wear out before it is told to have failed: a message must not kill them all."""
THINKING_SECONDS = 0.1
REAP_SECONDS = 0.1
HEARTBEAT_SECONDS = 10.0
HUSH_SECONDS = 1.0
IDLE_LISTED_MS = 10_000
UNABLE_SECONDS = 5.0
_BUSY_PAGE = 20_000

_log = structlog.get_logger(__name__)


class Answering(Protocol):
    """What the runner asks of an interviewer."""

    def answer(self, claim: Claim, *, watched: Callable[[], bool]) -> AsyncIterator[Step]:
        """Answer the claim's command; the last step is the `Answer`."""
        ...

    def absorb(self, claim: Claim) -> Answer:
        """Take in what the claim's command says, by rules alone and without a reply."""
        ...


class _Work:
    """One running turn."""

    def __init__(self, claim: Claim, listed_ms: int, log: TurnLog, *, awaited: bool) -> None:
        self.claim = claim
        self.listed_ms = listed_ms
        self.log = log
        self.feed = TurnFeed(awaited=awaited)
        self.spoke = False
        self.task: asyncio.Task[None] | None = None
        self.watch = TurnWatch(claim)


class TurnRunner:
    """The generators of one process."""

    def __init__(
        self,
        conversations: ConversationStateManager,
        journal: Journal,
        leases: LeaseKeeper,
        interviewer: Answering,
        errands: Errands,
        playbooks: Mapping[str, Playbook],
        *,
        metrics: Metrics | None = None,
        tracing: Tracing | None = None,
        most: int = 1_000,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._conversations = conversations
        self._journal = journal
        self._leases = leases
        self._interviewer = interviewer
        self._errands = errands
        self._playbooks = playbooks
        self._metrics = metrics or Metrics()
        self._tracing = tracing or Untraced()
        self.most = most
        """So many turns it works on at once."""
        self._heartbeat_seconds = heartbeat_seconds
        self._works: dict[str, _Work] = {}
        self._look_again: dict[str, tuple[float, int | None]] = {}
        """When to look at a busy case again, or sooner if it is listed anew since that time."""
        self._tasks: list[asyncio.Task[None]] = []
        self._leaving: asyncio.Task[None] | None = None
        self.draining = False

    @property
    def has_room(self) -> bool:
        """Whether this process would take another turn now."""
        return not self.draining and self.working < self.most

    @property
    def working(self) -> int:
        """How many turns it works on."""
        return len(self._works)

    def start(self) -> None:
        """Begin to look for orphaned turns."""
        self._tasks = [
            asyncio.create_task(self._reap_forever(), name="reaper"),
            asyncio.create_task(self._beat_forever(), name="heartbeat"),
        ]

    async def drain(self) -> None:
        """Stop working: hand every lease over, and let local readers look elsewhere.

        Whoever asks again waits for the same end, before which nothing may be closed.
        """
        self.draining = True
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave(), name="leaving")
        await asyncio.shield(self._leaving)

    async def _leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        works = list(self._works.values())
        for work in works:
            if work.task is not None:
                work.task.cancel()
        running = [work.task for work in works if work.task is not None]
        await asyncio.gather(*self._tasks, *running, return_exceptions=True)
        for work in works:
            work.feed.end("left")
        await asyncio.gather(*(self._hand_over(work.claim) for work in works))

    async def _hand_over(self, claim: Claim) -> None:
        try:
            await self._conversations.release(claim, call=self.draining)
        except StateUnavailable as error:
            _log.warning("turn.not_handed_over", case=claim.case_id, reason=str(error))

    def feed(self, case_id: str, turn: int) -> TurnFeed | None:
        """Return the feed of a turn that runs in this process."""
        work = self._works.get(case_id)
        return work.feed if work is not None and work.claim.turn == turn else None

    async def hush(self, case_id: str, turn: int) -> None:
        """Stop a turn that speaks in this process; its log then holds every word it showed."""
        work = self._works.get(case_id)
        if work is None or work.claim.turn != turn or work.task is None:
            return
        work.task.cancel()
        await asyncio.wait([work.task])
        # While Valkey is away there is nothing to wait for; whoever takes the turn will see to it.
        with suppress(Fenced, TimeoutError):
            async with asyncio.timeout(HUSH_SECONDS):
                await work.log.settle()

    def absorb(self, claim: Claim) -> Answer:
        """Take in what a claim's command says without answering it."""
        return self._interviewer.absorb(claim)

    async def resume(self, case_id: str) -> None:
        """Work on a case's oldest unfinished turn, if nobody does."""
        if self.has_room and case_id not in self._works:
            await self._adopt(case_id, now_ms())

    async def take(self, claim: Claim, listed_ms: int, *, awaited: bool = False) -> None:
        """Work on a claimed turn, and on whatever else waits in its case, apart from the caller.

        `awaited` says that the caller will read the words as they come.

        Where this process cannot, because it began to drain or lacks the playbook, it hands over.
        """
        if self.draining or claim.state.playbook not in self._playbooks:
            self._look_again[claim.case_id] = (time.monotonic() + UNABLE_SECONDS, None)
            _log.warning("turn.handed_on", case=claim.case_id, playbook=claim.state.playbook)
            await self._hand_over(claim)
        else:
            self._begin(claim, listed_ms, awaited=awaited)

    def _begin(self, claim: Claim, listed_ms: int, *, awaited: bool) -> None:
        if claim.attempt > 1:
            if claim.reason == "takeover":
                self._metrics.turn_taken_over()
            _log.info("turn.recovered", case=claim.case_id, turn=claim.turn, attempt=claim.attempt)
        log = self._journal.open(claim.case_id, claim.turn, claim.epoch)
        work = _Work(claim, listed_ms, log, awaited=awaited)
        opening = (
            TurnStarted(turn=claim.turn, attempt=1, variant=claim.state.variant)
            if claim.attempt == 1
            else TurnRestarted(turn=claim.turn, attempt=claim.attempt, reason=claim.reason)
        )
        _say(work, 0, opening)
        self._works[claim.case_id] = work
        task = work.task = asyncio.create_task(self._work(work), name=f"turn {claim.case_id}")
        self._leases.hold(claim, lambda: _stop(task))

    async def _work(self, work: _Work) -> None:
        claim = work.claim
        pending = None
        try:
            with self._tracing.span("triage.turn", parent=claim.accepted.trace or "") as span:
                pending = await self._generate(work, span)
        except CaseNotFound:
            pending = 0
        except TriageError as error:
            _log.info("turn.left", case=claim.case_id, turn=claim.turn, reason=str(error))
        finally:
            self._leases.drop(claim)
            work.feed.end("left")
            if self._works.get(claim.case_id) is work and not self.draining:
                del self._works[claim.case_id]
        # A turn that another owns now is not settled: its case has to stay where reapers look.
        if pending is not None:
            await self._go_on(work, pending)

    async def _go_on(self, work: _Work, pending: int) -> None:
        """Take the case's next turn, or note that it has none; the reaper does what fails here."""
        case_id = work.claim.case_id
        try:
            if pending and not self.draining and case_id not in self._works:
                found = await self._conversations.claim(case_id)
                if isinstance(found, Claim):
                    await self.take(found, work.listed_ms)
            elif not pending:
                await self._conversations.settle(case_id, work.listed_ms)
        except StateUnavailable as error:
            _log.warning("case.left_to_reaper", case=case_id, reason=str(error))

    async def _generate(self, work: _Work, span: Span) -> int:
        thinking = asyncio.get_running_loop().call_later(THINKING_SECONDS, self._think, work)
        try:
            answer, terminal = await self._answer(work)
        finally:
            thinking.cancel()
        if answer.job is not None:
            queued = await self._errands.announce(answer.job)
            self._note(work, queued)
            job = replace(answer.job, trace=self._tracing.carried())
            answer = replace(answer, job=job, events=(*answer.events, queued))
        await work.log.settle()
        # From here on the epoch alone decides: a lease that runs out while Valkey is slow or away
        # must not stop a commit that nobody has overtaken.
        self._leases.drop(work.claim)
        seq = work.log.next_seq()
        turn = terminals.record(work.claim, answer, terminal, seq)
        pending = await self._commit(work.claim, turn, answer)
        work.feed.add(*_frame(work.claim.epoch, seq, terminal))
        work.feed.end("finished")
        work.watch.committed(self._metrics, span, turn, answer)
        if answer.job is not None:
            await self._errands.wake(answer.job)
        return pending

    async def _answer(self, work: _Work) -> tuple[Answer, Terminal]:
        claim = work.claim
        if claim.dropped and not isinstance(claim.accepted.command, Unstoppable):
            return self._interviewer.absorb(claim), terminals.cancelled(claim.turn, "")
        if claim.attempt > MAX_ATTEMPTS:
            _log.error("turn.poisoned", case=claim.case_id, turn=claim.turn)
            return Answer(reply="", state=claim.state), terminals.failed(claim, "gave_up")
        try:
            async for step in self._interviewer.answer(claim, watched=lambda: work.feed.watched):
                if isinstance(step, Answer):
                    return step, terminals.ended(claim, step)
                self._show(work, step)
        except TriageError:
            raise
        except Exception:  # noqa: BLE001
            # The person's message must be kept and the turn must end visibly, whatever broke.
            _log.exception("turn.failed", case=claim.case_id, turn=claim.turn)
            return self._interviewer.absorb(claim), terminals.failed(claim, "internal")
        raise AssertionError("an interviewer ends with an answer")

    def _show(self, work: _Work, step: Words | Anew | Analysing) -> None:
        claim = work.claim
        if work.log.lost:
            raise Fenced(f"turn {claim.turn} was taken over")
        match step:
            case Words(text, paused):
                work.spoke = True
                work.watch.said(paused)
                seq = work.log.piece(text)
                work.feed.add(*_frame(claim.epoch, seq, Delta(t=text)))
            case Anew(reason):
                again = TurnRestarted(turn=claim.turn, attempt=claim.attempt, reason=reason)
                self._note(work, again)
            case Analysing():
                self._note(work, Status(status="analysing"))
            case _:
                assert_never(step)

    def _think(self, work: _Work) -> None:
        if not work.spoke and work.feed.ended is None:
            self._note(work, Status(status="thinking"))

    def _note(self, work: _Work, event: TurnRestarted | Status | AnalysisQueued) -> None:
        _say(work, work.log.event(events.encode(event)), event)

    async def _commit(self, claim: Claim, turn: Turn, answer: Answer) -> int:
        """Commit, and keep trying while Valkey is away: the words are already said."""
        ttl = self._playbooks[claim.state.playbook].ttl
        completed = answer.state.status == "completed"
        while True:
            try:
                return await self._conversations.finish(
                    claim,
                    turn,
                    state=answer.state,
                    result=answer.result,
                    ttl=ttl.completed if completed else ttl.active,
                    log_ttl=ttl.turn_log,
                    events=[events.encode(one) for one in answer.events],
                    job=answer.job,
                    notifications=answer.notifications,
                    facts=recording.of_turn(claim, turn, answer),
                )
            except StateUnavailable as error:
                _log.warning("turn.commit_waits", case=claim.case_id, reason=str(error))
                await asyncio.sleep(0.1)

    async def _reap_forever(self) -> None:
        while True:
            try:
                await self._reap()
            except StateUnavailable as error:
                _log.warning("reaper.waiting", reason=str(error))
            except Exception:  # noqa: BLE001
                # Whatever is wrong with one case, all others depend on this task.
                _log.exception("reaper.failed")
            await asyncio.sleep(REAP_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311

    async def _reap(self) -> None:
        """Take over turns whose owner's lease has run out.

        A lease is not asked for again before it could run out, so watching others' turns is cheap.
        """
        busy = await self._conversations.busy(_BUSY_PAGE)
        self._look_again = {case: at for case, at in self._look_again.items() if case in busy}
        now = time.monotonic()
        due = [
            case
            for case, listed_ms in busy.items()
            if case not in self._works and self._is_due(case, listed_ms, now)
        ]
        if not due:
            return
        for case_id, ttl_ms in zip(due, await self._conversations.lease_ttls(due), strict=True):
            if not self.has_room:
                return
            if ttl_ms > 0:
                self._look_again[case_id] = (now + ttl_ms / 1_000, busy[case_id])
            elif case_id not in self._works:
                await self._adopt(case_id, busy[case_id])

    def _is_due(self, case_id: str, listed_ms: int, now: float) -> bool:
        at, seen_ms = self._look_again.get(case_id, (0.0, None))
        return at <= now or (seen_ms is not None and seen_ms != listed_ms)

    async def _adopt(self, case_id: str, listed_ms: int) -> None:
        try:
            found = await self._conversations.claim(case_id)
        except CaseUnreadable as error:
            # What is damaged, or another's to read, must not come before all others.
            _log.warning("case.left_to_others", case=case_id, reason=str(error))
            self._look_again[case_id] = (time.monotonic() + error.retry_after, None)
            return
        except TriageError:
            raise
        except Exception:  # noqa: BLE001
            # A case that is damaged must not come before all others again and again.
            _log.exception("case.unreadable", case=case_id)
            self._look_again[case_id] = (time.monotonic() + UNABLE_SECONDS, None)
            return
        if isinstance(found, Claim):
            await self.take(found, listed_ms)
        elif found in {"idle", "gone"} and now_ms() - listed_ms > IDLE_LISTED_MS:
            await self._conversations.settle(case_id, listed_ms)

    async def _beat_forever(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            for work in list(self._works.values()):
                work.feed.beat()


def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()


def _say(work: _Work, seq: int, event: events.TurnEvent) -> None:
    work.feed.add(*_frame(work.claim.epoch, seq, event))


def _frame(epoch: int, seq: int, event: events.TurnEvent) -> tuple[EventId, bytes]:
    place = EventId(epoch, seq)
    return place, events.frame(str(place), events.name_of(event), events.encode(event))
