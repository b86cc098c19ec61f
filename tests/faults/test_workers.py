"""Workers are killed, frozen and robbed of their storage; every analysis has one result."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import cast
from uuid import uuid4

import pytest
from arq.constants import in_progress_key_prefix
from msgspec import Struct
from msgspec.structs import replace

from app.core.analysis.analyst import Analysed, Analyst
from app.core.analysis.composing import CaseInHand
from app.core.analysis.memo import Steps
from app.core.background import MAX_ATTEMPTS, AnalysisRunner
from app.core.errands import Errands
from app.domain.assessment import Assessment
from app.domain.case import Accepted, Say
from app.domain.errors import StateUnavailable
from app.domain.event import AnalysisCompleted, AnalysisFailed, AnalysisProgress, EventId, decode
from app.domain.job import JOB_OVER, Job, JobState, JobView, Queue
from app.domain.notification import notification_id
from app.embedded import EmbeddedValkey
from app.state.agenda import Agenda
from app.state.conversations import ConversationStateManager
from app.state.follow import Follower
from app.state.job_board import JobBoard
from app.state.jobs import Jobs
from app.state.keys import CaseKeys
from app.state.leases import LeaseKeeper
from app.state.workforce import Workforce
from jobs.doorbell import CLAIM_SECONDS
from plugins.queue import ArqQueue, queue_name
from tests.faults.conftest import MakeFleet, Show
from tests.support.analyses import result
from tests.support.cases import TOKEN_HASH, case_state, claimed, finished, job_of
from tests.support.fleet import Fleet, Process
from tests.support.playbooks import tiny_playbook
from tests.support.proofs import rounds, spread
from tests.support.provider import SlowProvider, slow_provider
from tests.support.sealed import store_at

PLAYBOOK = tiny_playbook()
AGAIN_SECONDS = 2.0
"""A killed worker's job is begun again within this, p99."""
ANSWER_SECONDS = 0.15
ENSEMBLE_SECONDS = 3 * ANSWER_SECONDS
"""About as long as an ensemble takes: both at once, the judge, the report."""
PATIENCE = 60.0


class Office:
    """A storage, a provider, workers, and everything that watches over them."""

    def __init__(self, valkey: EmbeddedValkey, workers: Fleet, provider: SlowProvider) -> None:
        """Put the watchers together."""
        self.valkey = valkey
        self.fleet = workers
        self.provider = provider
        self.store = store_at(valkey.url)
        self.queue = ArqQueue(valkey.url)
        self.conversations = ConversationStateManager(self.store, "office")
        self.board = JobBoard(self.store)
        self.errands = Errands(Workforce(self.store), self.queue)
        self.workers: list[Process] = []

    async def close(self) -> None:
        """Hang up."""
        await self.queue.close()
        await self.store.close()

    def hire(self, number: int) -> list[Process]:
        """Start workers and wait until they work."""
        made = [self.fleet.worker() for _ in range(number)]
        for one in made:
            one.wait_said("worker.started")
        self.workers += made
        return made

    async def case(self, *, queue: Queue = "complex", wake: bool = True) -> tuple[Job, str]:
        """End an interview that asks for a job; returns it and a word that stands in the story."""
        word = f"tap{random.randrange(10**6):06d}x"
        state = replace(
            case_state(), playbook=PLAYBOOK.id, assessment=Assessment(complexity="high")
        )
        await self.conversations.start(state, token_hash=TOKEN_HASH, cap=50, ttl=600)
        await self.conversations.accept(
            state.case_id,
            Accepted(command=Say(text=f"The kitchen {word} leaks."), at=time.time_ns() // 10**6),
            token_hash=TOKEN_HASH,
            key=uuid4().hex,
            fingerprint="",
            on_busy="enqueue",
            claim=False,
        )
        claim = await claimed(self.conversations, state.case_id)
        job = job_of(state.case_id, 1, queue=queue, at=time.time_ns() // 10**6)
        ended = replace(state, status="completed")
        await finished(self.conversations, claim, state=ended, job=job)
        if wake:
            await self.errands.wake(job)
        return job, word

    async def view(self, job: Job) -> JobView:
        """Return the job as it stands, as soon as the storage can be asked."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                found = await self.board.view(job.case_id, job.turn)
            except StateUnavailable:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
                continue
            assert found is not None
            return found

    async def until(self, job: Job, holds: Callable[[JobView], bool]) -> JobView:
        """Wait until something holds of a job."""
        deadline = time.monotonic() + PATIENCE
        while not holds(view := await self.view(job)):
            assert time.monotonic() < deadline, view
            await asyncio.sleep(0.005)
        return view

    async def over(self, job: Job) -> JobView:
        """Wait until a job is over."""
        return await self.until(job, lambda view: view.state in JOB_OVER)

    async def owner(self, job: Job) -> Process | None:
        """Return the worker that has the job now."""
        lease = await self.store.command("GET", CaseKeys(job.case_id).job_lease(job.turn))
        if lease is None:
            return None
        pid = int(lease.decode().rsplit(":", 1)[0].rsplit("-", 2)[1])
        return next(one for one in self.workers if one.pid == pid)

    async def check(self, job: Job) -> None:
        """See one result, one announcement, each step told once, one notification."""
        found = await Follower(self.store, "check").read(
            CaseKeys(job.case_id).events, EventId(0, 0)
        )
        told = [decode(one.data) for one in found]
        assert sum(isinstance(one, AnalysisCompleted) for one in told) == 1
        steps = Counter(one.step for one in told if isinstance(one, AnalysisProgress))
        assert steps == {"openai": 1, "anthropic": 1, "judge": 1, "report": 1}
        outbox = await self.store.command("HKEYS", CaseKeys(job.case_id).outbox)
        assert [one for one in outbox if one.startswith(b"msg_")] == [
            notification_id("analysis.completed", job.case_id, job.turn).encode()
        ]
        result = await self.conversations.result(job.case_id)
        assert result is not None
        assert result.provenance.strategy == "ensemble", result.provenance


@pytest.fixture(scope="module")
def provider() -> Iterator[SlowProvider]:
    """A provider whose answers take a while."""
    with slow_provider() as made:
        made.delay = ANSWER_SECONDS
        yield made


@pytest.fixture
async def office(
    own_valkey: EmbeddedValkey, make_fleet: MakeFleet, provider: SlowProvider
) -> AsyncIterator[Office]:
    """An office of its own; everybody goes home at the end."""
    provider.calls.clear()
    workers = make_fleet(own_valkey, TRIAGE_CACHE="off", **provider.settings)
    made = Office(own_valkey, workers, provider)
    yield made
    await made.close()


class Kill(Struct, frozen=True):
    """One kill and what came of it."""

    again: float | None
    """Seconds until another worker had begun; None where the job was over before."""
    paid_twice: int
    """Steps that were asked for again although they were kept."""


async def _killed(office: Office, after: float) -> Kill:
    """Kill the job's worker a while after it began, and follow the job to its end."""
    job, word = await office.case()
    await office.until(job, lambda view: view.attempts > 0)
    await asyncio.sleep(after)
    victim = await office.owner(job)
    if victim is None:
        await office.over(job)
        await office.check(job)
        return Kill(None, 0)
    victim.kill()
    at = time.monotonic()
    office.workers.remove(victim)
    office.workers.append(office.fleet.worker())
    before = await office.view(job)
    kept = set(before.steps)
    asked = len(office.provider.of(word))
    again = None
    if before.state not in JOB_OVER:
        await office.until(job, lambda view: view.attempts > before.attempts)
        again = time.monotonic() - at
    await office.over(job)
    await office.check(job)
    later = office.provider.of(word)[asked:]
    return Kill(again, sum(one.step in kept for one in later))


async def test_a_killed_worker_costs_nothing(office: Office, show: Show) -> None:
    """Killed at random moments: begun again soon, one result, nothing kept is paid twice."""
    office.hire(2)
    kills = []
    for _ in range(rounds(20)):
        kills.append(await _killed(office, random.uniform(0, ENSEMBLE_SECONDS)))
        office.workers[-1].wait_said("worker.started")
    again = sorted(one.again for one in kills if one.again is not None)
    p99 = again[min(len(again) - 1, round(0.99 * len(again)))]
    show(
        "Workers killed in the middle of an ensemble",
        [
            ("kills", len(kills)),
            ("begun again", len(again)),
            ("kill to new beginning", spread(again)),
            ("p99", f"{p99 * 1_000:.0f} ms"),
            ("kept steps paid twice", sum(one.paid_twice for one in kills)),
        ],
    )
    assert len(again) > len(kills) / 2
    assert sum(one.paid_twice for one in kills) == 0
    assert p99 <= AGAIN_SECONDS


async def test_a_frozen_worker_comes_back_too_late(office: Office) -> None:
    """Stopped beyond its lease and woken up again, it finds its writes refused."""
    office.hire(2)
    job, word = await office.case()
    # By then it knows that the job is its own: a claim's answer is not still on its way.
    await office.until(job, lambda _: bool(office.provider.of(word)))
    victim = await office.owner(job)
    assert victim is not None
    victim.freeze()
    await office.until(job, lambda view: view.attempts > 1 or view.state in JOB_OVER)
    await office.over(job)
    victim.thaw()
    victim.wait_said("job.left")
    await office.check(job)
    after, _ = await office.case()
    await office.over(after)
    await office.check(after)


class _Stuck:
    """An analyst that stops the event loop until another worker has done its job."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def analyse(self, _case: CaseInHand, _steps: Steps, *, may_wait: bool) -> Analysed:
        """Stand still for longer than the lease lasts, then come with a result of its own."""
        assert may_wait
        (other,) = self._office.hire(1)
        other.wait_said("job.done")
        return Analysed(result=result("too late"), attempts=())


async def test_a_stuck_event_loop_loses_its_job(office: Office) -> None:
    """A worker whose loop stands still is overtaken; what it comes with afterwards is refused."""
    job, _ = await office.case(wake=False)
    leases = LeaseKeeper(office.valkey.url, stuck_seconds=0.5)
    leases.start()
    stuck = AnalysisRunner(
        Jobs(office.store, "stuck"),
        leases,
        cast("Analyst", _Stuck(office)),
        {PLAYBOOK.id: PLAYBOOK},
        office.conversations,
    )
    try:
        assert await stuck.run(job.case_id, job.turn)
    finally:
        leases.close()
    view = await office.over(job)
    assert view.attempts == 2
    await office.check(job)


async def test_valkey_may_go_away(office: Office) -> None:
    """Killed in the middle of an ensemble and brought back, it costs no step and no result."""
    office.hire(1)
    job, word = await office.case()
    await office.until(job, lambda view: "openai" in view.steps)
    office.valkey.kill()
    office.valkey.start()
    await office.over(job)
    await office.check(job)
    assert Counter(one.step for one in office.provider.of(word))["openai"] == 1


async def test_a_worker_that_stops_hands_over(office: Office) -> None:
    """Asked to end, it gives its job to the next one at once, and no attempt is counted."""
    first, second = office.hire(2)
    job, _ = await office.case()
    await office.until(job, lambda view: view.attempts > 0)
    victim = await office.owner(job)
    assert victim in {first, second}
    victim.terminate()
    view = await office.over(job)
    await office.check(job)
    assert view.attempts == 1
    victim.wait_ended()


async def test_the_dead_do_not_stand_in_the_queue(office: Office) -> None:
    """Arq takes an entry for a worker's own for a moment only, or dead ones would fill its view."""
    (victim,) = office.hire(1)
    job, _ = await office.case()
    await office.until(job, lambda view: view.attempts > 0)
    victim.kill()
    office.workers.remove(victim)
    (mark,) = await office.store.command("KEYS", f"{in_progress_key_prefix}{job.id}*")
    assert await office.store.command("PTTL", mark) <= CLAIM_SECONDS * 1_000
    office.hire(1)
    await office.over(job)
    await office.check(job)
    deadline = time.monotonic() + PATIENCE
    while await office.store.command("ZCARD", queue_name("complex")):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_long_job_is_handed_over_too(office: Office) -> None:
    """Asked to end while an answer takes longer than arq's own claim, a worker gives its job on."""
    first, second = office.hire(2)
    office.provider.delay = 2 * CLAIM_SECONDS
    try:
        job, _ = await office.case()
        await office.until(job, lambda view: view.attempts > 0)
        await asyncio.sleep(1.5 * CLAIM_SECONDS)
        victim = await office.owner(job)
        assert victim in {first, second}
        victim.terminate()
        victim.wait_ended()
        assert "job.failed" not in victim.output()
    finally:
        office.provider.delay = ANSWER_SECONDS
    view = await office.over(job)
    await office.check(job)
    assert view.attempts == 1


async def test_waking_twice_works_once(office: Office) -> None:
    """However often a job is enqueued, by whomever, its steps are asked for once."""
    office.hire(2)
    job, word = await office.case(wake=False)
    await asyncio.gather(
        *(office.queue.wake(job.id, job.queue, f"rush.{n}") for n in range(20)),
        *(office.errands.wake(job) for _ in range(5)),
    )
    await office.over(job)
    await office.check(job)
    assert Counter(one.step for one in office.provider.of(word)) == {
        "openai": 1,
        "anthropic": 1,
        "judge": 1,
        "report": 1,
    }


async def test_a_lost_wake_is_made_good(office: Office) -> None:
    """A job that nobody was woken for is found by a reconciler, though several look."""
    office.hire(2)
    jobs = [await office.case(wake=False) for _ in range(5)]
    for job, word in jobs:
        await office.over(job)
        await office.check(job)
        assert Counter(one.step for one in office.provider.of(word))["openai"] == 1


async def test_a_job_that_kills_its_workers_is_put_before_the_operators(office: Office) -> None:
    """After so many workers it is dead, its readers are told, and the agenda is clear of it."""
    job, _ = await office.case(wake=False)
    key = CaseKeys(job.case_id).job(job.turn)
    await office.store.command("HSET", key, "a", MAX_ATTEMPTS)
    office.hire(1)
    view = await office.over(job)
    assert view.state == "dead"
    assert view.error
    dead: frozenset[JobState] = frozenset({"dead"})
    assert [one.job for one in (await office.board.list(states=dead, limit=10))[0]] == [job.id]
    found = await Follower(office.store, "check").read(CaseKeys(job.case_id).events, EventId(0, 0))
    assert any(isinstance(decode(one.data), AnalysisFailed) for one in found)
    assert await Agenda(office.store).due("complex", 10) == []


async def test_a_slow_queue_does_not_delay_a_quick_one(office: Office) -> None:
    """With every complex slot taken, a standard job is done all the same."""
    office.hire(1)
    office.provider.delay = 1.0
    try:
        slow = [await office.case() for _ in range(6)]
        quick, _ = await office.case(queue="standard")
        await office.until(quick, lambda view: view.state in JOB_OVER)
        assert not {(await office.view(job)).state for job, _ in slow} <= JOB_OVER
    finally:
        office.provider.delay = ANSWER_SECONDS
    for job, _ in slow:
        await office.over(job)


@pytest.mark.timeout(600)
async def test_a_case_erased_while_it_is_analysed_leaves_nothing(office: Office) -> None:
    """Whatever its worker comes with afterwards is refused; the worker goes on with others."""
    office.hire(1)
    job, word = await office.case()
    await office.until(job, lambda view: "openai" in view.steps)
    assert await office.conversations.delete_conversation_state(job.case_id)
    other, _ = await office.case()
    await office.over(other)  # which takes longer than what was under way for the one before
    await office.check(other)
    left = await office.store.command("KEYS", f"tri:{{{job.case_id}}}:*")
    assert [name for name in left if not name.endswith(b":f")] == []
    steps = Counter(one.step for one in office.provider.of(word))
    assert max(steps.values()) == 1
    assert "report" not in steps
