"""Computes what is known of every experiment, now and then, in one worker at a time.

Whoever does it holds a lease; if that worker dies, another begins anew. The statistics run in a
process of their own, which ends when it is done: kept in the worker they would take three times its
memory for good, and seconds of the interpreter in which it does nothing for people.
"""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import structlog

from analytics.experiments.declaration import (
    Declaration,
    DeclarationInvalid,
    declared,
    find_declaration,
)
from analytics.warehouse import WarehouseError, open_warehouse
from app.core.reporting.experiment_brief import experiment_brief
from app.domain.errors import StateUnavailable
from app.domain.experiments import ExperimentStanding
from app.settings import Settings
from app.state.experiments import HELD_MS, ComputingClaim, Experiments
from app.state.reports import ConclusionName, Reports
from app.state.store import Store
from app.tether import Tether
from jobs.experiment_order import Answer, Computed, Order, decode_answer, encode
from jobs.report_figures import now_ms
from jobs.reports import encode_message, kept
from jobs.warehouse import place_of

LOOK_SECONDS = 20.0
"""How often a worker looks whether something is to be computed."""
COMPUTE_SECONDS = 900.0
"""After so long computing is given up."""
AGAIN_SECONDS = 60.0
"""How long to wait where it failed."""
_SHOWN = 2_000

Compute = Callable[[Order], Awaitable[Answer]]

_log = structlog.get_logger(__name__)


class NotComputed(Exception):
    """The process that computes has failed."""


async def in_a_process(order: Order) -> Answer:
    """Compute in a process of its own, which ends with this one.

    Raises:
        NotComputed: if it fails.
        TimeoutError: if it takes too long.
    """
    tether = Tether()
    process = await asyncio.create_subprocess_exec(
        *tether.command([sys.executable, "-m", "jobs.experiment_run"]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=tether.fds,
    )
    try:
        async with asyncio.timeout(COMPUTE_SECONDS):
            written, complaints = await process.communicate(encode(order))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        tether.close()
    if process.returncode != 0:
        told = complaints.decode(errors="replace").strip()[-_SHOWN:]
        raise NotComputed(f"the process ended with {process.returncode}: {told}")
    return decode_answer(written)


class ExperimentDesk:
    """What computes experiments in one worker."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        compute: Compute = in_a_process,
        renew_seconds: float = HELD_MS / 6_000,
        clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        """Put it together.

        Args:
            settings: folders, and how often.
            store: the storage.
            compute: how an order is carried out.
            renew_seconds: how often the right to compute is renewed.
            clock_ms: Unix time in milliseconds.
        """
        self._settings = settings
        self._experiments = Experiments(store)
        self._reports = Reports(store)
        self._renew_seconds = renew_seconds
        self._compute = compute
        self._now_ms = clock_ms

    async def run(self) -> None:
        """Compute what is due, for ever: at once where that is overdue.

        Raises:
            StateUnavailable: if the storage goes away.
        """
        while True:
            await self.round()
            due = await self._experiments.due_ms()
            left = LOOK_SECONDS if due is None else (due - self._now_ms()) / 1_000
            await asyncio.sleep(min(LOOK_SECONDS, max(1.0, left)))

    async def round(self) -> bool:
        """Look once; compute if it is due and nobody else does. Says whether it did.

        Raises:
            StateUnavailable: if the storage goes away.
        """
        if not await self._due() or (claim := await self._experiments.claim()) is None:
            return False
        return await self._held(claim)

    async def _due(self) -> bool:
        due = await self._experiments.due_ms()
        return due is None or due <= self._now_ms()

    async def _held(self, claim: ComputingClaim) -> bool:
        """Compute while the right to it is kept; it is cut short where that is lost."""
        task = asyncio.ensure_future(self._work())
        try:
            while not task.done() and await self._experiments.holds(claim):
                await asyncio.wait([task], timeout=self._renew_seconds)
        finally:
            if lost := not task.done():
                task.cancel()
                await asyncio.wait([task])
            with contextlib.suppress(StateUnavailable):
                await self._experiments.release(claim)
        if lost:
            _log.warning("experiments.lost")
            return False
        return task.result()

    async def _work(self) -> bool:
        if not await self._due():  # somebody was quicker
            return False
        began = self._now_ms()
        found = await asyncio.to_thread(_read, self._settings.experiments)
        before = await self._declared(found)
        wait = self._settings.experiment_seconds
        try:
            came: bool = await asyncio.to_thread(self._anybody_came)
            if before and came:
                await self._all(found, before, began)
            else:
                await self._nobody(before, began)
        except StateUnavailable:
            raise
        except (NotComputed, TimeoutError, WarehouseError, OSError) as error:
            # Experiments that cannot be computed must not stop what the worker does for people.
            reason = str(error) or "it takes too long"
            _log.error("experiments.waiting", reason=reason)
            wait = min(wait, AGAIN_SECONDS)
            for standing in before.values():
                await self._experiments.failed(standing, reason)
        await self._experiments.note_due(self._now_ms() + round(wait * 1_000))
        return True

    async def _declared(self, found: Sequence[Declaration]) -> dict[str, ExperimentStanding]:
        """Name what is declared; returns how each stood."""
        await self._experiments.declare([one.standing for one in found])
        return {one.key: one for one in await self._experiments.standings()}

    def _anybody_came(self) -> bool:
        """Say whether anybody was ever exposed to anything; nothing heavy is loaded for that."""
        warehouse = open_warehouse(place_of(self._settings))
        try:
            return any(one.name == "exposure" and one.rows for one in warehouse.status())
        finally:
            warehouse.close()

    async def _nobody(self, before: Mapping[str, ExperimentStanding], at_ms: int) -> None:
        for one in before.values():
            await self._experiments.planned(one, at_ms)

    async def _all(
        self, found: Sequence[Declaration], before: Mapping[str, ExperimentStanding], at_ms: int
    ) -> None:
        folder = self._settings.experiments
        answer = await self._compute(
            Order(
                place=str(place_of(self._settings)),
                folder=None if folder is None else str(folder.absolute()),
                at_ms=at_ms,
                before={one.key: before[one.key] for one in found},
            )
        )
        for one in answer.computed:
            if one.standing.state == "ended":
                await self._conclude(one)
            await self._experiments.put(one.standing, one.report, one.html)
        for failure in answer.failed:
            _log.error("experiment.failed", experiment=failure.key, reason=failure.error)
            await self._experiments.failed(before[failure.key], failure.error)
        _log.info(
            "experiments.computed",
            experiments=len(answer.computed),
            failed=len(answer.failed),
            seconds=round((self._now_ms() - at_ms) / 1_000, 1),
        )

    async def _conclude(self, one: Computed) -> None:
        """Write the last report and have it sent, once for ever."""
        name = ConclusionName(key=one.standing.key)
        if await self._reports.is_known(name):
            return
        texts = {"md": one.markdown, "html": one.html}
        _, place = await asyncio.to_thread(kept, self._settings, name.kind, one.standing.key, texts)
        message = encode_message(experiment_brief(one.standing, place))
        now = self._now_ms()
        await self._reports.made(name, message, now)
        await self._reports.enter([name], now)
        _log.info("experiment.concluded", experiment=name.key, by=one.standing.ended_by)


def _read(folder: Path | None) -> list[Declaration]:
    """Read every declaration that can be used; of the others it is told what is wrong."""
    found = []
    for key in sorted(declared(folder)):
        try:
            found.append(find_declaration(key, folder))
        except DeclarationInvalid as error:
            _log.error("experiment.unread", experiment=key, reason=str(error))
    return found


async def experiments(settings: Settings, store: Store) -> None:
    """Compute experiments for ever; a worker runs one of these.

    Raises:
        StateUnavailable: if the storage goes away.
    """
    await ExperimentDesk(settings, store).run()
