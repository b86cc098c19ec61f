"""The one credential path: what each route asks for, and the guard that sees to it.

A route that is not named here fails the start. Somebody else's case is 404, whoever asks.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from litestar import Litestar
from litestar.connection import Request
from litestar.handlers.base import BaseRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from app.api.addresses import Proxies
from app.api.auditing import Witness
from app.api.auth import Connection, bearer_token
from app.api.schema import CASE_ID_PATTERN
from app.core.access.gate import Gate
from app.core.access.streams import OpenStream, OpenStreams
from app.domain import access
from app.domain.access import is_this_machine
from app.domain.errors import NotAuthenticated


class Need(Struct, frozen=True, kw_only=True):
    """What a route asks for."""

    by: Literal["nobody", "address", "intake", "case", "key"]
    """`nobody`: it is public. `address`: public, and counted by address. `intake`: public where
    cases may be opened by everybody, else a key. `case`: the token of the case that the address
    names, or the body. `key`: an API key with one of the scopes."""
    scopes: frozenset[access.Scope] = frozenset()
    streams: bool = False
    """Whether the answer is a stream, which is counted and can be cut."""


def _key(*scopes: access.Scope, streams: bool = False) -> Need:
    return Need(by="key", scopes=frozenset(scopes), streams=streams)


_PUBLIC = Need(by="nobody")
_CASE = Need(by="case")
_CASE_STREAM = Need(by="case", streams=True)
_OPERATOR = _key("operator")
_ANALYST = _key("analyst")
_ADMIN = _key("admin")

NEEDS: Mapping[str, Need] = {
    # Probes, and what proves itself otherwise.
    "get_liveness": _PUBLIC,
    "get_readiness": _PUBLIC,
    "get_storage": _PUBLIC,
    "get_key": _PUBLIC,
    "receive_growthbook": _PUBLIC,
    # Whoever has no case yet.
    "open_case": Need(by="intake", scopes=frozenset({"intake"})),
    "open_link": Need(by="address"),
    # The person whose case it is.
    "say": _CASE,
    "say_streaming": _CASE_STREAM,
    "conclude_case": _CASE,
    "correct_fact": _CASE,
    "ask_human": _CASE,
    "get_form": _CASE,
    "begin_form": _CASE,
    "submit_form": _CASE,
    "subscribe_case": _CASE,
    "unsubscribe_case": _CASE,
    "follow_turn": _CASE_STREAM,
    "get_turn": _CASE,
    "cancel_turn": _CASE,
    "get_case": _CASE,
    "follow_case": _CASE_STREAM,
    "get_status": _CASE,
    "get_result": _CASE,
    "rate_case": _CASE,
    "make_link": _CASE,
    "export_case": _CASE,
    "erase_case": _CASE,
    # Operators: cases, and the work on them.
    "list_cases": _OPERATOR,
    "list_queue": _OPERATOR,
    "list_playbooks": _key("operator", "analyst"),
    "watch_case": _key("operator", streams=True),
    "list_handoffs": _OPERATOR,
    "open_conversation": _OPERATOR,
    "take_conversation": _OPERATOR,
    "answer_person": _OPERATOR,
    "return_conversation": _OPERATOR,
    "revoke_token": _OPERATOR,
    "review_case": _OPERATOR,
    "list_reviews": _OPERATOR,
    "list_jobs": _OPERATOR,
    "get_job": _OPERATOR,
    "retry_job": _OPERATOR,
    "cancel_job": _OPERATOR,
    "list_workers": _key("operator", "admin"),
    # Analysts: what is counted.
    "get_figures": _key("operator", "analyst", "admin"),
    "list_experiments": _ANALYST,
    "get_experiment": _ANALYST,
    "read_report": _ANALYST,
    "list_costs": _ANALYST,
    "get_costs": _key("analyst", "operator"),
    "list_budgets": _key("analyst", "admin"),
    # Admins: what is set.
    "set_budget": _ADMIN,
    "remove_budget": _ADMIN,
    "get_flags": _ADMIN,
    "list_keys": _ADMIN,
    "create_key": _ADMIN,
    "rotate_key": _ADMIN,
    "revoke_key": _ADMIN,
    "list_audit": _ADMIN,
    "verify_audit": _ADMIN,
}
"""What each operation of the API asks for."""
UNDESCRIBED: Mapping[str, Need] = {
    "/": _PUBLIC,
    "/{name}": _PUBLIC,
    "/operators": _PUBLIC,
    "/operators/{name}": _PUBLIC,
    "/docs": _PUBLIC,
    "/docs/scalar.js": _PUBLIC,
    "/docs/openapi.json": _PUBLIC,
    "/docs/{path}": _PUBLIC,
    # It lets this machine in by itself, and whoever has a key with any of the scopes for people.
    "/metrics": _PUBLIC,
}
"""The same for what is no operation: pages, by their paths. None of them holds anybody's data."""
_CALLER = "triage_caller"
_STREAM = "triage_stream"
_CASE_ID = re.compile(CASE_ID_PATTERN)


class _Named(Struct):
    """The case that a body names."""

    case_id: str = ""


_decode_named = msgspec.json.Decoder(_Named).decode


class AccessGuard:
    """Lets requests in by what their route asks for: a guard of Litestar's for all routes."""

    def __init__(
        self, gate: Gate, proxies: Proxies, witness: Witness, *, open_intake: bool | None
    ) -> None:
        """Take the gate, whose word about addresses counts, and who may open cases.

        Args:
            gate: checks and counts.
            proxies: those that are trusted.
            witness: writes down what is done by those who are let in.
            open_intake: True lets everybody open cases, False nobody without a key, None this
                machine.
        """
        self._gate = gate
        self._proxies = proxies
        self._witness = witness
        self._open_intake = open_intake

    async def __call__(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Return if the request may go on; remembers by whom it was made."""
        need = need_of(handler, connection.scope["path_template"])
        if need is None:
            raise LookupError(f"app/api/access.py does not name {handler.handler_name}")
        match need.by:
            case "nobody":
                pass
            case "address":
                await self._visit(connection)
            case "intake":
                await self._intake(connection, need)
            case "case":
                await self._case(connection, need)
            case "key":
                await self._key(connection, need)
        operation = getattr(handler, "operation_id", None)
        await self._witness.let_in(connection, operation, _caller(connection))

    async def _case(self, connection: Connection, need: Need) -> None:
        token = bearer_token(connection)
        case_id = connection.path_params.get("case_id") or await _named_in_body(connection)
        if not _CASE_ID.fullmatch(str(case_id)):
            return  # no case has such a name: the route says so, in its own words
        stream = await self._gate.case(case_id, token, streams=need.streams)
        _remember(connection, stream=stream)

    async def _key(self, connection: Connection, need: Need) -> None:
        token = bearer_token(connection)
        found, stream = await self._gate.key(token, need.scopes, streams=need.streams)
        _remember(connection, caller=found, stream=stream)

    async def _intake(self, connection: Connection, need: Need) -> None:
        if connection.headers.get("authorization"):
            await self._key(connection, need)
        elif not self._may_open(connection):
            raise NotAuthenticated(
                "opening a case here needs an API key with the scope intake: send it as"
                " Authorization: Bearer <key>"
            )
        else:
            await self._visit(connection)

    def _may_open(self, connection: Connection) -> bool:
        if self._open_intake is not None:
            return self._open_intake
        return is_this_machine(_peer(connection), connection.headers)

    async def _visit(self, connection: Connection) -> None:
        if is_this_machine(_peer(connection), connection.headers):
            return
        await self._gate.visitor(self._proxies.caller(_peer(connection), connection.headers))


class StreamCutter:
    """Cuts a stream whose credential is worth nothing any more, and gives its place free.

    The framework stops a stream, and lets it tidy up, when it hears that the reader has left. So it
    is told that.
    """

    def __init__(self, app: ASGIApp, streams: OpenStreams) -> None:
        """Stand before `app`, and take what counts streams."""
        self._app = app
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; once it is let in and is a stream, listen along."""
        was_cut = False

        async def heard() -> Any:
            nonlocal was_cut
            if (stream := _stream_of(scope)) is None:
                return await receive()
            said = await stream.heard(receive)
            was_cut = said is None
            return said or {"type": "http.disconnect"}

        try:
            await self._app(scope, heard, send)
        finally:
            if (stream := _stream_of(scope)) is not None:
                self._streams.close(stream)
        if was_cut:
            with contextlib.suppress(RuntimeError):  # it had ended by itself at that very moment
                await send({"type": "http.response.body", "body": b"", "more_body": False})


def caller_of(request: Request[Any, Any, Any]) -> access.ApiKey | None:
    """Return the API key that a request was let in with; None where it was none."""
    return _caller(request)


def need_of(handler: BaseRouteHandler, path: str) -> Need | None:
    """Return what a route asks for; None where this module does not name it.

    Args:
        handler: the route's.
        path: the route's, without the types of its parameters.
    """
    name = getattr(handler, "operation_id", None)
    if isinstance(name, str):
        return NEEDS.get(name)
    if getattr(handler, "http_methods", None) == {"OPTIONS"}:
        return _PUBLIC  # made by the framework; it says which methods there are
    return UNDESCRIBED.get(path)


def unlisted(app: Litestar) -> Iterator[str]:
    """Yield every route that this module does not name."""
    for route in app.routes:
        handlers = route.route_handlers if isinstance(route, HTTPRoute) else ()
        if not handlers:
            yield route.path
        for handler in handlers:
            if need_of(handler, route.path_format) is None:
                yield f"{route.path} ({handler.handler_name})"


async def _named_in_body(connection: Connection) -> str:
    if not isinstance(connection, Request):
        return ""
    try:
        return _decode_named(await connection.body()).case_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""  # the route refuses such a body, and says why


def _peer(connection: Connection) -> str | None:
    return None if connection.client is None else connection.client.host


def _caller(connection: Connection) -> access.ApiKey | None:
    found: access.ApiKey | None = connection.scope.get(_CALLER)  # type: ignore[assignment]
    return found


def _remember(
    connection: Connection,
    *,
    caller: access.ApiKey | None = None,
    stream: OpenStream | None = None,
) -> None:
    scope: dict[str, Any] = connection.scope  # type: ignore[assignment]
    scope[_CALLER] = caller
    scope[_STREAM] = stream


def _stream_of(scope: Scope) -> OpenStream | None:
    found: OpenStream | None = scope.get(_STREAM)  # type: ignore[assignment]
    return found
