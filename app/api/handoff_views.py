"""How stored values look to operators."""

from app.api.handoff_schema import HandoffRow, OperatorCase
from app.api.views import case_view, status_view
from app.core.handoff_desk import OpenedCase
from app.domain.job import JobView
from app.state.handoffs import ListedHandoff


def operator_case(opened: OpenedCase, job: JobView | None = None) -> OperatorCase:
    """Return a whole case as operators see it."""
    state = opened.record.state
    return OperatorCase(
        case=case_view(opened.record, opened.playbook, opened.committed, opened.waiting),
        status=status_view(opened.record, opened.playbook, job),
        analysis=opened.result,
        user_ref=state.user_ref,
        attributes=state.attributes,
    )


def handoff_row(one: ListedHandoff) -> HandoffRow:
    """Return a row of the list as operators see it."""
    state, handoff = one.state, one.handoff
    return HandoffRow(
        case_id=state.case_id,
        status="taken" if handoff.status == "taken" else "requested",
        by=handoff.by,
        requested_at=handoff.requested_at,
        operator=handoff.operator,
        taken_at=handoff.taken_at,
        case_status=state.status,
        playbook=state.playbook,
        locale=state.locale,
        complexity=state.assessment.complexity,
        candidates=list(state.assessment.candidates),
        red_flags=[flag.code for flag in state.assessment.red_flags],
        updated_at=state.updated_at,
    )
