"""Many at once at one case, and what reading a message by rules alone costs."""

import asyncio
import json
import time
from datetime import date
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct

from app.core.playbooks import load_playbooks
from app.core.rules import Rules
from app.domain.case import CaseState
from app.embedded import EmbeddedValkey
from tests.bench.machine import LOAD_CORE, SERVER_CORE, pinned, program
from tests.bench.streams import Connection, http, open_cases, say
from tests.support.processes import environment, free_port, get, triage

_STORIES = Path(__file__).parents[2] / "app" / "playbooks" / "stories" / "legal_br.tuned.jsonl"


def concurrent_posts(
    folder: Path, valkey: EmbeddedValkey, *, posts: int, rounds: int
) -> list[float]:
    """Post messages to one case all at once; return the ms until each was acknowledged.

    Every message must be there afterwards, once, in a total order.
    """
    port = free_port()
    env = environment(
        TRIAGE_PORT=str(port),
        TRIAGE_VAR=str(folder),
        TRIAGE_REDIS_URL=valkey.url,
        TRIAGE_PACE_MS="0",
    )

    async def running() -> list[float]:
        times: list[float] = []
        for case in await open_cases(port, rounds, at_a_time=1):
            said = [f"O prazo combinado era o dia {at}." for at in range(posts)]
            connections = [await Connection.open(port) for _ in said]
            requests = [say(case, text, f"post-{at}") for at, text in enumerate(said)]
            replies = await asyncio.gather(
                *(one.ask(request) for one, request in zip(connections, requests, strict=True))
            )
            if {reply.status for reply in replies} != {200}:
                raise AssertionError("a message was refused")
            look = http("GET", f"/api/v2/triage/cases/{case[0]}", authorization=f"Bearer {case[1]}")
            turns = msgspec.json.decode((await connections[0].ask(look)).body)["turns"]
            if sorted(turn["message"] for turn in turns) != sorted(said):
                raise AssertionError("messages were lost or doubled")
            if [turn["turn"] for turn in turns] != list(range(1, posts + 1)):
                raise AssertionError("the turns are not in a total order")
            times += [(reply.head - reply.asked) / 1e6 for reply in replies]
            for one in connections:
                one.close()
        return times

    with program("crowd", triage("serve"), env, folder, core=SERVER_CORE) as api:
        api.wait_until(lambda: get(port, "/health/ready")[0] == 200)
        with pinned(LOAD_CORE):
            return uvloop.run(running())


class Reading(Struct, frozen=True, kw_only=True):
    """What rules cost: compiling them, and one message."""

    compile_seconds: float
    turns_ms: list[float]


def guided_understanding(most: int) -> Reading:
    """Read labelled stories and answer them, by rules alone."""
    with pinned(SERVER_CORE):
        began = time.process_time()
        rules = Rules(load_playbooks()["legal_br"])
        compiled = time.process_time() - began
        times = []
        for line in _STORIES.read_text("utf-8").splitlines()[:most]:
            story = json.loads(line)
            state = CaseState(
                case_id="bench",
                playbook="legal_br",
                playbook_version="1.0.0",
                locale=story["locale"],
                variant="v1",
                created_at=0,
                updated_at=0,
            )
            began = time.process_time()
            assessment = rules.understanding.read(state, [], 1, story["text"], date(2026, 1, 2))
            rules.guided.answer(state, assessment, story["text"], 1)
            times.append((time.process_time() - began) * 1_000)
    return Reading(compile_seconds=compiled, turns_ms=times)
