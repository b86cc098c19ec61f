"""How cases and playbooks look in operators' lists."""

from app.api.case_list_schema import AreaView, CaseRow, CodeView, FlagView, PlaybookView
from app.domain.playbook import Playbook
from app.state.case_index import ListedCase


def case_row(one: ListedCase) -> CaseRow:
    """Return a row of the list: nothing in anybody's words."""
    state, result = one.state, one.result
    return CaseRow(
        case_id=state.case_id,
        status=state.status,
        running=one.running,
        playbook=state.playbook,
        locale=state.locale,
        variant=state.variant,
        turns=one.turns,
        complexity=state.assessment.complexity if result is None else result.complexity,
        candidates=list(state.assessment.candidates[:3]),
        result=result is not None,
        code=None if result is None else result.classification.code,
        urgency=None if result is None else result.urgency.level,
        needs_human=one.needs_human,
        red_flags=list(one.red_flags),
        handoff=None if state.handoff is None else state.handoff.status,
        strategy=None if result is None else result.provenance.strategy,
        rating=None if one.rated is None else one.rated.score,
        reviews=one.review_state,
        created_at=state.created_at,
        updated_at=state.updated_at,
    )


def playbook_view(playbook: Playbook) -> PlaybookView:
    """Return what a playbook's cases can be."""
    return PlaybookView(
        id=playbook.id,
        version=playbook.version,
        title=playbook.title,
        locales=list(playbook.locales),
        areas=[
            AreaView(
                code=area.code,
                label=area.label,
                subareas=[
                    CodeView(
                        code=sub.code,
                        label=sub.label,
                        description=sub.description,
                        urgency=sub.urgency,
                    )
                    for sub in area.subareas
                ],
            )
            for area in playbook.areas
        ],
        red_flags=[
            FlagView(code=one.code, label=one.label, urgency=one.urgency, handoff=one.handoff)
            for one in playbook.red_flags
        ],
        slots={slot.name: slot.label for slot in playbook.slots},
    )
