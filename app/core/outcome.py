"""What a turn comes to: the reply with its understanding, the case's new state, who hears of it."""

from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from app.core import handoff as handoffs
from app.core.analysis.documents import NONE, ModelTurn
from app.core.analysis.merging import merge
from app.core.guided import Line
from app.core.rules import Rules
from app.core.understanding.plan import is_complete, screening_due
from app.core.understanding.screening import question
from app.domain.assessment import Assessment
from app.domain.case import CaseState, Correct, Fill, Handoff, Say, Take, Turn, spoken
from app.domain.event import CaseEvent, CaseStatusChanged, FactCorrected, RedFlagRaised
from app.domain.notification import Notification
from app.domain.playbook import Slot
from app.domain.usage import Attempt
from app.state.records import Claim


class Reply(Struct, frozen=True, kw_only=True):
    """What was said in answer, and the understanding that goes with it."""

    text: str
    assessment: Assessment
    asking: str | None
    complete: bool
    asks: bool = True
    """Whether it counts as a question put to the person."""
    question: str = ""
    """A question of the playbook that is still to be put, after everything else."""
    handoff: Handoff | None = None
    """How it stands with a human from now on; None where that does not change."""
    attempts: tuple[Attempt, ...] = ()
    degradations: tuple[str, ...] = ()


def model_reply(
    rules: Rules,
    claim: Claim,
    text: str,
    read: Assessment,
    value: ModelTurn | None,
    last: bool,
    attempts: list[Attempt],
    fixed: Slot | None = None,
) -> Reply:
    """Return what a model said, with its assessment put upon the rules' one.

    `fixed` is what the plan asks for after the model's words. Where the model would end, and only
    it has understood what was told, everybody is still asked for dangers.
    """
    playbook, state = rules.playbook, claim.state
    if value is None:
        return Reply(
            text=text,
            assessment=read,
            asking=fixed.name if fixed else None,
            complete=last or is_complete(playbook, state, read, wants_to_end=False),
            question=_put(rules, claim, fixed, read),
            attempts=tuple(attempts),
            degradations=("the model gave no assessment; rules assessed",),
        )
    merged = merge(playbook, read, value.assessment, claim.turn)
    ends = last or (value.assessment.done and not merged.missing)
    if ends and fixed is None:
        fixed = screening_due(playbook, state, merged)
    own, screening = value.assessment.asking, playbook.screening
    if screening is not None and own == screening.name:
        own = NONE  # words of its own are not the list
    asking = fixed.name if fixed else own
    return Reply(
        text=text,
        assessment=merged,
        asking=None if asking == NONE else asking,
        complete=ends and fixed is None,
        question=_put(rules, claim, fixed, merged),
        attempts=tuple(attempts),
    )


def _put(rules: Rules, claim: Claim, slot: Slot | None, assessment: Assessment) -> str:
    """Return a question of the playbook as it is put with this understanding, if there is one."""
    if slot is None:
        return ""
    flags = (flag.code for flag in assessment.red_flags)
    return question(rules.playbook, slot, claim.state.locale, flags)


def guided_reply(line: Line, read: Assessment, tried: Reply | None) -> Reply:
    """Return the guided line, with the understanding and the account of models that were tried."""
    return Reply(
        text=line.text,
        assessment=read if tried is None else tried.assessment,
        asking=line.asking,
        complete=line.complete,
        attempts=() if tried is None else tried.attempts,
        degradations=() if tried is None else tried.degradations or ("guided: nothing was said",),
    )


def moved_on(claim: Claim, reply: Reply, said: str) -> CaseState:
    """Return the case's state after a turn."""
    state = claim.state
    now = now_ms()
    asks = bool(said) and reply.asks
    complete = reply.complete or state.status == "completed"
    form = claim.accepted.command if isinstance(claim.accepted.command, Fill) else None
    asked = dict(state.asked)
    if asks and reply.asking is not None:
        asked[reply.asking] = asked.get(reply.asking, 0) + 1
    return replace(
        state,
        assessment=reply.assessment,
        asking=None if complete else reply.asking,
        asked=asked,
        questions=state.questions
        + (1 if asks and not complete else 0)
        + (0 if form is None else len(form.answers)),
        form_turn=state.form_turn if form is None else claim.turn,
        said_chars=state.said_chars + len(said),
        status="completed" if complete else "active",
        completed_at=state.completed_at or (now if complete else None),
        handoff=reply.handoff or state.handoff,
        updated_at=now,
    )


def running(claim: Claim, state: CaseState) -> Turn:
    """Return the turn that is not committed yet, as part of the conversation."""
    return Turn(
        turn=claim.turn,
        command=claim.accepted.command,
        at=claim.accepted.at,
        reply="",
        outcome="completed",
        finished_at=state.updated_at,
        event_id="",
        terminal=b"",
    )


def events_of(claim: Claim, state: CaseState) -> tuple[CaseEvent, ...]:
    """Return what the case's readers should know of the turn."""
    before = {flag.code for flag in claim.state.assessment.red_flags}
    events: list[CaseEvent] = []
    if isinstance(claim.accepted.command, Correct):
        events.append(FactCorrected(turn=claim.turn, slot=claim.accepted.command.slot))
    events += [
        RedFlagRaised(turn=claim.turn, code=flag.code)
        for flag in state.assessment.red_flags
        if flag.code not in before
    ]
    events.append(
        CaseStatusChanged(
            status=state.status,
            complexity=state.assessment.complexity,
            confidence=state.assessment.confidence,
            turn=claim.turn,
        )
    )
    command = claim.accepted.command
    events += handoffs.happened(claim.state.handoff, state.handoff, command, claim.turn)
    return tuple(events)


def notifications_of(
    claim: Claim, state: CaseState, events: tuple[CaseEvent, ...]
) -> tuple[Notification, ...]:
    """Return what the world outside should be told of the turn."""
    return handoffs.notifications(events, claim.case_id, claim.turn, state.updated_at)


def was_told(claim: Claim) -> bool:
    """Say whether the person knows that a human answers: they wrote since one took over."""
    for turn in reversed(claim.turns):
        if isinstance(turn.command, Take) and turn.outcome == "completed":
            return False
        if spoken(turn.command) is not None and turn.outcome == "completed":
            return True
    return False


def was_left_out(claim: Claim) -> bool:
    """Say whether the turn before left the result to this one, which waited behind it already."""
    last = claim.turns[-1] if claim.turns else None
    adds = last is not None and isinstance(last.command, Say | Fill | Correct)
    return last is not None and adds and last.finished_at >= claim.accepted.at


def now_ms() -> int:
    """Return the Unix time in milliseconds."""
    return int(datetime.now(UTC).timestamp() * 1_000)
