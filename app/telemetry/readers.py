"""Who may read the metrics: this machine, operators, or everybody where the settings say so.

A proxy on this machine passes on what strangers ask, and says so in a header: such a request counts
as the stranger's.
"""

import secrets
from collections.abc import Mapping
from ipaddress import ip_address

from msgspec import Struct

from app.domain.errors import NotAuthenticated, OperatorOnly

_PASSED_ON = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class Readers(Struct, frozen=True, kw_only=True):
    """The rule."""

    token: str | None
    """The operators'; None where there is none."""
    everybody: bool = False

    def admit(self, host: str | None, headers: Mapping[str, str]) -> None:
        """Return if the caller may read.

        Args:
            host: The caller's address; None where it has none.
            headers: Of the request, by name in whatever case the mapping takes.

        Raises:
            NotAuthenticated: if it is neither this machine nor anybody with a credential.
            OperatorOnly: if the credential is not the operators'.
        """
        passed_on = any(headers.get(name) for name in _PASSED_ON)
        if self.everybody or (_is_loopback(host) and not passed_on):
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NotAuthenticated("metrics are for this machine and for operators: send a token")
        given = token.strip().encode()
        if self.token is None or not secrets.compare_digest(given, self.token.encode()):
            raise OperatorOnly("this token is not an operator's")


def _is_loopback(host: str | None) -> bool:
    """Say whether an address is this machine's own.

    >>> _is_loopback("127.0.0.1"), _is_loopback("::1"), _is_loopback("10.0.0.1")
    (True, True, False)
    """
    try:
        return host is not None and ip_address(host).is_loopback
    except ValueError:
        return False
