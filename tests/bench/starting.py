"""How soon an instance serves: from nothing, and after Valkey was killed with many cases in it."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from app.state.conversations import ConversationStateManager
from tests.bench.machine import on_cores
from tests.bench.report import Row, Table
from tests.bench.rig import Rig, opened, run
from tests.support.api import BASE, Api
from tests.support.cases import TOKEN_HASH, case_state
from tests.support.sealed import store_at

FORBIDDEN = ("statsmodels", "duckdb", "pandas", "numpy", "scipy", "matplotlib")
"""What must never load in the API process."""
_IMPORTED = re.compile(r"^import time:\s+(\d+) \|\s+(\d+) \|(\s+)(\S+)$", re.MULTILINE)


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    starts: int = 3
    sdks: Sequence[str | None] = (None, "openai")
    cases: int = 20_000


def cold_start(rig: Rig, plan: Plan) -> Table:
    """Measure from the start of the process to ready, beside Python importing what it imports."""
    ready: dict[str | None, float] = {}
    for sdk in plan.sdks:
        for _ in range(plan.starts):
            began = time.perf_counter()
            instance = rig.instance(sdk)
            took = time.perf_counter() - began
            ready[sdk] = min(ready.get(sdk, took), took)
            instance.close()
    with on_cores(rig.cores.measured):
        began = time.perf_counter()
        command = [sys.executable, "-c", "import litestar, uvicorn, msgspec, redis.asyncio, openai"]
        subprocess.run(command, check=True)
        libraries = time.perf_counter() - began
    return Table(
        name="cold-start",
        title="Cold start of the API, to ready",
        rows=[
            Row(
                what="without a model" if sdk is None else f"with the SDK of {sdk}",
                ours=took,
                unit="s",
                beside="Python importing the libraries alone",
                peer=libraries,
                aim="≤ 1.5 s",
                reached=took <= 1.5,
            )
            for sdk, took in ready.items()
        ],
    )


def imported(rig: Rig, sdk: str | None) -> set[str]:
    """Return the modules an instance has loaded when it is ready."""
    instance = rig.instance(sdk, PYTHONPROFILEIMPORTTIME="1")
    instance.terminate()
    return {match[4] for match in _IMPORTED.finditer(instance.output())}


def recovery(rig: Rig, plan: Plan) -> Table:
    """Kill Valkey with many cases in it; measure until an instance takes messages again."""
    instance = rig.shared(None)
    run(_filled(rig.valkey.url, plan.cases))
    (case,) = asyncio.run(opened(instance.port, 1))
    api = Api(instance.port)
    body = {"case_id": case.case_id, "message": "Fui demitida ontem."}
    assert api.post("/continue", body, case.case_token, key="before").status == 200
    rig.valkey.kill()
    began = time.perf_counter()
    rig.valkey.start()
    loaded = time.perf_counter() - began
    while api.post("/continue", body, case.case_token, key="after").status != 200:
        assert time.perf_counter() - began < 60, instance.output()
    serving = time.perf_counter() - began
    turns = api.call("GET", f"{BASE}/cases/{case.case_id}", token=case.case_token).json()["turns"]
    assert len(turns) == 2
    return Table(
        name="recovery",
        title=f"Valkey killed with {plan.cases:,} cases in it",
        rows=[
            Row(
                what="until messages are answered again",
                ours=serving,
                unit="s",
                beside="until Valkey has loaded its data",
                peer=loaded,
                aim="≤ 1.5 s",
                reached=serving <= 1.5,
            )
        ],
    )


async def _filled(url: str, count: int) -> None:
    store = store_at(url)
    conversations = ConversationStateManager(store, "bench")
    state = case_state()

    async def open_some(many: int) -> None:
        for _ in range(many):
            fresh = replace(state, case_id=uuid4().hex)
            await conversations.start(fresh, token_hash=TOKEN_HASH, cap=100, ttl=3_600)

    await asyncio.gather(*(open_some(count // 50) for _ in range(50)))
    await store.close()
