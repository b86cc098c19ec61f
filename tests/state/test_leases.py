"""Leases: renewed while the loop is busy, lost when another takes over or the loop is stuck."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from app.state.conversations import ConversationStateManager
from app.state.keys import CaseKeys
from app.state.leases import LEASE_MS, LeaseKeeper
from app.state.records import Claim
from tests.state.conftest import Server
from tests.support.cases import opened, post
from tests.support.valkey import Wire


@pytest.fixture
async def leases(server: Server) -> AsyncIterator[LeaseKeeper]:
    """A running keeper that takes a loop for stuck after half a second."""
    keeper = LeaseKeeper(server.url, stuck_seconds=0.5)
    keeper.start()
    yield keeper
    keeper.close()


@pytest.fixture
async def patient(server: Server) -> AsyncIterator[LeaseKeeper]:
    """A running keeper as an instance has it."""
    keeper = LeaseKeeper(server.url)
    keeper.start()
    yield keeper
    keeper.close()


async def _owned(conversations: ConversationStateManager) -> Claim:
    case_id = (await opened(conversations)).case_id
    claim = (await post(conversations, case_id, claim=True)).claim
    assert claim is not None
    return claim


def _left(wire: Wire, claim: Claim) -> int:
    return int(wire.call("PTTL", CaseKeys(claim.case_id).lease) or 0)


async def _renewed(wire: Wire, claim: Claim) -> None:
    """Wait until a lease has been renewed once more."""
    deadline = time.monotonic() + 10
    before = _left(wire, claim)
    while (left := _left(wire, claim)) <= before:
        assert time.monotonic() < deadline
        before = left
    await asyncio.sleep(0)  # what the renewing thread has to tell is told by now


def _never() -> None:
    raise AssertionError("the lease was not lost")


async def test_a_busy_loop_keeps_its_leases(
    conversations: ConversationStateManager, patient: LeaseKeeper, wire: Wire
) -> None:
    """Leases outlive a loop that does nothing else for longer than they last."""
    claims = [await _owned(conversations) for _ in range(3)]
    for claim in claims:
        patient.hold(claim, _never)
    until = time.monotonic() + 2.5 * LEASE_MS / 1_000
    while time.monotonic() < until:
        assert all(_left(wire, claim) > 0 for claim in claims)
    for claim in claims:
        patient.drop(claim)
    await asyncio.sleep(0)


async def test_a_stuck_loop_loses_its_leases(
    conversations: ConversationStateManager, leases: LeaseKeeper, wire: Wire
) -> None:
    """If the loop shows no life for long, its leases run out; it learns of it when it is back."""
    claim = await _owned(conversations)
    lost = asyncio.Event()
    leases.hold(claim, lost.set)
    deadline = time.monotonic() + 10
    while _left(wire, claim) > 0:
        assert time.monotonic() < deadline
    assert not lost.is_set()
    async with asyncio.timeout(10):
        await lost.wait()


@pytest.mark.parametrize("how", ["overtaken", "erased"])
async def test_a_lease_that_is_taken_is_lost(
    conversations: ConversationStateManager,
    rival: ConversationStateManager,
    patient: LeaseKeeper,
    wire: Wire,
    how: str,
) -> None:
    """Whoever loses a case is told, on its loop and once, and the next owner's lease is left."""
    claim, other = await _owned(conversations), await _owned(conversations)
    told = asyncio.Queue[str]()
    patient.hold(claim, lambda: told.put_nowait("lost"))
    patient.hold(other, _never)
    if how == "overtaken":
        taken = await rival.claim(claim.case_id, opening="cancel")
        assert isinstance(taken, Claim)
        wire.call("PEXPIRE", CaseKeys(claim.case_id).lease, "60000")
    else:
        await rival.delete_conversation_state(claim.case_id)
    async with asyncio.timeout(10):
        assert await told.get() == "lost"
    await _renewed(wire, other)
    assert told.empty()
    assert (_left(wire, claim) > LEASE_MS) == (how == "overtaken")


async def test_a_dropped_lease_is_not_missed(
    conversations: ConversationStateManager, patient: LeaseKeeper, wire: Wire
) -> None:
    """After a drop the lease may go without anybody being told, and is not renewed."""
    claim, other = await _owned(conversations), await _owned(conversations)
    patient.hold(claim, _never)
    patient.hold(other, _never)
    assert patient.drop(claim)
    assert not patient.drop(claim)
    wire.call("DEL", CaseKeys(claim.case_id).lease)
    await _renewed(wire, other)
    assert _left(wire, claim) < 0


async def test_a_server_that_forgot_the_script_is_taught_again(
    conversations: ConversationStateManager, patient: LeaseKeeper, wire: Wire
) -> None:
    """A restarted server has no scripts; the lease survives that."""
    claim = await _owned(conversations)
    wire.call("SCRIPT", "FLUSH")
    patient.hold(claim, _never)
    until = time.monotonic() + 1.5 * LEASE_MS / 1_000
    while time.monotonic() < until:
        assert _left(wire, claim) > 0
    patient.drop(claim)
