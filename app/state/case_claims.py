"""The right to work on a case: taking it, giving it back, dropping what waits."""

from typing import Any, Literal

from app.domain.errors import (
    CaseForOthers,
    CaseNotFound,
    CaseUnreadable,
    TurnNotFound,
)
from app.state import codec, keys
from app.state.case_part import CasePart
from app.state.indexes import now_ms
from app.state.keys import CaseKeys
from app.state.leases import LEASE_MS
from app.state.records import Claim, Refusal
from app.state.sealing import key_to_write
from app.state.store import Store


class CaseClaims(CasePart):
    """Whoever holds a `Claim` owns the case until another claims it with a higher epoch."""

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
            case [b"CLAIMED", told]:
                return await owned(self._store, self.owner, case_id, told)
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


async def owned(store: Store, owner: str, case_id: str, answer: list[Any]) -> Claim:
    """Read a claim; one that cannot be read is given back, so that a newer version takes it.

    Args:
        store: the storage.
        owner: the process that has it now.
        case_id: the case.
        answer: what a script tells of it.

    Raises:
        CaseUnreadable: it is given back.
    """
    try:
        if answer[-1] is None:  # an earlier version opened the case
            await key_to_write(store, case_id)
        return _claim(store, owner, case_id, answer)
    except CaseUnreadable:
        lease = f"{owner}:{int(answer[0])}"
        await store.run("release", CaseKeys(case_id).all(), [lease])
        raise


def _claim(store: Store, owner: str, case_id: str, answer: list[Any]) -> Claim:
    epoch, turn, attempt, state, accepted, turns, dropped, reason, behind, wrapped = answer
    key = store.sealer.key(case_id, wrapped)
    return Claim(
        case_id=case_id,
        owner=owner,
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
