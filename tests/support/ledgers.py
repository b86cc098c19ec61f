"""Makes rows, requests and attempts for the ledger's tests."""

import asyncio
import subprocess
import sys
import time
from typing import Any

from msgspec.structs import replace

from app.domain.ledger import Account, LedgerRow, scopes_of
from app.domain.usage import Attempt, Operation, Outcome, Provider, Usage
from app.llm.model import ChatMessage, ModelRequest
from app.state.ledger import Ledger
from app.state.store import Store

ACCOUNT = Account(case_id="case-1", turn=2, playbook="legal_br", arm="greeting:warm")


def row(row_id: str, **changes: Any) -> LedgerRow:
    """Return a row of a call that has just been completed and cost 1,000 nano-USD."""
    now = time.time_ns() // 1_000_000
    made = LedgerRow(
        id=row_id,
        case_id="case-1",
        turn=1,
        step="",
        playbook="legal_br",
        strategy="",
        arm="",
        provider="openai",
        model="gpt-5",
        operation="interview",
        outcome="completed",
        input=100,
        output=10,
        cost_nano_usd=1_000,
        source="catalogue",
        started_ms=now - 100,
        completed_ms=now,
        latency_ms=100.0,
    )
    return replace(made, **changes)


def request(
    *,
    operation: Operation = "interview",
    model: str = "gpt-5",
    account: Account = ACCOUNT,
    output: int = 1_000,
    unhurried: bool = False,
    said: str = "Fui demitida ontem.",
) -> ModelRequest:
    """Return a small question."""
    return ModelRequest(
        operation=operation,
        model=model,
        system="Be kind.",
        messages=(ChatMessage(role="user", content=said),),
        schema_name="turn",
        schema={"type": "object"},
        stream_field="reply",
        max_output_tokens=output,
        account=account,
        unhurried=unhurried,
    )


def attempt(
    usage: Usage | None = None,
    *,
    provider: Provider = "openai",
    model: str = "gpt-5",
    operation: Operation = "interview",
    outcome: Outcome = "completed",
    **changes: Any,
) -> Attempt:
    """Return an attempt that has just ended."""
    now = time.time_ns() // 1_000_000
    made = Attempt(
        provider=provider,
        operation=operation,
        model=model,
        outcome=outcome,
        usage=usage,
        started_ms=now - 50,
        latency_ms=50.0,
    )
    return replace(made, **changes)


def settled(url: str, *rows: LedgerRow) -> None:
    """Write rows into the ledger of a Valkey."""

    async def work() -> None:
        store = Store(url)
        for one in rows:
            await Ledger(store).settle(one, scopes_of(one.operation, one.arm), reserved=False)
        await store.close()

    asyncio.run(work())


def rows_of(url: str, case_id: str) -> list[LedgerRow]:
    """Return the rows of a case in the ledger of a Valkey."""

    async def work() -> list[LedgerRow]:
        store = Store(url)
        try:
            return await Ledger(store).rows(case_id)
        finally:
            await store.close()

    return asyncio.run(work())


def spender(url: str, calls: int, how: str) -> "subprocess.Popen[bytes]":
    """Start a process that spends; see `tests.support.spender`."""
    command = [sys.executable, "-m", "tests.support.spender", url, str(calls), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def kill_in_a_call(url: str) -> None:
    """Let a process set money aside for a call of `case-1`, and kill it before it settles."""
    process = spender(url, 1, "hold")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
    finally:
        process.kill()
        process.communicate()
