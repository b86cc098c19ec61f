"""Cases as the tests of the state room make them: opened, posted to and answered in one line."""

from collections.abc import Sequence
from uuid import uuid4

from app.core import terminals
from app.core.steps import Answer
from app.domain.case import Accepted, CaseState, OnBusy, Say, Turn
from app.domain.event import AnalysisCompleted, CaseEvent, encode
from app.domain.facts import Fact
from app.domain.job import Job, Queue
from app.domain.notification import Notification
from app.state.conversations import ConversationStateManager
from app.state.records import Claim, Receipt
from app.state.store import Store

TOKEN_HASH = "the-digest-of-a-token"


def case_state(case_id: str | None = None, *, updated_at: int = 1) -> CaseState:
    """Return the state of a new case."""
    return CaseState(
        case_id=case_id or uuid4().hex,
        playbook="tiny",
        playbook_version="1.0.0",
        locale="en",
        variant="v2",
        created_at=1,
        updated_at=updated_at,
    )


async def opened(
    conversations: ConversationStateManager, *, ttl: int = 600, cap: int = 100
) -> CaseState:
    """Open a case and return its state."""
    state = case_state()
    await conversations.start(state, token_hash=TOKEN_HASH, cap=cap, ttl=ttl)
    return state


async def post(
    conversations: ConversationStateManager,
    case_id: str,
    text: str = "hello",
    *,
    key: str | None = None,
    fingerprint: str | None = None,
    on_busy: OnBusy = "enqueue",
    claim: bool = False,
    token_hash: str = TOKEN_HASH,
) -> Receipt:
    """Post a message, with a fresh key if none is given."""
    return await conversations.accept(
        case_id,
        Accepted(command=Say(text=text), at=1),
        token_hash=token_hash,
        key=key or uuid4().hex,
        fingerprint=fingerprint or text,
        on_busy=on_busy,
        claim=claim,
    )


async def claimed(conversations: ConversationStateManager, case_id: str) -> Claim:
    """Claim a case that must be free and have something to do."""
    found = await conversations.claim(case_id)
    assert isinstance(found, Claim), found
    return found


def turn_of(claim: Claim, reply: str, seq: int = 1) -> Turn:
    """Return the record of a completed turn."""
    answer = Answer(reply=reply, state=claim.state)
    return terminals.record(claim, answer, terminals.completed(claim, answer), seq)


async def finished(
    conversations: ConversationStateManager,
    claim: Claim,
    reply: str = "and then?",
    *,
    seq: int = 1,
    state: CaseState | None = None,
    ttl: int = 600,
    log_ttl: int = 60,
    events: tuple[CaseEvent, ...] = (),
    job: Job | None = None,
    notifications: tuple[Notification, ...] = (),
    facts: Sequence[Fact] = (),
) -> int:
    """Commit a claimed turn and return how many wait."""
    return await conversations.finish(
        claim,
        turn_of(claim, reply, seq),
        state=state or claim.state,
        result=None,
        ttl=ttl,
        log_ttl=log_ttl,
        events=[encode(one) for one in events],
        job=job,
        notifications=notifications,
        facts=facts,
    )


def case_event(turn: int) -> CaseEvent:
    """Return some event of a case."""
    return AnalysisCompleted(turn=turn, code=None, urgency="low", needs_human=False)


def job_of(case_id: str, turn: int = 1, *, queue: Queue = "complex", at: int = 1) -> Job:
    """Return the background job that a turn asks for."""
    return Job(case_id=case_id, turn=turn, queue=queue, planned="ensemble", created_at=at)


async def queued(
    conversations: ConversationStateManager,
    case_id: str | None = None,
    *,
    queue: Queue = "complex",
    at: int = 1,
) -> Job:
    """Commit one more turn of a case, a new one if none is given, that asks for a job."""
    case_id = case_id or (await opened(conversations)).case_id
    await post(conversations, case_id)
    claim = await claimed(conversations, case_id)
    job = job_of(case_id, claim.turn, queue=queue, at=at)
    await finished(conversations, claim, job=job)
    return job


async def keys_of(store: Store, case_id: str = "") -> set[str]:
    """Return the names of all keys, or of those that name a case."""
    found = await store.command("KEYS", f"tri:*{case_id}*")
    return {one.decode() for one in found}


def text_of(command: object) -> str:
    """Return what a command says, which must be that of a person."""
    assert isinstance(command, Say)
    return command.text
