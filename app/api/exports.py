"""Everything that is held about a case, for the person to take along."""

from litestar import Controller, Response, get

from app.api.cost_schema import CallRow
from app.api.export_schema import (
    CaseExport,
    HeldAssignment,
    HeldBrowser,
    HeldDelivery,
    HeldEvent,
)
from app.api.opinion_schema import RatingView
from app.api.opinions import review_view
from app.api.parameters import CaseIdPath
from app.api.problems import READING, documented
from app.api.views import case_view, status_view
from app.core.export import Exporter, Held, counted
from app.domain.event import as_mapping


class ExportController(Controller):
    """What a person may take along."""

    @get(
        "/cases/{case_id:str}/export",
        operation_id="export_case",
        response_description="Everything, as a file.",
        tags=["Case"],
        summary="Export a case",
        responses=documented(*READING),
    )
    async def export(
        self, exporter: Exporter, token: str, case_id: CaseIdPath
    ) -> Response[CaseExport]:
        """Return everything that is held about the case, to keep or to take elsewhere."""
        held = await exporter.gather(case_id, token)
        name = f'attachment; filename="triage-{case_id}.json"'
        headers = {"Content-Disposition": name, "Cache-Control": "no-store"}
        return Response(_exported(held), headers=headers)


def _exported(held: Held) -> CaseExport:
    record, state = held.record, held.record.state
    given, rating, said = state.assignment, held.rating, held.reviews
    return CaseExport(
        case_id=state.case_id,
        exported_at=held.at,
        user_ref=state.user_ref,
        attributes=dict(state.attributes),
        playbook_version=state.playbook_version,
        assignment=None
        if given is None
        else HeldAssignment(
            experiment=given.experiment,
            variation=given.variation,
            person=given.person,
            flags=given.flags,
        ),
        conversation=case_view(record, held.playbook, held.committed, held.waiting),
        status=status_view(record, held.playbook, held.jobs[-1] if held.jobs else None),
        form_answers=None if held.submitted is None else dict(held.submitted.answers),
        result=held.result,
        jobs=list(held.jobs),
        rating=None if rating is None else RatingView(score=rating.score, comment=rating.comment),
        reviews=[review_view(one) for one in said.latest],
        settled=None if said.settled is None else review_view(said.settled),
        events=[
            HeldEvent(id=str(one.id), event=one.name, data=as_mapping(one.data))
            for one in held.events
        ],
        calls=[CallRow.of(one) for one in held.calls],
        browsers=[HeldBrowser(subscription=one.id, endpoint=one.endpoint) for one in held.browsers],
        deliveries=[
            HeldDelivery(
                notification=one.notification.id,
                kind=one.notification.kind,
                channel=one.channel,
                target=one.target,
                state=one.state,
                at=one.at,
            )
            for one in held.deliveries
        ],
        counted=counted(),
    )
