"""Keeps this instance's flags up to date, whoever changes them and wherever.

Every way in ends in the shared storage, and every instance looks there twice a second: that is the
whole fan-out, with no message that could be lost. Flags that cannot be used are refused before they
are shared, and those before them stay.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from app.domain.errors import FlagsInvalid, StateUnavailable, WebhookRefused
from app.state.flags import Flags, SharedPayload
from plugins.flags.evaluation import Evaluator, Prepared
from plugins.flags.growthbook_source import GrowthBookSource
from plugins.flags.payload import MOST_BYTES, Payload, read_payload
from plugins.flags.webhook import TOLERANCE_SECONDS, Signed, verify

FOLLOW_SECONDS = 0.5
_JITTER = 0.1

_log = structlog.get_logger(__name__)


class LiveFlags:
    """The flags of this instance, and what brings new ones."""

    def __init__(
        self,
        shared: Flags,
        evaluator: Evaluator,
        *,
        source: GrowthBookSource | None = None,
        poll_seconds: float = 60.0,
        file: Path | None = None,
        webhook_secret: str | None = None,
    ) -> None:
        """Put the parts together; `start` sets them going.

        Args:
            shared: the copy that all instances go by.
            evaluator: decides by the flags that are live here.
            source: GrowthBook; None where none is set up.
            poll_seconds: between two looks at it.
            file: flags in a file, taken up whenever it changes.
            webhook_secret: GrowthBook's webhooks are let in with it; None lets none in.
        """
        self.evaluator = evaluator
        self.source = "shipped"
        """Where the live flags come from."""
        self.at = 0
        """When they came: Unix time in milliseconds; 0 for those that ship."""
        self._shared = shared
        self._growthbook = source
        self._poll_seconds = poll_seconds
        self._file = file
        self._file_seen: tuple[int, int] | None = None
        self._secret = webhook_secret
        self._refused: str | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Go by a file's or the shared flags if there are any, else by those that ship; keep up.

        Nobody is assigned before a file that is there was read: they would stay where they are.
        """
        await self.evaluator.use(self.evaluator.payload)
        await self._attempted(self._follow)
        if (file := self._file) is not None:
            await self._attempted(lambda: self._read(file))
            self._keep(lambda: self._read(file), FOLLOW_SECONDS)
        self._keep(self._follow, FOLLOW_SECONDS)
        if (growthbook := self._growthbook) is not None:
            self._keep(lambda: self._poll(growthbook), self._poll_seconds)

    async def close(self) -> None:
        """Stop keeping up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.evaluator.close()
        if self._growthbook is not None:
            await self._growthbook.close()

    async def take(self, raw: bytes, source: str) -> Payload:
        """Let these flags decide, here at once and in every other instance within a second.

        Flags that GrowthBook changed before those that are shared are passed over.

        Raises:
            FlagsInvalid: they cannot be used.
            StateUnavailable: they cannot be shared.
        """
        payload = read_payload(raw)
        prepared = None
        if payload.hash != self.evaluator.payload.hash:
            prepared = await self.evaluator.prepare(payload)
        at = time.time_ns() // 1_000_000
        counts = await self._shared.offer(
            SharedPayload(raw=payload.raw, source=source, at=at),
            name=payload.hash,
            updated=payload.updated,
        )
        if counts and prepared is not None:
            self._go(prepared, source, at)
        return payload

    async def receive(self, signed: Signed, body: bytes, flags: bytes) -> Payload:
        """Take the flags of a webhook from GrowthBook.

        Args:
            signed: the headers that prove where it comes from.
            body: its body, untouched, which was signed.
            flags: what it carries.

        Raises:
            WebhookRefused: it is forged, out of time or a repetition, or none are let in.
            FlagsInvalid: its flags cannot be used.
        """
        if self._secret is None:
            raise WebhookRefused("set TRIAGE_GROWTHBOOK_WEBHOOK_SECRET to let GrowthBook's in")
        verify(self._secret, signed, body, time.time())
        if not await self._shared.first_seen(signed.webhook_id, 2 * TOLERANCE_SECONDS):
            raise WebhookRefused("this webhook has come before")
        try:
            return await self.take(flags, "webhook")
        except StateUnavailable:
            await self._shared.not_seen(signed.webhook_id)  # so that it may come again
            raise

    def _keep(self, step: Callable[[], Awaitable[None]], seconds: float) -> None:
        async def run() -> None:
            while True:
                await self._attempted(step)
                await asyncio.sleep(seconds * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311

        self._tasks.append(asyncio.create_task(run()))

    async def _attempted(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step; what keeps it from succeeding is told once, until it is another thing."""
        try:
            await step()
        except (FlagsInvalid, StateUnavailable) as error:
            if (told := str(error)) != self._refused:
                self._refused = told
                _log.warning("flags.not_taken", reason=told)

    async def _follow(self) -> None:
        live = self.evaluator.payload
        name = await self._shared.hash()
        if name is None and self.source != "shipped":  # the storage lost them: others need them
            shared = SharedPayload(raw=live.raw, source=self.source, at=self.at)
            await self._shared.offer(shared, name=live.hash, updated=live.updated)
        if name is None or name == live.hash:
            return
        found = await self._shared.read()
        if found is not None:
            prepared = await self.evaluator.prepare(read_payload(found.raw))
            self._go(prepared, found.source, found.at)

    async def _poll(self, growthbook: GrowthBookSource) -> None:
        raw = await growthbook.fetch()
        if raw is None:
            return
        try:
            await self.take(raw, "poll")
        except (FlagsInvalid, StateUnavailable):
            growthbook.forget()
            raise

    async def _read(self, file: Path) -> None:
        state, raw = await asyncio.to_thread(_changed, file, self._file_seen)
        if raw is not None:
            await self.take(raw, "file")
        self._file_seen = state

    def _go(self, prepared: Prepared, source: str, at: int) -> None:
        self.evaluator.go(prepared)
        self.source, self.at = source, at
        _log.info("flags.changed", flags=prepared.payload.hash, source=source)


def _changed(file: Path, seen: tuple[int, int] | None) -> tuple[tuple[int, int], bytes | None]:
    """Return a file's state and, unless it is as it was seen, its first bytes."""
    try:
        found = file.stat()
        state = (found.st_mtime_ns, found.st_size)
        if state == seen:
            return state, None
        with file.open("rb") as opened:
            return state, opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise FlagsInvalid(f"{file} cannot be read: {error.strerror}") from error
