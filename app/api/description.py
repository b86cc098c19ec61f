"""Completes the API's description where the framework's own is too vague.

The framework leaves out what stands inside optional types (a greatest length, a closed set), that
unknown fields are refused, and most headers. msgspec, which checks every body, also describes it:
so the description and the check cannot differ.
"""

from typing import Any, get_args

import msgspec
from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

from app.api import (
    audit_schema,
    case_list_schema,
    cost_schema,
    experiment_schema,
    export_schema,
    flags_schema,
    form_schema,
    handoff_schema,
    key_schema,
    link_schema,
    opinion_schema,
    schema,
)
from app.api.access import NEEDS, Need
from app.api.parameters import KEY_PATTERN, PLACE_PATTERN, START_KEY_PATTERN
from app.api.problems import Problem
from app.domain.access import SCOPES
from app.domain.analysis import Analysis
from app.domain.event import CaseEvent, TurnEvent
from app.domain.figures import Figures


def _tag(event: type[msgspec.Struct]) -> str:
    return str(event.__struct_config__.tag)


_REF = "#/components/schemas/{name}"
_BODIES = (
    schema.StartRequest,
    schema.Started,
    schema.MessageRequest,
    schema.TurnAnswer,
    schema.TurnSnapshot,
    form_schema.FormView,
    form_schema.FormRequest,
    schema.StatusView,
    schema.CaseView,
    schema.ConcludeRequest,
    schema.FactRequest,
    schema.HumanRequest,
    case_list_schema.CaseList,
    case_list_schema.ReviewQueue,
    case_list_schema.PlaybookList,
    handoff_schema.HandoffList,
    handoff_schema.OperatorCase,
    handoff_schema.OperatorRequest,
    handoff_schema.OperatorReply,
    handoff_schema.OperatorAnswer,
    opinion_schema.RatingRequest,
    opinion_schema.RatingView,
    opinion_schema.ReviewRequest,
    opinion_schema.OpinionsView,
    flags_schema.FlagsView,
    flags_schema.FlagsTaken,
    flags_schema.GrowthBookHook,
    cost_schema.BudgetLimit,
    cost_schema.BudgetList,
    cost_schema.CostReport,
    cost_schema.CaseCosts,
    experiment_schema.ExperimentList,
    experiment_schema.ExperimentReport,
    audit_schema.AuditList,
    audit_schema.AuditVerdict,
    key_schema.KeyRequest,
    key_schema.RotateRequest,
    key_schema.KeyList,
    key_schema.KeyIssued,
    schema.JobList,
    Figures,
    schema.WorkerList,
    export_schema.CaseExport,
    link_schema.LinkMade,
    link_schema.LinkRequest,
    link_schema.LinkOpened,
    schema.PushRequest,
    schema.PushTaken,
    schema.PushKey,
    schema.Health,
    schema.RedisHealth,
    Analysis,
    Problem,
    *get_args(TurnEvent),
    *get_args(CaseEvent),
)
_SECONDS = {"type": "string", "pattern": "^[0-9]+$"}
_TURN = ("Triage-Turn", "Number of the turn.", {"type": "string", "pattern": "^[0-9]+$"})
_AGAIN = ("Retry-After", "Seconds after which looking again makes sense: 1, 2, then 5.", _SECONDS)
_TAG = ("ETag", "Changes with the turn.", {"type": "string"})
_PLACE = ("Location", "Where the turn can be looked at.", {"type": "string"})
_HOW = (
    "WWW-Authenticate",
    "`Bearer`, with `invalid_token` or `insufficient_scope` where a key came.",
    {"type": "string"},
)
_HEADERS = {
    ("say", "200"): (_TURN,),
    ("say_streaming", "200"): (_TURN,),
    ("conclude_case", "200"): (_TURN,),
    ("correct_fact", "200"): (_TURN,),
    ("ask_human", "200"): (_TURN,),
    ("begin_form", "200"): (_TURN,),
    ("submit_form", "200"): (_TURN,),
    ("take_conversation", "200"): (_TURN,),
    ("answer_person", "200"): (_TURN,),
    ("return_conversation", "200"): (_TURN,),
    ("follow_turn", "200"): (_TURN,),
    ("get_turn", "200"): (_TURN, _TAG, _AGAIN),
    ("get_turn", "304"): (_TURN, _TAG, _AGAIN),
    ("get_status", "200"): (_AGAIN,),
    ("get_result", "409"): (_AGAIN,),
}
_HEADERS_OF_STATUS = {
    "202": (_TURN, _PLACE, _AGAIN),
    "401": (_HOW,),
    "403": (_HOW,),
    "429": (_AGAIN,),
    "503": (_AGAIN,),
}
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "nobody": [],
    "address": [],
    "intake": [{"api_key": []}, {}],
    "case": [{"case_token": []}],
    "key": [{"api_key": []}],
}
"""What stands in the description for what a route asks for; `intake` may need no key."""
_CLOSING = {
    "title": "StreamClosing",
    "type": "object",
    "description": "This instance is going away: come back, to any other. It has no id.",
    "properties": {"type": {"enum": ["stream.closing"], "description": "The event's name."}},
    "required": ["type"],
}
_UNIONS = {
    "TurnEvent": ("What happens in a turn.", get_args(TurnEvent)),
    "CaseEvent": ("What happens to a case.", get_args(CaseEvent)),
}
_STREAMS = {
    "say_streaming": "TurnEvent",
    "follow_turn": "TurnEvent",
    "follow_case": "CaseEvent",
    "watch_case": "CaseEvent",
}
_REQUIRED = {"Idempotency-Key"}
"""Headers whose absence has a problem of its own, which the framework's check would forestall."""
_PATTERNS = {
    "Idempotency-Key": KEY_PATTERN,
    "Last-Event-ID": PLACE_PATTERN,
    "after": PLACE_PATTERN,
}
"""Forms that are checked where they are read, with better words than the framework's."""


class DescriptionPlugin(JsonRenderPlugin):
    """Serves the completed description as JSON."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the description; it is completed anew each time, which takes a millisecond."""
        return self.render_json(request, completed(openapi_schema))


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Return a description with nothing left out."""
    _, bodies = msgspec.json.schema_components(_BODIES, ref_template=_REF)
    for body in bodies.values():
        _describe_tag(body)
    bodies["StreamClosing"] = _CLOSING
    bodies |= {name: _union(*told) for name, told in _UNIONS.items()}
    known = document["components"]
    return {
        **document,
        "components": {**known, "schemas": {**known["schemas"], **bodies}},
        "paths": {
            path: {method: _operation(one) for method, one in operations.items()}
            for path, operations in document["paths"].items()
        },
    }


def _access(operation: dict[str, Any], need: Need | None) -> dict[str, Any]:
    """Return which credential an operation asks for; what scopes a key needs stands in words."""
    if need is None:
        return {}
    found: dict[str, Any] = {"security": _SECURITY[need.by]}
    if need.scopes:
        scopes = " or ".join(f"`{one}`" for one in SCOPES if one in need.scopes)
        said = operation.get("description", "")
        found |= {
            "description": f"{said}\n\nAn API key needs the scope {scopes}.",
            "x-scopes": [one for one in SCOPES if one in need.scopes],
        }
    return found


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    name = operation["operationId"]
    parameters = [_parameter(one) for one in operation.get("parameters", ())]
    if name == "open_case":
        parameters = [_optional_key(one) for one in parameters]
    responses = {
        status: _response(one, name, status) for status, one in operation["responses"].items()
    }
    return {
        **operation,
        **_access(operation, NEEDS.get(name)),
        "parameters": parameters,
        "responses": dict(sorted(responses.items())),
    }


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter without a null, which HTTP does not know outside of bodies."""
    found = parameter["schema"]
    kinds = [one for one in found.get("oneOf", ()) if one.get("type") != "null"]
    if len(kinds) == 1:
        found = {**kinds[0], **{key: one for key, one in found.items() if key != "oneOf"}}
    if isinstance(found.get("type"), list):
        kind = next(one for one in found["type"] if one != "null")
        closed = (
            {"enum": [one for one in found["enum"] if one is not None]} if "enum" in found else {}
        )
        found = {**found, "type": kind, **closed}
    name = parameter["name"]
    if name in _PATTERNS:
        found = {**found, "pattern": _PATTERNS[name]}
    return {**parameter, "schema": found, "required": parameter["required"] or name in _REQUIRED}


def _optional_key(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter of `/start`, whose idempotency key may be left out, and is longer."""
    if parameter["name"] != "Idempotency-Key":
        return parameter
    schema = {**parameter["schema"], "pattern": START_KEY_PATTERN}
    return {**parameter, "schema": schema, "required": False}


def _response(response: dict[str, Any], operation: str, status: str) -> dict[str, Any]:
    listed = (*_HEADERS.get((operation, status), ()), *_HEADERS_OF_STATUS.get(status, ()))
    headers = {
        name: {"description": description, "schema": kind} for name, description, kind in listed
    }
    whole = {key: one for key, one in response.items() if key != "headers"}
    if headers:
        whole["headers"] = headers
    if operation in _STREAMS and status == "200":
        whole["content"] = {"text/event-stream": {"schema": _events(_STREAMS[operation])}}
    return whole


def _union(description: str, kinds: tuple[type[msgspec.Struct], ...]) -> dict[str, Any]:
    """Return the schema of the data of a stream's events."""
    named = {_tag(one): _REF.format(name=one.__name__) for one in kinds}
    named["stream.closing"] = _REF.format(name="StreamClosing")
    return {
        "description": description,
        "oneOf": [{"$ref": one} for one in named.values()],
        "discriminator": {"propertyName": "type", "mapping": named},
    }


def _events(union: str) -> dict[str, Any]:
    """Return the schema of one event of a stream."""
    names = [*map(_tag, _UNIONS[union][1]), "stream.closing"]
    return {
        "type": "object",
        "properties": {
            "id": {
                "type": "string",
                "pattern": PLACE_PATTERN,
                "description": "Its place; absent where it has none to come back to.",
            },
            "event": {"type": "string", "enum": names, "description": "What happened."},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": {"$ref": _REF.format(name=union)},
                "description": "The details as a JSON object, whose `type` repeats the event.",
            },
        },
        "required": ["event", "data"],
    }


def _describe_tag(body: dict[str, Any]) -> None:
    """Describe the field that carries a schema's version, which is no field of the struct."""
    for name in ("schema", "type"):
        tag = body.get("properties", {}).get(name)
        if tag is not None and "description" not in tag:
            tag["description"] = "Kind and version of this document."
