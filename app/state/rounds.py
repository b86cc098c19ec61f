"""Going round all cases: which are active, which are gone, which turns were forgotten."""

from app.domain.case import CaseState
from app.state import case_index, handoffs, job_board, keys
from app.state.indexes import now_ms, scored
from app.state.keys import CaseKeys
from app.state.looking import states
from app.state.records import ActiveConversation
from app.state.store import Store

_PAGE = 200


async def active(store: Store, *, limit: int, before_ms: int | None) -> list[ActiveConversation]:
    """List active cases; see `ConversationStateManager.list_active_conversations`."""
    top = "+inf" if before_ms is None else f"({before_ms}"
    look = limit
    while True:
        tail = ("BYSCORE", "REV", "LIMIT", 0, look, "WITHSCORES")
        answers = await store.commands(
            ("ZRANGE", keys.live_shard(shard), top, "-inf", *tail)
            for shard in range(keys.LIVE_SHARDS)
        )
        pages = [scored(one) for one in answers]
        # Below the last that was read of a list there may be others that were not.
        known = max((page[-1][1] for page in pages if len(page) == look), default=None)
        rows = sorted((row for page in pages for row in page), key=lambda row: -row[1])
        rows = [row for row in rows if known is None or row[1] >= known]
        found: list[ActiveConversation] = []
        for at in range(0, len(rows), _PAGE):
            page = rows[at : at + _PAGE]
            found_states = await states(store, [case_id for case_id, _ in page])
            for (case_id, score), state in zip(page, found_states, strict=True):
                if isinstance(state, CaseState) and state.status == "active":
                    found.append(
                        ActiveConversation(case_id=case_id, last_activity_ms=score, state=state)
                    )
        if len(found) >= limit or known is None:
            return found[:limit]
        look *= 2  # some were over: look further down


async def sweep(store: Store, *, stale_ms: int) -> tuple[int, int]:
    """Tidy the indexes; see `ConversationStateManager.sweep`."""
    gone = woken = 0
    top = now_ms() - stale_ms
    for shard in range(keys.LIVE_SHARDS):
        index = keys.live_shard(shard)
        place = 0
        while True:
            page = scored(
                await store.command(
                    "ZRANGE", index, "-inf", top, "BYSCORE", "LIMIT", place, _PAGE, "WITHSCORES"
                )
            )
            counts = await store.commands(
                ("HMGET", CaseKeys(case_id).meta, "n", "d") for case_id, _ in page
            )
            left = 0
            for (case_id, score), (accepted, done) in zip(page, counts, strict=True):
                if accepted is None:
                    gone += await store.run("unlist", [index], [case_id, score])
                    continue
                left += 1
                if accepted != done:
                    woken += await _wake(store, case_id)
            place += left
            if len(page) < _PAGE:
                break
    gone += await handoffs.sweep(store, top)
    await case_index.sweep(store)
    await job_board.sweep(store, top_ms=top)
    return gone, woken


async def _wake(store: Store, case_id: str) -> int:
    return int(await store.command("ZADD", keys.BUSY, "NX", now_ms(), case_id))
