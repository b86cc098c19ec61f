"""Cases that were begun in the earlier system: where they were kept, how they are written here."""

from collections.abc import Sequence

from msgspec import Struct
from redis.asyncio import Redis

from app.domain.case import Accepted, CaseState, Turn
from app.domain.errors import CaseNotFound
from app.state import case_index, codec, connecting, handoffs, keys
from app.state.failing import translated
from app.state.indexes import listed, now_ms
from app.state.keys import CaseKeys
from app.state.store import Store

CONVERSATION = "conversation:"
ORCHESTRATION = "orchestration:"
_PAGE = 500
_REMOVE = """
local now = redis.call('GET', KEYS[1])
if not now then return 'GONE' end
if now ~= ARGV[1] then return 'CHANGED' end
redis.call('DEL', KEYS[1])
return 'OK'
"""
_RESTORE = """
local now = redis.call('GET', KEYS[1])
if now then return now == ARGV[1] and 'SAME' or 'CHANGED' end
redis.call('SET', KEYS[1], ARGV[1])
if tonumber(ARGV[2]) > 0 then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
return 'OK'
"""


class Kept(Struct, frozen=True, kw_only=True):
    """A value of the earlier system as it was kept, to the byte."""

    key: str
    value: bytes
    expires_ms: int
    """When it would have expired: Unix time in milliseconds; 0 for never."""


class EarlierRedis:
    """The earlier system's Redis: `conversation:{id}` and `orchestration:{id}`, JSON in strings."""

    def __init__(self, url: str) -> None:
        """Take its address.

        Raises:
            ValueError: if it cannot be read.
        """
        self._client: Redis = Redis.from_pool(connecting.pool(url, max_connections=4))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def ids(self) -> list[str]:
        """Return the ids of all conversations, sorted, so that every run goes the same way.

        Raises:
            StateUnavailable: if it does not answer.
        """
        with translated():
            found = {
                key.decode("utf-8", "surrogateescape").removeprefix(CONVERSATION)
                async for key in self._client.scan_iter(f"{CONVERSATION}*", count=_PAGE)
            }
        return sorted(found)

    async def orphans(self) -> int:
        """Return how many orchestrations have no conversation.

        Raises:
            StateUnavailable: if it does not answer.
        """
        lost = 0
        with translated():
            async for key in self._client.scan_iter(f"{ORCHESTRATION}*", count=_PAGE):
                name = key.removeprefix(ORCHESTRATION.encode())
                lost += not await self._client.exists(CONVERSATION.encode() + name)
        return lost

    async def read(self, prefix: str, name: str) -> Kept | None:
        """Return what is kept under a key; None where it is gone, or no string.

        Raises:
            StateUnavailable: if it does not answer.
        """
        key = prefix + name
        raw = key.encode("utf-8", "surrogateescape")
        with translated():
            if await self._client.type(raw) != b"string":
                return None
            value = await self._client.get(raw)
            left = await self._client.pttl(raw)
        if value is None:
            return None
        return Kept(key=key, value=value, expires_ms=now_ms() + left if left > 0 else 0)

    async def remove(self, kept: Kept) -> bool:
        """Remove a value if it still is what was read; True if it is gone afterwards.

        Raises:
            StateUnavailable: if it does not answer.
        """
        return await self._eval(_REMOVE, kept, kept.value) in {b"OK", b"GONE"}

    async def restore(self, kept: Kept) -> bool:
        """Put a value back, to the byte and with its time; True if it stands there afterwards.

        Raises:
            StateUnavailable: if it does not answer.
        """
        if 0 < kept.expires_ms <= now_ms():
            return True  # it would have expired by now
        answer = await self._eval(_RESTORE, kept, kept.value, kept.expires_ms)
        return answer in {b"OK", b"SAME"}

    async def _eval(self, script: str, kept: Kept, *args: bytes | int) -> bytes:
        key = kept.key.encode("utf-8", "surrogateescape")
        with translated():
            answer: bytes = await self._client.execute_command("EVAL", script, 1, key, *args)
        return answer


async def adopt(
    store: Store,
    state: CaseState,
    turns: Sequence[Turn],
    waiting: Accepted | None,
    *,
    token_hash: str,
    cap: int,
    ttl: int,
    epoch: int,
) -> None:
    """Write a case whole; one that this token has written before stays as it is.

    Raises:
        CaseNotFound: if the id belongs to somebody else's case.
    """
    case_id = state.case_id
    flags = [f"flag:{flag.code}" for flag in state.assessment.red_flags]
    before = listed(state.updated_at, case_id, keys.live(case_id))
    before += case_index.listing(state, flags)
    before += handoffs.listing(case_id, state.handoff)
    if waiting is not None:
        before += listed(now_ms(), case_id, keys.BUSY)
    key = store.sealer.fresh(case_id)
    written = await store.run(
        "adopt",
        CaseKeys(case_id).all(),
        [
            token_hash,
            codec.STATE.seal(key, state),
            ttl,
            cap,
            state.variant,
            epoch,
            b"" if waiting is None else codec.ACCEPTED.seal(key, waiting),
            key.wrapped,
            *(codec.TURN.seal(key, one) for one in turns),
        ],
        before=before,
    )
    if not written:
        raise CaseNotFound(case_id)
