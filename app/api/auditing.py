"""Which operations are written into the audit trail, and the one place where that is done.

Acts of operators and admins are written down by the guard, once it has let them in and before they
are done. A person's own are written down when they are answered, and only if they were done.
"""

from collections.abc import Callable, Mapping
from typing import Any

from litestar.connection import Request
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Struct

from app.api.auth import Connection
from app.core.audit import Auditor
from app.domain.access import ApiKey
from app.domain.audit import CASE_TOKEN, LINK, SYSTEM, Action, AuditEntry

_ALLOWED = "triage_audit_allowed"
_OWN = "triage_audit_own"
_OBJECT = "triage_audit_object"
_BAD = 400


class Audited(Struct, frozen=True):
    """What is written of an operation."""

    action: Action
    what: Callable[[Auditor, Mapping[str, Any]], str]
    """Returns what it is done to, from the parameters of its path."""
    actor: str | None = None
    """Who does it; None is the holder of the API key that it was asked with."""


def _case(auditor: Auditor, path: Mapping[str, Any]) -> str:
    return auditor.case(path["case_id"])


def _key(_: Auditor, path: Mapping[str, Any]) -> str:
    return f"key:{path['key_id']}"


def _job(auditor: Auditor, path: Mapping[str, Any]) -> str:
    return auditor.job(path["job"])


def _budget(_: Auditor, path: Mapping[str, Any]) -> str:
    return f"budget:{path['budget_scope'][:80]}/{path['period']}"


def _nothing(*_: Any) -> str:
    return ""


AUDITED: Mapping[str, Audited] = {
    "open_conversation": Audited("case.read", _case),
    "watch_case": Audited("case.watched", _case),
    "take_conversation": Audited("handoff.taken", _case),
    "answer_person": Audited("handoff.answered", _case),
    "return_conversation": Audited("handoff.returned", _case),
    "review_case": Audited("case.reviewed", _case),
    "list_reviews": Audited("reviews.read", _case),
    "revoke_token": Audited("token.revoked", _case),
    "retry_job": Audited("job.retried", _job),
    "cancel_job": Audited("job.cancelled", _job),
    "create_key": Audited("key.created", _nothing),
    "rotate_key": Audited("key.rotated", _key),
    "revoke_key": Audited("key.revoked", _key),
    "set_budget": Audited("budget.set", _budget),
    "remove_budget": Audited("budget.removed", _budget),
    "export_case": Audited("case.exported", _case, CASE_TOKEN),
    "erase_case": Audited("case.erased", _case, CASE_TOKEN),
    "make_link": Audited("link.made", _case, CASE_TOKEN),
    "open_link": Audited("link.opened", _nothing, LINK),
    "receive_growthbook": Audited("flags.set", _nothing, SYSTEM),
}
"""Every operation that is written down."""


def name_object(request: Request[Any, Any, Any], what: str) -> None:
    """Say what was done it to, where only the handler knows; it is written with the outcome."""
    scope: dict[str, Any] = request.scope  # type: ignore[assignment]
    scope[_OBJECT] = what


class Witness:
    """Writes down what requests do."""

    def __init__(self, auditor: Auditor) -> None:
        self.auditor = auditor

    async def let_in(
        self, connection: Connection, operation: object, caller: ApiKey | None
    ) -> None:
        """Write down what is about to be done, if it is somebody's who holds an API key.

        Raises:
            StateUnavailable: it cannot be written down, so it is not done.
        """
        audited = AUDITED.get(operation) if isinstance(operation, str) else None
        if audited is None:
            return
        scope: dict[str, Any] = connection.scope  # type: ignore[assignment]
        what = audited.what(self.auditor, connection.path_params)
        if audited.actor is not None:
            scope[_OWN] = (audited.actor, audited.action, what)
        elif caller is not None:
            actor = f"key:{caller.id}"
            scope[_ALLOWED] = await self.auditor.allow(actor, audited.action, what)

    async def answered(self, scope: Mapping[str, Any], status: int) -> None:
        """Write down how it went, where that is not said yet."""
        what = scope.get(_OBJECT)
        if (own := scope.get(_OWN)) is not None and status < _BAD:
            actor, action, named = own
            await self.auditor.done(actor, action, what or named)
        allowed: AuditEntry | None = scope.get(_ALLOWED)
        if allowed is not None and status >= _BAD:
            await self.auditor.failed(allowed)
        elif allowed is not None and what is not None:
            await self.auditor.done(allowed.actor, allowed.action, what)


class WitnessStand:
    """Stands before the application, and hears how each request is answered."""

    def __init__(self, app: ASGIApp, witness: Witness) -> None:
        self._app = app
        self._witness = witness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; what is to be written down is, before its answer goes out."""

        async def heard(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._witness.answered(scope, message["status"])
            await send(message)

        await self._app(scope, receive, heard)
