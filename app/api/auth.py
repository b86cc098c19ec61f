"""The one credential path: who asks, taken from the Authorization header and nowhere else."""

import secrets
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from app.domain.errors import NotAuthenticated, OperatorOnly

_LONGEST = 256

Connection = ASGIConnection[Any, Any, Any, Any]


def bearer_token(request: Connection) -> str:
    """Return the caller's bearer token.

    Raises:
        NotAuthenticated: if there is none, or it cannot be one.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST or not token.isascii():
        raise NotAuthenticated("send the case's token as: Authorization: Bearer <case_token>")
    return token


class OperatorGate:
    """Lets operators in: whoever sends the operator token that this instance was started with."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def guard(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Return if the caller is an operator; a guard of Litestar's for a router.

        Raises:
            NotAuthenticated: if no credential came.
            OperatorOnly: if it is not the operator's, or this instance has none.
        """
        token = bearer_token(connection)
        if self._token is None:
            raise OperatorOnly(
                "this instance has no operators: start it with TRIAGE_OPERATOR_TOKEN"
            )
        if not secrets.compare_digest(token, self._token):
            raise OperatorOnly("this token is not an operator's")
