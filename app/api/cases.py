"""Cases: open one, look at it, correct it, end it, erase it."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body
from litestar.response import Stream

from app.api.access import caller_of
from app.api.form_views import form_view, greeting
from app.api.parameters import (
    DEFAULT_WAIT,
    After,
    CaseIdPath,
    IdempotencyKey,
    LastEventId,
    StartIdempotencyKey,
    place_of,
    required_key,
    start_key,
)
from app.api.problems import READING, WRITING, documented
from app.api.schema import (
    CaseView,
    ConcludeRequest,
    FactRequest,
    HumanRequest,
    Started,
    StartRequest,
    StatusView,
    TurnAnswer,
    TurnSnapshot,
)
from app.api.turns import ANSWER, LATER, answered, stream
from app.api.views import case_view, retry_after, status_view
from app.core.form import is_offered
from app.core.intake import Intake
from app.core.reading import Reader
from app.domain.analysis import Analysis
from app.domain.case import Conclude

CASE_STREAM = ResponseSpec(
    data_container=str,
    description=(
        "Server-sent events about the case, for as long as it and the reader live. Frame ids only"
        " grow; come back with `Last-Event-ID`."
    ),
    media_type="text/event-stream",
    generate_examples=False,
)


class CaseController(Controller):
    """A case from its opening to its end."""

    @post(
        "/start",
        operation_id="open_case",
        response_description="The case, with its token.",
        tags=["Conversation"],
        summary="Open a case",
        responses=documented(400, 401, 403, 413, 415, 422, 429, 431, 503),
    )
    async def start(
        self,
        intake: Intake,
        request: Request[Any, Any, Any],
        data: Annotated[StartRequest, Body(title="Start")],
        idempotency_key: StartIdempotencyKey = None,
    ) -> Started:
        """Open a case and return its token, which is shown only here.

        Send an `Idempotency-Key`, and whoever lost the answer asks again for the same case.
        """
        caller = caller_of(request)
        opened = await intake.start(
            playbook=data.playbook,
            locale=data.locale,
            user_ref=data.user_ref,
            attributes=data.attributes,
            once=start_key(idempotency_key, "" if caller is None else caller.id),
        )
        state, playbook = opened.state, opened.playbook
        return Started(
            case_id=state.case_id,
            case_token=opened.token,
            status="active",
            variant=state.variant,
            message=greeting(playbook, state),
            notice=playbook.notice[state.locale],
            playbook=playbook.id,
            playbook_version=playbook.version,
            locale=state.locale,
            created_at=state.created_at,
            form=(
                form_view(playbook, playbook.form, state.locale)
                if playbook.form is not None and is_offered(playbook, state)
                else None
            ),
        )

    @get(
        "/cases/{case_id:str}",
        operation_id="get_case",
        response_description="The whole conversation.",
        tags=["Case"],
        summary="Read the conversation",
        responses=documented(*READING),
    )
    async def read(self, intake: Intake, token: str, case_id: CaseIdPath) -> CaseView:
        """Return the whole conversation, to draw it anew after a reload."""
        record = await intake.open(case_id, token)
        committed, waiting = await intake.turns(record)
        return case_view(record, intake.playbook(record.state), committed, waiting)

    @get(
        "/cases/{case_id:str}/events",
        operation_id="follow_case",
        tags=["Case"],
        summary="Follow a case",
        responses={200: CASE_STREAM, **documented(*READING)},
    )
    async def events(
        self,
        intake: Intake,
        reader: Reader,
        token: str,
        case_id: CaseIdPath,
        last_event_id: LastEventId = None,
        after: After = None,
    ) -> Stream:
        """Stream the case's own life: status, complexity, red flags, the analysis, handoff."""
        place = place_of(last_event_id or after)
        await intake.open(case_id, token)
        return stream(reader.case(case_id, place))

    @get(
        "/status/{case_id:str}",
        operation_id="get_status",
        response_description="Where the case stands.",
        tags=["Case"],
        summary="Poll a case",
        responses=documented(*READING),
    )
    async def status(self, intake: Intake, token: str, case_id: CaseIdPath) -> Response[StatusView]:
        """Return everything that a polling frontend needs."""
        record = await intake.open(case_id, token)
        job = await intake.job(record)
        view = status_view(record, intake.playbook(record.state), job)
        return Response(view, headers={"Retry-After": retry_after(view.updated_at)})

    @get(
        "/result/{case_id:str}",
        operation_id="get_result",
        response_description="The result.",
        tags=["Case"],
        summary="Get the result",
        responses=documented(*READING, 409),
    )
    async def result(self, intake: Intake, token: str, case_id: CaseIdPath) -> Analysis:
        """Return the analysis; 409 with the case's status while there is none."""
        return await intake.result(await intake.open(case_id, token))

    @post(
        "/force-complete",
        operation_id="conclude_case",
        status_code=200,
        tags=["Conversation"],
        summary="End the interview with what is known",
        responses={200: ANSWER, 202: LATER, **documented(*WRITING)},
    )
    async def force_complete(
        self,
        intake: Intake,
        token: str,
        data: Annotated[ConcludeRequest, Body(title="Conclude")],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[TurnAnswer | TurnSnapshot]:
        """End the interview and answer with the result. A completed case stays as it is."""
        turn = await intake.command(
            data.case_id,
            token,
            key=required_key(idempotency_key),
            command=Conclude(reason=data.reason),
        )
        return await answered(intake, data.case_id, token, turn, wait=DEFAULT_WAIT)

    @post(
        "/cases/{case_id:str}/facts",
        operation_id="correct_fact",
        status_code=200,
        tags=["Case"],
        summary="Correct a fact",
        responses={200: ANSWER, 202: LATER, **documented(*WRITING)},
    )
    async def correct(
        self,
        intake: Intake,
        token: str,
        case_id: CaseIdPath,
        data: Annotated[FactRequest, Body(title="Fact")],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[TurnAnswer | TurnSnapshot]:
        """Set right what was understood; if there is a result, it is made anew."""
        turn = await intake.correct(
            case_id, token, key=required_key(idempotency_key), slot=data.slot, value=data.value
        )
        return await answered(intake, case_id, token, turn, wait=DEFAULT_WAIT)

    @post(
        "/cases/{case_id:str}/handoff",
        operation_id="ask_human",
        status_code=200,
        tags=["Conversation"],
        summary="Ask for a human",
        responses={200: ANSWER, 202: LATER, **documented(*WRITING)},
    )
    async def ask_human(
        self,
        intake: Intake,
        token: str,
        case_id: CaseIdPath,
        data: Annotated[HumanRequest, Body(title="Human")],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[TurnAnswer | TurnSnapshot]:
        """Ask for a human, who will answer in this conversation. Also after its end."""
        turn = await intake.ask_human(
            case_id, token, key=required_key(idempotency_key), reason=data.reason
        )
        return await answered(intake, case_id, token, turn, wait=DEFAULT_WAIT)

    @delete(
        "/cases/{case_id:str}",
        operation_id="erase_case",
        response_description="Nothing of the case is left.",
        tags=["Case"],
        summary="Erase a case",
        responses=documented(*READING),
    )
    async def erase(self, intake: Intake, token: str, case_id: CaseIdPath) -> None:
        """Erase everything that is held about the case. There is no way back."""
        await intake.erase(case_id, token)
