"""Turns: post a message, stream the answer, come back to it, stop it."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.exceptions import ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, FromPath, HeaderParameter, QueryParameter
from litestar.response import Stream
from msgspec import Meta

from app.api import problems
from app.api.problems import documented
from app.api.schema import MessageRequest, TurnAnswer, TurnSnapshot
from app.api.views import retry_after, turn_answer, turn_snapshot
from app.core.intake import Intake
from app.core.reading import START, Reader
from app.domain.case import OnBusy
from app.domain.errors import IdempotencyKeyMissing
from app.domain.event import EventId

DEFAULT_WAIT = 30.0
LONGEST_WAIT = 120.0
STREAM_HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "Content-Type": "text/event-stream; charset=utf-8",
}
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,4})(?:$|[,;\s])")
_KEY = re.compile(r"^[\x21-\x7e]{1,200}$")

TurnNumber = Annotated[int, Meta(ge=1, le=1_000_000, description="Number of the turn, from 1.")]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description=(
            "Required: 1 to 200 printable characters, new for each new message. The same key with"
            " the same body attaches to the same turn; with another body it is 422."
        ),
        required=False,
    ),
]
OnBusyChoice = Annotated[
    OnBusy,
    QueryParameter(
        description=(
            "If a turn is running: `enqueue` answers after it, `reject` is 409, `interrupt` stops"
            " it and keeps what it said."
        )
    ),
]
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
TURN_HEADER = ResponseHeader(
    name="Triage-Turn", description="Number of the turn.", documentation_only=True
)


class TurnController(Controller):
    """Posting messages and reading their answers."""

    tags = ("Conversation",)

    @post(
        "/continue",
        status_code=200,
        summary="Say something, get the whole answer",
        responses={
            202: ResponseSpec(
                data_container=TurnSnapshot,
                description="Still running after the wait: look at `Location`.",
                generate_examples=False,
            ),
            **documented(400, 401, 404, 409, 413, 415, 422, 503),
        },
        response_headers=[TURN_HEADER, problems.RETRY_AFTER],
    )
    async def continue_(
        self,
        intake: Intake,
        token: str,
        data: Annotated[MessageRequest, Body(title="Message")],
        idempotency_key: IdempotencyKey = None,
        prefer: Annotated[
            str | None,
            HeaderParameter(
                name="Prefer",
                description="`wait=N` bounds the wait to N seconds (default 30, at most 120).",
                required=False,
            ),
        ] = None,
        on_busy: OnBusyChoice = "enqueue",
    ) -> Response[TurnAnswer | TurnSnapshot]:
        """Take one turn and answer with all of it as JSON.

        The message is stored before anything else happens. If the answer takes longer than the
        wait, it goes on by itself and the response is `202`.
        """
        turn = await intake.say(
            data.case_id,
            token,
            key=required_key(idempotency_key),
            text=data.message,
            on_busy=on_busy,
        )
        return await answered(intake, data.case_id, token, turn, wait=_wait(prefer))

    @post(
        "/continue-stream",
        status_code=200,
        summary="Say something, get the answer word by word",
        responses={200: STREAM_RESPONSE, **documented(400, 401, 404, 409, 413, 415, 422, 503)},
        response_headers=[TURN_HEADER],
    )
    async def continue_stream(
        self,
        intake: Intake,
        reader: Reader,
        token: str,
        data: Annotated[MessageRequest, Body(title="Message")],
        idempotency_key: IdempotencyKey = None,
        on_busy: OnBusyChoice = "enqueue",
    ) -> Stream:
        """Take one turn and stream it. Leaving does not stop it: come back to its events."""
        turn = await intake.say(
            data.case_id,
            token,
            key=required_key(idempotency_key),
            text=data.message,
            on_busy=on_busy,
        )
        return stream(reader.turn(data.case_id, turn, START), turn)

    @get(
        "/cases/{case_id:str}/turns/{turn:int}/events",
        summary="Attach to a turn, or resume it",
        responses={
            200: STREAM_RESPONSE,
            204: ResponseSpec(
                data_container=None,
                description="You have seen the terminal event: stop.",
                generate_examples=False,
            ),
            **documented(400, 401, 404, 503),
        },
        response_headers=[TURN_HEADER],
    )
    async def events(
        self,
        intake: Intake,
        reader: Reader,
        token: str,
        case_id: FromPath[str],
        turn: FromPath[TurnNumber],
        last_event_id: Annotated[
            str | None,
            HeaderParameter(
                name="Last-Event-ID",
                description="The last id seen; the stream goes on behind it.",
                required=False,
            ),
        ] = None,
        after: Annotated[
            str | None,
            QueryParameter(description="The same, for clients that cannot set headers."),
        ] = None,
    ) -> Response[None] | Stream:
        """Stream a turn from a place on, at any instance, while it runs and after."""
        place = parse_place(last_event_id or after)
        view = await intake.view(await intake.open(case_id, token), turn)
        if view.committed is not None and view.last is not None and place == view.last:
            return Response(None, status_code=204)
        return stream(reader.turn(case_id, turn, place), turn)

    @get(
        "/cases/{case_id:str}/turns/{turn:int}",
        summary="Look at a turn",
        responses=documented(400, 401, 404, 503),
        response_headers=[
            problems.RETRY_AFTER,
            ResponseHeader(name="ETag", description="Changes with it.", documentation_only=True),
        ],
    )
    async def snapshot(
        self,
        intake: Intake,
        token: str,
        case_id: FromPath[str],
        turn: FromPath[TurnNumber],
        if_none_match: Annotated[
            str | None,
            HeaderParameter(
                name="If-None-Match", description="The last ETag seen: 304.", required=False
            ),
        ] = None,
    ) -> Response[TurnSnapshot | None]:
        """Return the turn's status and its text so far."""
        record = await intake.open(case_id, token)
        view = await intake.view(record, turn)
        tag = f'"{view.last or "0-0"}-{view.status}"'
        headers = {"ETag": tag, "Triage-Turn": str(turn)}
        if view.committed is None:
            headers["Retry-After"] = retry_after(record.state.updated_at)
        if if_none_match == tag:
            return Response(None, status_code=304, headers=headers)
        return Response(turn_snapshot(case_id, view), headers=headers)

    @post(
        "/cases/{case_id:str}/turns/{turn:int}/cancel",
        status_code=200,
        summary="Stop a turn",
        responses=documented(400, 401, 404, 503),
    )
    async def cancel(
        self,
        intake: Intake,
        token: str,
        case_id: FromPath[str],
        turn: FromPath[TurnNumber],
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
    location = f"/api/v2/triage/cases/{case_id}/turns/{turn}"
    headers = {"Triage-Turn": str(turn)}
    try:
        async with asyncio.timeout(wait):
            committed = await intake.wait(case_id, turn)
    except TimeoutError:
        committed = None
    record = await intake.open(case_id, token)
    if committed is None:
        view = await intake.view(record, turn)
        headers |= {"Location": location, "Retry-After": "1"}
        return Response(turn_snapshot(case_id, view), status_code=202, headers=headers)
    result = await intake.result(record) if record.has_result else None
    return Response(turn_answer(record, committed, result), headers=headers)


def parse_place(text: str | None) -> EventId:
    """Read the place a reader has come to; the beginning if it names none.

    Raises:
        ValidationException: if it is not an event id.
    """
    if text is None or not text.strip():
        return START
    place = EventId.parse(text.strip())
    if place is None:
        raise ValidationException("Last-Event-ID: it is not of the form epoch-seq")
    return place


def _wait(prefer: str | None) -> float:
    found = _WAIT.search(prefer or "")
    return min(float(found[1]), LONGEST_WAIT) if found else DEFAULT_WAIT


def required_key(key: str | None) -> str:
    """Return the idempotency key of a turn.

    Raises:
        IdempotencyKeyMissing: if there is none, or it is not printable.
    """
    if key is None:
        raise IdempotencyKeyMissing(
            "send an Idempotency-Key header, new for each new message, the same for a retry"
        )
    if not _KEY.match(key):
        raise IdempotencyKeyMissing("Idempotency-Key: 1 to 200 printable ASCII characters")
    return key


async def _opened(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Say at once that the stream is open, and how soon to come back should it break."""
    yield b": ok\nretry: %d\n\n" % random.randint(200, 700)  # noqa: S311
    async for chunk in frames:
        yield chunk
