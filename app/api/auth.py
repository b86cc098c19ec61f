"""The one credential path: who asks, taken from the Authorization header and nowhere else."""

from litestar import Request
from litestar.datastructures import State

from app.domain.errors import NotAuthenticated

_LONGEST = 256


def bearer_token(request: Request[None, None, State]) -> str:
    """Return the caller's bearer token.

    Raises:
        NotAuthenticated: if there is none, or it cannot be one.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST or not token.isascii():
        raise NotAuthenticated("send the case's token as: Authorization: Bearer <case_token>")
    return token
