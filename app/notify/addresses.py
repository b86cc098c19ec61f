"""Which addresses are out in the world, and which lead back to where we run.

IPv6 is an allow-list: of all of it, only 2000::/3 is given out to the public, so that mapped,
translated, site-local and future special ranges are refused without being known. IPv4 is the
register of special purposes at IANA, and what is used like it.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

_IPV4: dict[IPv4Network, str] = {
    IPv4Network(network): reason
    for network, reason in {
        "0.0.0.0/8": "this network",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared by carriers (CGNAT)",
        "127.0.0.0/8": "loopback",
        "168.63.129.16/32": "a cloud's own services",
        "169.254.0.0/16": "link-local",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "reserved",
        "192.0.2.0/24": "for documentation",
        "192.31.196.0/24": "reserved",
        "192.52.193.0/24": "reserved",
        "192.88.99.0/24": "a relay of 6to4",
        "192.168.0.0/16": "private",
        "192.175.48.0/24": "reserved",
        "198.18.0.0/15": "for benchmarks",
        "198.51.100.0/24": "for documentation",
        "203.0.113.0/24": "for documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
    }.items()
}
_PUBLIC_IPV6 = IPv6Network("2000::/3")
_IPV6: dict[IPv6Network, str] = {
    IPv6Network(network): reason
    for network, reason in {
        "::/128": "unspecified",
        "::1/128": "loopback",
        "::/96": "IPv4 within IPv6",
        "::ffff:0:0/96": "IPv4 mapped into IPv6",
        "64:ff9b::/96": "IPv4 translated by NAT64",
        "64:ff9b:1::/48": "IPv4 translated by a local NAT64",
        "2001::/32": "a tunnel of Teredo",
        "2001::/23": "reserved",
        "2001:db8::/32": "for documentation",
        "2002::/16": "a tunnel of 6to4",
        "2620:4f:8000::/48": "reserved",
        "3fff::/20": "for documentation",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "fec0::/10": "site-local",
        "ff00::/8": "multicast",
    }.items()
}
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def refusal(address: Address) -> str | None:
    """Return why nothing is sent to an address; None if it is out in the world.

    >>> refusal(IPv4Address("10.0.0.1"))
    'private'
    >>> refusal(IPv6Address("::ffff:8.8.8.8"))
    'IPv4 mapped into IPv6'
    >>> refusal(IPv4Address("8.8.8.8")) is None
    True
    """
    if isinstance(address, IPv4Address):
        return next((reason for network, reason in _IPV4.items() if address in network), None)
    for network, reason in _IPV6.items():
        if address in network:
            return reason
    if address not in _PUBLIC_IPV6:
        return "not given out to the public"
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return "a tunnel of ISATAP"
    return None
