"""The structured intake over HTTP: the form of a case, from its first field to its submission."""

from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.params import Body

from app.api.form_schema import FormRequest, FormView
from app.api.form_views import form_view
from app.api.parameters import CaseIdPath, IdempotencyKey, Prefer, required_key, wait_of
from app.api.problems import READING, WRITING, documented
from app.api.schema import TurnAnswer, TurnSnapshot
from app.api.turns import ANSWER, LATER, answered
from app.core.form import form_of
from app.core.form_desk import FormDesk
from app.core.intake import Intake


class FormController(Controller):
    """The form of a case of variant `v1`."""

    path = "/cases/{case_id:str}/form"
    tags = ("Form",)

    @get(
        operation_id="get_form",
        response_description="The form, and what was submitted.",
        summary="Read the form",
        responses=documented(*READING),
    )
    async def read(self, forms: FormDesk, token: str, case_id: CaseIdPath) -> FormView:
        """Return the form of a case, to draw it anew after a reload, and how it stands.

        A case of variant `v2` is a conversation and has none: 404, `form-not-found`.
        """
        opened = await forms.open(case_id, token)
        form = form_of(opened.playbook, opened.state)
        return FormView(
            form=form_view(opened.playbook, form, opened.state.locale),
            status=opened.status,
            answers=None if opened.submitted is None else opened.submitted.answers,
        )

    @post(
        "/begin",
        operation_id="begin_form",
        status_code=200,
        summary="Say that the person begins to fill in the form",
        responses={200: ANSWER, 202: LATER, **documented(*READING, 409)},
    )
    async def begin(
        self,
        forms: FormDesk,
        intake: Intake,
        token: str,
        case_id: CaseIdPath,
        idempotency_key: IdempotencyKey = None,
        prefer: Prefer = None,
    ) -> Response[TurnAnswer | TurnSnapshot]:
        """Note the first touch of the form, as the first message of a conversation is noted.

        Call it at the first input, and make nobody wait for it; it counts once for a case. From
        here on experiments count the person; without it, those who leave a form half filled in
        would not be counted.
        """
        required_key(idempotency_key)
        turn = await forms.begin(case_id, token)
        return await answered(intake, case_id, token, turn, wait=wait_of(prefer))

    @post(
        operation_id="submit_form",
        status_code=200,
        summary="Submit the form, get the result",
        responses={200: ANSWER, 202: LATER, **documented(*WRITING)},
    )
    async def submit(
        self,
        forms: FormDesk,
        intake: Intake,
        token: str,
        case_id: CaseIdPath,
        data: Annotated[FormRequest, Body(title="Form")],
        idempotency_key: IdempotencyKey = None,
        prefer: Prefer = None,
    ) -> Response[TurnAnswer | TurnSnapshot]:
        """Take the whole form as one turn, once; answer with what to do in danger and the result.

        Answers that cannot be taken are 422, `form-invalid`, with `errors` for each field, in the
        case's language; nothing is stored then. The conversation may go on afterwards.
        """
        turn = await forms.submit(
            case_id, token, key=required_key(idempotency_key), answers=data.answers
        )
        return await answered(intake, case_id, token, turn, wait=wait_of(prefer))
