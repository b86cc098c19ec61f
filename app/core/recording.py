"""Which facts a commit leaves behind; they leave the core in the same script.

Ids are made of what a fact is about, so that a turn that is worked on twice tells of itself once.
"""

from msgspec.structs import replace

from app.core.steps import Answer
from app.domain.analysis import Analysis
from app.domain.case import Begin, CaseState, Correct, Fill, Say, Turn, spoken
from app.domain.facts import (
    About,
    AnalysisDone,
    Exposure,
    Fact,
    TriageCompleted,
    TriageStarted,
    TurnEnded,
)
from app.state.jobs import JobClaim
from app.state.records import Claim

_TREATS = (Say, Begin, Fill, Correct)
"""What a person does with the product, so that it treats them: a form does so once it is begun."""


def of_turn(claim: Claim, turn: Turn, answer: Answer) -> list[Fact]:
    """Return what the commit of a turn leaves behind, in the order in which it happened."""
    before, after, about = claim.state, answer.state, About.of(answer.state)
    facts: list[Fact] = []
    if turn.turn == 1:
        facts.append(
            TriageStarted(
                id=f"started:{about.case_id}",
                occurred_ms=turn.at,
                about=about,
                opened_ms=after.created_at,
            )
        )
    if (exposure := _exposure(claim, turn, about)) is not None:
        facts.append(exposure)
    facts.append(_ended(turn, answer, about))
    if before.status == "active" and after.status == "completed":
        facts.append(_completed(turn, answer, about))
    if answer.result is not None:
        facts.append(_analysed(after, turn.turn, answer.result, turn.finished_at))
    return facts


def of_job(claim: JobClaim, result: Analysis) -> AnalysisDone:
    """Return what the result of a background analysis leaves behind."""
    fact = _analysed(claim.state, claim.job.turn, result, result.created_at)
    waited = max(0, fact.occurred_ms - claim.job.created_at)
    return replace(fact, background=True, attempts=claim.attempt, waited_ms=waited)


def of_given_up(claim: JobClaim, at_ms: int) -> AnalysisDone:
    """Return what a background analysis without a result leaves behind.

    A retry may still bring one, so this has an id of its own.
    """
    return AnalysisDone(
        id=f"analysis:{claim.job.id}.given_up.{claim.epoch}",
        occurred_ms=at_ms,
        about=About.of(claim.state),
        turn=claim.job.turn,
        outcome="given_up",
        background=True,
        since_opened_ms=max(0, at_ms - claim.state.created_at),
        waited_ms=max(0, at_ms - claim.job.created_at),
        attempts=claim.attempt,
        planned=claim.job.planned,
    )


def _exposure(claim: Claim, turn: Turn, about: About) -> Exposure | None:
    """Return the exposure, where this is the first turn that treats a person of an experiment."""
    given = claim.state.assignment
    if given is None or not _treats(turn) or any(map(_treats, claim.turns)):
        return None
    return Exposure(
        id=f"exposure:{about.case_id}.{given.experiment}",
        occurred_ms=turn.at,
        about=about,
        experiment_id=given.experiment,
        variation_id=given.variation,
        flags=given.flags,
    )


def _treats(turn: Turn) -> bool:
    return turn.outcome == "completed" and isinstance(turn.command, _TREATS)


def _ended(turn: Turn, answer: Answer, about: About) -> TurnEnded:
    assessment = answer.state.assessment
    answered = [one for one in turn.attempts if one.outcome == "completed"]
    return TurnEnded(
        id=f"turn:{about.case_id}.{turn.turn}",
        occurred_ms=turn.finished_at,
        about=about,
        turn=turn.turn,
        command=turn.command.__struct_config__.tag,  # type: ignore[arg-type]
        outcome=turn.outcome,
        accepted_ms=turn.at,
        duration_ms=max(0, turn.finished_at - turn.at),
        said_chars=len(spoken(turn.command) or ""),
        reply_chars=len(turn.reply),
        questions=answer.state.questions,
        missing=len(assessment.missing),
        complexity=assessment.complexity,
        confidence=assessment.confidence,
        red_flags=len(assessment.red_flags),
        model=answered[-1].answered_by or answered[-1].model if answered else None,
        model_calls=len(turn.attempts),
        degraded=bool(turn.degradations),
    )


def _completed(turn: Turn, answer: Answer, about: About) -> TriageCompleted:
    state = answer.state
    return TriageCompleted(
        id=f"completed:{about.case_id}",
        occurred_ms=turn.finished_at,
        about=about,
        turn=turn.turn,
        duration_ms=max(0, turn.finished_at - state.created_at),
        turns=turn.turn,
        questions=state.questions,
        complexity=state.assessment.complexity,
        confidence=state.assessment.confidence,
        red_flags=len(state.assessment.red_flags),
        handoff=state.handoff is not None,
        background=answer.job is not None,
    )


def _analysed(state: CaseState, turn: int, result: Analysis, at_ms: int) -> AnalysisDone:
    classification, provenance = result.classification, result.provenance
    top = next((one for one in classification.top if one.code == classification.code), None)
    return AnalysisDone(
        id=f"analysis:{state.case_id}.{turn}",
        occurred_ms=at_ms,
        about=About.of(state),
        turn=turn,
        outcome="done",
        background=False,
        since_opened_ms=max(0, at_ms - state.created_at),
        waited_ms=0,
        attempts=1,
        code=classification.code,
        code_confidence=None if top is None else top.confidence,
        urgency=result.urgency.level,
        complexity=result.complexity,
        needs_human=result.needs_human,
        red_flags=len(result.red_flags),
        strategy=provenance.strategy,
        planned=provenance.planned,
        cached=provenance.cached,
        duration_ms=round(provenance.duration_ms),
        cost_nano_usd=provenance.cost_nano_usd,
    )
