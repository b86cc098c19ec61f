"""What keeping accounts, counting, logging and tracing cost for each word: with and without them.

Without, an instance counts and writes nothing and logs nothing but errors. With, it has its ledger,
its metrics, which are scraped every second, and its log; then traces to a collector as well. All
take turns on the same core, twice over.
"""

import http.client
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from tests.bench.load import Target, steady
from tests.bench.report import Row, Table
from tests.bench.rig import Rig, run
from tests.support.collector import collecting
from tests.support.processes import Instance

AIM = 1.10
_MUTED = [sys.executable, "-m", "tests.bench.muted"]


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    users: int = 50
    words: int = 100
    every_ms: float = 20.0
    seconds: float = 6.0
    rounds: int = 3
    scrape_seconds: float = 1.0


def cost_of_telling(rig: Rig, plan: Plan) -> Table:
    """Measure the processor time of a word with and without all that an instance tells."""
    rig.pace(words=plan.words, every_ms=plan.every_ms)
    spread = plan.words * plan.every_ms / 1_000
    cases = int(plan.users * (plan.seconds / spread + 4))

    def measured(instance: Instance) -> float:
        target, cpu = rig.ours(instance, cases)
        return _cpu_per_word(target, cpu, plan, spread)

    with collecting() as collector:
        silent = rig.instance("openai", command=_MUTED, TRIAGE_LOG_LEVEL="error")
        telling = rig.instance("openai")
        tracing = rig.instance("openai", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        found: dict[str, list[float]] = {"silent": [], "telling": [], "tracing": []}
        for _ in range(plan.rounds):
            found["silent"].append(measured(silent))
            for name, instance in (("telling", telling), ("tracing", tracing)):
                with _scraped(instance.port, plan.scrape_seconds):
                    found[name].append(measured(instance))
        collector.wait_for(lambda: bool(collector.named("triage.turn")))
        for one in (silent, telling, tracing):
            one.close()
    best = {name: min(values) for name, values in found.items()}
    return Table(
        name="telling",
        title=f"What telling costs for a word, {plan.users} streams, the best of {plan.rounds}",
        rows=[
            Row(
                what=f"processor time of a word, {what}",
                ours=best[name],
                unit="µs",
                beside="without all of it",
                peer=best["silent"],
                aim="≤ 1.10 times",
                reached=best[name] <= AIM * best["silent"],
            )
            for name, what in (
                ("telling", "with ledger, metrics scraped every second, and log"),
                ("tracing", "with traces as well"),
            )
        ],
    )


def _cpu_per_word(target: Target, cpu: Callable[[], float], plan: Plan, spread: float) -> float:
    load = run(steady(target, users=plan.users, spread=spread, seconds=plan.seconds, cpu=cpu))
    return load.cpu_per_word


@contextmanager
def _scraped(port: int, seconds: float) -> Iterator[None]:
    """Read a process's metrics again and again while the block runs, as Prometheus does."""
    stopping = threading.Event()
    broken: list[str] = []

    def scrape() -> None:
        while not stopping.wait(seconds):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request(
                "GET", "/metrics", headers={"Accept": "application/openmetrics-text"}
            )
            response = connection.getresponse()
            if response.status != 200 or not response.read().endswith(b"# EOF\n"):
                broken.append(f"status {response.status}")
            connection.close()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
    assert not broken, broken
