"""Reading a case: its state, its turns, what waits, its result."""

from typing import Any

from app.domain.analysis import Analysis
from app.domain.case import Accepted, Turn
from app.domain.errors import CaseNotFound
from app.domain.sealing import CaseKey
from app.state import codec
from app.state.case_part import CasePart
from app.state.keys import CaseKeys
from app.state.records import CaseRecord
from app.state.sealing import KEY


class CaseReading(CasePart):
    """What is kept of a case, opened for whoever may see it."""

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
