"""A background analysis that needs a human asks for one, once, and nobody else in its name."""

import asyncio
from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.core.analysis.analyst import Analyst
from app.core.background import AnalysisRunner
from app.domain.case import (
    Accepted,
    AskHuman,
    CaseState,
    Handoff,
)
from app.domain.job import Job
from app.state.jobs import Jobs
from tests.support.cases import TOKEN_HASH, post, turn_of
from tests.support.claims import new_state
from tests.support.cores import PATIENCE, Core
from tests.support.handed import (
    ANA,
    ASK,
    CALLED,
    NONSENSE,
    PLAYBOOK,
    RULES,
    STORY,
    listed,
)


async def analysed(core: Core, state: CaseState) -> Job:
    """End a case's interview with a background job, and let a worker do it twice."""
    await core.conversations.start(state, token_hash=TOKEN_HASH, cap=100, ttl=600)
    receipt = await post(core.conversations, state.case_id, NONSENSE, claim=True)
    assert receipt.claim is not None
    job = Job(
        case_id=state.case_id, turn=receipt.turn, queue="simple", planned="simple", created_at=1
    )
    await core.conversations.finish(
        receipt.claim,
        turn_of(receipt.claim, "Thank you."),
        state=replace(state, status="completed"),
        result=None,
        ttl=600,
        log_ttl=60,
        events=[],
        job=job,
    )
    worker = AnalysisRunner(
        Jobs(core.store, "worker"),
        core.leases,
        Analyst(RULES, None, dict),
        {PLAYBOOK.id: PLAYBOOK},
        core.conversations,
    )
    assert await worker.run(state.case_id, job.turn)
    assert not await worker.run(state.case_id, job.turn)
    return job


async def test_a_background_analysis_that_needs_a_human_asks_for_one(core: Core) -> None:
    """Its request is a turn of the case, once for the job, and the person reads of it."""
    state = replace(new_state(PLAYBOOK), case_id=uuid4().hex)
    await analysed(core, state)
    async with asyncio.timeout(PATIENCE):
        await core.reader.wait(state.case_id, 2)
    opened = await core.handoffs.open(state.case_id)
    assert opened.result is not None
    assert opened.result.needs_human
    assert opened.record.accepted == 2
    assert opened.committed[1].reply == CALLED
    handoff = opened.record.state.handoff
    assert handoff is not None
    assert (handoff.status, handoff.by) == ("requested", "analysis")
    assert await listed(core) == [state.case_id]


async def test_nobody_is_asked_twice(core: Core) -> None:
    """Where a human is waited for already, a background analysis asks for no other."""
    waiting = Handoff(status="requested", by="person", reason="", requested_at=5)
    state = replace(new_state(PLAYBOOK), case_id=uuid4().hex, handoff=waiting)
    await analysed(core, state)
    opened = await core.handoffs.open(state.case_id)
    assert opened.record.accepted == 1
    assert opened.record.state.handoff == waiting


async def test_only_an_analysis_asks_in_the_name_of_one(core: Core) -> None:
    """The person's way does not take it, and the analysis can do nothing else."""
    case = await core.opened()
    theirs = Accepted(command=AskHuman(reason="", by="analysis"), at=1)
    with pytest.raises(ValueError, match="credential"):
        await core.conversations.accept(
            case.id,
            theirs,
            token_hash="digest",
            key="k",
            fingerprint="f",
            on_busy="enqueue",
            claim=False,
        )
    for command in (ASK, STORY, ANA):
        with pytest.raises(TypeError, match="analysis"):
            await core.conversations.accept_from_analysis(
                case.id, Accepted(command=command, at=1), key="k", fingerprint="f"
            )
