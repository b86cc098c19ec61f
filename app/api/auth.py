"""The one credential: a bearer token, taken from the Authorization header and nowhere else."""

from typing import Any

from litestar.connection import ASGIConnection

from app.domain.errors import NotAuthenticated

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
        raise NotAuthenticated(
            "send the case's token, or an API key, as: Authorization: Bearer <token>"
        )
    return token
