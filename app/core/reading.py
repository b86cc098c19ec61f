"""Reading a turn or a case as a stream of frames, from any place, in any process.

A turn that runs in this process is read from its feed. Otherwise its token log is followed; and
when the log is gone, or the reader's place is unknown, the reader gets the text as one snapshot.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import structlog
from msgspec import Struct

from app.core.feed import HEARTBEAT
from app.core.runner import HEARTBEAT_SECONDS, TurnRunner
from app.domain import event as events
from app.domain.case import Turn
from app.domain.errors import StateUnavailable
from app.domain.event import TERMINAL_NAMES, Delta, EventId, Snapshot
from app.state.conversations import ConversationStateManager
from app.state.follow import Follower, StoredEvent, Subscription
from app.state.keys import CaseKeys
from app.telemetry.metrics import Metrics

_decode_delta = msgspec.json.Decoder(Delta).decode
_log = structlog.get_logger(__name__)

CLOSING = events.frame(None, "stream.closing", b'{"type":"stream.closing"}')
START = EventId(0, 0)


class TurnText(Struct, frozen=True, kw_only=True):
    """A running turn's text so far."""

    text: str
    last: EventId
    started: bool


class Reader:
    """The readers' side of one process."""

    def __init__(
        self,
        conversations: ConversationStateManager,
        follower: Follower,
        runner: TurnRunner,
        *,
        metrics: Metrics | None = None,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._metrics = metrics or Metrics()
        self._heartbeat_seconds = heartbeat_seconds
        self._conversations = conversations
        self._follower = follower
        self._runner = runner

    async def turn(self, case_id: str, turn: int, after: EventId) -> AsyncIterator[bytes]:
        """Yield a turn's frames beyond a place until its terminal event.

        An end without a terminal event means that the reader should come back with its place.
        """
        self._metrics.stream_opened(resumed=after != START)
        try:
            async for chunk in self._turn(case_id, turn, after):
                yield chunk
        except StateUnavailable as error:
            _log.warning("stream.interrupted", case=case_id, turn=turn, reason=str(error))
        finally:
            self._metrics.stream_closed()
        if self._runner.draining:
            yield CLOSING

    async def _turn(self, case_id: str, turn: int, after: EventId) -> AsyncIterator[bytes]:
        place = after
        # A place beyond the feed's is of a newer owner, or of nobody: the log knows.
        while (feed := self._runner.feed(case_id, turn)) is not None and place <= feed.last:
            async for chunk in feed.read(place):
                yield chunk
            place = max(place, feed.last)
            if feed.ended == "finished":
                return
            if self._runner.draining:
                break
            await asyncio.sleep(0)
        if not self._runner.draining:
            async for chunk in self._elsewhere(case_id, turn, place):
                yield chunk

    async def wait(self, case_id: str, turn: int) -> None:
        """Wait until a turn is committed, the case is gone, or this process drains."""
        while (feed := self._runner.feed(case_id, turn)) is not None:
            await feed.over()
            if feed.ended == "finished" or self._runner.draining:
                return
            await asyncio.sleep(0)
        async for _ in self._elsewhere(case_id, turn, START):
            pass

    async def case(self, case_id: str, after: EventId) -> AsyncIterator[bytes]:
        """Yield a case's own events beyond a place, for as long as the case and the reader live."""
        self._metrics.stream_opened(resumed=after != START)
        try:
            async with self._follower.follow(CaseKeys(case_id).events, after) as subscription:
                while (found := await self._next(subscription)) is not None:
                    if found:
                        yield _frames(found)
                        continue
                    yield HEARTBEAT
                    if not await self._is_there(case_id):
                        return
        except StateUnavailable as error:
            _log.warning("stream.interrupted", case=case_id, reason=str(error))
        finally:
            self._metrics.stream_closed()
        if self._runner.draining:
            yield CLOSING

    async def text(self, case_id: str, turn: int) -> TurnText:
        """Return what a running turn has said so far."""
        stored = await self._follower.read(CaseKeys(case_id).log(turn), START)
        pieces: list[str] = []
        for one in stored:
            if one.name == "delta":
                pieces.append(_decode_delta(one.data).t)
            elif one.name == "turn.restarted":
                pieces.clear()
        last = stored[-1].id if stored else START
        return TurnText(text="".join(pieces), last=last, started=bool(stored))

    async def _elsewhere(self, case_id: str, turn: int, place: EventId) -> AsyncIterator[bytes]:
        last = await self._follower.last_id(CaseKeys(case_id).log(turn))
        committed = await self._conversations.turn(case_id, turn)
        if committed is not None:
            ended = EventId.parse(committed.event_id) or START
            if place == ended:
                return
            if last is None or place > ended:
                yield _whole(committed)
                return
        elif not await self._is_there(case_id):
            return
        if place.epoch > (START if last is None else last).epoch:
            so_far = await self.text(case_id, turn)
            place = so_far.last
            data = events.encode(Snapshot(text=so_far.text))
            yield events.frame(str(place), "snapshot", data)
        async for chunk in self._logged(case_id, turn, place):
            yield chunk

    async def _logged(self, case_id: str, turn: int, place: EventId) -> AsyncIterator[bytes]:
        log = CaseKeys(case_id).log(turn)
        async with self._follower.follow(log, place) as subscription:
            while (found := await self._next(subscription)) is not None:
                if found:
                    yield _frames(found)
                    if found[-1].name in TERMINAL_NAMES:
                        return
                    continue
                yield HEARTBEAT
                if not await self._is_there(case_id):
                    return
                # A turn that ended without a word to this reader: its place never was.
                committed = await self._conversations.turn(case_id, turn)
                if committed is not None and subscription.queue.empty():
                    yield _whole(committed)
                    return

    async def _next(self, subscription: Subscription) -> list[StoredEvent] | None:
        """Return what came; nothing after a while of silence; None when the reader is let go."""
        try:
            async with asyncio.timeout(self._heartbeat_seconds):
                return await subscription.queue.get()
        except TimeoutError:
            return []

    async def _is_there(self, case_id: str) -> bool:
        return await self._conversations.exists(case_id)


def _whole(turn: Turn) -> bytes:
    """Return all of a committed turn at once, for a reader whose place is not kept."""
    name = events.name_of(events.decode(turn.terminal))
    snapshot = events.encode(Snapshot(text=turn.reply))
    return events.frame(None, "snapshot", snapshot) + events.frame(
        turn.event_id, name, turn.terminal
    )


def _frames(found: list[StoredEvent]) -> bytes:
    return b"".join(events.frame(str(one.id), one.name, one.data) for one in found)
