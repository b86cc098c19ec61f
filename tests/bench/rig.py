"""The set-up of a measurement: the server on one core; Valkey, provider and load on the other.

Every process is a real one. Where a machine has a single core they share it.
"""

import asyncio
import http.client
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
import uvloop
from msgspec import Struct

from app.embedded import EmbeddedValkey
from tests.bench.direct import Direct
from tests.bench.load import Target
from tests.bench.machine import Cores, cpu_seconds, on_cores, two_cores
from tests.bench.provider import Pace
from tests.support.api import BASE
from tests.support.processes import (
    Instance,
    Program,
    environment,
    free_port,
    triage,
)

T = TypeVar("T")

STORY = (
    "Fui demitida ontem sem justa causa e a empresa não pagou minhas verbas rescisórias. "
    "Trabalhei lá por três anos em São Paulo e tenho medo de perder o prazo."
)
_FOLDER = Path(__file__).parents[2]
_SECONDS = 100.0


class Opened(Struct, frozen=True):
    """A case to say something in."""

    case_id: str
    case_token: str


class Rig:
    """What is measured and what it is measured with; made by `rig`."""

    def __init__(self, var: Path, valkey: EmbeddedValkey, stack: ExitStack, cores: Cores) -> None:
        self.var = var
        self.valkey = valkey
        self.cores = cores
        self._stack = stack
        self._shared: dict[str | None, Instance] = {}
        self._provider = self._run("provider", "tests.bench.provider", [])
        self.provider_port = self._provider[1]
        self.provider = f"http://127.0.0.1:{self.provider_port}"

    def _run(self, name: str, module: str, more: list[str]) -> tuple[Program, int]:
        port = free_port()
        command = [sys.executable, "-m", module, str(port), *more]
        env = {**environment(), "PYTHONPATH": str(_FOLDER)}
        program = Program(name, command, env, self.var / f"{name}.log")
        self._stack.callback(program.close)
        program.wait_until(lambda: _listens(port))
        return program, port

    def pace(self, **members: float) -> Pace:
        """Tell the provider how to answer from now on."""
        chosen = msgspec.convert(members, Pace)
        connection = http.client.HTTPConnection("127.0.0.1", self.provider_port, timeout=10)
        connection.request("POST", "/pace", msgspec.json.encode(chosen))
        assert connection.getresponse().status == 204
        connection.close()
        return chosen

    def instance(
        self,
        sdk: str | None,
        *,
        wait: bool = True,
        command: Sequence[str] | None = None,
        **settings: str,
    ) -> Instance:
        """Start an instance of ours, on the measured core, that asks the provider through an SDK.

        With None it has no model, and the guided interviewer serves. `command` runs in place of
        `triage serve`.
        """
        port = free_port()
        asks = {
            "openai": {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{self.provider}/v1"},
            "anthropic": {"ANTHROPIC_API_KEY": "none", "ANTHROPIC_BASE_URL": self.provider},
            None: {},
        }
        env = environment(
            TRIAGE_PORT=str(port),
            TRIAGE_VAR=str(self.var),
            TRIAGE_REDIS_URL=self.valkey.url,
            **asks[sdk],
            **settings,
        )
        with on_cores(self.cores.measured):
            serve = list(command or triage("serve"))
            instance = Instance(port, serve, env, self.var / f"api-{port}.log")
        self._stack.callback(instance.close)
        if wait:
            instance.wait_ready(_SECONDS)
        return instance

    def shared(self, sdk: str | None) -> Instance:
        """Return this set-up's instance that asks the provider through an SDK."""
        if sdk not in self._shared:
            self._shared[sdk] = self.instance(sdk)
        return self._shared[sdk]

    def ours(self, instance: Instance, cases: int) -> tuple[Target, Callable[[], float]]:
        """Return an instance as a target of streams, each in a case of its own, and its clock."""
        free = iter(asyncio.run(opened(instance.port, cases)))

        async def request() -> bytes:
            return say(next(free))

        target = Target(
            name="ours",
            port=instance.port,
            request=request,
            after_words=b"event: turn.completed",
        )
        return target, lambda: cpu_seconds(instance.pid)

    def floor(self) -> tuple[Target, Callable[[], float]]:
        """Start a floor on the measured core and return it as a target, and its clock."""
        with on_cores(self.cores.measured):
            program, port = self._run(
                f"floor-{uuid4().hex[:8]}", "tests.bench.floor", [self.provider]
            )

        async def request() -> bytes:
            return _post(f"{BASE}/continue-stream", msgspec.json.encode({"message": STORY}))

        target = Target(name="floor", port=port, request=request, after_words=b"event: end")
        return target, lambda: cpu_seconds(program.pid)

    def nobody(self) -> tuple[Target, Callable[[], float]]:
        """Return the provider itself as a target: nobody stands between."""

        async def request() -> bytes:
            return _post("/v1/responses", msgspec.json.encode({"model": "raw", "input": STORY}))

        target = Target(
            name="nobody",
            port=self.provider_port,
            request=request,
            after_words=b"response.output_text.done",
        )
        return target, lambda: 0.0

    def direct(self, sdk: str, users: int, spread: float, seconds: float) -> Direct:
        """Call the provider with an SDK, in a process on the measured core."""
        numbers = map(str, (users, spread, seconds))
        command = [sys.executable, "-m", "tests.bench.direct", sdk, self.provider, *numbers]
        env = {**environment(), "PYTHONPATH": str(_FOLDER)}
        with on_cores(self.cores.measured):
            done = subprocess.run(command, env=env, capture_output=True, timeout=280, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return msgspec.json.decode(done.stdout, type=Direct)


@contextmanager
def rig(var: Path, cores: Cores | None = None) -> Iterator[Rig]:
    """Set everything up, and take it down with the block; by default on cores of their own."""
    chosen = cores or two_cores()
    with on_cores(chosen.others), ExitStack() as stack:
        valkey = stack.enter_context(EmbeddedValkey(var))
        yield Rig(var, valkey, stack, chosen)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run work on the event loop that the product uses."""
    return uvloop.run(work)


async def opened(port: int, count: int) -> list[Opened]:
    """Open cases."""
    found: list[Opened] = []
    body = msgspec.json.encode({"locale": "pt-BR"})
    read = msgspec.json.Decoder(Opened).decode

    async def open_some(many: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(many):
            writer.write(_post(f"{BASE}/start", body))
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 201 " in head, head
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            found.append(read(await reader.readexactly(length)))
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(open_some(count // 20 + (at < count % 20)) for at in range(20)))
    return found


def say(case: Opened, text: str = STORY, path: str = "continue-stream", **headers: str) -> bytes:
    """Return the request of saying something, ready to send."""
    body = msgspec.json.encode({"case_id": case.case_id, "message": text})
    return _post(f"{BASE}/{path}", body, case.case_token, **headers)


def follow(case: Opened) -> bytes:
    """Return the request of following a case's events."""
    head = f"GET {BASE}/cases/{case.case_id}/events HTTP/1.1\r\nHost: bench\r\n"
    return f"{head}Authorization: Bearer {case.case_token}\r\n\r\n".encode()


def _post(path: str, body: bytes, token: str | None = None, **headers: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: bench",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Idempotency-Key: {uuid4().hex}",
        *([f"Authorization: Bearer {token}"] if token else []),
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _listens(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.connect()
    except OSError:
        return False
    finally:
        connection.close()
    return True
