"""The one map from errors to HTTP: every problem leaves as problem details (RFC 9457)."""

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import structlog
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.plugins.problem_details import (
    ProblemDetailsConfig,
    ProblemDetailsException,
    ProblemDetailsPlugin,
)
from msgspec import Meta, Struct

from app.api.validation import FieldProblem, field_problems, sentence
from app.domain import errors
from app.domain.form import FormMistake
from app.domain.job import JobState

E = TypeVar("E", bound=Exception)

_log = structlog.get_logger(__name__)
TYPE = "urn:triage:problem:"
OnProblem = Callable[[str, int], None]
"""Is told of every problem that leaves: its kind, such as `case-not-found`, and its status."""


class Problem(Struct, kw_only=True, omit_defaults=True):
    """What went wrong, in the form of RFC 9457."""

    type: Annotated[str, Meta(description="A stable name of the kind of problem.")]
    title: Annotated[str, Meta(description="The kind of problem in words.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    detail: Annotated[str, Meta(description="What happened here and what to do about it.")]
    turn: Annotated[int | None, Meta(description="With `turn-busy`: the turn that is running.")] = (
        None
    )
    case_status: Annotated[
        Literal["active", "completed"] | None,
        Meta(description="With `result-not-ready`: the status of the case."),
    ] = None
    analysis_state: Annotated[
        JobState | None,
        Meta(description="With `result-not-ready`: where the background analysis stands."),
    ] = None
    fields: Annotated[
        list[FieldProblem] | None, Meta(description="With `invalid-input`: what is wrong where.")
    ] = None
    errors: Annotated[
        list[FormMistake] | None,
        Meta(description="With `form-invalid`: what is wrong with which field of the form."),
    ] = None


class _Kind(Struct, frozen=True):
    status: int
    name: str
    title: str


_KINDS: dict[type[errors.TriageError], _Kind] = {
    errors.InvalidInput: _Kind(400, "invalid-input", "The request cannot be understood"),
    errors.IdempotencyKeyMissing: _Kind(
        400, "idempotency-key-missing", "An Idempotency-Key is needed"
    ),
    errors.NotAuthenticated: _Kind(401, "not-authenticated", "A credential is needed"),
    errors.ScopeMissing: _Kind(403, "scope-missing", "The API key is for other things"),
    errors.TooManyRequests: _Kind(429, "too-many-requests", "Too many requests"),
    errors.TooManyStreams: _Kind(429, "too-many-streams", "Too many open streams"),
    errors.AccessSecretWrong: _Kind(503, "misconfigured", "This instance is not set up right"),
    errors.MasterKeysWrong: _Kind(503, "misconfigured", "This instance is not set up right"),
    errors.InstanceFull: _Kind(503, "instance-full", "This instance has no room for the stream"),
    errors.KeyNotFound: _Kind(404, "key-not-found", "There is no such API key"),
    errors.KeyConflict: _Kind(409, "key-conflict", "The API key has ended"),
    errors.CaseNotFound: _Kind(404, "case-not-found", "There is no such case"),
    errors.TurnNotFound: _Kind(404, "turn-not-found", "There is no such turn"),
    errors.LinkNotFound: _Kind(404, "link-not-found", "This link opens nothing"),
    errors.JobNotFound: _Kind(404, "job-not-found", "There is no such job"),
    errors.ExperimentNotFound: _Kind(404, "experiment-not-found", "There is no such experiment"),
    errors.ExperimentNotComputed: _Kind(
        409, "experiment-not-computed", "Nothing was computed of it yet"
    ),
    errors.JobConflict: _Kind(409, "job-conflict", "The job is in no state for that"),
    errors.ReviewConflict: _Kind(409, "review-conflict", "There is nothing to settle"),
    errors.PushOff: _Kind(404, "push-off", "Web Push is not set up here"),
    errors.TurnBusy: _Kind(409, "turn-busy", "Another turn is running"),
    errors.HandoffConflict: _Kind(
        409, "handoff-conflict", "The conversation is not this operator's"
    ),
    errors.FormNotFound: _Kind(404, "form-not-found", "This case has no form"),
    errors.FormInvalid: _Kind(422, "form-invalid", "Answers of the form cannot be taken"),
    errors.FormSubmitted: _Kind(409, "form-submitted", "The form was submitted before"),
    errors.CaseFull: _Kind(409, "case-full", "The case takes no more messages"),
    errors.ResultNotReady: _Kind(409, "result-not-ready", "There is no result yet"),
    errors.IdempotencyMismatch: _Kind(
        422, "idempotency-mismatch", "The Idempotency-Key was used for something else"
    ),
    errors.FlagsInvalid: _Kind(422, "flags-invalid", "These flags cannot be used"),
    errors.WebhookRefused: _Kind(401, "webhook-refused", "The webhook does not prove its origin"),
    errors.Draining: _Kind(503, "draining", "This instance is shutting down"),
    errors.StateUnavailable: _Kind(503, "state-unavailable", "The storage is not available"),
}
_INTERNAL = _Kind(500, "internal", "Something went wrong here")


def _from_triage_error(error: errors.TriageError) -> ProblemDetailsException:
    kind = next((_KINDS[one] for one in type(error).__mro__ if one in _KINDS), None)
    if kind is None:
        return _from_unexpected(error)
    return _problem(kind, _detail(error), _extra(error), _headers(error))


def _detail(error: errors.TriageError) -> str:
    match error:
        case errors.CaseNotFound():
            return "It may have expired or been erased, or it is not yours."
        case errors.AccessSecretWrong() | errors.MasterKeysWrong():
            return "This instance says in its log what is wrong."
        case _:
            return str(error)


def _extra(error: errors.TriageError) -> dict[str, Any]:
    match error:
        case errors.TurnBusy(turn=turn):
            return {"turn": turn}
        case errors.ResultNotReady(status=status, analysis=None):
            return {"case_status": status}
        case errors.ResultNotReady(status=status, analysis=analysis):
            return {"case_status": status, "analysis_state": analysis}
        case errors.FormInvalid(mistakes=mistakes):
            return {"errors": msgspec.to_builtins(mistakes)}
        case _:
            return {}


def _headers(error: errors.TriageError) -> dict[str, str]:
    match error:
        case errors.StateUnavailable(retry_after=seconds):
            return _again(round(seconds))
        case errors.TooManyRequests(retry_after=seconds):
            return _again(math.ceil(seconds))
        case errors.ResultNotReady() | errors.Draining():
            return _again(1)
        case errors.TooManyStreams() | errors.InstanceFull():
            return _again(5)
        case errors.AccessSecretWrong() | errors.MasterKeysWrong():
            return _again(5)
        case errors.KeyRefused():
            return {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        case errors.NotAuthenticated():
            return {"WWW-Authenticate": "Bearer"}
        case errors.ScopeMissing():
            return {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
        case _:
            return {}


def _again(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(max(1, seconds))}


_HTTP_KINDS = {
    400: _Kind(400, "invalid-input", "The request cannot be understood"),
    404: _Kind(404, "not-found", "There is nothing here"),
    405: _Kind(405, "method-not-allowed", "This method is not for this address"),
    413: _Kind(413, "too-large", "The request is too large"),
}
_DETAILS = {
    404: "nothing is at this address",
    405: "the Allow header names the methods of this address",
    413: "send at most 256 kB",
}


def _from_http_exception(error: HTTPException) -> ProblemDetailsException:
    status = error.status_code
    if status >= 500:
        return _from_unexpected(error)
    kind = _HTTP_KINDS.get(status, _Kind(status, f"http-{status}", "The request failed"))
    detail = _DETAILS.get(status, error.detail)
    headers = dict(error.headers or {})
    if isinstance(error, ValidationException) and isinstance(error.extra, list) and error.extra:
        problems = field_problems(error.extra)
        # An address with an impossible id or number in it is an address of nothing.
        if any(one.key == "case_id" and one.source == "path" for one in problems):
            return _from_triage_error(errors.CaseNotFound())
        if any(one.key == "key_id" and one.source == "path" for one in problems):
            return _from_triage_error(errors.KeyNotFound("there is no such key"))
        if any(one.source == "path" for one in problems):
            return _from_triage_error(errors.TurnNotFound("this case has no such turn"))
        fields = {"fields": msgspec.to_builtins(problems)}
        return _problem(kind, sentence(problems), fields, headers)
    return _problem(kind, detail, {}, headers)


def _from_unexpected(error: Exception) -> ProblemDetailsException:
    _log.error("request.failed", exc_info=error)
    return _problem(_INTERNAL, "The error was logged.", {}, {})


def _problem(
    kind: _Kind, detail: str, extra: dict[str, Any], headers: dict[str, str]
) -> ProblemDetailsException:
    return ProblemDetailsException(
        detail=detail,
        status_code=kind.status,
        type_=TYPE + kind.name,
        title=kind.title,
        headers=headers,
        extra=extra,
    )


def plugin(on_problem: OnProblem = lambda *_: None) -> ProblemDetailsPlugin:
    """Return the plugin that turns every error into a problem, and tells of each."""

    def told(
        make: Callable[[E], ProblemDetailsException],
    ) -> Callable[[E], ProblemDetailsException]:
        def problem(error: E) -> ProblemDetailsException:
            made = make(error)
            on_problem((made.type_ or "").removeprefix(TYPE), made.status_code)
            return made

        return problem

    return ProblemDetailsPlugin(
        ProblemDetailsConfig(
            exception_to_problem_detail_map={
                errors.TriageError: told(_from_triage_error),
                HTTPException: told(_from_http_exception),
                Exception: told(_from_unexpected),
            }
        )
    )


_WORDS = {
    400: "The request cannot be understood: `invalid-input`, `idempotency-key-missing`.",
    401: "No credential, or an API key that is not known, revoked or expired: `not-authenticated`.",
    403: "The API key has none of the scopes that this needs: `scope-missing`.",
    404: "No such case or turn for this credential: `case-not-found`, `turn-not-found`,"
    " `job-not-found`, `experiment-not-found`, `key-not-found`; the case has no"
    " form: `form-not-found`; Web Push is not set up: `push-off`; or the link is used or too old:"
    " `link-not-found`.",
    409: "Not now: `turn-busy`, `case-full`, `result-not-ready`, `job-conflict`,"
    " `experiment-not-computed`, `handoff-conflict`, `form-submitted`, `review-conflict`,"
    " `key-conflict`.",
    413: "The body is larger than 256 kB: `too-large`.",
    415: "The body is not `application/json`: `unsupported-media-type`.",
    422: "The Idempotency-Key came with another body before: `idempotency-mismatch`; or answers of"
    " the form cannot be taken: `form-invalid`.",
    429: "Too much at once; again after `Retry-After` seconds: `too-many-requests`,"
    " `too-many-streams`.",
    431: "The headers are larger than 32 kB: `headers-too-large`.",
    503: "Try again after `Retry-After` seconds: `state-unavailable`, `draining`,"
    " `instance-full`, `overloaded`, `misconfigured`.",
}
READING = (400, 401, 404, 429, 431, 503)
"""What a request about a case may be answered with, besides success."""
WRITING = (*READING, 409, 413, 415, 422)
"""The same for a request that gives a case something to do."""
SUBSCRIBING = (*READING, 413, 415)
"""The same for a request with a body that gives a case nothing to do."""
OPERATING = (*READING, 403)
"""What an operator's request may be answered with."""


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the OpenAPI descriptions of a route's problems."""
    return {
        status: ResponseSpec(
            data_container=Problem,
            description=_WORDS[status],
            media_type="application/problem+json",
            generate_examples=False,
        )
        for status in statuses
    }
