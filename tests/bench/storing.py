"""Saving and loading a conversation, beside bare round trips of the same client.

Run as a script with a server's address, how many cases and how many turns. It prints the times as
JSON, so that it can have a core of its own while the server has another.
"""

import secrets
import sys
import time
from collections.abc import Awaitable
from typing import TypeVar

import msgspec
import uvloop
from msgspec import Struct

from app.core import terminals
from app.core.intake import digest
from app.core.steps import Answer
from app.domain import event as events
from app.domain.assessment import Assessment, Candidate, SlotValue
from app.domain.case import Accepted, CaseState, Say
from app.domain.event import CaseStatusChanged
from app.state.conversations import Claim, ConversationStateManager
from app.state.store import Store
from tests.bench.machine import quantile

_SAID = "A loja prometeu entregar em dez dias e depois disse que o prazo era outro. " * 2
_REPLY = "Entendi, obrigado por contar. " * 6 + "Quando foi que a loja respondeu pela última vez?"
_ROUNDS = 3

T = TypeVar("T")


class Times(Struct, kw_only=True):
    """Medians in milliseconds."""

    ping: float
    durable_write: float
    """One write, acknowledged once it is on disk."""
    load: float
    """The case and all its turns: `open` and `turns`."""
    accept: float
    """The message is taken in and the case claimed, with everything needed to answer it."""
    finish: float
    """The turn, the new state, the terminal event and the release, at once."""
    bytes: int
    """What was loaded."""


class _Bench:
    """The client under measurement and the cases it works on."""

    def __init__(self, url: str) -> None:
        self.store = Store(url)
        self._conversations = ConversationStateManager(self.store, "bench")
        self._token = digest("bench")
        self.times: dict[str, list[float]] = {}

    async def timed(self, name: str, work: Awaitable[T]) -> T:
        began = time.perf_counter()
        found = await work
        self.times.setdefault(name, []).append((time.perf_counter() - began) * 1_000)
        return found

    async def start(self) -> str:
        case_id = secrets.token_hex(16)
        state = CaseState(
            case_id=case_id,
            playbook="bench",
            playbook_version="1.0.0",
            locale="pt-BR",
            variant="v2",
            created_at=0,
            updated_at=0,
        )
        await self._conversations.start(state, token_hash=self._token, cap=1_000, ttl=600)
        return case_id

    async def take_turn(self, case_id: str) -> None:
        receipt = await self.timed(
            "accept",
            self._conversations.accept(
                case_id,
                Accepted(command=Say(text=_SAID), at=0),
                token_hash=self._token,
                key=secrets.token_hex(8),
                fingerprint="bench",
                on_busy="reject",
                claim=True,
            ),
        )
        claim = receipt.claim
        if claim is None:
            raise AssertionError("the case was not free")
        answer = Answer(reply=_REPLY, state=_moved_on(claim))
        turn = terminals.record(claim, answer, terminals.completed(claim, answer), seq=1)
        status = CaseStatusChanged(
            status="active", complexity="low", confidence=0.5, turn=claim.turn
        )
        await self.timed(
            "finish",
            self._conversations.finish(
                claim,
                turn,
                state=answer.state,
                result=None,
                ttl=600,
                log_ttl=60,
                events=[events.encode(status)],
            ),
        )

    async def load(self, case_id: str) -> int:
        await self._conversations.open(case_id, self._token)
        return len(await self._conversations.turns(case_id))


def _moved_on(claim: Claim) -> CaseState:
    slots = {
        f"slot_{at}": SlotValue(value=_SAID[:60], turn=claim.turn, source="model")
        for at in range(12)
    }
    candidates = tuple(Candidate(code=f"area.kind_{at}", confidence=0.2) for at in range(5))
    assessment = Assessment(slots=slots, candidates=candidates, missing=("slot_13", "slot_14"))
    return msgspec.structs.replace(claim.state, assessment=assessment, asking="slot_13")


async def measure(url: str, cases: int, turns: int) -> Times:
    """Build the cases, then time single operations in turn, so that all see the same machine."""
    bench = _Bench(url)
    names = [await bench.start() for _ in range(cases)]
    for case_id in names:
        for _ in range(turns):
            await bench.take_turn(case_id)
    bench.times.clear()
    for _ in range(_ROUNDS):
        for case_id in names:
            await bench.timed("ping", bench.store.command("PING"))
            await bench.timed("durable_write", bench.store.command("SET", "bench", "1", "EX", 60))
            if await bench.timed("load", bench.load(case_id)) < turns:
                raise AssertionError("turns are missing")
            await bench.take_turn(case_id)
    turns_key = f"tri:{{{names[0]}}}:l"
    rows = await bench.store.command("LRANGE", turns_key, 0, -1)
    state = await bench.store.command("HGET", f"tri:{{{names[0]}}}:m", "s")
    await bench.store.close()
    middle = {name: quantile(times, 0.5) for name, times in bench.times.items()}
    return Times(**middle, bytes=len(state) + sum(map(len, rows)))


if __name__ == "__main__":
    found = uvloop.run(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    sys.stdout.buffer.write(msgspec.json.encode(found))
