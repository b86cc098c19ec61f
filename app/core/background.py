"""A worker's work: one background analysis from its claim to whatever becomes of it.

A job may be begun many times, by workers that die, stall or are overtaken; what counts happens
once. Its lease is renewed from a thread while it runs, each step's outcome is kept with the job,
and the result, the status and the notification leave in one script that checks the epoch.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

from app.core import recording
from app.core.analysis.analyst import Analysed, Analyst, CaseInHand
from app.core.analysis.recall import RECALL
from app.core.stopwatch import first_result
from app.domain.case import Accepted, AskHuman
from app.domain.clock import now_ms
from app.domain.errors import CaseFull, CaseNotFound, CaseUnreadable, Fenced, StateUnavailable
from app.domain.event import AnalysisCompleted, AnalysisFailed, AnalysisProgress
from app.domain.job import Job, StepRecord
from app.domain.notification import Notification, NotificationKind, notification_id
from app.domain.playbook import Playbook
from app.llm.errors import NoModelLeft
from app.state.conversations import ConversationStateManager
from app.state.jobs import JobClaim, Jobs
from app.state.leases import LeaseKeeper
from app.telemetry.labels import JobEnd
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import CASE, Role, Span, Tracing, Untraced

MAX_ATTEMPTS = 8
"""Workers a job may wear out before it is put before the operators."""
_FIRST_BACKOFF_MS = 1_000
_LONGEST_BACKOFF_MS = 60_000
_UNABLE_MS = 5_000
_LOOK_AGAIN_MS = 60_000
_WAITING_SHARE = 0.5
_SORRY = {
    "pt": "Não conseguimos concluir a análise. Uma pessoa da equipe vai olhar o seu caso.",
    "en": "We could not finish the analysis. A person of the team will look at your case.",
}

_log = structlog.get_logger(__name__)


class AnalysisRunner:
    """Works on background analyses in this process."""

    def __init__(
        self,
        jobs: Jobs,
        leases: LeaseKeeper,
        analyst: Analyst,
        playbooks: Mapping[str, Playbook],
        conversations: ConversationStateManager,
        on_news: Callable[[], None] = lambda: None,
        metrics: Metrics | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """Take the collaborators; `on_news` is called when the world has something to be told."""
        self._metrics = metrics or Metrics()
        self._tracing = tracing or Untraced()
        self._on_news = on_news
        self._jobs = jobs
        self._leases = leases
        self._analyst = analyst
        self._playbooks = playbooks
        self._conversations = conversations

    async def run(self, case_id: str, turn: int) -> bool:
        """Work on a job if nobody does; False if there was nothing to do.

        Where the job is lost to another worker, or the storage goes away, it is left as it is: its
        lease runs out and a reconciler wakes somebody.
        """
        try:
            claim = await self._jobs.claim(case_id, turn, most_attempts=MAX_ATTEMPTS)
        except CaseUnreadable as error:
            _log.warning("job.left_to_others", case=case_id, turn=turn, reason=str(error))
            return False
        except StateUnavailable as error:
            _log.warning("job.waiting", case=case_id, turn=turn, reason=str(error))
            return False
        if not isinstance(claim, JobClaim):
            return False
        role: Role = "consumer"
        with self._tracing.span("triage.analysis", parent=claim.job.trace or "", role=role) as span:
            await self._run(claim, span)
        return True

    async def _run(self, claim: JobClaim, span: Span) -> None:
        queue = claim.job.queue
        if claim.attempt == 1:
            self._metrics.job_began(queue, (now_ms() - claim.job.created_at) / 1_000)
        else:
            _log.info("job.recovered", job=claim.job.id, attempt=claim.attempt)
        task = asyncio.create_task(self._work(claim), name=f"job {claim.job.id}")
        self._leases.hold(claim, lambda: _stop(task))
        end: JobEnd = "left"
        began = time.perf_counter()
        try:
            await asyncio.wait([task])
            end = await task
        except (Fenced, CaseNotFound) as error:
            _log.info("job.left", job=claim.job.id, reason=str(error))
        except StateUnavailable as error:
            _log.warning("job.waiting", job=claim.job.id, reason=str(error))
        except asyncio.CancelledError:
            if task.cancelled():
                _log.info("job.left", job=claim.job.id, reason="its lease is lost")
                return
            # This process stops: whoever is woken next goes on at once.
            end = "handed_over"
            task.cancel()
            await asyncio.wait([task])
            await self._hand_over(claim)
            raise
        finally:
            self._leases.drop(claim)
            took = time.perf_counter() - began if end == "done" else None
            self._metrics.job_ended(queue, end, took)
            span.set(
                {
                    CASE: claim.job.case_id,
                    "triage.turn": claim.job.turn,
                    "triage.attempt": claim.attempt,
                    "triage.queue": queue,
                    "triage.planned": claim.job.planned,
                    "triage.outcome": end,
                }
            )

    async def _work(self, claim: JobClaim) -> JobEnd:
        playbook = self._playbooks.get(claim.state.playbook)
        if playbook is None:
            _log.warning("job.handed_on", job=claim.job.id, playbook=claim.state.playbook)
            await self._jobs.postpone(claim, None, _UNABLE_MS)
            return "handed_over"
        if claim.spent:
            _log.error("job.given_up", job=claim.job.id, attempts=claim.attempt - 1)
            await self._give_up(claim, playbook, "it wore out every worker that began with it")
            return "dead"
        case = CaseInHand(state=claim.state, turns=claim.turns, turn=claim.job.turn)
        try:
            may_wait = self._may_wait(claim, playbook)
            analysed = await self._analyst.analyse(
                case, KeptSteps(self._jobs, claim, self._tracing), may_wait=may_wait
            )
        except NoModelLeft as error:
            _log.info("job.waits_for_budget", job=claim.job.id, reason=error.detail)
            self._metrics.budget_ran_out("queued")
            await self._jobs.postpone(claim, error.detail, _wait_ms(error), counts=False)
            return "handed_over"
        except (Fenced, CaseNotFound, StateUnavailable):
            raise
        except Exception as error:  # noqa: BLE001
            # A bug must not lose the case: it is tried again, and in the end a person sees it.
            _log.exception("job.failed", job=claim.job.id, attempt=claim.attempt)
            reason = f"{type(error).__name__}: {error}"[:500]
            if claim.attempt >= MAX_ATTEMPTS:
                await self._give_up(claim, playbook, reason)
                return "dead"
            await self._jobs.postpone(claim, reason, _backoff_ms(claim.attempt))
            return "retried"
        if analysed.refused:
            self._metrics.budget_ran_out("refused")
        return await self._finish(claim, playbook, analysed)

    @staticmethod
    def _may_wait(claim: JobClaim, playbook: Playbook) -> bool:
        """Say whether the job may wait for money: for half of the time that its case is kept."""
        waited = (now_ms() - claim.job.created_at) / 1_000
        return waited < playbook.ttl.completed * _WAITING_SHARE

    async def _finish(self, claim: JobClaim, playbook: Playbook, analysed: Analysed) -> JobEnd:
        result = analysed.result
        event = AnalysisCompleted(
            turn=claim.job.turn,
            code=result.classification.code,
            urgency=result.urgency.level,
            needs_human=result.needs_human,
            job=claim.job.id,
        )
        told = notification("analysis.completed", claim.job)
        if result.needs_human:
            await self._ask_human(claim)
        # The commit frees the lease, and a renewal under way would take it for lost: from here on
        # the epoch alone decides.
        self._leases.drop(claim)
        counts = await self._jobs.finish(
            claim,
            result,
            event,
            told,
            ttl=playbook.ttl.completed,
            fact=recording.of_job(claim, result),
        )
        self._on_news()
        _log.info(
            "job.done" if counts else "job.superseded",
            job=claim.job.id,
            strategy=result.provenance.strategy,
            attempts=claim.attempt,
        )
        if not counts:
            return "superseded"
        if claim.job.created_at == claim.state.completed_at:
            spent = [one for turn in claim.turns for one in turn.attempts]
            first_result(self._metrics, claim.state, result, [*spent, *analysed.attempts])
        return "done"

    async def _give_up(self, claim: JobClaim, playbook: Playbook, reason: str) -> None:
        event = failure(claim.job, claim.state.locale, "gave_up")
        told = notification("analysis.failed", claim.job)
        await self._ask_human(claim)
        self._leases.drop(claim)
        await self._jobs.give_up(
            claim,
            reason,
            event,
            told,
            ttl=playbook.ttl.completed,
            fact=recording.of_given_up(claim, now_ms()),
        )
        self._on_news()

    async def _ask_human(self, claim: JobClaim) -> None:
        """Ask for a human, in the order of all that happens in the case and once for the job.

        It comes before the job's end, so that no crash in between loses it.
        """
        handoff = claim.state.handoff
        if handoff is not None and handoff.is_open:
            return
        command = AskHuman(reason="", by="analysis")
        trace = self._tracing.carried()
        try:
            await self._conversations.accept_from_analysis(
                claim.job.case_id,
                Accepted(command=command, at=now_ms(), trace=trace),
                key=claim.job.id,
                fingerprint=claim.job.id,
            )
        except CaseFull:
            _log.warning("job.nobody_asked", job=claim.job.id, reason="the case is full")

    async def _hand_over(self, claim: JobClaim) -> None:
        try:
            await self._jobs.postpone(claim, None, 0)
        except (Fenced, CaseNotFound):
            return
        except StateUnavailable as error:
            _log.warning("job.not_handed_over", job=claim.job.id, reason=str(error))


class KeptSteps:
    """The steps of a claimed job: those of earlier workers are there, new ones are kept."""

    def __init__(self, jobs: Jobs, claim: JobClaim, tracing: Tracing | None = None) -> None:
        self._tracing = tracing or Untraced()
        self._jobs = jobs
        self._claim = claim
        self._done = set(claim.steps)
        self._of = max(1, len(self._done))

    def expect(self, of: int) -> None:
        """Say how many steps the analysis is expected to take."""
        self._of = of

    async def once(self, name: str, work: Callable[[], Awaitable[StepRecord]]) -> StepRecord:
        """Return what the step came to: as it is kept, or by doing the work and keeping it.

        Raises:
            Fenced: another worker has the job, or an operator cancelled it.
        """
        if (kept := self._claim.steps.get(name)) is not None:
            return kept
        with self._tracing.span("triage.analysis.step") as span:
            span.set({"triage.step": name})
            record = await work()
            span.set({"error.type": record.error if name != RECALL else None})
        self._done.add(name)
        job, done = self._claim.job, len(self._done)
        progress = AnalysisProgress(
            turn=job.turn, job=job.id, step=name, done=done, of=max(self._of, done)
        )
        return await self._jobs.keep(self._claim, name, record, progress)


def notification(kind: NotificationKind, job: Job) -> Notification:
    """Return what the world is told of a job's end."""
    return Notification(
        id=notification_id(kind, job.case_id, job.turn),
        kind=kind,
        case_id=job.case_id,
        turn=job.turn,
        at=now_ms(),
    )


def failure(job: Job, locale: str, code: str) -> AnalysisFailed:
    """Return what a case's readers are told of a job without a result."""
    return AnalysisFailed(
        turn=job.turn,
        job=job.id,
        code="cancelled" if code == "cancelled" else "gave_up",
        retryable=False,
        message=_SORRY.get(locale.split("-", maxsplit=1)[0], _SORRY["en"]),
    )


def _wait_ms(error: NoModelLeft) -> int:
    """Return when to look again: when the period ends, or sooner, since the budget may grow."""
    left = (error.until_ms or 0) - now_ms()
    return max(_UNABLE_MS, min(left, _LOOK_AGAIN_MS)) if error.until_ms else _LOOK_AGAIN_MS


def _backoff_ms(attempt: int) -> int:
    longest = min(_LONGEST_BACKOFF_MS, _FIRST_BACKOFF_MS << (attempt - 1))
    return round(longest * random.uniform(0.5, 1.0))  # noqa: S311


def _stop(task: asyncio.Task[JobEnd]) -> None:
    task.cancel()
