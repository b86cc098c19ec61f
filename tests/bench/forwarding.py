"""Forwarding streams: what a turn of the product costs beside servers that keep nothing."""

import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct

from app.embedded import EmbeddedValkey
from tests.bench import streams
from tests.bench.machine import LOAD_CORE, SERVER_CORE, cpu_seconds, pinned, program, quantile
from tests.bench.streams import Load, Reply, Requests
from tests.support.processes import environment, free_port, get, triage

PRODUCT = "this product: a whole durable turn"
FLOOR = "floor: aiohttp, typed decoding, no state"
SDK_SERVER = "a server on the OpenAI SDK as documented"
PROVIDER = "the mock provider, asked by the load generator"
SDK = "the OpenAI SDK, called directly"


class Measured(Struct, frozen=True, kw_only=True):
    """What a load did to a target."""

    load: Load
    firsts_ms: list[float]
    """Times to first token."""
    lags_ms: list[float] = []
    """From the provider's write of a word to its arrival at the client."""
    cpu_us: float = 0.0
    """Processor time of the server for one token."""

    @property
    def streams_per_core(self) -> float:
        """How many such streams a core would carry to their end in a second."""
        return 1e6 / self.cpu_us / self.load.words

    def first(self, share: float) -> float:
        """Return a quantile of the time to first token, in ms."""
        return quantile(self.firsts_ms, share)

    def lag(self, share: float) -> float:
        """Return a quantile of the time from the provider's write to the client, in ms."""
        return quantile(self.lags_ms, share)


class Target(Struct, frozen=True, kw_only=True):
    """A server under measurement."""

    port: int
    pid: int
    prepare: Callable[[int, Load], Awaitable[Requests]]
    check: Callable[[Load, int, Reply], None]


class Bench(Struct, frozen=True, kw_only=True):
    """What runs while forwarding is measured."""

    base_url: str
    targets: dict[str, Target]


@contextlib.contextmanager
def servers(folder: Path, valkey: EmbeddedValkey) -> Iterator[Bench]:
    """Start the provider and the servers, each on its core."""
    with contextlib.ExitStack() as stack:

        def start(
            name: str,
            command: list[str],
            prepare: Callable[[int, Load], Awaitable[Requests]],
            check: Callable[[Load, int, Reply], None] = streams.check_words,
            *,
            ready: str = "/",
            core: int = SERVER_CORE,
            **settings: str,
        ) -> Target:
            port = free_port()
            env = environment(TRIAGE_PORT=str(port), **settings)
            filled = [part.format(port=port) for part in command]
            started = stack.enter_context(program(name, filled, env, folder, core=core))
            started.wait_until(lambda: get(port, ready)[0] == 200)
            return Target(port=port, pid=started.pid, prepare=prepare, check=check)

        responses = partial(streams.posts, "/v1/responses")
        provider = start(
            "provider", _python("tests.bench.provider", "{port}"), responses, core=LOAD_CORE
        )
        base_url = f"http://127.0.0.1:{provider.port}/v1"
        forwards = partial(streams.posts, "/")
        targets = {
            PROVIDER: provider,
            FLOOR: start(
                "floor", _python("tests.bench.floor", "{port}", base_url, "aiohttp"), forwards
            ),
            SDK_SERVER: start(
                "sdk", _python("tests.bench.floor", "{port}", base_url, "sdk"), forwards
            ),
            PRODUCT: start(
                "product",
                triage("serve"),
                streams.turns_of_the_product,
                streams.check_turn,
                ready="/health/ready",
                TRIAGE_VAR=str(folder),
                TRIAGE_REDIS_URL=valkey.url,
                OPENAI_BASE_URL=base_url,
                OPENAI_API_KEY="bench",
            ),
        }
        yield Bench(base_url=base_url, targets=targets)


def measure(target: Target, load: Load) -> Measured:
    """Run a load against a target, from the load generator's core."""

    async def running() -> tuple[list[Reply], float]:
        requests = await target.prepare(target.port, load)
        before = cpu_seconds(target.pid)
        replies = await streams.run(target.port, load, requests, partial(target.check, load))
        return replies, cpu_seconds(target.pid) - before

    with pinned(LOAD_CORE):
        replies, cpu = uvloop.run(running())
    return Measured(
        load=load,
        firsts_ms=[(reply.first - reply.asked) / 1e6 for reply in replies],
        lags_ms=[lag / 1_000 for reply in replies for lag in reply.lags],
        cpu_us=cpu / load.tokens * 1e6,
    )


def measure_sdk(base_url: str, load: Load) -> Measured:
    """Run a load through the SDK alone, in a process on the servers' core."""
    numbers = map(str, (load.streams, load.turns, load.words, load.gap_ms))
    command = _python("tests.bench.direct", base_url, *numbers)
    with pinned(SERVER_CORE):
        done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, check=True)
    firsts: list[int] = msgspec.json.decode(done.stdout)
    return Measured(load=load, firsts_ms=[first / 1_000 for first in firsts])


def merged(runs: list[Measured]) -> Measured:
    """Put runs of the same load together: all their times, and the middle of their costs."""
    return Measured(
        load=runs[0].load,
        firsts_ms=[first for run in runs for first in run.firsts_ms],
        lags_ms=[lag for run in runs for lag in run.lags_ms],
        cpu_us=quantile([run.cpu_us for run in runs], 0.5),
    )


def _python(module: str, *args: str) -> list[str]:
    return [sys.executable, "-m", module, *args]
