"""What workers computed of experiments last: how each stands, its report and its page.

Each key lives for a month from its last write, so what is not declared any more goes by itself.
"""

import secrets
import zlib
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.domain.errors import ExperimentNotComputed, ExperimentNotFound
from app.domain.experiments import ExperimentStanding
from app.state import keys
from app.state.store import Store

KEPT_SECONDS = 30 * 86_400
"""How long something is kept after it was computed."""
HELD_MS = 30_000
"""How long the right to compute outlives a worker that died. Nobody waits for its successor."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ExperimentStanding).decode


class ComputingClaim(Struct, frozen=True, kw_only=True):
    """The right to compute all experiments, for as long as its lease is renewed."""

    lease: str

    @property
    def lease_key(self) -> str:
        """The lease's key."""
        return keys.EXPERIMENTS_LEASE


class Experiments:
    """The experiments of an installation."""

    def __init__(self, store: Store) -> None:
        """Take the connection."""
        self._store = store

    async def standings(self) -> list[ExperimentStanding]:
        """Return how each declared experiment stands, by key.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        found = await self._store.command("HVALS", keys.EXPERIMENTS)
        return sorted(map(_decode, found), key=lambda one: one.key)

    async def standing(self, key: str) -> ExperimentStanding:
        """Return how an experiment stands.

        Raises:
            ExperimentNotFound: if none of that key is declared.
            StateUnavailable: if the storage does not answer.
        """
        found = await self._store.command("HGET", keys.EXPERIMENTS, key)
        if found is None:
            raise ExperimentNotFound("no worker knows of a declaration with this key")
        return _decode(found)

    async def report(self, key: str) -> bytes:
        """Return an experiment's report as JSON.

        Raises:
            ExperimentNotFound: if none of that key is declared.
            ExperimentNotComputed: if nothing was computed of it yet.
            StateUnavailable: if the storage does not answer.
        """
        return await self._computed(key, "json")

    async def page(self, key: str) -> str:
        """Return an experiment's report as a page of HTML; raises as `report` does."""
        return (await self._computed(key, "html")).decode()

    async def _computed(self, key: str, form: str) -> bytes:
        found = await self._store.command("HGET", keys.experiment(key), form)
        if found is not None:
            return zlib.decompress(found)
        standing = await self.standing(key)
        nobody = "nobody has come to it yet"
        soon = nobody if standing.state == "planned" else "a worker computes it within minutes"
        raise ExperimentNotComputed(standing.error or soon)

    async def declare(self, declared: Sequence[ExperimentStanding]) -> None:
        """Name the experiments that there are; what is known of them stays, of others it goes.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        known = await self._store.command("HKEYS", keys.EXPERIMENTS)
        names = {one.key for one in declared}
        gone = [one for one in known if one.decode() not in names]
        await self._store.commands(
            [
                *(("HSETNX", keys.EXPERIMENTS, one.key, _encode(one)) for one in declared),
                *(("HDEL", keys.EXPERIMENTS, one) for one in gone),
                *(("DEL", keys.experiment(one.decode())) for one in gone),
                ("EXPIRE", keys.EXPERIMENTS, KEPT_SECONDS),
            ]
        )

    async def put(self, standing: ExperimentStanding, report: bytes, page: str) -> None:
        """Keep what was computed.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        key = keys.experiment(standing.key)
        forms = ("json", zlib.compress(report), "html", zlib.compress(page.encode()))
        await self._store.commands(
            [
                ("HSET", key, *forms),
                ("EXPIRE", key, KEPT_SECONDS),
                ("HSET", keys.EXPERIMENTS, standing.key, _encode(standing)),
                ("EXPIRE", keys.EXPERIMENTS, KEPT_SECONDS),
            ]
        )

    async def planned(self, standing: ExperimentStanding, at_ms: int) -> None:
        """Note that nobody has come to an experiment by then.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        noted = replace(standing, state="planned", computed_at=at_ms, error=None)
        await self._store.command("HSET", keys.EXPERIMENTS, standing.key, _encode(noted))

    async def failed(self, standing: ExperimentStanding, error: str) -> None:
        """Note that computing failed; what was computed before stays.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        noted = replace(standing, error=error)
        await self._store.command("HSET", keys.EXPERIMENTS, standing.key, _encode(noted))

    async def claim(self) -> ComputingClaim | None:
        """Take the right to compute; None where somebody has it.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        claim = ComputingClaim(lease=secrets.token_hex(8))
        taken = await self._store.command("SET", claim.lease_key, claim.lease, "NX", "PX", HELD_MS)
        return claim if taken else None

    async def holds(self, claim: ComputingClaim) -> bool:
        """Say whether the right is still ours, and keep it.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        return bool(await self._store.run("renew", [claim.lease_key], [claim.lease, HELD_MS]))

    async def release(self, claim: ComputingClaim) -> None:
        """Give the right back.

        Raises:
            StateUnavailable: if the storage does not answer; it then runs out by itself.
        """
        await self._store.run("let_go", [claim.lease_key], [claim.lease])

    async def due_ms(self) -> int | None:
        """Return when everything is to be computed again; None if it never was.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        found = await self._store.command("GET", keys.EXPERIMENTS_DUE)
        return None if found is None else int(found)

    async def note_due(self, at_ms: int) -> None:
        """Note when everything is to be computed again.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        await self._store.command("SET", keys.EXPERIMENTS_DUE, at_ms, "EX", KEPT_SECONDS)
