"""Committing a turn with everything that follows from it, in one script."""

from collections.abc import Collection, Sequence

from app.domain.analysis import Analysis
from app.domain.case import CaseState, Turn
from app.domain.errors import CaseNotFound, Fenced
from app.domain.event import EventId
from app.domain.facts import Fact
from app.domain.job import Job
from app.domain.notification import Notification
from app.state import case_index, codec, handoffs, keys
from app.state.case_part import CasePart
from app.state.facts import LeavingFacts
from app.state.indexes import job_listed, outbox_listed
from app.state.keys import CaseKeys
from app.state.records import Claim
from app.state.release import LEVEL
from app.state.sealing import key_to_write
from app.state.store import Store


class CaseFinish(CasePart):
    """The end of a turn; what an owner writes after another took over is refused."""

    def __init__(
        self, store: Store, owner: str, *, playbooks: Collection[str] | None = None
    ) -> None:
        """Take the storage, the name of this process, and the ids of the playbooks that it has."""
        super().__init__(store, owner, playbooks=playbooks)
        self._facts = LeavingFacts(store)

    async def finish(
        self,
        claim: Claim,
        turn: Turn,
        *,
        state: CaseState,
        result: Analysis | None,
        ttl: int,
        log_ttl: int,
        events: Sequence[bytes],
        job: Job | None = None,
        notifications: Sequence[Notification] = (),
        facts: Sequence[Fact] = (),
    ) -> int:
        """Commit a turn; from then on it is there for every reader, whole.

        The background job that it asks for, what the world should be told and the facts of it are
        written with it.

        Returns:
            How many accepted turns are still unfinished.

        Raises:
            Fenced: if another instance took the case over.
            CaseNotFound: if the case is gone.
        """
        place = EventId.parse(turn.event_id)
        if place is None or place.epoch != claim.epoch:
            raise ValueError("a terminal event carries the epoch of its claim")
        key = await key_to_write(self._store, claim.case_id)
        if key is None:
            raise CaseNotFound(claim.case_id)
        leaving, facts_listing = await self._facts.with_commit(claim.case_id, facts)
        args = [
            claim.epoch,
            claim.turn,
            place.seq,
            codec.TURN.seal(key, turn),
            codec.EVENT.seal(key, turn.terminal),
            codec.STATE.seal(key, state),
            b"" if result is None else codec.ANALYSIS.seal(key, result),
            ttl,
            log_ttl,
            claim.lease,
            b"" if job is None else codec.JOB.seal(key, job),
            "" if job is None else job.queue,
            LEVEL,
            len(notifications),
            *(
                part
                for one in notifications
                for part in (one.id, codec.NOTIFICATION.seal(key, one))
            ),
            len(leaving),
            *leaving,
            *(codec.EVENT.seal(key, one) for one in events),
        ]
        before = handoffs.listing(claim.case_id, state.handoff)
        before += case_index.after_turn(claim, state, result)
        before += facts_listing
        before += [] if job is None else job_listed(job)
        if notifications:
            before += outbox_listed(claim.case_id)
        match await self._store.run("finish", CaseKeys(claim.case_id).all(), args, before=before):
            case [b"OK" | b"DONE", pending]:
                if state.status == "completed":
                    await self._store.command("ZREM", keys.live(claim.case_id), claim.case_id)
                if (asked := claim.state.handoff) is not None and asked.is_open:
                    await handoffs.settle(self._store, claim.case_id, asked, state.handoff)
                return int(pending)
            case [b"FENCED"]:
                raise Fenced(f"turn {claim.turn} was taken over")
            case _:
                raise CaseNotFound(claim.case_id)
