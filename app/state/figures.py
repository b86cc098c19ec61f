"""Reads how an installation stands as a whole, in few round trips and within bounds.

Counts that would take long are cut off: an alert fires at the first of them, and nobody counts a
thousand dead letters by a gauge.
"""

from functools import partial
from typing import Any

from app.domain.figures import REPORT_KINDS, Figures, Money, QueueFigures, ReportKind
from app.domain.job import QUEUES, Job, Queue, parse_job_id
from app.domain.ledger import Scope
from app.state import codec, keys
from app.state.audit import AuditTrail
from app.state.budgets import Budgets
from app.state.experiments import Experiments
from app.state.facts import FactStream
from app.state.indexes import now_ms
from app.state.keys import CaseKeys
from app.state.looking import read
from app.state.outbox import Outbox
from app.state.sealing import KEY
from app.state.store import Store
from app.state.workforce import Workforce

ORPHANED_MS = 10_000
"""After so long without an owner a turn is forgotten: a takeover takes about a second."""
_COUNTED = 500
"""Dead letters and orphans are counted up to this."""
_LOOKED_AT = 100
"""Open jobs of a queue that are looked at for the oldest."""


class FigureReader:
    """Reads an installation's figures."""

    def __init__(self, store: Store) -> None:
        """Take the storage."""
        self._store = store
        self._budgets = Budgets(store)
        self._workforce = Workforce(store)
        self._outbox = Outbox(store)
        self._facts = FactStream(store)
        self._experiments = Experiments(store)
        self._audit = AuditTrail(store)

    async def read(self) -> Figures:
        """Return the figures of this moment.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        status = await self._store.status()
        now = now_ms()
        shards = [("ZCARD", keys.live_shard(one)) for one in range(keys.LIVE_SHARDS)]
        indexes = [keys.BUSY, keys.HANDOFF, *map(keys.agenda, QUEUES)]
        *live, busy, handoffs, simple, standard, complex_ = await self._store.commands(
            [*shards, *(("ZCARD", one) for one in indexes)]
        )
        workers = await self._workforce.living()
        depth: dict[Queue, int] = dict(zip(QUEUES, (simple, standard, complex_), strict=True))
        facts = await self._facts.backlog()
        audit = await self._audit.state()
        return Figures(
            at_ms=now,
            ping_ms=status.ping_ms,
            memory_bytes=status.used_memory,
            memory_limit_bytes=status.max_memory,
            active_cases=sum(live),
            busy_cases=busy,
            orphaned=await self._orphaned(now),
            handoffs=handoffs,
            queues={
                queue: QueueFigures(
                    open=depth[queue],
                    oldest_ms=await self._oldest_ms(queue, now) if depth[queue] else 0,
                    slots=sum(one.slots.get(queue, 0) for one in workers),
                )
                for queue in QUEUES
            },
            dead={"job": await self._dead_jobs(), "delivery": await self._dead_deliveries()},
            workers=len(workers),
            facts_waiting=facts.waiting,
            facts_oldest_ms=0 if facts.oldest_ms is None else max(0, now - facts.oldest_ms),
            facts_lost=facts.lost,
            audit_entries=audit.head.n,
            audit_broken=audit.broken,
            reports=await self._reports(),
            money=await self._money(now),
            experiments=tuple(await self._experiments.standings()),
        )

    async def _money(self, now: int) -> Money:
        everything = Scope(kind="global")
        spent = await self._budgets.spent_of([everything], now)
        return Money(
            spent_nano_usd=spent[str(everything)], budgets=tuple(await self._budgets.states())
        )

    async def _orphaned(self, now: int) -> int:
        """Count cases with an unfinished turn, accepted a while ago, that nobody works on."""
        rows = await self._store.command(
            "ZRANGE", keys.BUSY, "-inf", now - ORPHANED_MS, "BYSCORE", "LIMIT", 0, _COUNTED
        )
        cases = [CaseKeys(one.decode()) for one in rows]
        answers = await self._store.commands(
            command
            for one in cases
            for command in (("HMGET", one.meta, "n", "d"), ("EXISTS", one.lease))
        )
        counts, held = answers[::2], answers[1::2]
        return sum(
            accepted is not None and accepted != done and not has_owner
            for (accepted, done), has_owner in zip(counts, held, strict=True)
        )

    async def _oldest_ms(self, queue: Queue, now: int) -> int:
        rows = await self._store.command("ZRANGE", keys.agenda(queue), 0, _LOOKED_AT - 1)
        names = [one for row in rows if (one := parse_job_id(row.decode())) is not None]
        found = await self._jobs(rows, "spec", "st")
        wrapped = await self._store.commands(
            ("HGET", CaseKeys(case_id).meta, KEY) for case_id, _ in names
        )
        jobs = [
            read(self._store, case_id, key, partial(codec.JOB.open, data=spec))
            for (case_id, _), (spec, state), key in zip(names, found, wrapped, strict=True)
            if spec and state == b"queued"
        ]
        created = [one.created_at for one in jobs if isinstance(one, Job)]
        return max(0, now - min(created)) if created else 0

    async def _dead_jobs(self) -> int:
        """Count jobs that were given up; the list also names such as are gone or began anew."""
        rows = await self._store.command("ZRANGE", keys.DEAD, 0, _COUNTED - 1, "REV")
        return sum(state == b"dead" for (state,) in await self._jobs(rows, "st"))

    async def _dead_deliveries(self) -> int:
        return len(await self._outbox.ended(_LOOKED_AT, failed=True))

    async def _jobs(self, names: list[bytes], *fields: str) -> list[Any]:
        found = [one for name in names if (one := parse_job_id(name.decode())) is not None]
        return await self._store.commands(
            ("HMGET", CaseKeys(case_id).job(turn), *fields) for case_id, turn in found
        )

    async def _reports(self) -> dict[ReportKind, int]:
        sent = await self._store.command("HMGET", keys.REPORTS, *REPORT_KINDS)
        return {
            kind: int(at) for kind, at in zip(REPORT_KINDS, sent, strict=True) if at is not None
        }


async def note_report_sent(store: Store, kind: ReportKind, at_ms: int) -> None:
    """Note when a report was sent last.

    Raises:
        StateUnavailable: if the storage does not answer.
    """
    await store.command("HSET", keys.REPORTS, kind, at_ms)
