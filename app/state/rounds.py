"""Going round all cases: which are active, which are gone, which turns were forgotten."""

from collections.abc import Sequence

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
    found: list[ActiveConversation] = []
    while len(found) < limit:
        answers = await store.commands(
            ("ZRANGE", keys.live_shard(shard), top, "-inf", "BYSCORE", "REV", "LIMIT", 0, limit,
             "WITHSCORES")
            for shard in range(keys.LIVE_SHARDS)
        )  # fmt: skip
        pages = [scored(one) for one in answers]
        # What lies below the last of a full page was not read: there the next round begins.
        down_to = max((page[-1][1] for page in pages if len(page) == limit), default=None)
        rows = [row for page in pages for row in page if down_to is None or row[1] >= down_to]
        found += await _those_active(store, sorted(rows, key=lambda row: -row[1]))
        if down_to is None:
            break
        top = f"({down_to}"
    return found[:limit]


async def _those_active(store: Store, rows: Sequence[tuple[str, int]]) -> list[ActiveConversation]:
    """Return those that are active of cases with the time of their last activity."""
    found: list[ActiveConversation] = []
    for at in range(0, len(rows), _PAGE):
        page = rows[at : at + _PAGE]
        found_states = await states(store, [case_id for case_id, _ in page])
        found += [
            ActiveConversation(case_id=case_id, last_activity_ms=score, state=state)
            for (case_id, score), state in zip(page, found_states, strict=True)
            if isinstance(state, CaseState) and state.status == "active"
        ]
    return found


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
