"""What workers do. Tasks take names, or nothing, and may run twice."""

from typing import Any

import structlog

from app.core.accounting.meter import LedgerMeter
from app.core.background import AnalysisRunner
from app.domain.facts import About
from app.domain.job import parse_job_id
from app.state.abandonment import tell_abandoned
from app.state.conversations import ConversationStateManager
from app.state.rewriting import noted, rewrite_where_erased
from app.state.store import Store
from app.telemetry.metrics import Metrics

STALE_MS = 30_000
"""Cases touched more recently are left alone: an accept may be under way."""

_log = structlog.get_logger(__name__)


async def analyse(ctx: dict[Any, Any], name: str) -> None:
    """Work on a background analysis, if it is there, open, and nobody works on it."""
    runner: AnalysisRunner = ctx["runner"]
    if (found := parse_job_id(name)) is None:
        _log.warning("job.unnamed", name=name[:100])
        return
    await runner.run(*found)


async def sweep(ctx: dict[Any, Any], *_: Any, **__: Any) -> dict[str, int]:
    """Tidy the indexes of cases, and list unfinished turns again that nobody has on a list.

    Keys expire by themselves; their names in the indexes do not. A turn is forgotten only where
    Valkey lost its newest writes in a failover; the reapers of the API find it once it is listed.
    Besides, it writes the rows of calls at models during which their process died.
    """
    conversations: ConversationStateManager = ctx["conversations"]
    metrics: Metrics = ctx["metrics"]
    meter: LedgerMeter = ctx["meter"]
    await meter.sweep()
    gone, woken = await conversations.sweep(stale_ms=STALE_MS)
    store: Store = ctx["store"]
    if gone:  # what expired is to leave the append-only file as what was erased is
        await store.commands([noted()])
    if await rewrite_where_erased(store):
        _log.info("erased.rewriting")
    metrics.swept(forgotten=gone, listed_again=woken)
    if gone or woken:
        _log.info("sweep.done", forgotten=gone, listed_again=woken)
    return {"forgotten": gone, "listed_again": woken}


async def abandon(ctx: dict[Any, Any], *_: Any, **__: Any) -> int:
    """Tell the warehouse of interviews that nobody goes on with, and count them."""
    store: Store = ctx["store"]
    metrics: Metrics = ctx["metrics"]

    def count(about: About) -> None:
        metrics.case("abandoned", about.playbook, about.arm)

    if told := await tell_abandoned(store, on_told=count):
        _log.info("abandoned.told", cases=told)
    return told
