"""What a whole case costs: processor time, memory, Valkey, disk, warehouse and network.

One person after the other tells a story, answers four times and concludes, over streams as the page
reads them; then comes what a worker makes of it. Only our own processes are measured, not the mock
of the providers.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from msgspec import Struct
from redis import Redis

from tests.bench.machine import cpu_seconds, on_cores, resident_bytes
from tests.bench.report import Row, Table
from tests.bench.rig import STORY, Rig
from tests.support.api import BASE
from tests.support.llmock import LLMock, running_llmock
from tests.support.processes import Instance, Program, environment, triage
from tests.support.replies import (
    analysis_document,
    report_document,
    text,
    turn_document,
    verdict_document,
)
from tests.support.waiting import until

ANSWERS = (
    "Foi no dia 3 de março, e o aviso veio por mensagem.",
    "Em São Paulo, num escritório de contabilidade.",
    "Tenho a carteira de trabalho, os holerites e as conversas com a minha chefe.",
    "Quero receber as verbas rescisórias e o FGTS.",
)
CODES = ("work.dismissal", "work.unpaid_wages")
REPLY = " ".join(["Entendo, e sinto muito pelo que aconteceu com a senhora;"] * 6)
_OPENAI, _ANTHROPIC = {"provider": "openai"}, {"provider": "anthropic"}
_LAST = b"0\r\n\r\n"
_PARTS = {
    "m": "state and result",
    "l": "turns",
    "ev": "events",
    "t": "words, for ten minutes",
    "j": "the analysis and its steps",
    "o": "what is told of it",
}
_IDLE_SECONDS = 10.0
_ALWAYS = frozenset({"api", "worker", "valkey", "commands", "in", "out"})
"""What goes on also when nobody asks anything: it is counted apart, since it is of no case."""


class Plan(Struct, frozen=True, kw_only=True):
    """How many cases there are of each kind."""

    warm: int = 5
    guided: int = 100
    model: int = 30
    idle_seconds: float = _IDLE_SECONDS


def guided(rig: Rig, plan: Plan) -> Table:
    """Measure cases that rules alone take, from the first word to the result."""
    with _house(rig, {}) as house:
        return _measured(house, plan, plan.guided, "guided", None)


def with_models(rig: Rig, plan: Plan) -> Table:
    """Measure cases in which a model interviews, and two and a judge make the result."""
    with running_llmock() as mock:
        asks = {
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": mock.openai,
            "ANTHROPIC_API_KEY": "k",
            "ANTHROPIC_BASE_URL": mock.anthropic,
            "TRIAGE_STRATEGY": "ensemble",
            "TRIAGE_CACHE": "off",  # else the second case is given the first one's analysis
            "TRIAGE_FIRST_TOKEN_SECONDS": "60",
            "TRIAGE_READ_SECONDS": "60",
        }
        with _house(rig, asks) as house:
            return _measured(house, plan, plan.model, "model", mock)


class House:
    """An instance, a worker, and the Valkey of both."""

    def __init__(self, rig: Rig, api: Instance, worker: Program, warehouse: Path) -> None:
        self.rig = rig
        self.api = api
        self.worker = worker
        self.warehouse = warehouse
        self.valkey = Redis.from_url(rig.valkey.url)

    def clock(self) -> dict[str, float]:
        """Return everything that grows, as it stands now."""
        info: Mapping[str, Any] = self.valkey.info("everything")  # type: ignore[assignment]
        return {
            "api": cpu_seconds(self.api.pid) * 1_000,
            "worker": cpu_seconds(self.worker.pid) * 1_000,
            "valkey": cpu_seconds(self.rig.valkey.pid) * 1_000,
            "commands": info["total_commands_processed"],
            "in": info["total_net_input_bytes"] / 1e3,
            "out": info["total_net_output_bytes"] / 1e3,
            "memory": info["used_memory_dataset"] / 1e3,
            "disk": info["aof_current_size"] / 1e3,
            "fsyncs": info.get("aof_delayed_fsync", 0),
            "warehouse": sum(
                one.stat().st_size for one in self.warehouse.rglob("*.parquet")
            ) / 1e3,
        }  # fmt: skip

    def drained(self) -> bool:
        """Say whether all facts have reached the warehouse."""
        keys: Sequence[bytes] = self.valkey.keys("tri:{*}:f")  # type: ignore[assignment]
        return not keys and not self.valkey.xlen("tri:facts")


@contextmanager
def _house(rig: Rig, settings: Mapping[str, str]) -> Iterator[House]:
    warehouse = rig.var / f"warehouse-{uuid4().hex[:8]}"
    shared: dict[str, Any] = {
        "TRIAGE_PACE_MS": "0",
        "TRIAGE_RATE_ADDRESS": "0",
        "TRIAGE_WAREHOUSE": str(warehouse),
        **settings,
    }
    api = rig.instance(None, **shared)
    env = environment(
        TRIAGE_VAR=str(rig.var),
        TRIAGE_REDIS_URL=rig.valkey.url,
        TRIAGE_METRICS_PORT="0",
        **shared,
    )
    with on_cores(rig.cores.measured):
        worker = Program("worker", triage("worker"), env, rig.var / f"{warehouse.name}.log")
    try:
        worker.wait_until(lambda: "worker.started" in worker.output())
        house = House(rig, api, worker, warehouse)
        try:
            yield house
        finally:
            house.valkey.close()
    finally:
        worker.close()
        api.close()


def _measured(house: House, plan: Plan, cases: int, kind: str, mock: LLMock | None) -> Table:
    def people(count: int) -> list["_Talk"]:
        return [asyncio.run(_case(house, mock)) for _ in range(count)]

    people(plan.warm)
    until(house.drained, "facts do not leave")
    at_rest = resident_bytes(house.api.pid), resident_bytes(house.worker.pid)
    idle = house.clock()
    asyncio.run(asyncio.sleep(plan.idle_seconds))
    before = house.clock()
    began = time.perf_counter()
    told = people(cases)
    until(house.drained, "facts do not leave")
    after = house.clock()
    seconds = time.perf_counter() - began
    resting = {
        name: (before[name] - idle[name]) / plan.idle_seconds if name in _ALWAYS else 0.0
        for name in after
    }
    each = {name: (after[name] - before[name] - resting[name] * seconds) / cases for name in after}
    held = _held(house, told)
    rows = [
        Row(what="API", ours=each["api"], unit="ms of processor time"),
        Row(what="worker", ours=each["worker"], unit="ms of processor time"),
        Row(what="Valkey", ours=each["valkey"], unit="ms of processor time"),
        *(
            Row(
                what=f"{name} that nobody asks anything",
                ours=resting[name],
                unit="ms of processor time a second",
            )
            for name in ("api", "worker", "valkey")
        ),
        Row(what="commands that Valkey runs", ours=each["commands"], unit=""),
        Row(what="from us to Valkey", ours=each["in"], unit="kB"),
        Row(what="from Valkey to us", ours=each["out"], unit="kB"),
        Row(what="memory of Valkey, right after", ours=each["memory"], unit="kB"),
        *(Row(what=f"of it: {name}", ours=size, unit="kB") for name, size in held.items()),
        Row(what="append-only file, before it is rewritten", ours=each["disk"], unit="kB"),
        Row(what="warehouse", ours=each["warehouse"], unit="kB"),
        Row(what="from the person", ours=sum(one.sent for one in told) / cases / 1e3, unit="kB"),
        Row(what="to the person", ours=sum(one.came for one in told) / cases / 1e3, unit="kB"),
        Row(what="API, resident", ours=resident_bytes(house.api.pid) / 1e6, unit="MB",
            beside="before these cases", peer=at_rest[0] / 1e6),
        Row(what="worker, resident", ours=resident_bytes(house.worker.pid) / 1e6, unit="MB",
            beside="before these cases", peer=at_rest[1] / 1e6),
    ]  # fmt: skip
    turns = len(ANSWERS) + 2
    return Table(
        name=f"cost-per-case-{kind}",
        title=f"A whole {kind} case of {turns} turns, the mean of {cases}, without what is at rest",
        rows=rows,
    )


def _held(house: House, told: Sequence["_Talk"]) -> dict[str, float]:
    """Return what a case holds in Valkey, in kB, by what it is."""
    sizes: Counter[str] = Counter()
    for one in told:
        keys: Sequence[bytes] = house.valkey.keys(f"tri:{{{one.case_id}}}:*")  # type: ignore[assignment]
        for key in keys:
            part = key.decode().split("}:", 1)[1].partition(":")[0]
            size = house.valkey.memory_usage(key, samples=0)
            sizes[_PARTS.get(part, "all else")] += int(size or 0)  # type: ignore[arg-type]
    return {name: size / len(told) / 1e3 for name, size in sizes.most_common()}


class _Talk(Struct):
    """One person, and the bytes that went both ways."""

    case_id: str = ""
    token: str = ""
    sent: int = 0
    came: int = 0


async def _case(house: House, mock: LLMock | None) -> _Talk:
    """Go through a case: the story, the answers, the conclusion, and the result."""
    if mock is not None:
        _play(mock)
    talk = _Talk()
    reader, writer = await asyncio.open_connection("127.0.0.1", house.api.port)

    async def ask(method: str, path: str, value: Any = None) -> tuple[int, bytes]:
        request = _request(method, path, value, talk.token)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
        if length:
            body = await reader.readexactly(int(length))
        else:
            body = await reader.readuntil(_LAST)
        talk.sent += len(request)
        talk.came += len(head) + len(body)
        return int(head.split()[1]), body

    try:
        status, body = await ask("POST", "/start", {"locale": "pt-BR"})
        assert status == 201, body
        opened = json.loads(body)
        talk.case_id, talk.token = opened["case_id"], opened["case_token"]
        for message in (STORY, *ANSWERS):
            said = {"case_id": talk.case_id, "message": message}
            status, body = await ask("POST", "/continue-stream", said)
            assert b"event: turn.completed" in body, body[-800:]
        ending = {"case_id": talk.case_id, "reason": "has_said_all"}
        status, body = await ask("POST", "/force-complete", ending)
        assert status in {200, 202}, body
        status = 0
        async with asyncio.timeout(60):
            # As a client asks that has no stream open.
            while status != 200 or b'"code"' not in body:
                await asyncio.sleep(0.2)
                status, body = await ask("GET", f"/result/{talk.case_id}")
        strategy = b"guided" if mock is None else b"ensemble"
        assert b'"strategy":"%s"' % strategy in body, body
    finally:
        writer.close()
        await writer.wait_closed()
    return talk


def _play(mock: LLMock) -> None:
    """Tell the models what they answer in the next case."""
    turn = turn_document(REPLY, candidates={CODES[0]: 0.8}, complexity="high")
    first, other = (
        analysis_document(candidates=[{"code": code, "confidence": 0.8}]) for code in CODES
    )
    mock.reset()
    mock.scenario(
        [
            *[{"type": "reply", "text": text(turn)} for _ in (STORY, *ANSWERS)],
            {"type": "reply", "text": text(first), "match": _OPENAI},
            {"type": "reply", "text": text(other), "match": _ANTHROPIC},
            {"type": "reply", "text": text(verdict_document(CODES[0], "Houve dispensa."))},
            {"type": "reply", "text": text(report_document())},
        ]
    )


def _request(method: str, path: str, value: Any, token: str) -> bytes:
    body = b"" if value is None else json.dumps(value).encode()
    lines = [
        f"{method} {BASE}{path} HTTP/1.1",
        "Host: bench",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Idempotency-Key: {uuid4().hex}",
        *([f"Authorization: Bearer {token}"] if token else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
