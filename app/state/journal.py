"""The token log: what a generator says goes into its turn's stream, many turns in one round trip.

One writer per process keeps one pipeline in flight and lets a few milliseconds pass between two;
whatever piles up meanwhile leaves together, words of one turn merged into one entry. The entry's id
is that of its last piece, so a reader can still tell the pieces apart: `E-9` with three pieces
holds `E-7`, `E-8` and `E-9`.

No script is needed to fence: `XADD` refuses an id that is not above the last one, and a new owner
has opened its epoch with `E-0`.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from msgspec import Struct
from redis.exceptions import ResponseError

from app.domain.errors import CaseUnreadable, Fenced, StateUnavailable
from app.domain.sealing import CaseKey
from app.state import codec
from app.state.keys import CaseKeys
from app.state.sealing import key_to_write
from app.state.store import Store

_MAX_ENTRIES = 20_000
"""Far above what a bounded reply can take; a belt, since a log that is cut cannot be resumed."""
_RETRY_SECONDS = 0.1
_PATIENCE_SECONDS = 0.5
"""How long the logs of a node that does not answer hold up those of others, in a cluster."""
_GAP_SECONDS = 0.005
"""Between two round trips, each of which costs as much as twenty words; waiters cut it short."""

_log = structlog.get_logger(__name__)


class _Write(Struct):
    """One entry to be: either pieces of text or the data of another event."""

    seq: int
    pieces: list[str]
    event: bytes | None
    sent: bool = False
    """It may be stored already, whole, so nothing is added to it any more."""


class TurnLog:
    """The log of one turn as its owner writes it. Made by `Journal.open`."""

    def __init__(
        self,
        case_id: str,
        key: str,
        epoch: int,
        wake: Callable[["TurnLog"], None],
        hurry: Callable[[], None],
    ) -> None:
        self.case_id = case_id
        self.key = key
        self.epoch = epoch
        self.seq = 0
        """Count of the last event; each takes the next one."""
        self.sealing: CaseKey | None = None
        """The key of the case, once it was looked up."""
        self.lost = False
        """Another owner's epoch is armed: nothing of ours will be stored any more."""
        self.waiting: list[_Write] = []
        self.flushed = asyncio.Event()
        self.flushed.set()
        self._wake = wake
        self._hurry = hurry

    def piece(self, text: str) -> int:
        """Log a piece of the answer and return its count."""
        self.seq += 1
        last = self.waiting[-1] if self.waiting else None
        if last is not None and last.event is None and not last.sent:
            last.seq = self.seq
            last.pieces.append(text)
        else:
            self.waiting.append(_Write(seq=self.seq, pieces=[text], event=None))
        self._wake(self)
        return self.seq

    def event(self, data: bytes) -> int:
        """Log any other event and return its count."""
        self.seq += 1
        self.waiting.append(_Write(seq=self.seq, pieces=[], event=data))
        self._wake(self)
        return self.seq

    def next_seq(self) -> int:
        """Take the next count without logging: for the terminal event, which a commit stores."""
        self.seq += 1
        return self.seq

    async def settle(self) -> None:
        """Wait until everything so far is stored.

        Raises:
            Fenced: if another owner took over.
        """
        if not self.flushed.is_set():
            self._hurry()
            await self.flushed.wait()
        if self.lost:
            raise Fenced("another instance writes this turn now")


class Journal:
    """The process's writer of token logs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._dirty: dict[str, TurnLog] = {}
        self._work = asyncio.Event()
        self._hurried = asyncio.Event()
        self._stored_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="journal")

    async def close(self) -> None:
        """Stop writing; what is not stored yet is the next owner's to say again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def open(self, case_id: str, turn: int, epoch: int) -> TurnLog:
        """Return a log to write to; its stream was opened by the claim."""
        key = CaseKeys(case_id).log(turn)
        return TurnLog(case_id, key, epoch, self._note, self._hurried.set)

    def _note(self, log: TurnLog) -> None:
        self._dirty[log.key] = log
        log.flushed.clear()
        self._work.set()

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            await self._gather()
            self._work.clear()
            self._hurried.clear()
            batch = [(log, log.waiting) for log in self._dirty.values()]
            self._dirty.clear()
            for log, _ in batch:
                log.waiting = []
            await self._store_all(batch)
            for log, _ in batch:
                if not log.waiting:
                    log.flushed.set()
            self._stored_at = asyncio.get_running_loop().time()

    async def _gather(self) -> None:
        """Let more pile up until the gap since the last round trip is over, or somebody waits."""
        left = self._stored_at + _GAP_SECONDS - asyncio.get_running_loop().time()
        if left > 0 and not self._hurried.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._hurried.wait()

    async def _store_all(self, batch: list[tuple[TurnLog, list[_Write]]]) -> None:
        """Store a batch; what Valkey does not take now is sent again with what comes meanwhile.

        Ids make a repetition harmless. In a cluster some may be taken and others not.
        """
        writes = [(log, write) for log, waiting in batch for write in waiting if not log.lost]
        again, reason = await self._try_to_store(writes)
        if not again:
            return
        _log.warning("journal.waiting", reason=reason)
        for log, write in reversed(again):
            if not log.lost:
                log.waiting.insert(0, write)
                self._dirty[log.key] = log
                self._work.set()
        await asyncio.sleep(_RETRY_SECONDS)

    async def _try_to_store(
        self, writes: list[tuple[TurnLog, _Write]]
    ) -> tuple[list[tuple[TurnLog, _Write]], str]:
        """Send the writes once; those that must be sent again, and why."""
        again, reason = [], ""
        for _, write in writes:
            write.sent = True
        try:
            for log, write in writes:
                try:
                    await self._find_key(log)
                except StateUnavailable as error:  # in a cluster others may be there
                    again.append((log, write))
                    reason = str(error)
            left = {id(log) for log, _ in again}
            ours = [one for one in writes if not one[0].lost and id(one[0]) not in left]
            answers = await self._store.attempts(
                (_xadd(log, write) for log, write in ours), seconds=_PATIENCE_SECONDS
            )
            for (log, write), answer in zip(ours, answers, strict=True):
                if answer is None or _is_refusal(answer):
                    await self._refused(log)
                elif isinstance(answer, Exception):
                    again.append((log, write))
                    reason = str(answer)
        except StateUnavailable as error:
            return writes, str(error)
        return again, reason

    async def _find_key(self, log: TurnLog) -> None:
        """Look up the key of a log's case; where there is none any more, the log is lost."""
        if log.sealing is None and not log.lost:
            try:
                log.sealing = await key_to_write(self._store, log.case_id)
            except CaseUnreadable as error:
                _log.warning("case.unreadable", case=log.case_id, reason=str(error))
            log.lost = log.sealing is None

    async def _refused(self, log: TurnLog) -> None:
        """Tell a repetition of our own from a takeover: whose epoch is the last entry's?"""
        last = await self._store.command("XREVRANGE", log.key, "+", "-", "COUNT", 1)
        if not last or int(last[0][0].partition(b"-")[0]) != log.epoch:
            log.lost = True


def _is_refusal(answer: object) -> bool:
    return isinstance(answer, ResponseError) and "equal or smaller" in str(answer)


def _xadd(log: TurnLog, write: _Write) -> tuple[str | int | bytes, ...]:
    if log.sealing is None:
        raise ValueError("a log is written with the key of its case")
    field, value = (
        ("p", codec.PIECES.seal(log.sealing, write.pieces))
        if write.event is None
        else ("e", codec.EVENT.seal(log.sealing, write.event))
    )
    place = f"{log.epoch}-{write.seq}"
    return ("XADD", log.key, "NOMKSTREAM", "MAXLEN", "~", _MAX_ENTRIES, place, field, value)
