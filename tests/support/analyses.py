"""Results and what is told of them, as tests write them."""

import time

from app.core.background import notification
from app.domain.analysis import (
    Analysis,
    Classification,
    Documents,
    Provenance,
    Strategy,
    Summary,
    Urgency,
    Viability,
)
from app.domain.event import AnalysisCompleted, AnalysisProgress
from app.domain.facts import AnalysisDone
from app.domain.job import Job, StepRecord
from app.state.jobs import JobClaim, Jobs


def result(plain: str = "A pipe leaks.", strategy: Strategy = "ensemble") -> Analysis:
    """Return a result that says this and leaves everything else out."""
    return Analysis(
        classification=Classification(code=None, area=None, subarea=None, top=(), abstained=True),
        nature=None,
        urgency=Urgency(level="medium", reason="", deadline=None, immediate_actions=()),
        complexity="high",
        red_flags=(),
        needs_human=True,
        parties=(),
        facts=(),
        chronology=(),
        requests=(),
        documents=Documents(mentioned=(), needed=()),
        viability=Viability(level="unknown", strengths=(), weaknesses=(), rationale=""),
        next_steps=(),
        warnings=(),
        summary=Summary(plain=plain, professional=""),
        provenance=Provenance(
            strategy=strategy,
            planned=strategy,
            degradations=(),
            models=(),
            prompt=None,
            playbook="tiny 1.0.0",
            cost_nano_usd=None,
            duration_ms=1.0,
            cached=False,
        ),
        created_at=time.time_ns() // 1_000_000,
    )


async def step(jobs: Jobs, claim: JobClaim, name: str, document: bytes = b"{}") -> StepRecord:
    """Keep a step of a job."""
    progress = AnalysisProgress(turn=claim.job.turn, job=claim.job.id, step=name, done=1, of=2)
    return await jobs.keep(claim, name, StepRecord(document=document), progress)


async def done(
    jobs: Jobs, claim: JobClaim, plain: str = "A pipe leaks.", *, fact: AnalysisDone | None = None
) -> bool:
    """End a job with a result; False if a newer one has made it pointless."""
    event = completed(claim.job)
    told = notification("analysis.completed", claim.job)
    return await jobs.finish(claim, result(plain), event, told, ttl=600, fact=fact)


def completed(job: Job) -> AnalysisCompleted:
    """Return what a case's readers are told of a job's result."""
    return AnalysisCompleted(
        turn=job.turn, code=None, urgency="medium", needs_human=True, job=job.id
    )
