"""Erased means erased: after it, nothing that is kept anywhere is of the case."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analytics.warehouse import open_warehouse
from app.domain.assignment import person_key
from app.embedded import EmbeddedValkey
from app.notify.webhooks import new_secret
from app.state import keys
from app.state.flags import Flags
from app.state.store import Store
from plugins.flags.sticky import StickyBuckets
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import BASE, OPERATOR_TOKEN, Api, Case
from tests.support.processes import free_port
from tests.support.sealed import store_at

PATIENCE = 60.0
CANARY = "Quetzalcoatl-7719"
STORY = f"Water drips from my ceiling, says {CANARY}, since yesterday."
_STEP_SECONDS = 0.1
_READ: dict[bytes, Callable[[str], tuple[Any, ...]]] = {
    b"string": lambda key: ("GET", key),
    b"hash": lambda key: ("HGETALL", key),
    b"list": lambda key: ("LRANGE", key, 0, -1),
    b"set": lambda key: ("SMEMBERS", key),
    b"zset": lambda key: ("ZRANGE", key, 0, -1),
    b"stream": lambda key: ("XRANGE", key, "-", "+"),
}


async def everything(store: Store) -> dict[str, str]:
    """Return every key of the storage with all that it holds, as text."""
    names = [one.decode() for one in await store.command("KEYS", "*")]
    kinds = await store.commands(("TYPE", one) for one in names)
    read = [_READ[kind](name) for name, kind in zip(names, kinds, strict=True) if kind != b"none"]
    answers = await store.commands(read)
    return {str(one[1]): f"{one[1]} {answer!r}" for one, answer in zip(read, answers, strict=True)}


def of_case(held: dict[str, str], case: Case, *words: str) -> list[str]:
    """Return the keys in whose names or values something of the case stands."""
    return sorted(
        name for name, text in held.items() if any(one in text for one in (case.id, *words))
    )


def in_files(folder: Path, *words: str) -> list[str]:
    """Return the files of a folder in which one of these words stands."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(one.encode() in path.read_bytes() for one in words)
    )


def in_warehouse(folder: Path, case: Case) -> dict[str, int]:
    """Return how many rows of the case each table has, of those that have any."""
    warehouse = open_warehouse(folder)
    try:
        found = {}
        for one in warehouse.status():
            rows = warehouse.query(f"SELECT case_id FROM {one.name}").rows  # noqa: S608
            found[one.name] = rows.count((case.id,))
        return {name: rows for name, rows in found.items() if rows}
    finally:
        warehouse.close()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(_STEP_SECONDS)


def live_fully(api: Api, case: Case) -> None:
    """Do with a case whatever leaves something behind."""

    def posted(
        path: str, body: Any = None, token: str = case.token, key: str | None = None
    ) -> None:
        answer = api.post(path, body, token, key=key)
        assert answer.status in {200, 201, 202, 204}, (path, answer)

    api.talk(case, STORY)
    posted(f"/cases/{case.id}/facts", {"slot": "when", "value": CANARY}, key="fact")
    posted(f"/cases/{case.id}/links")
    posted("/force-complete", {"case_id": case.id, "reason": CANARY}, key="end")
    posted(f"/cases/{case.id}/rating", {"score": 9, "comment": CANARY})
    posted(f"/cases/{case.id}/handoff", {"reason": CANARY}, key="human")
    review = {"reviewer": "Ana", "code": None, "note": CANARY}
    posted(f"/operator/cases/{case.id}/reviews", review, OPERATOR_TOKEN)
    taken = {"operator": "Ana"}
    posted(f"/operator/cases/{case.id}/take", taken, OPERATOR_TOKEN, key="take")
    told = {"operator": "Ana", "text": f"Hello {CANARY}"}
    posted(f"/operator/cases/{case.id}/reply", told, OPERATOR_TOKEN, key="reply")


async def test_nothing_is_left_of_an_erased_case(
    own_valkey: EmbeddedValkey, make_fleet: MakeFleet, tmp_path: Path, show: Show
) -> None:
    """Neither in any key, nor in queues, dead letters and caches, nor in the warehouse or a file.

    Three things remain: a digest in the trail that only the case's id leads to; what must not come
    back to the warehouse, by that id for 90 days; and what experiments gave the person, whose it is
    beyond this case, until that is erased by their reference.
    """
    var = tmp_path / "ours"
    instances = make_fleet(
        own_valkey,
        TRIAGE_VAR=str(var),
        TRIAGE_OPERATOR_TOKEN=OPERATOR_TOKEN,
        TRIAGE_CACHE="exact",
        TRIAGE_WAREHOUSE_SECONDS="0.1",
        TRIAGE_WEBHOOK_URL=f"http://127.0.0.1:{free_port()}/nobody-listens",
        TRIAGE_WEBHOOK_SECRET=new_secret(),
        TRIAGE_WEBHOOKS_ALLOW_LOOPBACK="1",
    )
    instances.worker()
    api = instances.some(1)[0].api
    person = f"crm-{CANARY}"
    case = api.start(locale="en", user_ref=person, attributes={"channel": CANARY})
    other = api.start(locale="en", user_ref="somebody else")
    for one in (case, other):
        live_fully(api, one)
    folder = var / "warehouse"
    await until(lambda: {"turn", "rating", "review"} <= set(in_warehouse(folder, case)))
    store = store_at(own_valkey.url)
    try:
        before = await everything(store)
        assert len(of_case(before, case)) > 10
        assert api.call("DELETE", f"{BASE}/cases/{case.id}", token=case.token).status == 204
        await until(lambda: not in_warehouse(folder, case))
        # Indexes of facts have its id until they are looked at once more, in ten minutes: now.
        indexes = {keys.FACT_CASES, keys.FACT_CASES_SETTLING}
        deadline = time.monotonic() + PATIENCE
        while left := set(of_case(after := await everything(store), case, CANARY)):
            assert left <= indexes
            assert time.monotonic() < deadline
            await store.command("ZADD", keys.FACT_CASES_SETTLING, "XX", 1, case.id)
            await asyncio.sleep(_STEP_SECONDS)
        (given,) = of_case(after, case, person_key(person))
        assert given.startswith(keys.ASSIGNED)
        await StickyBuckets(Flags(store)).forget(person_key(person))
        after = await everything(store)
        assert of_case(after, case, CANARY, person_key(person)) == []
        assert len(of_case(after, other)) > 10
        digest = [name for name, text in after.items() if "case.erased" in text]
        assert digest == [keys.AUDIT]
        assert in_files(var, CANARY, person_key(person)) == []
        assert in_files(var, case.id) == ["warehouse/erased.json"]
        await store.command("BGREWRITEAOF")
        for _ in range(600):
            if not (await store.command("INFO", "persistence"))["aof_rewrite_in_progress"]:
                break
            await asyncio.sleep(_STEP_SECONDS)
        assert in_files(own_valkey.folder, CANARY, case.id, person_key(person)) == []
    finally:
        await store.close()
    assert set(in_warehouse(folder, other)) >= {"turn", "rating", "review"}
    show(
        "A case was erased",
        [
            ("keys that held something of it", len(of_case(before, case))),
            ("keys, files and rows that do now", 0),
        ],
    )
