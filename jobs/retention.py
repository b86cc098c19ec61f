"""Lets go what has been kept for long enough: facts by their playbook, and old audit entries.

Every worker does it once a day, and what one has done the next finds done. The chain of the audit
trail is verified every hour, before anything of it goes.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Mapping

import structlog

from analytics.warehouse import (
    Outdated,
    Warehouse,
    WarehouseBusy,
    open_warehouse,
)
from analytics.warehouse.retention import cuts_of, outdated, unclaimed
from app.core.audit import AuditBroken, Auditor
from app.domain.audit import WORKER
from app.domain.errors import InvalidInput
from app.domain.playbook import Playbook
from app.settings import Settings
from jobs.warehouse import place_of

EVERY_SECONDS = 86_400.0
CHECK_SECONDS = 3_600.0
_BUSY_SECONDS = 5.0
_DAY_MS = 86_400_000

_log = structlog.get_logger(__name__)


def cuts(playbooks: Mapping[str, Playbook], today: dt.date) -> dict[str, int]:
    """Return since when facts are kept, by playbook: Unix time in milliseconds."""
    return cuts_of(today, {name: one.retention.facts_months for name, one in playbooks.items()})


def let_go(warehouse: Warehouse, since: Mapping[str, int]) -> tuple[Outdated, ...]:
    """Remove what is older than that; returns what went, by table and playbook.

    Raises:
        WarehouseBusy: somebody else writes.
        WarehouseError: the warehouse cannot be used.
    """
    found = outdated(warehouse, since)
    if found:
        with warehouse.writing() as writer:
            writer.retain(since)
    return found


class Retention:
    """What lets go, for ever."""

    def __init__(
        self, settings: Settings, playbooks: Mapping[str, Playbook], auditor: Auditor
    ) -> None:
        """Take whose retention counts, and what writes the audit trail."""
        self._settings = settings
        self._playbooks = playbooks
        self._auditor = auditor

    async def run(self) -> None:
        """Verify every hour, and let go every day.

        Raises:
            StateUnavailable: if the storage goes away.
        """
        went = float("-inf")
        while True:
            await self.check()
            if time.monotonic() - went >= EVERY_SECONDS and await self.daily():
                went = time.monotonic()
            await asyncio.sleep(CHECK_SECONDS)

    async def check(self) -> None:
        """Verify the audit trail, and note what was found for the metrics."""
        await self._auditor.check(time.time_ns() // 1_000_000)

    async def daily(self) -> bool:
        """Let go what is old enough; False if that has to be tried again."""
        facts = await self.facts()
        return await self.entries() and facts

    async def facts(self) -> bool:
        """Let old facts leave the warehouse."""
        since = cuts(self._playbooks, dt.datetime.now(dt.UTC).date())
        try:
            while True:
                try:
                    found, left = await asyncio.to_thread(self._facts, since)
                    break
                except WarehouseBusy:
                    await asyncio.sleep(_BUSY_SECONDS)
        except Exception as error:  # noqa: BLE001
            # A warehouse that is full or broken must not stop what the worker does for people.
            _log.error("retention.waiting", reason=f"{type(error).__name__}: {error}")
            return False
        for one in found:
            _log.info(
                "retention.removed",
                table=one.table,
                playbook=one.playbook,
                count=one.rows,
                until=one.last_day,
            )
        for name in sorted({one.playbook for one in left}):
            _log.warning("retention.unclaimed", playbook=name)
        if found:
            rows = sum(one.rows for one in found)
            await self._auditor.done(WORKER, "warehouse.retained", f"rows:{rows}")
        return True

    def _facts(self, since: Mapping[str, int]) -> tuple[tuple[Outdated, ...], tuple[Outdated, ...]]:
        warehouse = open_warehouse(place_of(self._settings))
        try:
            return let_go(warehouse, since), unclaimed(warehouse, since)
        finally:
            warehouse.close()

    async def entries(self) -> bool:
        """Let old entries of the audit trail go, once they are exported."""
        if not self._settings.audit_days:
            return True
        before = time.time_ns() // 1_000_000 - self._settings.audit_days * _DAY_MS
        try:
            path = await self._auditor.trim(before, self._settings.var / "audit")
        except (AuditBroken, InvalidInput) as error:
            _log.error("retention.waiting", reason=str(error))
            return False
        if path is not None:
            _log.info("audit.trimmed", file=str(path))
        return True
