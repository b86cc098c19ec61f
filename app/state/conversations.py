"""Cases in Valkey: open, accept, claim, finish, read, erase.

`ConversationStateManager` is the face of this room. Its writes are single scripts; whoever holds a
`Claim` owns the case until another claims it with a higher epoch, and from that moment every write
of the earlier owner is refused.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from app.domain.analysis import Analysis
from app.domain.case import (
    Accepted,
    AskHuman,
    CaseState,
    HandoffStatus,
    OnBusy,
    OperatorCommand,
    PersonCommand,
    Turn,
)
from app.domain.errors import (
    CaseForOthers,
    CaseFull,
    CaseNotFound,
    CaseUnreadable,
    Fenced,
    IdempotencyMismatch,
    TurnBusy,
    TurnNotFound,
)
from app.domain.event import EventId
from app.domain.facts import Erased, Fact
from app.domain.facts import encode as encode_fact
from app.domain.job import Job
from app.domain.notification import Notification
from app.domain.sealing import CaseKey
from app.state import case_index, codec, handoffs, keys, rounds
from app.state.access import told_revoked
from app.state.cache import forget
from app.state.facts import LeavingFacts, facts_listed
from app.state.handoffs import HandoffPlace, ListedHandoff
from app.state.indexes import job_listed, listed, now_ms, outbox_listed, scored
from app.state.keys import CaseKeys
from app.state.ledger import Ledger
from app.state.records import ActiveConversation, CaseRecord, Claim, Receipt, Refusal
from app.state.release import LEVEL, able
from app.state.rewriting import noted
from app.state.sealing import KEY, key_to_write, run_sealed
from app.state.store import Store

LEASE_MS = 900
IDEMPOTENCY_MS = 24 * 3_600_000


class ConversationStateManager:
    """Everything that is kept about cases. `owner` names this process among all instances."""

    def __init__(
        self, store: Store, owner: str, *, playbooks: Collection[str] | None = None
    ) -> None:
        """Take the storage, the name of this process, and the ids of the playbooks that it has."""
        self._store = store
        self._able = able(playbooks)
        self._facts = LeavingFacts(store)
        self.owner = owner

    # The mission's four methods.

    async def save_conversation_state(self, case_id: str, state: CaseState, *, ttl: int) -> None:
        """Replace a case's state while no turn is unfinished.

        Raises:
            CaseNotFound: if there is no such case; nothing is resurrected.
            TurnBusy: if a turn is accepted and not finished; its owner will write the state.
        """
        answer = await run_sealed(
            self._store, "save", case_id, lambda key: [codec.STATE.seal(key, state), ttl, LEVEL]
        )
        match answer:
            case [b"OK"]:
                return
            case [b"BUSY", turn]:
                raise TurnBusy(turn)
            case _:
                raise CaseNotFound(case_id)

    async def get_conversation_state(self, case_id: str) -> CaseState | None:
        """Return a case's state, or None if there is no such case."""
        data, key = await self._field(case_id, "s")
        return None if data is None else codec.STATE.open(key, data)

    async def delete_conversation_state(self, case_id: str) -> bool:
        """Erase a case with everything in it; True if there was one."""
        return await self._erase(case_id, "")

    async def list_active_conversations(
        self, *, limit: int = 100, before_ms: int | None = None
    ) -> list[ActiveConversation]:
        """List cases whose interview is going on, the latest activity first.

        A case that ended in this very moment is passed over, so a page may be a little shorter.

        Args:
            limit: at most so many.
            before_ms: only cases last active before this Unix time in milliseconds: the cursor.
        """
        return await rounds.active(self._store, limit=limit, before_ms=before_ms)

    # Writing.

    async def start(self, state: CaseState, *, token_hash: str, cap: int, ttl: int) -> bool:
        """Open a case; False if this token has opened it before: then it stays as it is.

        Raises:
            CaseNotFound: if the id belongs to somebody else's case.
        """
        key = self._store.sealer.fresh(state.case_id)
        sealed = codec.STATE.seal(key, state)
        opened = await self._store.run(
            "start",
            CaseKeys(state.case_id).all(),
            [token_hash, sealed, ttl, cap, state.variant, key.wrapped, state.playbook, LEVEL],
            before=listed(now_ms(), state.case_id, keys.live(state.case_id)),
        )
        if not opened:
            raise CaseNotFound(state.case_id)
        is_new = bool(opened == 1)
        if is_new:
            self._store.sealer.remember(key)
        return is_new

    async def accept(
        self,
        case_id: str,
        accepted: Accepted,
        *,
        token_hash: str,
        key: str,
        fingerprint: str,
        on_busy: OnBusy,
        claim: bool,
    ) -> Receipt:
        """Take a person's command into the case's inbox; once this returns, it is never lost.

        Args:
            case_id: the case.
            accepted: the command.
            token_hash: of the caller's credential.
            key: the caller's idempotency key.
            fingerprint: of the command, so that a key is not used for two.
            on_busy: `reject` refuses while another turn is unfinished.
            claim: whether this process would work on it at once.

        Raises:
            CaseNotFound: no such case for this credential.
            IdempotencyMismatch: the key came with another command before.
            TurnBusy: only with `reject`.
            CaseFull: the playbook's limit is reached.
            StateTooNew: the command is taken in, but another version has to answer it.
        """
        theirs = isinstance(accepted.command, PersonCommand) and not _is_analysts(accepted)
        if not token_hash or not theirs:
            raise ValueError("a person acts with a credential, and not as an operator")
        return await self._accept(case_id, accepted, token_hash, key, fingerprint, on_busy, claim)

    async def accept_from_operator(
        self, case_id: str, accepted: Accepted, *, key: str, fingerprint: str, claim: bool
    ) -> Receipt:
        """Take an operator's command into the case's inbox; whoever calls has checked that it is.

        Its idempotency keys are apart from the person's, who cannot write one with a space in it.

        Raises:
            CaseNotFound, IdempotencyMismatch, CaseFull, StateTooNew: as `accept` does.
        """
        if not isinstance(accepted.command, OperatorCommand):
            raise TypeError("what a person says needs the person's credential")
        return await self._accept(
            case_id, accepted, "", f"operator {key}", fingerprint, "enqueue", claim
        )

    async def accept_from_analysis(
        self, case_id: str, accepted: Accepted, *, key: str, fingerprint: str
    ) -> Receipt:
        """Take in that a background analysis needs a human; an API instance works on it.

        Raises:
            CaseNotFound, IdempotencyMismatch, CaseFull, StateTooNew: as `accept` does.
        """
        if not _is_analysts(accepted):
            raise TypeError("an analysis asks for a human and does nothing else")
        return await self._accept(
            case_id, accepted, "", f"analysis {key}", fingerprint, "enqueue", claim=False
        )

    async def _accept(
        self,
        case_id: str,
        accepted: Accepted,
        token_hash: str,
        key: str,
        fingerprint: str,
        on_busy: OnBusy,
        claim: bool,
    ) -> Receipt:
        now = now_ms()

        def args(sealing: CaseKey) -> list[Any]:
            return [
                token_hash,
                key,
                sealing.digest(b"command", fingerprint.encode()),
                codec.ACCEPTED.seal(sealing, accepted),
                on_busy,
                IDEMPOTENCY_MS,
                self.owner if claim else "",
                LEASE_MS,
                fingerprint,
                *self._able,
            ]

        answer = await run_sealed(
            self._store,
            "accept",
            case_id,
            args,
            before=listed(now, case_id, keys.BUSY, keys.live(case_id)),
        )
        match answer:
            case [b"NEW", turn, done]:
                return Receipt(turn=turn, new=True, done=done, listed_ms=now)
            case [b"NEW", turn, done, owned]:
                claim_ = await self._owned(case_id, owned)
                return Receipt(turn=turn, new=True, done=done, listed_ms=now, claim=claim_)
            case [b"SAME", turn]:
                return Receipt(turn=turn, new=False, done=0, listed_ms=now)
            case [b"MISMATCH", turn]:
                raise IdempotencyMismatch(f"this key was used for turn {turn} with another body")
            case [b"BUSY", turn]:
                raise TurnBusy(turn)
            case [b"FULL"]:
                raise CaseFull("this case has as many messages as it can take")
            case [b"GONE"]:
                # Nobody can fill the lists of work with cases that never were.
                await self._unlist(now, case_id, keys.BUSY, keys.live(case_id))
                raise CaseNotFound(case_id)
            case _:
                raise CaseNotFound(case_id)

    async def claim(
        self, case_id: str, *, turn: int | None = None, opening: Literal["run", "cancel"] = "run"
    ) -> Claim | Refusal:
        """Become the owner of the oldest unfinished turn.

        Args:
            case_id: the case.
            turn: only if it is this one.
            opening: `run` needs a free lease; `cancel` takes the turn from a living owner.

        Returns:
            The claim, or why there is none.

        Raises:
            CaseForOthers: this process lacks its playbook, or a newer release wrote to it.
            StateTooNew: only a newer version can work on this case; it is free for one.
        """
        args = [self.owner, LEASE_MS, opening, "" if turn is None else turn, *self._able]
        match await self._store.run("claim", CaseKeys(case_id).all(), args):
            case [b"CLAIMED", owned]:
                return await self._owned(case_id, owned)
            case [b"IDLE"]:
                return "idle"
            case [b"HELD"]:
                return "held"
            case [b"OTHER"]:
                return "other"
            case [b"UNABLE"]:
                raise CaseForOthers(case_id)
            case _:
                return "gone"

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

    async def release(self, claim: Claim, *, call: bool = False) -> None:
        """Give a claim back unfinished, so that another instance goes on.

        `call` lists the case anew, upon which reapers look at it at once instead of when its lease
        would have run out.
        """
        await self._store.run("release", CaseKeys(claim.case_id).all(), [claim.lease])
        if call:
            await self._store.command("ZADD", keys.BUSY, "XX", now_ms(), claim.case_id)

    async def drop(self, case_id: str, turn: int) -> Literal["done", "next", "marked"]:
        """Cancel a turn that still waits.

        Returns:
            `marked` if it will be cancelled when its time comes, `next` if it is the oldest and
            must be claimed instead, `done` if it is committed already.

        Raises:
            CaseNotFound, TurnNotFound: if there is none.
        """
        match await self._store.run("drop", CaseKeys(case_id).all(), [turn]):
            case b"DONE":
                return "done"
            case b"NEXT":
                return "next"
            case b"MARKED":
                return "marked"
            case b"NONE":
                raise TurnNotFound(f"case {case_id} has no turn {turn}")
            case _:
                raise CaseNotFound(case_id)

    async def erase(self, case_id: str, token_hash: str) -> None:
        """Erase a case with everything in it.

        Raises:
            CaseNotFound: no such case for this credential.
        """
        if not await self._erase(case_id, token_hash):
            raise CaseNotFound(case_id)

    async def _erase(self, case_id: str, token_hash: str) -> bool:
        told = Erased(id=f"erased:{case_id}", occurred_ms=now_ms(), case_id=case_id)
        args = [token_hash, encode_fact(told)]
        erased = await self._store.run(
            "erase", CaseKeys(case_id).all(), args, before=[noted(), *facts_listed(case_id)]
        )
        if erased:
            self._store.sealer.forget(case_id)
            # Also before it: whoever dies in between has noted it, and here nothing can be missed.
            await self._store.commands([noted()])
            await self._store.commands(
                ("ZREM", index, case_id)
                for index in (keys.BUSY, keys.HANDOFF, *keys.OUTBOXES, keys.live(case_id))
            )
            await self._store.commands(told_revoked(case_id))
            await case_index.forget(self._store, [case_id])
            await forget(self._store, case_id)
            await Ledger(self._store).forget(case_id)
        return bool(erased)

    # Reading.

    async def open(self, case_id: str, token_hash: str) -> CaseRecord:
        """Return a case to whoever holds its credential.

        Raises:
            CaseNotFound: no such case for this credential.
        """
        held, record = await self._record(case_id)
        if record is None or held != token_hash:
            raise CaseNotFound(case_id)
        return record

    async def open_as_operator(self, case_id: str) -> CaseRecord:
        """Return a case to an operator; whoever calls has checked that it is one.

        Raises:
            CaseNotFound: no such case.
        """
        _, record = await self._record(case_id)
        if record is None:
            raise CaseNotFound(case_id)
        return record

    async def _record(self, case_id: str) -> tuple[str, CaseRecord | None]:
        """Return the digest of a case's credential, and the case."""
        meta = CaseKeys(case_id).meta
        fields = ("h", "s", "n", "d", "e", "ver", KEY)
        (held, state, accepted, done, epoch, version, key), has_result = await self._store.commands(
            [("HMGET", meta, *fields), ("HEXISTS", meta, "r")]
        )
        if held is None:
            return "", None
        return held.decode(), CaseRecord(
            state=codec.STATE.open(self._store.sealer.key(case_id, key), state),
            accepted=int(accepted),
            done=int(done),
            epoch=int(epoch),
            version=int(version),
            has_result=bool(has_result),
        )

    async def exists(self, case_id: str) -> bool:
        """Say whether there is such a case; a newer release may have written it."""
        return bool(await self._store.command("EXISTS", CaseKeys(case_id).meta))

    async def turns(self, case_id: str) -> tuple[Turn, ...]:
        """Return all committed turns, oldest first."""
        rows, key = await self._sealed(case_id, "LRANGE", CaseKeys(case_id).turns, 0, -1)
        return tuple(codec.TURN.open(key, one) for one in rows)

    async def turn(self, case_id: str, turn: int) -> Turn | None:
        """Return a committed turn, or None while it is not."""
        place = CaseKeys(case_id).turns
        data, key = await self._sealed(case_id, "LINDEX", place, turn - 1)
        return None if data is None else codec.TURN.open(key, data)

    async def is_repeated(self, case_id: str, key: str) -> bool:
        """Say whether a command of the case's person has come with this idempotency key before."""
        return bool(await self._store.command("HEXISTS", CaseKeys(case_id).idempotency, key))

    async def waiting(self, case_id: str) -> tuple[Accepted, ...]:
        """Return the commands that are accepted and not committed, oldest first."""
        rows, key = await self._sealed(case_id, "LRANGE", CaseKeys(case_id).inbox, 0, -1)
        return tuple(codec.ACCEPTED.open(key, one) for one in rows)

    async def result(self, case_id: str) -> Analysis | None:
        """Return the case's result, or None while there is none."""
        data, key = await self._field(case_id, "r")
        return None if data is None else codec.ANALYSIS.open(key, data)

    # Looking after all cases.

    async def busy(self, limit: int) -> Mapping[str, int]:
        """Return cases that may have unfinished turns, with the time they were listed."""
        rows = await self._store.command("ZRANGE", keys.BUSY, 0, limit - 1, "WITHSCORES")
        return dict(scored(rows))

    async def lease_ttls(self, case_ids: Sequence[str]) -> list[int]:
        """Return the remaining milliseconds of each case's lease; negative where there is none."""
        return await self._store.commands(("PTTL", CaseKeys(case_id).lease) for case_id in case_ids)

    async def settle(self, case_id: str, listed_ms: int) -> None:
        """Take a case off the list of busy ones if nothing was accepted since `listed_ms`."""
        await self._unlist(listed_ms, case_id, keys.BUSY)

    async def sweep(self, *, stale_ms: int) -> tuple[int, int]:
        """Tidy the indexes: forget cases that expired, list unfinished turns that were forgotten.

        Args:
            stale_ms: only cases untouched for so long, so that no accept is under way.

        Returns:
            How many cases were forgotten, and how many were listed as busy again.
        """
        return await rounds.sweep(self._store, stale_ms=stale_ms)

    async def handoffs(
        self, *, limit: int, status: HandoffStatus | None = None, after: HandoffPlace | None = None
    ) -> list[ListedHandoff]:
        """List cases in which a human is waited for or has the conversation, oldest first.

        Args:
            limit: at most so many.
            status: only those that stand so.
            after: only those beyond this place.
        """
        return await handoffs.page(self._store, limit=limit, status=status, after=after)

    async def _unlist(self, listed_ms: int, case_id: str, *indexes: str) -> None:
        for index in indexes:
            await self._store.run("unlist", [index], [case_id, listed_ms])

    async def _field(self, case_id: str, name: str) -> tuple[bytes | None, CaseKey | None]:
        """Return a field of a case, and the key of the case."""
        meta = CaseKeys(case_id).meta
        data, wrapped = await self._store.command("HMGET", meta, name, KEY)
        return data, self._store.sealer.key(case_id, wrapped)

    async def _sealed(self, case_id: str, *command: Any) -> tuple[Any, CaseKey | None]:
        """Return what a command answers, and the key of the case."""
        wanted = ("HGET", CaseKeys(case_id).meta, KEY)
        answer, wrapped = await self._store.commands([command, wanted])
        return answer, self._store.sealer.key(case_id, wrapped)

    async def _owned(self, case_id: str, owned: list[Any]) -> Claim:
        """Read a claim; one that cannot be read is given back, so that a newer version takes it."""
        try:
            if owned[-1] is None:  # an earlier version opened the case
                await key_to_write(self._store, case_id)
            return self._claim(case_id, owned)
        except CaseUnreadable:
            lease = f"{self.owner}:{int(owned[0])}"
            await self._store.run("release", CaseKeys(case_id).all(), [lease])
            raise

    def _claim(self, case_id: str, owned: list[Any]) -> Claim:
        epoch, turn, attempt, state, accepted, turns, dropped, reason, behind, wrapped = owned
        key = self._store.sealer.key(case_id, wrapped)
        return Claim(
            case_id=case_id,
            owner=self.owner,
            epoch=int(epoch),
            turn=turn,
            attempt=attempt,
            state=codec.STATE.open(key, state),
            accepted=codec.ACCEPTED.open(key, accepted),
            turns=tuple(codec.TURN.open(key, one) for one in turns),
            dropped=bool(dropped),
            behind=behind,
            reason="handover" if reason == b"handover" else "takeover",
        )


def _is_analysts(accepted: Accepted) -> bool:
    return isinstance(accepted.command, AskHuman) and accepted.command.by == "analysis"
