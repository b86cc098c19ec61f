"""Conversations that need a human, for operators: see who waits, take over, answer, hand back."""

import asyncio
from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, QueryParameter

from app.api.handoff_schema import (
    HandoffList,
    OperatorAnswer,
    OperatorCase,
    OperatorReply,
    OperatorRequest,
)
from app.api.handoff_views import handoff_row, operator_case
from app.api.parameters import (
    DEFAULT_WAIT,
    CaseCursor,
    CaseIdPath,
    IdempotencyKey,
    PageSize,
    required_key,
)
from app.api.problems import OPERATING, documented
from app.core.handoff import display_name, operator_says
from app.core.handoff_desk import HandoffDesk
from app.core.job_desk import JobDesk
from app.domain.case import HandBack, OperatorCommand, Take

_BASE = "/api/v2/triage"
_DONE = ResponseSpec(data_container=OperatorAnswer, description="Done.", generate_examples=False)
_LATER = ResponseSpec(
    data_container=OperatorAnswer,
    description="Taken in; earlier turns come first: look at `Location`.",
    generate_examples=False,
)

_ACT: dict[str, Any] = {
    "status_code": 200,
    "responses": {200: _DONE, 202: _LATER, **documented(*OPERATING, 409, 413, 415, 422)},
}
"""What the routes of all commands have in common."""


class HandoffController(Controller):
    """What operators do with conversations."""

    tags = ("Operation",)

    @get(
        "/handoffs",
        operation_id="list_handoffs",
        summary="List cases that need a human",
        response_description="A page of them.",
        responses=documented(*OPERATING),
    )
    async def list_handoffs(
        self,
        handoffs: HandoffDesk,
        handoff_status: Annotated[
            Literal["open", "requested", "taken"],
            QueryParameter(name="status", description="Only those that stand so; `open` is both."),
        ] = "open",
        limit: PageSize = 50,
        cursor: CaseCursor = None,
    ) -> HandoffList:
        """List cases in which a human is waited for or has the conversation, oldest first."""
        status = None if handoff_status == "open" else handoff_status
        page = await handoffs.list(status=status, limit=limit, cursor=cursor)
        return HandoffList(handoffs=[handoff_row(one) for one in page.handoffs], cursor=page.cursor)

    @get(
        "/operator/cases/{case_id:str}",
        operation_id="open_conversation",
        summary="Read a case as an operator",
        response_description="The whole conversation, what was understood, and the result.",
        responses=documented(*OPERATING),
    )
    async def read(self, handoffs: HandoffDesk, desk: JobDesk, case_id: CaseIdPath) -> OperatorCase:
        """Return the whole case, sensitive facts included, which no list shows."""
        opened = await handoffs.open(case_id)
        return operator_case(opened, await desk.of_case(case_id))

    @post(
        "/operator/cases/{case_id:str}/take",
        operation_id="take_conversation",
        summary="Take a conversation over",
        **_ACT,
    )
    async def take(
        self,
        handoffs: HandoffDesk,
        case_id: CaseIdPath,
        data: Annotated[OperatorRequest, Body(title="Operator")],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[OperatorAnswer]:
        """Answer the person from now on, in place of the interviewer. 409 if another one does."""
        command = Take(operator=display_name(data.operator))
        return await _done(handoffs, case_id, command, idempotency_key)

    @post(
        "/operator/cases/{case_id:str}/reply",
        operation_id="answer_person",
        summary="Say something to the person",
        **_ACT,
    )
    async def reply(
        self,
        handoffs: HandoffDesk,
        case_id: CaseIdPath,
        data: Annotated[OperatorReply, Body(title="Reply")],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[OperatorAnswer]:
        """Send a message that the person reads in the conversation, under the operator's name."""
        command = operator_says(data.operator, data.text)
        return await _done(handoffs, case_id, command, idempotency_key)

    @post(
        "/operator/cases/{case_id:str}/return",
        operation_id="return_conversation",
        summary="Hand a conversation back",
        **_ACT,
    )
    async def give_back(
        self,
        handoffs: HandoffDesk,
        case_id: CaseIdPath,
        data: Annotated[OperatorRequest, Body(title="Operator")],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[OperatorAnswer]:
        """Let the interviewer go on; the result of a completed case is made anew."""
        command = HandBack(operator=display_name(data.operator))
        return await _done(handoffs, case_id, command, idempotency_key)


async def _done(
    handoffs: HandoffDesk, case_id: str, command: OperatorCommand, key: str | None
) -> Response[OperatorAnswer]:
    """Take a command in, wait for its turn, and answer with what became of it."""
    turn = await handoffs.post(case_id, command, key=required_key(key))
    try:
        async with asyncio.timeout(DEFAULT_WAIT):
            committed = await handoffs.wait(case_id, turn)
    except TimeoutError:
        committed = None
    state = (await handoffs.open(case_id)).record.state
    answer = OperatorAnswer(
        case_id=case_id,
        turn=turn,
        outcome="pending" if committed is None else committed.outcome,
        handoff=state.handoff,
    )
    headers = {"Triage-Turn": str(turn)}
    if committed is None:
        headers |= {"Location": f"{_BASE}/operator/cases/{case_id}", "Retry-After": "1"}
    return Response(answer, status_code=202 if committed is None else 200, headers=headers)
