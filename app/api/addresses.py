"""From where a request comes: the address of who connected, or what a trusted proxy says of it."""

from collections.abc import Mapping
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from app.domain.errors import InvalidInput

_Address = IPv4Address | IPv6Address
_PERSONS_BITS = 64
"""Whoever has one address of IPv6 has a network of them."""


class Proxies:
    """The proxies whose word counts; nobody else's does."""

    def __init__(self, text: str) -> None:
        """Read addresses and networks with commas between them.

        Raises:
            InvalidInput: naming what is neither.
        """
        self._networks = [_network(one.strip()) for one in text.split(",") if one.strip()]

    def caller(self, peer: str | None, headers: Mapping[str, str]) -> str:
        """Return by which address a request is counted.

        Each proxy adds at the right who connected to it. So the list is read from there, as long as
        who added was trusted; whatever stands further left may have been made up by anybody.
        """
        at = _address(peer)
        if at is None:
            return "unknown"
        passed_by = [one.strip() for one in headers.get("x-forwarded-for", "").split(",")]
        while self._is_trusted(at) and passed_by:
            said = _address(passed_by.pop())
            if said is None:
                break
            at = said
        return _counted(at)

    def _is_trusted(self, address: _Address) -> bool:
        return any(address in one for one in self._networks)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise InvalidInput(f"TRIAGE_TRUSTED_PROXIES: {error}") from None


def _address(text: str | None) -> _Address | None:
    try:
        found = ip_address(text or "")
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _counted(address: _Address) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _PERSONS_BITS), strict=False))
    return str(address)
