"""Cases in Valkey: opened, read, worked on, looked after, erased.

`ConversationStateManager` is the face of this room. Its writes are single scripts; whoever holds a
`Claim` owns the case until another claims it with a higher epoch, and from that moment every write
of the earlier owner is refused.
"""

from collections.abc import Mapping, Sequence

from app.domain.case import (
    CaseState,
    HandoffStatus,
)
from app.domain.errors import (
    CaseNotFound,
    TurnBusy,
)
from app.domain.facts import Erased
from app.domain.facts import encode as encode_fact
from app.state import case_index, codec, handoffs, keys, rounds
from app.state.access import told_revoked
from app.state.cache import forget
from app.state.case_claims import CaseClaims
from app.state.case_finish import CaseFinish
from app.state.case_inbox import CaseInbox
from app.state.case_reading import CaseReading
from app.state.facts import facts_listed
from app.state.handoffs import HandoffPlace, ListedHandoff
from app.state.indexes import listed, now_ms, scored
from app.state.keys import CaseKeys
from app.state.ledger import Ledger
from app.state.records import ActiveConversation
from app.state.release import LEVEL
from app.state.rewriting import noted
from app.state.sealing import run_sealed


class ConversationStateManager(CaseInbox, CaseClaims, CaseFinish, CaseReading):
    """Everything that is kept about cases. `owner` names this process among all instances."""

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

        A case that ended in this very moment is passed over; a page is shorter only at the end.

        Args:
            limit: at most so many.
            before_ms: only cases last active before this Unix time in milliseconds: the cursor.
        """
        return await rounds.active(self._store, limit=limit, before_ms=before_ms)

    # Opening and erasing.

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
            # Also before it: whoever dies in between has noted it, and here nothing can be missed,
            # nor taken off for the ten minutes that such a list is given.
            await self._store.commands([noted(), *facts_listed(case_id)])
            await self._store.commands(
                ("ZREM", index, case_id)
                for index in (keys.BUSY, keys.HANDOFF, *keys.OUTBOXES, keys.live(case_id))
            )
            await self._store.commands(told_revoked(case_id))
            await case_index.forget(self._store, [case_id])
            await forget(self._store, case_id)
            await Ledger(self._store).forget(case_id)
        return bool(erased)

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
        await self._store.run("unlist", [keys.BUSY], [case_id, listed_ms])

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
