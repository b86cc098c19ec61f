"""The core of an API instance in the test's own process: everything but HTTP, with real storage.

Its model is a scripted one, so that a test can hold an answer at any word and look around.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol
from uuid import uuid4

from app.core.analysis.analyst import Analyst
from app.core.assigning import Unassigned
from app.core.errands import Errands
from app.core.handoff_desk import HandoffDesk
from app.core.intake import Intake
from app.core.interview import Interviewer
from app.core.opening import OpeningDesk
from app.core.reading import Reader
from app.core.rules import Rules
from app.core.runner import TurnRunner
from app.domain.access import Hasher, plain_digest
from app.domain.case import OnBusy
from app.domain.event import EventId
from app.domain.playbook import Playbook
from app.llm.failover import FailoverModel
from app.llm.model import Model
from app.llm.scripted import Hold, Script, ScriptedModel
from app.state.conversations import ConversationStateManager
from app.state.follow import Follower
from app.state.job_board import JobBoard
from app.state.journal import Journal
from app.state.leases import LeaseKeeper
from app.state.openings import Openings
from app.state.workforce import Workforce
from plugins.queue import ArqQueue
from tests.support.api import Case, Frame
from tests.support.playbooks import tiny_playbook
from tests.support.replies import turn_document
from tests.support.sealed import store_at

PATIENCE = 20.0
"""Seconds until a test that waits for an event gives up."""
START = EventId(0, 0)


class Core:
    """One instance."""

    def __init__(
        self,
        url: str,
        *,
        playbooks: Sequence[Playbook],
        model: Model | None,
        most: int,
        heartbeat_seconds: float,
    ) -> None:
        """Put the parts together as the composition root does."""
        self.name = uuid4().hex[:8]
        self.store = store_at(url)
        known = {one.id: one for one in playbooks}
        self.conversations = ConversationStateManager(self.store, self.name, playbooks=known)
        self.journal = Journal(self.store)
        self.leases = LeaseKeeper(url)
        self.follower = Follower(self.store, self.name)
        self.model = ScriptedModel("openai")
        models = FailoverModel((model or self.model,))
        rules = {one.id: Rules(one) for one in playbooks}
        self.queue = ArqQueue(url)
        self.runner = TurnRunner(
            self.conversations,
            self.journal,
            self.leases,
            Interviewer(rules, Analyst(rules, models, dict), models, dict),
            Errands(Workforce(self.store), self.queue),
            known,
            most=most,
            heartbeat_seconds=heartbeat_seconds,
        )
        self.reader = Reader(
            self.conversations, self.follower, self.runner, heartbeat_seconds=heartbeat_seconds
        )
        self.intake = Intake(
            self.conversations,
            self.runner,
            self.reader,
            JobBoard(self.store),
            known,
            default_playbook=playbooks[0].id,
            assigner=Unassigned(),
            digest=plain_digest,
            openings=OpeningDesk(Openings(self.store), Hasher(b"a secret of these cores")),
        )

        self.handoffs = HandoffDesk(self.conversations, self.runner, self.reader, known)

    def start(self) -> None:
        """Begin to work."""
        self.journal.start()
        self.follower.start()
        self.leases.start()
        self.runner.start()

    async def drain(self) -> None:
        """Hand everything over, as on SIGTERM."""
        await self.runner.drain()
        await self.follower.close()

    async def close(self) -> None:
        """End it."""
        await self.drain()
        await self.journal.close()
        self.leases.close()
        await self.queue.close()
        await self.store.close()

    async def opened(self, playbook: str | None = None) -> Case:
        """Open a case, in English."""
        opened = await self.intake.start(
            playbook=playbook, locale="en", user_ref=None, attributes={}
        )
        return Case(opened.state.case_id, opened.token)

    def replies(self, *words: str, hold: Hold | None = None) -> None:
        """Let the model say these words next, and stop where it is held."""
        document = turn_document("")
        del document["reply"]
        self.model.enqueue(Script(pieces=words, document=document, hold=hold))

    async def say(
        self, case: Case, text: str, *, key: str | None = None, on_busy: OnBusy = "enqueue"
    ) -> int:
        """Post a message and return its turn."""
        return await self.intake.say(
            case.id, case.token, key=key or uuid4().hex, text=text, on_busy=on_busy
        )

    async def frames(self, case: Case, turn: int, after: EventId = START) -> list[Frame]:
        """Read a turn to its end; signs of life are left out."""
        async with asyncio.timeout(PATIENCE):
            chunks = [chunk async for chunk in self.reader.turn(case.id, turn, after)]
        return parsed(chunks)


class StartCore(Protocol):
    """Starts cores; see `cores`."""

    def __call__(
        self,
        *playbooks: Playbook,
        model: Model | None = None,
        most: int = 100,
        heartbeat_seconds: float = 60.0,
    ) -> Core:
        """Start one more; by default with the tiny playbook and its own scripted model."""


@asynccontextmanager
async def cores(url: str) -> AsyncIterator[StartCore]:
    """Start any number of cores on one storage; all end with the block."""
    async with AsyncExitStack() as stack:

        def start(
            *playbooks: Playbook,
            model: Model | None = None,
            most: int = 100,
            heartbeat_seconds: float = 60.0,
        ) -> Core:
            core = Core(
                url,
                playbooks=playbooks or (tiny_playbook(),),
                model=model,
                most=most,
                heartbeat_seconds=heartbeat_seconds,
            )
            stack.push_async_callback(core.close)
            core.start()
            return core

        yield start


class Reading:
    """A reader that goes on in the background, and what it has got so far."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        """Begin to read."""
        self._chunks: list[bytes] = []
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._read(chunks))

    async def _read(self, chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            self._chunks.append(chunk)
            self._more.set()

    @property
    def raw(self) -> bytes:
        """Everything that came, signs of life included."""
        return b"".join(self._chunks)

    @property
    def frames(self) -> list[Frame]:
        """The events that came."""
        return parsed(self._chunks)

    async def until(self, holds: Callable[[list[Frame]], bool]) -> list[Frame]:
        """Wait until something holds of the events; returns them."""
        async with asyncio.timeout(PATIENCE):
            while not holds(self.frames):
                assert not self._task.done(), self.frames
                self._more.clear()
                await self._more.wait()
        return self.frames

    async def ended(self) -> list[Frame]:
        """Wait for the end of the stream; returns its events."""
        async with asyncio.timeout(PATIENCE):
            await self._task
        return self.frames


def names(frames: Iterable[Frame]) -> list[str]:
    """Return the events' names, a run of words once."""
    found: list[str] = []
    for frame in frames:
        if frame.event != "delta" or found[-1:] != ["delta"]:
            found.append(frame.event)
    return found


def parsed(chunks: Iterable[bytes]) -> list[Frame]:
    """Return the events in these chunks; comments are left out."""
    found: list[Frame] = []
    for block in b"".join(chunks).decode().split("\n\n"):
        lines = [line.partition(": ") for line in block.splitlines() if not line.startswith(":")]
        fields = {name: value for name, _, value in lines}
        if "event" in fields:
            found.append(Frame(fields.get("id"), fields["event"], json.loads(fields["data"])))
    return found
