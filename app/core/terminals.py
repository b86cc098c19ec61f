"""How a turn ends: its terminal event and the record that is kept of it."""

import hashlib
from collections.abc import Mapping
from typing import Literal, assert_never

from app.core.steps import Answer
from app.domain import event as events
from app.domain.case import OperatorSays, Turn, TurnOutcome
from app.domain.clock import now_ms
from app.domain.errors import FormSubmitted, HandoffConflict
from app.domain.event import EventId, Terminal, TurnCancelled, TurnCompleted, TurnFailed, TurnUsage
from app.state.records import Claim

_REFUSALS: Mapping[str, type[HandoffConflict | FormSubmitted]] = {
    "handoff_conflict": HandoffConflict,
    "form_submitted": FormSubmitted,
}
"""Why a command is not done, by the code of the turn that tells so."""
_RETRY_AFTER_MS = 2_000
_SORRY = {
    "pt": "Não consegui responder agora. Sua mensagem está guardada; tente de novo em instantes.",
    "en": "I could not answer just now. Your message is kept; please try again in a moment.",
}


def ended(claim: Claim, answer: Answer) -> TurnCompleted | TurnFailed:
    """Return the event of a turn that was worked on to its end."""
    if answer.refused is None:
        return completed(claim, answer)
    return TurnFailed(
        turn=claim.turn,
        code=next(code for code, kind in _REFUSALS.items() if isinstance(answer.refused, kind)),
        retryable=False,
        retry_after_ms=0,
        message=str(answer.refused),
    )


def check_refused(turn: Turn) -> None:
    """Return if a committed turn was not refused.

    Raises:
        HandoffConflict, FormSubmitted: it was; the text says why.
    """
    if turn.outcome != "failed":
        return
    told = events.decode(turn.terminal)
    if isinstance(told, TurnFailed) and (refusal := _REFUSALS.get(told.code)) is not None:
        raise refusal(told.message)


def completed(claim: Claim, answer: Answer) -> TurnCompleted:
    """Return the event of a turn that went well."""
    assessment = answer.state.assessment
    done = answer.state.status == "completed"
    counted = [one.usage for one in answer.attempts if one.usage is not None]
    command, handoff = claim.accepted.command, answer.state.handoff
    answered = [one for one in answer.attempts if one.outcome == "completed"]
    return TurnCompleted(
        turn=claim.turn,
        message=answer.reply,
        length=len(answer.reply),
        sha256=_sha256(answer.reply),
        interview="complete" if done else "active",
        status=answer.state.status,
        complexity=assessment.complexity,
        confidence=assessment.confidence,
        missing=assessment.missing,
        usage=TurnUsage(
            input=sum(usage.input for usage in counted),
            output=sum(usage.output for usage in counted),
            attempts=len(answer.attempts),
            model=answered[-1].answered_by or answered[-1].model if answered else None,
        ),
        degradations=answer.degradations,
        operator=command.operator if isinstance(command, OperatorSays) else None,
        handoff=None if handoff is None else handoff.status,
    )


def cancelled(turn: int, text: str) -> TurnCancelled:
    """Return the event of a turn that somebody stopped; `text` is what was said until then."""
    return TurnCancelled(turn=turn, message=text, length=len(text), sha256=_sha256(text))


def failed(claim: Claim, code: Literal["gave_up", "internal"]) -> TurnFailed:
    """Return the event of a turn that nobody could answer."""
    language = claim.state.locale.split("-")[0]
    return TurnFailed(
        turn=claim.turn,
        code=code,
        retryable=True,
        retry_after_ms=_RETRY_AFTER_MS,
        message=_SORRY.get(language, _SORRY["en"]),
    )


def record(claim: Claim, answer: Answer, terminal: Terminal, seq: int) -> Turn:
    """Return what is kept of the turn; `seq` is the terminal event's count."""
    return Turn(
        turn=claim.turn,
        command=claim.accepted.command,
        at=claim.accepted.at,
        reply=answer.reply,
        outcome=_outcome(terminal),
        finished_at=now_ms(),
        event_id=str(EventId(claim.epoch, seq)),
        terminal=events.encode(terminal),
        attempts=answer.attempts,
        degradations=answer.degradations,
    )


def _outcome(terminal: Terminal) -> TurnOutcome:
    match terminal:
        case TurnCompleted():
            return "completed"
        case TurnCancelled():
            return "cancelled"
        case TurnFailed():
            return "failed"
        case _:
            assert_never(terminal)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
