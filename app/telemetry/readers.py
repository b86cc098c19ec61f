"""Who may read the metrics: this machine, who has a key, or everybody where settings say so.

A proxy on this machine passes on what strangers ask, and says so in a header: such a request counts
as the stranger's.
"""

from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from app.domain.access import ApiKey, is_this_machine
from app.domain.errors import KeyRefused, NotAuthenticated, ScopeMissing

_SCOPES = frozenset({"operator", "analyst", "admin"})


class Readers(Struct, frozen=True, kw_only=True):
    """The rule."""

    find: Callable[[str], Awaitable[ApiKey | None]]
    """Finds the API key that a token is of."""
    everybody: bool = False

    async def admit(self, host: str | None, headers: Mapping[str, str]) -> None:
        """Return if the caller may read.

        Args:
            host: The caller's address; None where it has none.
            headers: Of the request, by name in whatever case the mapping takes.

        Raises:
            NotAuthenticated: if it is neither this machine nor anybody with a credential.
            KeyRefused: if the credential is no key that is good.
            ScopeMissing: if it is one for opening cases only.
        """
        if self.everybody or is_this_machine(host, headers):
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NotAuthenticated("metrics are for this machine and for holders of a key: send it")
        found = await self.find(token.strip())
        if found is None:
            raise KeyRefused("this key is not known here, was revoked, or has expired")
        if _SCOPES.isdisjoint(found.scopes):
            raise ScopeMissing("metrics need one of the scopes operator, analyst and admin")
