"""The API keys as this instance knows them, kept up to date; what is revoked closes its streams.

Every instance looks a few times a second at one number that changes with every key, and at the
latest revocations of cases' tokens: that is the whole fan-out, with no message that could be lost.
"""

import asyncio
import contextlib
import random
import time

import structlog

from app.core.access.streams import Credential, OpenStreams
from app.domain.access import ApiKey, Hasher, KeySecret, key_id_of
from app.domain.clock import now_ms
from app.domain.errors import AccessSecretWrong, StateUnavailable
from app.state.access import HOLD_MS, AccessBook, Admissions, case_mark

FOLLOW_SECONDS = 0.3
_JITTER = 0.1
_SOONEST_SECONDS = 0.05
"""Between two looks because of a token that is not known; whoever makes up some causes no more."""
_OVERLAP_MS = 10_000
"""What is read again: after a failover the places of revocations may lie a little back."""
_AGAIN_SECONDS = HOLD_MS / 3_000
OPERATOR_TOKEN = "operator-token"  # noqa: S105 - a name
"""The id of the key that `TRIAGE_OPERATOR_TOKEN` is."""

_log = structlog.get_logger(__name__)


class LiveKeys:
    """Finds keys by their tokens, without asking the storage."""

    def __init__(
        self,
        book: AccessBook,
        admissions: Admissions,
        hasher: Hasher,
        streams: OpenStreams,
        *,
        owner: str,
        operator_token: str | None,
    ) -> None:
        """Put the parts together; `start` sets them going.

        Args:
            book: the keys as they are kept.
            admissions: is told of the streams that are open here.
            hasher: makes the digests that tokens are found by.
            streams: the open streams of this instance.
            owner: names this instance.
            operator_token: works as a key with three scopes; None is none.
        """
        self.streams = streams
        self._book = book
        self._admissions = admissions
        self._hasher = hasher
        self._owner = owner
        self._known: dict[str, ApiKey] = {}
        self._version: int | None = None
        self._place = "0-0"
        self._seen: set[str] = set()
        self._looked = float("-inf")
        self._told = float("-inf")
        self._looking = asyncio.Lock()
        self._is_ours = False
        self._tasks: list[asyncio.Task[None]] = []
        self._operators = None if operator_token is None else _of_operators(hasher, operator_token)

    async def start(self) -> None:
        """Learn the keys, and keep up; where the storage is away, as soon as it is back."""
        try:
            await self._look()
        except (StateUnavailable, AccessSecretWrong) as error:
            _log.warning("access.waiting", reason=str(error))
        self._tasks = [asyncio.create_task(self._run(), name="access")]

    async def close(self) -> None:
        """Stop keeping up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(StateUnavailable):
            await self._admissions.holds(self._owner, self.streams.left())

    async def ready(self) -> None:
        """Return once it is known that tokens are kept as we would keep them.

        Raises:
            StateUnavailable: that cannot be known now.
            AccessSecretWrong: they are not.
        """
        if not self._is_ours:
            await self._look_soon()

    async def find(self, token: str) -> ApiKey | None:
        """Return the key with this token; None where there is none that is good.

        Raises:
            StateUnavailable, AccessSecretWrong: the keys are not known.
        """
        digest, now = self._hasher.key(token), now_ms()
        if self._operators is not None and self._operators.opens(digest, now):
            return self._operators
        if (key_id := key_id_of(token)) is None:
            return None
        if not self._has(key_id, digest):
            await self._look_soon()  # it may have been made, or rotated, a moment ago
        found = self._known.get(key_id)
        return found if found is not None and found.opens(digest, now) else None

    def is_good(self, credential: Credential) -> bool:
        """Say whether what a key's stream was opened with is good; of cases, revocations tell."""
        if credential.kind == "case":
            return True
        operators = credential.name == OPERATOR_TOKEN
        found = self._operators if operators else self._known.get(credential.name)
        return found is not None and found.opens(credential.digest, now_ms())

    def _has(self, key_id: str, digest: str) -> bool:
        """Say whether a token with this digest is, or was, one of a key's; it need not be good."""
        found = self._known.get(key_id)
        return self._version is not None and found is not None and found.has(digest)

    async def _run(self) -> None:
        told = ""
        while True:
            await asyncio.sleep(FOLLOW_SECONDS * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311
            try:
                await self._look()
                await self._tell()
                told = ""
            except (StateUnavailable, AccessSecretWrong) as error:
                if (reason := str(error)) != told:
                    told = reason
                    _log.warning("access.waiting", reason=reason)
            # Keys expire while the storage is away as well.
            self._cut(self.streams.cut(self.is_good))

    async def _look_soon(self) -> None:
        """Look once more; all who ask at the same time share one look."""
        asked = time.monotonic()
        async with self._looking:
            if self._looked < asked:
                await asyncio.sleep(self._looked + _SOONEST_SECONDS - asked)
                await self._read()

    async def _look(self) -> None:
        async with self._looking:
            await self._read()

    async def _read(self) -> None:
        if not self._is_ours:
            if not await self._book.is_secret(self._hasher.fingerprint()):
                raise AccessSecretWrong("the storage's credentials were made under another secret")
            self._place = await self._book.last_revocation()
            self._seen = {self._place}
            self._is_ours = True
        looked = time.monotonic()
        version, revoked = await self._book.news(_before(self._place))
        if version != self._version:
            self._known = {one.id: one for one in await self._book.all()}
            self._version = version
        self._looked = looked
        marks = {mark for place, mark in revoked if place not in self._seen}
        if revoked:
            self._place = revoked[-1][0]
        self._seen = {place for place, _ in revoked} | {self._place}
        if marks:
            self._cut(
                self.streams.cut(lambda one: one.kind != "case" or case_mark(one.name) not in marks)
            )

    async def _tell(self) -> None:
        """Say which streams were closed here; and, now and then, which are open still.

        Others would take those of which nothing is heard for the streams of the dead.
        """
        counts, again = self.streams.left(), time.monotonic()
        if again - self._told >= _AGAIN_SECONDS:
            counts |= self.streams.counts()
            self._told = again
        await self._admissions.holds(self._owner, counts)

    def _cut(self, count: int) -> None:
        if count:
            _log.info("access.streams_closed", count=count)


def _of_operators(hasher: Hasher, token: str) -> ApiKey:
    return ApiKey(
        id=OPERATOR_TOKEN,
        name="TRIAGE_OPERATOR_TOKEN",
        scopes=("operator", "analyst", "admin"),
        secrets=(KeySecret(digest=hasher.key(token)),),
        created_at=0,
    )


def _before(place: str) -> str:
    """Return a place a little back.

    >>> _before("1700000000000-3"), _before("0-0")
    ('1699999990000-0', '0-0')
    """
    return f"{max(0, int(place.partition('-')[0]) - _OVERLAP_MS)}-0"
