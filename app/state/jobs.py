"""Background analyses in Valkey, from a worker's side: claim, keep a step, finish, give back.

What stands with the case is the truth of a job; the agenda only says when somebody should look at
it. Whoever holds a `JobClaim` works on the job until another claims it with a higher epoch, and
from that moment everything the earlier worker writes is refused.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from app.domain.analysis import Analysis
from app.domain.case import CaseState, Turn
from app.domain.errors import CaseForOthers, CaseNotFound, Fenced
from app.domain.event import AnalysisCompleted, AnalysisFailed, AnalysisProgress, encode
from app.domain.facts import AnalysisDone
from app.domain.job import Job, Queue, StepRecord
from app.domain.notification import Notification
from app.domain.sealing import CaseKey
from app.state import case_index, codec, keys
from app.state.facts import LeavingFacts
from app.state.indexes import Command, listed, now_ms, outbox_listed, pairs
from app.state.keys import CaseKeys
from app.state.leases import LEASE_MS
from app.state.release import able
from app.state.sealing import key_to_write
from app.state.store import Store

_KEPT_DURATIONS = 200


class JobClaim(Struct, frozen=True, kw_only=True):
    """The right to work on a job."""

    job: Job
    owner: str
    epoch: int
    attempt: int
    """1 for the first worker, one more for each that began anew."""
    spent: bool
    """The job has worn out as many workers as it may: it is only to be given up."""
    state: CaseState
    turns: tuple[Turn, ...]
    """All turns up to the one that asked for the analysis, oldest first."""
    steps: Mapping[str, StepRecord]
    """What earlier workers' steps came to."""

    @property
    def lease_key(self) -> str:
        """The lease's key."""
        return CaseKeys(self.job.case_id).job_lease(self.job.turn)

    @property
    def lease(self) -> str:
        """The lease's value."""
        return f"{self.owner}:{self.epoch}"


class NotClaimed(Struct, frozen=True):
    """Why there was nothing to claim, and how long until there may be."""

    reason: Literal["gone", "over", "held", "later"]
    wait_ms: int = 0


class Jobs:
    """Background analyses, as one process works on them. `owner` names the process."""

    def __init__(
        self, store: Store, owner: str, *, playbooks: Collection[str] | None = None
    ) -> None:
        """Take the storage, the name of this process, and the ids of the playbooks that it has."""
        self._store = store
        self._able = able(playbooks)
        self._facts = LeavingFacts(store)
        self.owner = owner

    async def claim(self, case_id: str, turn: int, *, most_attempts: int) -> JobClaim | NotClaimed:
        """Become the job's worker.

        Raises:
            CaseForOthers: this process lacks the playbook, or a newer release wrote to the case.
            StateTooNew: only a newer version can work on it.
        """
        answer = await self._run(
            "job_claim", case_id, turn, self.owner, LEASE_MS, most_attempts, *self._able
        )
        match answer:
            case [b"UNABLE"]:
                raise CaseForOthers(case_id)
            case [b"GONE"]:
                return NotClaimed("gone")
            case [b"OVER"]:
                return NotClaimed("over")
            case [b"HELD", wait]:
                return NotClaimed("held", int(wait))
            case [b"LATER", wait]:
                return NotClaimed("later", int(wait))
            case [word, epoch, attempt, fields, state, turns, wrapped]:
                found, key = pairs(fields), self._store.sealer.key(case_id, wrapped)
                return JobClaim(
                    job=codec.JOB.open(key, found[b"spec"]),
                    owner=self.owner,
                    epoch=int(epoch),
                    attempt=attempt,
                    spent=word == b"SPENT",
                    state=codec.STATE.open(key, state),
                    turns=tuple(codec.TURN.open(key, one) for one in turns),
                    steps={
                        name[2:].decode(): codec.STEP.open(key, data)
                        for name, data in found.items()
                        if name.startswith(b"s:")
                    },
                )
            case _:
                raise ValueError(f"job_claim answered {answer!r}")

    async def keep(
        self, claim: JobClaim, step: str, record: StepRecord, progress: AnalysisProgress
    ) -> StepRecord:
        """Keep what a step came to, and return it, or what was kept of it before.

        Raises:
            Fenced: another worker has the job, or an operator cancelled it.
            CaseNotFound: the case is gone.
        """
        key = await self._key(claim)
        event = codec.EVENT.seal(key, encode(progress))
        args = (claim.epoch, step, codec.STEP.seal(key, record), event)
        answer = await self._run("job_keep", claim.job.case_id, claim.job.turn, *args)
        if answer[0] == b"OK":
            return codec.STEP.open(key, answer[1])
        raise _refused(answer[0], claim)

    async def finish(
        self,
        claim: JobClaim,
        result: Analysis,
        event: AnalysisCompleted,
        notification: Notification,
        *,
        ttl: int,
        fact: AnalysisDone | None = None,
    ) -> bool:
        """End a job with its result; False if a newer analysis of the case has made it pointless.

        Raises:
            Fenced: another worker has the job, or an operator cancelled it.
            CaseNotFound: the case is gone.
        """
        before = case_index.listing(claim.state, case_index.of_result(result))
        return await self._end(
            claim, "done", result, "", ttl, encode(event), notification, fact, before
        )

    async def give_up(
        self,
        claim: JobClaim,
        error: str,
        event: AnalysisFailed,
        notification: Notification,
        *,
        ttl: int,
        fact: AnalysisDone | None = None,
    ) -> None:
        """End a job without a result and put it before the operators.

        Raises:
            Fenced: another worker has the job, or an operator cancelled it.
            CaseNotFound: the case is gone.
        """
        before = listed(now_ms(), claim.job.id, keys.DEAD)
        await self._end(claim, "dead", None, error, ttl, encode(event), notification, fact, before)

    async def postpone(
        self, claim: JobClaim, error: str | None, wait_ms: int, *, counts: bool = True
    ) -> None:
        """Give a job back, to be tried again after a while; without an error it is handed over.

        What is handed over, or says that it does not count, wears out no worker.

        Raises:
            Fenced: another worker has the job, or an operator cancelled it.
            CaseNotFound: the case is gone.
        """
        sealed = codec.ERROR.seal(await self._key(claim), error.encode()) if error else b""
        args = (claim.epoch, claim.lease, sealed, wait_ms, int(counts and error is not None))
        answer = await self._run(
            "job_postpone", claim.job.case_id, claim.job.turn, *args,
            before=listed(now_ms() + wait_ms, claim.job.id, keys.agenda(claim.job.queue)),
        )  # fmt: skip
        if answer != b"OK":
            raise _refused(answer, claim)

    async def _end(
        self,
        claim: JobClaim,
        state: Literal["done", "dead"],
        result: Analysis | None,
        error: str,
        ttl: int,
        event: bytes,
        notification: Notification,
        fact: AnalysisDone | None,
        before: Sequence[Sequence[Any]] = (),
    ) -> bool:
        key = await self._key(claim)
        facts = [] if fact is None else [fact]
        leaving, listing = await self._facts.with_commit(claim.job.case_id, facts)
        answer = await self._run(
            "job_finish",
            claim.job.case_id,
            claim.job.turn,
            claim.epoch,
            claim.lease,
            state,
            b"" if result is None else codec.ANALYSIS.seal(key, result),
            codec.ERROR.seal(key, error.encode()) if error else b"",
            ttl,
            codec.EVENT.seal(key, event),
            notification.id,
            codec.NOTIFICATION.seal(key, notification),
            *(leaving or [b""]),
            before=[*outbox_listed(claim.job.case_id), *listing, *before],
        )
        if answer[0] not in {b"OK", b"SUPERSEDED"}:
            raise _refused(answer[0], claim)
        counts: bool = answer[0] == b"OK"
        after: list[Command] = [("ZREM", keys.agenda(claim.job.queue), claim.job.id)]
        if counts and result is not None:
            after += _took(claim.job.queue, int(answer[2]) - int(answer[1]))
        await self._store.commands(after)
        return counts

    async def _key(self, claim: JobClaim) -> CaseKey:
        key = await key_to_write(self._store, claim.job.case_id)
        if key is None:
            raise CaseNotFound(claim.job.case_id)
        return key

    async def _run(
        self, script: str, case_id: str, *args: Any, before: Sequence[Sequence[Any]] = ()
    ) -> Any:
        return await self._store.run(script, CaseKeys(case_id).all(), args, before=before)


def _took(queue: Queue, ms: int) -> list[Command]:
    """Return the commands that note how long a job took."""
    key = keys.durations(queue)
    return [
        ("LPUSH", key, ms),
        ("LTRIM", key, 0, _KEPT_DURATIONS - 1),
        ("EXPIRE", key, keys.INDEX_TTL),
    ]


def _refused(word: bytes, claim: JobClaim) -> Exception:
    if word == b"FENCED":
        return Fenced(f"job {claim.job.id} is in other hands")
    return CaseNotFound(claim.job.case_id)
