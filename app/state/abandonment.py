"""Finding interviews that nobody goes on with, while they are still there to be told of.

A case that expires says nothing any more, so it counts as abandoned well before its end. Whoever
comes back may still finish it, which outweighs that.
"""

from collections.abc import Callable

from app.domain.case import CaseState
from app.domain.facts import About, TriageAbandoned
from app.state import keys
from app.state.facts import LeavingFacts
from app.state.indexes import now_ms, scored
from app.state.keys import CaseKeys
from app.state.looking import states
from app.state.store import Store

AFTER_MS = 24 * 3_600_000
"""Silence after which a case counts as abandoned; half of its life, where that is shorter."""
_PAGE = 200


OnTold = Callable[[About], None]


def _nobody(_: About) -> None:
    """Tell nobody else."""


async def tell_abandoned(
    store: Store, *, after_ms: int = AFTER_MS, on_told: OnTold = _nobody
) -> int:
    """Tell of each case that was abandoned, once; returns how many there were.

    Cases in which nothing was ever said are none. `on_told` hears of each as well.

    Raises:
        StateUnavailable: if the storage does not answer.
    """
    told = 0
    for shard in range(keys.LIVE_SHARDS):
        place = 0
        while True:
            page = scored(
                await store.command(
                    "ZRANGE", keys.live_shard(shard), place, place + _PAGE - 1, "WITHSCORES"
                )
            )
            told += await _of_page(store, page, after_ms, on_told)
            place += _PAGE
            if len(page) < _PAGE:
                break
    return told


async def _of_page(
    store: Store, page: list[tuple[str, int]], after_ms: int, on_told: OnTold
) -> int:
    found = await store.commands(
        ("HMGET", CaseKeys(case_id).meta, "n", "d", "ab", "x") for case_id, _ in page
    )
    told = 0
    for (case_id, seen_ms), (accepted, done, known, life) in zip(page, found, strict=True):
        if accepted is None or known is not None or accepted != done or done == b"0":
            continue
        idle_ms = now_ms() - seen_ms
        if idle_ms >= min(after_ms, int(life) * 500):
            told += await _tell(store, case_id, int(done), idle_ms, on_told)
    return told


async def _tell(store: Store, case_id: str, turns: int, idle_ms: int, on_told: OnTold) -> int:
    (state,) = await states(store, [case_id])
    if not isinstance(state, CaseState) or state.status != "active":
        return 0
    fact = TriageAbandoned(
        id=f"abandoned:{case_id}",
        occurred_ms=now_ms(),
        about=About.of(state),
        turns=turns,
        idle_ms=idle_ms,
        questions=state.questions,
        missing=len(state.assessment.missing),
    )
    leaving, listing = await LeavingFacts(store).with_commit(case_id, [fact])
    args = [turns, *(leaving or [b""])]
    told = int(await store.run("abandon", CaseKeys(case_id).all(), args, before=listing))
    if told:
        on_told(fact.about)
    return told
