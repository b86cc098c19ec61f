"""Background jobs: one worker at a time, every step and effect once, whatever is repeated."""

import asyncio
import time

import msgspec
import pytest

from app.core.background import failure, notification
from app.domain.errors import CaseNotFound, Fenced, JobConflict, JobNotFound
from app.domain.event import AnalysisProgress, EventId, decode
from app.domain.job import Job, JobState, StepRecord, job_id
from app.domain.notification import Notification
from app.state import codec, job_board, keys
from app.state.agenda import Agenda, AgendaEntry
from app.state.conversations import ConversationStateManager
from app.state.follow import Follower
from app.state.job_board import JobBoard
from app.state.jobs import JobClaim, Jobs, NotClaimed
from app.state.keys import CaseKeys
from app.state.leases import LEASE_MS
from app.state.store import Store
from tests.support.analyses import done, step
from tests.support.cases import claimed, finished, job_of, opened, post, queued
from tests.support.sealed import key_of
from tests.support.valkey import Wire

MOST = 3


@pytest.fixture
def jobs(store: Store) -> Jobs:
    """The jobs as one worker works on them."""
    return Jobs(store, "one")


@pytest.fixture
def other(store: Store) -> Jobs:
    """The jobs as another worker works on them."""
    return Jobs(store, "two")


@pytest.fixture
def board(store: Store) -> JobBoard:
    """The jobs as operators see them."""
    return JobBoard(store)


@pytest.fixture
def agenda(store: Store, wire: Wire) -> Agenda:
    """The agenda, with nothing on it yet."""
    for queue in ("simple", "standard", "complex"):
        wire.call("DEL", keys.agenda(queue))
    return Agenda(store)


async def take(jobs: Jobs, job: Job) -> JobClaim:
    """Claim a job that must be free."""
    found = await jobs.claim(job.case_id, job.turn, most_attempts=MOST)
    assert isinstance(found, JobClaim), found
    return found


async def refused(jobs: Jobs, job: Job) -> NotClaimed:
    """Try to claim a job that must not be free."""
    found = await jobs.claim(job.case_id, job.turn, most_attempts=MOST)
    assert isinstance(found, NotClaimed), found
    return found


def lose(wire: Wire, job: Job) -> None:
    """Let a job's lease run out, as if its worker had died a second ago."""
    wire.call("DEL", CaseKeys(job.case_id).job_lease(job.turn))


async def told(store: Store, case_id: str) -> list[object]:
    """Return the case's own events."""
    found = await Follower(store, "reader").read(CaseKeys(case_id).events, EventId(0, 0))
    return [decode(one.data) for one in found]


async def outbox(store: Store, case_id: str) -> dict[bytes, Notification]:
    """Return what the world should be told."""
    rows = await store.command("HGETALL", CaseKeys(case_id).outbox)
    found = rows if isinstance(rows, dict) else dict(zip(rows[::2], rows[1::2], strict=True))
    sealing = await key_of(store, case_id)
    return {key: codec.NOTIFICATION.open(sealing, one) for key, one in found.items()}


async def test_a_turn_leaves_its_job_in_the_same_step(
    conversations: ConversationStateManager, board: JobBoard, jobs: Jobs
) -> None:
    """Once the turn is committed, its job is there, queued, and is the case's present one."""
    job = await queued(conversations)
    view = await board.view(job.case_id, job.turn)
    assert view is not None
    assert (view.job, view.state, view.attempts, view.queue) == (job.id, "queued", 0, "complex")
    assert await board.latest(job.case_id) == view
    claim = await take(jobs, job)
    assert claim.job == job
    assert [one.turn for one in claim.turns] == [1]
    assert not claim.spent


async def test_one_worker_has_it(
    conversations: ConversationStateManager, jobs: Jobs, other: Jobs, wire: Wire
) -> None:
    """While its lease lasts nobody else gets it; then the next one has a higher epoch."""
    job = await queued(conversations)
    first = await take(jobs, job)
    held = await refused(other, job)
    assert held.reason == "held"
    assert 0 < held.wait_ms <= LEASE_MS
    lose(wire, job)
    second = await take(other, job)
    assert second.epoch > first.epoch
    assert second.attempt == 2


async def test_many_claims_at_once_give_one(
    conversations: ConversationStateManager, store: Store
) -> None:
    """However many workers are woken, one works."""
    job = await queued(conversations)
    rivals = [Jobs(store, f"w{n}") for n in range(20)]
    found = await asyncio.gather(
        *(one.claim(job.case_id, job.turn, most_attempts=MOST) for one in rivals)
    )
    assert sum(isinstance(one, JobClaim) for one in found) == 1


async def test_a_step_is_kept_once(
    conversations: ConversationStateManager, jobs: Jobs, other: Jobs, wire: Wire, store: Store
) -> None:
    """The next worker finds what is kept; a repetition gets the first record and tells nobody."""
    job = await queued(conversations)
    claim = await take(jobs, job)
    assert (await step(jobs, claim, "openai", b"1")).document == b"1"
    assert (await step(jobs, claim, "openai", b"2")).document == b"1"
    lose(wire, job)
    again = await take(other, job)
    assert {name: one.document for name, one in again.steps.items()} == {"openai": b"1"}
    events = await told(store, job.case_id)
    assert [type(one) for one in events] == [AnalysisProgress]


async def test_a_worker_that_was_overtaken_leaves_no_trace(
    conversations: ConversationStateManager, jobs: Jobs, other: Jobs, wire: Wire, store: Store
) -> None:
    """Every write of an earlier epoch is refused: steps, result, failure, giving back."""
    job = await queued(conversations)
    late = await take(jobs, job)
    lose(wire, job)
    owner = await take(other, job)
    with pytest.raises(Fenced):
        await step(jobs, late, "openai")
    with pytest.raises(Fenced):
        await done(jobs, late, "late")
    with pytest.raises(Fenced):
        await jobs.postpone(late, "late", 0)
    with pytest.raises(Fenced):
        await jobs.give_up(
            late, "late", failure(job, "en", "gave_up"), notification("analysis.failed", job), ttl=9
        )
    assert await done(other, owner, "in time")
    kept = await conversations.result(job.case_id)
    assert kept is not None
    assert kept.summary.plain == "in time"
    assert [one.kind for one in (await outbox(store, job.case_id)).values()] == [
        "analysis.completed"
    ]


async def test_a_result_leaves_once_with_everything(
    conversations: ConversationStateManager, jobs: Jobs, board: JobBoard, store: Store
) -> None:
    """Result, status, event, notification and measured time come together, and steps go."""
    job = await queued(conversations)
    claim = await take(jobs, job)
    await step(jobs, claim, "openai")
    assert await done(jobs, claim)
    view = await board.view(job.case_id, job.turn)
    assert view is not None
    assert (view.state, view.steps, view.attempts) == ("done", (), 1)
    assert view.started_at is not None
    assert view.finished_at is not None
    assert view.started_at <= view.finished_at
    with pytest.raises(Fenced):
        await done(jobs, claim, "again")
    assert (await refused(jobs, job)).reason == "over"
    assert set(await outbox(store, job.case_id)) == {
        notification("analysis.completed", job).id.encode()
    }
    assert await store.command("ZSCORE", keys.OUTBOX, job.case_id) is not None
    assert await store.command("LLEN", keys.durations("complex")) > 0


async def test_a_newer_analysis_makes_an_older_one_pointless(
    conversations: ConversationStateManager, jobs: Jobs, board: JobBoard
) -> None:
    """A correction after the end asks for a new result; the old job can no more overwrite it."""
    job = await queued(conversations)
    old = await take(jobs, job)
    newer = await queued(conversations, job.case_id)
    assert newer.turn == 2
    claim = await take(jobs, newer)
    assert await done(jobs, claim, "new")
    assert not await done(jobs, old, "old")
    kept = await conversations.result(job.case_id)
    assert kept is not None
    assert kept.summary.plain == "new"
    view = await board.view(job.case_id, 1)
    assert view is not None
    assert view.state == "superseded"


async def test_a_superseded_job_is_not_begun(
    conversations: ConversationStateManager, jobs: Jobs, board: JobBoard
) -> None:
    """Nobody pays for a result that will not be used."""
    job = await queued(conversations)
    await queued(conversations, job.case_id)
    assert (await refused(jobs, job)).reason == "over"
    view = await board.view(job.case_id, 1)
    assert view is not None
    assert view.state == "superseded"


async def test_a_failed_job_waits_before_it_is_tried_again(
    conversations: ConversationStateManager, jobs: Jobs, board: JobBoard
) -> None:
    """It keeps why it failed, and nobody gets it before its time."""
    job = await queued(conversations)
    await jobs.postpone(await take(jobs, job), "ValueError: oops", 60_000)
    late = await refused(jobs, job)
    assert late.reason == "later"
    assert 50_000 < late.wait_ms <= 60_000
    view = await board.view(job.case_id, 1)
    assert view is not None
    assert (view.state, view.error, view.attempts) == ("queued", "ValueError: oops", 1)


async def test_handing_over_wears_nothing_out(
    conversations: ConversationStateManager, jobs: Jobs, other: Jobs
) -> None:
    """A worker that stops gives the job to the next at once, as if it had never begun."""
    job = await queued(conversations)
    for _ in range(2 * MOST):
        await jobs.postpone(await take(jobs, job), None, 0)
    assert (await take(other, job)).attempt == 1


async def test_a_job_that_wears_workers_out_is_given_up(
    conversations: ConversationStateManager,
    jobs: Jobs,
    board: JobBoard,
    wire: Wire,
    store: Store,
) -> None:
    """After too many attempts it is put before the operators, who can let it begin anew."""
    job = await queued(conversations)
    for _ in range(MOST):
        assert not (await take(jobs, job)).spent
        lose(wire, job)
    claim = await take(jobs, job)
    assert claim.spent
    event = failure(job, "en", "gave_up")
    await jobs.give_up(claim, "worn out", event, notification("analysis.failed", job), ttl=600)
    dead, cursor = await board.list(states=frozenset({"dead"}), limit=1_000)
    assert job.id in [one.job for one in dead]
    assert cursor is None
    assert event in await told(store, job.case_id)
    assert (await refused(jobs, job)).reason == "over"

    await board.retry(job.case_id, job.turn)
    assert job.id not in [
        one.job for one in (await board.list(states=frozenset({"dead"}), limit=1_000))[0]
    ]
    assert (await take(jobs, job)).attempt == 1


async def test_cancelling_takes_the_job_from_its_worker(
    conversations: ConversationStateManager, jobs: Jobs, board: JobBoard, store: Store
) -> None:
    """Whoever works on it is refused from then on; it can be cancelled once, and retried."""
    job = await queued(conversations)
    claim = await take(jobs, job)
    event, note = failure(job, "en", "cancelled"), notification("analysis.failed", job)
    await board.cancel(job.case_id, job.turn, event, note)
    with pytest.raises(Fenced):
        await done(jobs, claim)
    with pytest.raises(JobConflict):
        await board.cancel(job.case_id, job.turn, event, note)
    assert event in await told(store, job.case_id)
    await board.retry(job.case_id, job.turn)
    assert await done(jobs, await take(jobs, job))
    with pytest.raises(JobConflict):
        await board.retry(job.case_id, job.turn)


async def test_orders_about_nothing_say_so(board: JobBoard) -> None:
    """A job that is not there cannot be ordered about."""
    job = job_of("0" * 32, 9)
    with pytest.raises(JobNotFound):
        await board.retry(job.case_id, job.turn)
    with pytest.raises(JobNotFound):
        await board.cancel(
            job.case_id, 9, failure(job, "en", "cancelled"), notification("analysis.failed", job)
        )
    assert await board.view(job.case_id, 9) is None
    assert await board.latest(job.case_id) is None


async def test_an_erased_case_takes_its_jobs_along(
    conversations: ConversationStateManager, jobs: Jobs, store: Store
) -> None:
    """Nothing of it is left but word of that, and its worker cannot bring it back."""
    job = await queued(conversations)
    claim = await take(jobs, job)
    await step(jobs, claim, "openai")
    word = [CaseKeys(job.case_id).facts.encode()]
    await conversations.delete_conversation_state(job.case_id)
    assert await store.command("KEYS", f"tri:{{{job.case_id}}}:*") == word
    with pytest.raises(CaseNotFound):
        await step(jobs, claim, "openai")
    with pytest.raises(CaseNotFound):
        await done(jobs, claim)
    assert await store.command("KEYS", f"tri:{{{job.case_id}}}:*") == word
    assert (await refused(jobs, job)).reason == "gone"


async def test_every_key_of_a_job_has_a_life(
    conversations: ConversationStateManager, jobs: Jobs, store: Store, wire: Wire
) -> None:
    """Whatever is written for a job goes by itself, with its case or soon after."""
    wire.call("FLUSHALL")
    job = await queued(conversations)
    claim = await take(jobs, job)
    await step(jobs, claim, "openai")
    await done(jobs, claim)
    second = await queued(conversations)
    event = failure(second, "en", "gave_up")
    await jobs.give_up(
        await take(jobs, second), "x", event, notification("analysis.failed", second), ttl=60
    )
    found = await store.command("KEYS", "*")
    lives = await store.commands(("PTTL", key) for key in found)
    assert [key for key, left in zip(found, lives, strict=True) if left < 0] == []


async def test_jobs_are_listed_page_by_page(
    conversations: ConversationStateManager, board: JobBoard, wire: Wire
) -> None:
    """The latest first, each once, and only those in the states asked for."""
    wire.call("DEL", keys.JOBS)
    made = [await queued(conversations, at=at) for at in range(1, 8)]
    seen: list[str] = []
    cursor: int | None = None
    while True:
        page, cursor = await board.list(states=frozenset(), limit=3, before_ms=cursor)
        seen += [one.job for one in page]
        if cursor is None:
            break
    assert seen == [one.id for one in reversed(made)]
    running: frozenset[JobState] = frozenset({"running"})
    assert await board.list(states=running, limit=3) == ([], None)


async def test_lists_of_jobs_do_not_outgrow_the_jobs(
    conversations: ConversationStateManager, board: JobBoard, store: Store, wire: Wire
) -> None:
    """Those that went with their cases leave, others stay, and so do those just listed."""
    wire.call("DEL", keys.JOBS, keys.DEAD)
    stays = await queued(conversations, at=5)
    went = [await queued(conversations, at=6) for _ in range(250)]
    for job in went:
        wire.call("DEL", CaseKeys(job.case_id).job(job.turn))
        wire.call("ZADD", keys.DEAD, "6", job.id)
    assert await job_board.sweep(store, top_ms=5) == 0
    assert wire.call("ZCARD", keys.JOBS) == b"251"
    assert await job_board.sweep(store, top_ms=6) == 2 * len(went)
    assert await store.command("ZRANGE", keys.JOBS, 0, -1) == [stays.id.encode()]
    assert wire.call("ZCARD", keys.DEAD) == b"0"
    assert [one.job for one in (await board.list(states=frozenset(), limit=5))[0]] == [stays.id]


async def test_the_sweep_of_cases_takes_their_jobs_along(
    conversations: ConversationStateManager, wire: Wire
) -> None:
    """Whoever tidies the lists of cases tidies those of jobs."""
    job = await queued(conversations)
    await conversations.delete_conversation_state(job.case_id)
    assert wire.call("ZSCORE", keys.JOBS, job.id) is not None
    await conversations.sweep(stale_ms=-1_000)
    assert wire.call("ZSCORE", keys.JOBS, job.id) is None


async def test_the_agenda_shows_jobs_as_they_stand(
    conversations: ConversationStateManager, jobs: Jobs, agenda: Agenda, wire: Wire
) -> None:
    """A new job is due in a moment; then it says whether somebody has it and when it may go on."""
    job = await queued(conversations)
    assert await agenda.due("complex", 10) == []
    entry = await _due(agenda, wire, job)
    assert (entry.state, entry.attempts, entry.held_ms, entry.wait_ms) == ("queued", 0, 0, 0)
    claim = await take(jobs, job)
    entry = await _due(agenda, wire, job)
    assert (entry.state, entry.attempts) == ("running", 1)
    assert 0 < entry.held_ms <= LEASE_MS
    await jobs.postpone(claim, "oops", 60_000)
    entry = await _due(agenda, wire, job)
    assert entry.state == "queued"
    assert 50_000 < entry.wait_ms <= 60_000


async def test_one_reconciler_moves_an_entry(
    conversations: ConversationStateManager, agenda: Agenda, wire: Wire
) -> None:
    """Of two that saw the same, the first acts."""
    entry = await _due(agenda, wire, await queued(conversations))
    assert await agenda.look_again(entry, 60_000)
    assert not await agenda.look_again(entry, 60_000)
    assert await agenda.due("complex", 10) == []


async def test_an_entry_without_a_job_goes_after_a_while(agenda: Agenda, wire: Wire) -> None:
    """A job may be about to be written; one that never was is taken off."""
    name = job_id("f" * 32, 1)
    wire.call("ZADD", keys.agenda("complex"), str(time.time_ns() // 1_000_000 - 10), name)
    (entry,) = await agenda.due("complex", 10)
    assert entry.state is None
    await agenda.strike(entry)
    assert len(await agenda.due("complex", 10)) == 1
    wire.call("ZADD", keys.agenda("complex"), "1", name)
    (entry,) = await agenda.due("complex", 10)
    await agenda.strike(entry)
    assert await agenda.due("complex", 10) == []


async def _due(agenda: Agenda, wire: Wire, job: Job) -> AgendaEntry:
    """Make a job due now and return its entry."""
    wire.call("ZADD", keys.agenda(job.queue), "1", job.id)
    (entry,) = await agenda.due(job.queue, 10)
    return entry


def test_a_step_record_is_read_back_as_it_was_written() -> None:
    """What a step came to survives storage."""
    record = StepRecord(document=b"{}", error=None)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=StepRecord) == record


async def test_a_finished_turn_without_a_job_has_none(
    conversations: ConversationStateManager, board: JobBoard
) -> None:
    """Most turns ask for nothing."""
    case_id = (await opened(conversations)).case_id
    await post(conversations, case_id)
    await finished(conversations, await claimed(conversations, case_id))
    assert await board.latest(case_id) is None
