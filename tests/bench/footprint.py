"""What an instance weighs and how soon it serves: cold start, memory, idle streams."""

import time
from pathlib import Path

import uvloop
from msgspec import Struct

from app.embedded import EmbeddedValkey
from tests.bench.machine import LOAD_CORE, SERVER_CORE, pinned, program, quantile, rss_kb
from tests.bench.streams import Connection, http, open_cases
from tests.support.processes import environment, free_port, get, triage

HEAVY = ("statsmodels", "duckdb", "pandas", "scipy")
"""What the API must never load."""


class ColdStart(Struct, frozen=True, kw_only=True):
    """How an instance comes up."""

    seconds: float
    """From the start of the process until `/health/ready` says so; the middle of the rounds."""
    rss_mb: float
    heavy: list[str]
    """Those of `HEAVY` that are loaded."""


def cold_start(folder: Path, valkey: EmbeddedValkey, *, rounds: int, **settings: str) -> ColdStart:
    """Start an instance some times, alone on its core."""
    times: list[float] = []
    memory: list[float] = []
    heavy: set[str] = set()
    for _ in range(rounds):
        port = free_port()
        env = environment(
            TRIAGE_PORT=str(port),
            TRIAGE_VAR=str(folder),
            TRIAGE_REDIS_URL=valkey.url,
            **settings,
        )
        began = time.monotonic()
        with program("cold", triage("serve"), env, folder, core=SERVER_CORE) as api:
            while get(port, "/health/ready")[0] != 200:
                time.sleep(0.005)
                if api.process.poll() is not None:
                    raise AssertionError(api.output())
            times.append(time.monotonic() - began)
            memory.append(rss_kb(api.pid) / 1_024)
            mapped = Path(f"/proc/{api.pid}/maps").read_text()
            heavy.update(name for name in HEAVY if f"/{name}/" in mapped)
    return ColdStart(
        seconds=quantile(times, 0.5), rss_mb=quantile(memory, 0.5), heavy=sorted(heavy)
    )


def idle_stream_kb(folder: Path, valkey: EmbeddedValkey, streams: int) -> float:
    """Return the memory that an open stream of a case takes while nothing happens, in kB."""
    port = free_port()
    env = environment(TRIAGE_PORT=str(port), TRIAGE_VAR=str(folder), TRIAGE_REDIS_URL=valkey.url)

    async def opened(pid: int) -> float:
        cases = await open_cases(port, streams + 1)
        # The first stream pays for what all share.
        before, connections = 0, []
        for case_id, token in cases:
            connection = await Connection.open(port)
            path = f"/api/v2/triage/cases/{case_id}/events"
            await connection.begin(http("GET", path, authorization=f"Bearer {token}"))
            connections.append(connection)
            before = before or rss_kb(pid)
        after = rss_kb(pid)
        for connection in connections:
            connection.close()
        return (after - before) / streams

    with program("idle", triage("serve"), env, folder, core=SERVER_CORE) as api:
        api.wait_until(lambda: get(port, "/health/ready")[0] == 200)
        with pinned(LOAD_CORE):
            return uvloop.run(opened(api.pid))
