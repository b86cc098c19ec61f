"""Commands come into a case's inbox: from its person, an operator, an analysis."""

from typing import Any

from app.domain.case import Accepted, AskHuman, OnBusy, OperatorCommand, PersonCommand
from app.domain.errors import CaseFull, CaseNotFound, IdempotencyMismatch, TurnBusy
from app.domain.sealing import CaseKey
from app.state import codec, keys
from app.state.case_claims import owned
from app.state.case_part import CasePart
from app.state.indexes import listed, now_ms
from app.state.leases import LEASE_MS
from app.state.records import Receipt
from app.state.sealing import run_sealed

IDEMPOTENCY_MS = 24 * 3_600_000


class CaseInbox(CasePart):
    """What is accepted here is never lost."""

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
            case [b"NEW", turn, done, told]:
                claim_ = await owned(self._store, self.owner, case_id, told)
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
                for index in (keys.BUSY, keys.live(case_id)):
                    await self._store.run("unlist", [index], [case_id, now])
                raise CaseNotFound(case_id)
            case _:
                raise CaseNotFound(case_id)


def _is_analysts(accepted: Accepted) -> bool:
    return isinstance(accepted.command, AskHuman) and accepted.command.by == "analysis"
