"""The meter: sets money aside before every attempt at a model and enters what became of it.

Setting aside takes one round trip before the call. Entering takes none: rows are priced at once and
written apart. Where an answer was given up while its connection lives, the row waits until the rest
has been read for its usage, or for as long as that may take.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
from msgspec.structs import replace

from app.core.accounting.rows import Size, closed, most_nano_usd, opened, size_of
from app.core.accounting.rows import spared as spared_row
from app.core.accounting.writer import Entry, LedgerWriter
from app.domain.clock import now_ms
from app.domain.errors import StateUnavailable
from app.domain.ledger import Account, LedgerRow, scopes_of
from app.domain.usage import Attempt, Operation, Provider
from app.llm.catalogue import Catalogue
from app.llm.metering import Denied, Ticket
from app.llm.model import ModelRequest, Rest
from app.llm.timeouts import UNHURRIED, Timeouts
from app.state.ledger import Exhausted, Ledger

SPARE_SECONDS = 60.0
"""How much longer than its call a reservation stands before the call counts as lost."""
CLOSING_SECONDS = 5.0
_SWEPT_AT_ONCE = 100

_log = structlog.get_logger(__name__)

OnRow = Callable[[LedgerRow], None]


def untold(row: LedgerRow) -> None:
    """Tell nobody of a row."""


class LedgerMeter:
    """Keeps the accounts of one process's calls at models; see `app.llm.metering.Meter`."""

    def __init__(
        self,
        ledger: Ledger,
        catalogue: Catalogue,
        *,
        timeouts: Timeouts | None = None,
        spare_seconds: float = SPARE_SECONDS,
        on_row: OnRow = untold,
        now_ms: Callable[[], int] = now_ms,
    ) -> None:
        """Keep them in this ledger, at the prices of this catalogue.

        Args:
            ledger: Of all processes.
            catalogue: What models cost.
            timeouts: How long calls may take.
            spare_seconds: How much longer a reservation stands.
            on_row: Is told of every row once it is made, also of those found as lost.
            now_ms: Unix time in milliseconds.
        """
        self._ledger = ledger
        self.catalogue = catalogue
        self._timeouts = timeouts or Timeouts()
        self._spare = spare_seconds
        self.on_row = on_row
        self._now_ms = now_ms
        self._writer = LedgerWriter(ledger)
        self._reading: set[asyncio.Task[None]] = set()
        self._budgeted: dict[tuple[Operation, str], bool] = {}
        """Whether a budget applied when last asked, for when Valkey does not answer."""

    async def reserve(self, request: ModelRequest, provider: Provider) -> Ticket | Denied:
        """Set aside what the call may cost at most, or say why it must not be made."""
        if not self.catalogue.loaded:
            await asyncio.to_thread(self.catalogue.load)
        size = size_of(request)
        now = self._now_ms()
        priced = self.catalogue.prices(provider, request.model, "standard", now, size.most_input)
        row = opened(request, provider, secrets.token_hex(12), size, priced, now)
        most = None if priced is None else most_nano_usd(size, priced.prices)
        of = (request.operation, request.account.arm)
        try:
            answer = await self._ledger.reserve(
                row, most, scopes_of(*of), seconds=self._longest(request)
            )
        except StateUnavailable as error:
            return self._unanswered(row, size, of, error)
        except asyncio.CancelledError:
            self._writer.enter(Entry(row_id=row.id))  # the call is not made, whatever Valkey did
            raise
        if isinstance(answer, Exhausted):
            self._budgeted[of] = True
            return _denied(answer, request.model)
        self._budgeted[of] = answer.budgeted
        return LedgerTicket(self, row, size, reserved=True)

    def spared(
        self, account: Account, *, row_id: str, model: tuple[Provider, str], saved: int | None
    ) -> None:
        """Enter a call that was not made because a kept analysis served."""
        provider, name = model
        row = spared_row(
            account,
            row_id=row_id,
            provider=provider,
            model=name,
            operation="analysis",
            saved=saved,
            at_ms=self._now_ms(),
        )
        self.enter(row, reserved=False)

    async def spent(self, case_id: str, turn: int) -> Mapping[str, int | None]:
        """Return what the analysis that a turn asked for has cost so far, by row.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        rows = await self._ledger.rows(case_id)
        return {row.id: row.cost_nano_usd for row in rows if row.turn == turn and row.step}

    def enter(self, row: LedgerRow, *, reserved: bool) -> None:
        """Enter a row; it is written apart."""
        self._writer.enter(Entry(row_id=row.id, row=row, reserved=reserved))
        self.on_row(row)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something entered that is not known yet."""
        task = asyncio.create_task(work, name="ledger rest")
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    def warm(self) -> None:
        """Load the catalogue now, so that nobody waits for it later."""
        self.later(asyncio.to_thread(self.catalogue.load))

    async def sweep(self) -> int:
        """Write the rows of calls whose process died; return how many there were.

        Raises:
            StateUnavailable: if the storage does not answer; it is done again.
        """
        lost = 0
        for one in await self._ledger.overdue(_SWEPT_AT_ONCE):
            latency = max(0, one.at_ms - one.row.started_ms)
            row = replace(one.row, completed_ms=one.at_ms, latency_ms=float(latency))
            if await self._ledger.settle(row, scopes_of(row.operation, row.arm), reserved=True):
                lost += 1
                self.on_row(row)
                _log.warning("ledger.call_lost", row=row.id, case=row.case_id, model=row.model)
        return lost

    async def written(self) -> None:
        """Wait until everything is entered and written, the rest of given-up answers included."""
        while self._reading:
            await asyncio.wait(self._reading)
        await self._writer.written()

    async def close(self, seconds: float = CLOSING_SECONDS) -> None:
        """Stop reading on, enter what is known, and write it, for as long as this."""
        await asyncio.sleep(0)  # so that every reader has begun and closes its connection
        reading = list(self._reading)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        await self._writer.close(seconds)

    def _longest(self, request: ModelRequest) -> float:
        times = UNHURRIED if request.unhurried else 1.0
        return self._timeouts.total * times + self._timeouts.rest + self._spare

    def _unanswered(
        self, row: LedgerRow, size: Size, of: tuple[Operation, str], error: StateUnavailable
    ) -> Ticket | Denied:
        """Decide without Valkey: a call is made only where no budget applied when last asked."""
        if self._budgeted.get(of, True):
            self._writer.enter(Entry(row_id=row.id))
            return Denied(reason="unknown", detail=f"how the budgets stand is not known: {error}")
        return LedgerTicket(self, row, size, reserved=False)


class LedgerTicket:
    """Leave to make one call; see `app.llm.metering.Ticket`."""

    __slots__ = ("_meter", "_reserved", "_rest", "_row", "_size")

    def __init__(self, meter: LedgerMeter, row: LedgerRow, size: Size, *, reserved: bool) -> None:
        """Remember what was set aside."""
        self._meter = meter
        self._row = row
        self._size = size
        self._reserved = reserved
        self._rest: asyncio.Task[Rest] | None = None

    def salvage(self, rest: Coroutine[Any, Any, Rest]) -> None:
        """Take over reading an answer that nobody waits for any more, for the sake of its usage."""
        self._rest = asyncio.create_task(rest, name="ledger salvage")

    def settle(self, attempt: Attempt) -> Attempt:
        """Enter what became of the call; return the attempt with its row's id and cost.

        Where the rest of the answer is still being read, that is an estimate, and the row may come
        to another cost.
        """
        row = self._closed(attempt)
        if self._rest is None:
            self._meter.enter(row, reserved=self._reserved)
        else:
            self._meter.later(self._settle_late(attempt, self._rest))
        return replace(attempt, row_id=row.id, cost_nano_usd=row.cost_nano_usd, source=row.source)

    async def _settle_late(self, attempt: Attempt, rest: "asyncio.Task[Rest]") -> None:
        try:
            found = await rest
            attempt = replace(attempt, usage=attempt.usage or found.usage, output_chars=found.chars)
        finally:
            self._meter.enter(self._closed(attempt), reserved=self._reserved)

    def _closed(self, attempt: Attempt) -> LedgerRow:
        return closed(self._row, self._size, attempt, self._meter.catalogue)


def _denied(found: Exhausted, model: str) -> Denied:
    budget = f"the budget of {found.scope} for this {found.period}"
    if found.unpriced:
        return Denied(reason="unpriced", detail=f"{model} has no known price, and {budget} applies")
    return Denied(reason="budget", detail=f"{budget} is spent", until_ms=found.ends_ms)
