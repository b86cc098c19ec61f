"""Turns: post a message, stream the answer, come back to it, stop it."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body
from litestar.response import Stream

from app.api.auth import bearer_token
from app.api.parameters import (
    After,
    CaseIdPath,
    IdempotencyKey,
    IfNoneMatch,
    LastEventId,
    OnBusyChoice,
    Prefer,
    TurnPath,
    matches,
    place_of,
    required_key,
    wait_of,
)
from app.api.problems import READING, WRITING, documented
from app.api.schema import MessageRequest, TurnAnswer, TurnSnapshot
from app.api.views import retry_after, turn_answer, turn_snapshot
from app.core.intake import Intake, TurnView
from app.core.reading import Reader
from app.domain.job import JOB_OVER

STREAM_HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "Content-Type": "text/event-stream; charset=utf-8",
}
ANSWER = ResponseSpec(
    data_container=TurnAnswer, description="The whole turn.", generate_examples=False
)
LATER = ResponseSpec(
    data_container=TurnSnapshot,
    description="Still running after the wait: look at `Location`.",
    generate_examples=False,
)
STREAM_RESPONSE = ResponseSpec(
    data_container=str,
    description=(
        "Server-sent events. Frame ids are `{epoch}-{seq}`; ignore ids not above the last one seen."
        " Exactly one of `turn.completed`, `turn.cancelled`, `turn.failed` ends a turn; an end"
        " without it means: come back with `Last-Event-ID`."
    ),
    media_type="text/event-stream",
    generate_examples=False,
)


class TurnController(Controller):
    """Posting messages and reading their answers."""

    tags = ("Conversation",)

    @post(
        "/continue",
        operation_id="say",
        status_code=200,
        summary="Say something, get the whole answer",
        responses={200: ANSWER, 202: LATER, **documented(*WRITING)},
    )
    async def continue_(
        self,
        request: Request[Any, Any, Any],
        intake: Intake,
        data: Annotated[MessageRequest, Body(title="Message")],
        idempotency_key: IdempotencyKey = None,
        prefer: Prefer = None,
        on_busy: OnBusyChoice = "enqueue",
    ) -> Response[TurnAnswer | TurnSnapshot]:
        """Take one turn and answer with all of it as JSON.

        The message is stored before anything else happens. If the answer takes longer than the
        wait, it goes on by itself and the response is `202`.
        """
        # One dependency alone: the framework finds several out in a group of tasks.
        token = bearer_token(request)
        turn = await intake.say(
            data.case_id,
            token,
            key=required_key(idempotency_key),
            text=data.message,
            on_busy=on_busy,
        )
        return await answered(intake, data.case_id, token, turn, wait=wait_of(prefer))

    @post(
        "/continue-stream",
        operation_id="say_streaming",
        status_code=200,
        summary="Say something, get the answer word by word",
        responses={200: STREAM_RESPONSE, **documented(*WRITING)},
    )
    async def continue_stream(
        self,
        request: Request[Any, Any, Any],
        intake: Intake,
        data: Annotated[MessageRequest, Body(title="Message")],
        idempotency_key: IdempotencyKey = None,
        on_busy: OnBusyChoice = "enqueue",
    ) -> Stream:
        """Take one turn and stream it. Leaving does not stop it: come back to its events."""
        turn = await intake.say(
            data.case_id,
            bearer_token(request),  # no dependency: as in `continue_`
            key=required_key(idempotency_key),
            text=data.message,
            on_busy=on_busy,
            streamed=True,
        )
        return stream(intake.words(data.case_id, turn), turn)

    @get(
        "/cases/{case_id:str}/turns/{turn:int}/events",
        operation_id="follow_turn",
        summary="Attach to a turn, or resume it",
        responses={
            200: STREAM_RESPONSE,
            204: ResponseSpec(
                data_container=None,
                description="You have seen the terminal event: stop.",
                generate_examples=False,
            ),
            **documented(*READING),
        },
    )
    async def events(
        self,
        intake: Intake,
        reader: Reader,
        token: str,
        case_id: CaseIdPath,
        turn: TurnPath,
        last_event_id: LastEventId = None,
        after: After = None,
    ) -> Response[None] | Stream:
        """Stream a turn from a place on, at any instance, while it runs and after."""
        place = place_of(last_event_id or after)
        view = await intake.view(await intake.open(case_id, token), turn)
        if view.committed is not None and view.last is not None and place == view.last:
            return Response(None, status_code=204)
        return stream(reader.turn(case_id, turn, place), turn)

    @get(
        "/cases/{case_id:str}/turns/{turn:int}",
        operation_id="get_turn",
        summary="Look at a turn",
        responses={
            200: ResponseSpec(
                data_container=TurnSnapshot,
                description="The turn as it stands.",
                generate_examples=False,
            ),
            304: ResponseSpec(
                data_container=None,
                description="Nothing has changed since that ETag.",
                generate_examples=False,
            ),
            **documented(*READING),
        },
    )
    async def snapshot(
        self,
        intake: Intake,
        token: str,
        case_id: CaseIdPath,
        turn: TurnPath,
        if_none_match: IfNoneMatch = None,
    ) -> Response[TurnSnapshot | None]:
        """Return the turn's status and its text so far."""
        record = await intake.open(case_id, token)
        view = await intake.view(record, turn)
        tag = f'"{view.last or "0-0"}-{view.status}"'
        headers = {"ETag": tag, "Triage-Turn": str(turn)}
        if view.committed is None:
            headers["Retry-After"] = retry_after(record.state.updated_at)
        if matches(if_none_match, tag):
            return Response(None, status_code=304, headers=headers)
        return Response(turn_snapshot(case_id, view), headers=headers)

    @post(
        "/cases/{case_id:str}/turns/{turn:int}/cancel",
        operation_id="cancel_turn",
        status_code=200,
        summary="Stop a turn",
        response_description="The turn as it stands now.",
        responses=documented(*READING),
    )
    async def cancel(
        self,
        intake: Intake,
        token: str,
        case_id: CaseIdPath,
        turn: TurnPath,
    ) -> TurnSnapshot:
        """Stop the answer wherever it is made; what was said so far is kept. May be repeated."""
        return turn_snapshot(case_id, await intake.cancel(case_id, token, turn))


def stream(frames: AsyncIterator[bytes], turn: int | None = None) -> Stream:
    """Return frames as an event stream that intermediaries leave alone."""
    headers = STREAM_HEADERS if turn is None else STREAM_HEADERS | {"Triage-Turn": str(turn)}
    return Stream(_opened(frames), headers=headers, media_type="text/event-stream")


async def answered(
    intake: Intake, case_id: str, token: str, turn: int, *, wait: float
) -> Response[TurnAnswer | TurnSnapshot]:
    """Wait for a turn and answer with it, or with where it will be."""
    try:
        async with asyncio.timeout(wait):
            committed = await intake.wait(case_id, turn)
    except TimeoutError:
        return _later(case_id, await intake.progress(case_id, turn))
    record = await intake.open(case_id, token)
    if committed is None:
        return _later(case_id, await intake.view(record, turn))
    job = await intake.job(record) if record.state.status == "completed" else None
    is_coming = job is not None and job.state not in JOB_OVER
    result = await intake.result(record) if record.has_result and not is_coming else None
    body = turn_answer(record, committed, result, job)
    return Response(body, headers={"Triage-Turn": str(turn)})


def _later(case_id: str, view: TurnView) -> Response[TurnAnswer | TurnSnapshot]:
    """Tell where a turn will be, and how it stands."""
    headers = {
        "Triage-Turn": str(view.turn),
        "Location": f"/api/v2/triage/cases/{case_id}/turns/{view.turn}",
        "Retry-After": "1",
    }
    return Response(turn_snapshot(case_id, view), status_code=202, headers=headers)


async def _opened(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Say at once that the stream is open, and how soon to come back should it break."""
    yield b": ok\nretry: %d\n\n" % random.randint(200, 700)  # noqa: S311
    async for chunk in frames:
        yield chunk
