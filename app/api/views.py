"""How stored values look from outside."""

from functools import partial
from typing import Literal, assert_never

from app.api.form_schema import FormStatus
from app.api.form_views import greeting
from app.api.schema import (
    CaseTurn,
    CaseView,
    KnownFact,
    StatusView,
    TurnAnswer,
    TurnKind,
    TurnSnapshot,
)
from app.core.form import is_offered, lines_of
from app.core.intake import TurnView
from app.domain.analysis import Analysis
from app.domain.case import (
    Accepted,
    AskHuman,
    Begin,
    CaseState,
    Command,
    Conclude,
    Correct,
    Fill,
    HandBack,
    OperatorSays,
    PersonCommand,
    Say,
    Take,
    Turn,
)
from app.domain.clock import now_ms
from app.domain.job import JobView
from app.domain.playbook import Playbook
from app.state.records import CaseRecord


def retry_after(since_ms: int) -> str:
    """Return the seconds after which looking again makes sense: 1, 2, then 5 as time goes by."""
    seconds = (now_ms() - since_ms) / 1_000
    return "1" if seconds < 5 else "2" if seconds < 30 else "5"


def turn_snapshot(case_id: str, view: TurnView) -> TurnSnapshot:
    """Return a turn as it stands."""
    return TurnSnapshot(
        case_id=case_id,
        turn=view.turn,
        status=view.status,
        text=view.text,
        last_event_id=None if view.last is None else str(view.last),
    )


def turn_answer(
    record: CaseRecord, turn: Turn, result: Analysis | None, job: JobView | None
) -> TurnAnswer:
    """Return a committed turn with what is known of its case."""
    state = record.state
    done = state.status == "completed"
    return TurnAnswer(
        case_id=state.case_id,
        turn=turn.turn,
        outcome=turn.outcome,
        message=turn.reply,
        status=state.status,
        interview="complete" if done else "active",
        complexity=state.assessment.complexity,
        confidence=state.assessment.confidence,
        missing=list(state.assessment.missing),
        analysis=result if done else None,
        job=job,
    )


def status_view(record: CaseRecord, playbook: Playbook, job: JobView | None) -> StatusView:
    """Return everything a polling frontend needs."""
    state = record.state
    assessment = state.assessment
    facts = [
        KnownFact(
            slot=slot.name,
            label=slot.label[state.locale],
            value=known.value,
            turn=known.turn,
            source=known.source,
        )
        for slot in playbook.slots
        if (known := assessment.slots.get(slot.name)) is not None
    ]
    return StatusView(
        case_id=state.case_id,
        status=state.status,
        variant=state.variant,
        playbook=state.playbook,
        locale=state.locale,
        turns=record.accepted,
        turns_done=record.done,
        running=record.done + 1 if record.accepted > record.done else None,
        complexity=assessment.complexity,
        confidence=assessment.confidence,
        candidates=list(assessment.candidates),
        missing=list(assessment.missing),
        red_flags=[flag.code for flag in assessment.red_flags],
        facts=facts,
        job=job,
        result_ready=record.has_result,
        created_at=state.created_at,
        updated_at=state.updated_at,
        handoff=state.handoff,
    )


def case_view(
    record: CaseRecord,
    playbook: Playbook,
    committed: tuple[Turn, ...],
    waiting: tuple[Accepted, ...],
) -> CaseView:
    """Return a whole conversation."""
    state = record.state
    read = partial(_case_turn, playbook, state)
    turns = [read(one.turn, one.command, one.at, one.reply, one.outcome) for one in committed]
    for at, one in enumerate(waiting):
        outcome: Literal["running", "queued"] = "running" if at == 0 else "queued"
        turns.append(read(len(committed) + at + 1, one.command, one.at, "", outcome))
    return CaseView(
        case_id=state.case_id,
        status=state.status,
        playbook=state.playbook,
        locale=state.locale,
        variant=state.variant,
        greeting=greeting(playbook, state),
        notice=playbook.notice[state.locale],
        turns=turns,
        handoff=state.handoff,
        form_status=_form_status(playbook, state, waiting),
    )


def _form_status(
    playbook: Playbook, state: CaseState, waiting: tuple[Accepted, ...]
) -> FormStatus | None:
    if not is_offered(playbook, state):
        return None
    on_its_way = any(isinstance(one.command, Fill) for one in waiting)
    return "submitted" if state.form_turn is not None or on_its_way else "open"


def _case_turn(
    playbook: Playbook,
    state: CaseState,
    turn: int,
    command: Command,
    at: int,
    reply: str,
    outcome: Literal["completed", "cancelled", "failed", "running", "queued"],
) -> CaseTurn:
    kind: TurnKind
    operator: str | None
    match command:
        case Take(operator=operator):
            kind, message = "take", ""
        case OperatorSays(operator=operator):
            kind, message = "operator", ""
        case HandBack(operator=operator):
            kind, message = "hand_back", ""
        case _:
            kind, message = _by_person(playbook, state, command)
            operator = None
    return CaseTurn(
        turn=turn,
        kind=kind,
        message=message,
        reply=reply,
        operator=operator,
        outcome=outcome,
        at=at,
    )


def _by_person(
    playbook: Playbook, state: CaseState, command: PersonCommand
) -> tuple[TurnKind, str]:
    """Return what kind of turn somebody's command makes, and what they wrote with it."""
    match command:
        case Say(text=text):
            return "say", text
        case Begin():
            return "begin", ""
        case Fill() as form:
            return "fill", "\n".join(lines_of(playbook, form, state.locale))
        case Correct(slot=slot, value=value):
            return "correct", f"{slot}: {value}"
        case Conclude(reason=reason):
            return "conclude", reason
        case AskHuman(by="analysis"):
            return "need_human", ""
        case AskHuman(reason=reason):
            return "ask_human", reason
        case _:
            assert_never(command)
