"""Senders that are killed: every endpoint is told all the same, and always under the same id."""

import asyncio
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.domain.notification import Notification
from app.embedded import EmbeddedValkey
from app.state.conversations import ConversationStateManager
from app.state.outbox import Outbox
from app.state.store import Store
from tests.support.outboxes import endpoint_at, told
from tests.support.processes import Program, environment
from tests.support.receivers import Received, Receiver

KILLS = 6
CASES = 60
AT_ONCE = 8
"""Requests of a sender that wait for one target: so many it may not have recorded."""
StartSender = Callable[[], Program]


@pytest.fixture
def start_sender(empty_valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[StartSender]:
    """Start real processes that empty the outboxes; they end with the test."""
    with ExitStack() as stack:
        count = 0

        def start() -> Program:
            nonlocal count
            count += 1
            command = [sys.executable, "-m", "tests.support.sending", empty_valkey.url]
            log = tmp_path / f"sender-{count}.log"
            program = Program(f"sender {count}", command, environment(), log)
            stack.callback(program.close)
            return program

        yield start


def began(sender: Program) -> None:
    """Wait until a sender has begun, and so ends as it should when asked to."""
    sender.wait_until(lambda: "ready" in sender.output())


async def test_whoever_is_killed_everybody_is_told(
    store: Store,
    conversations: ConversationStateManager,
    outbox: Outbox,
    receiver: Receiver,
    start_sender: StartSender,
) -> None:
    """Kills before an answer, after it, and between: each id at least once, and no other id.

    Two senders run at any time; one of them is killed at a random request, before it is answered
    or right after, when it may or may not have recorded that.
    """
    chance = random.Random(7)
    endpoint = await endpoint_at(store, receiver.url)
    notes: list[Notification] = [await told(conversations) for _ in range(CASES)]
    senders = [await asyncio.to_thread(start_sender) for _ in range(2)]
    lock = threading.Lock()
    plan = {at: chance.choice(("before", "after")) for at in chance.sample(range(1, CASES), KILLS)}
    numbers: dict[int, int] = {}
    killed = 0

    def strike(received: Received, moment: str) -> None:
        nonlocal killed
        with lock:
            number = numbers.setdefault(id(received), len(numbers) + 1)
            if plan.get(number) != moment:
                return
            senders[killed % 2].kill()
            senders[killed % 2] = start_sender()
            killed += 1

    def answer(received: Received) -> int:
        strike(received, "before")
        return 204

    receiver.answer, receiver.answered = answer, lambda one: strike(one, "after")
    async with asyncio.timeout(100):
        while await outbox.due(2**50, 1):  # noqa: ASYNC110 - other processes empty it
            await asyncio.sleep(0.02)
    # An answer that breaks off, since its sender is dead, has no moment after it.
    assert killed >= sum(one == "before" for one in plan.values()) >= 2
    for request in receiver.requests:
        request.verified(endpoint.secrets[0])
    assert {one.id for one in receiver.requests} == {one.id for one in notes}
    assert len({(one.id, one.body) for one in receiver.requests}) == CASES
    for note in notes:
        (done,) = await outbox.deliveries(note.case_id)
        assert done.state == "delivered"
    assert len(receiver.requests) <= CASES + killed * AT_ONCE
    for sender in senders:
        await asyncio.to_thread(began, sender)
        assert await asyncio.to_thread(sender.terminate) == 0
