"""Which addresses are out in the world: held against the interpreter's own tables, and beyond."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notify.addresses import refusal

IPV4 = st.integers(0, 2**32 - 1).map(IPv4Address)
IPV6 = st.integers(0, 2**128 - 1).map(IPv6Address)
SPECIAL_IPV4 = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
]  # fmt: skip
SPECIAL_IPV6 = [
    "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
    "2001::/32", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
    "fec0::/10", "ff00::/8", "4000::/3", "e000::/4",
]  # fmt: skip


@st.composite
def within(draw: st.DrawFn, networks: list[str]) -> IPv4Address | IPv6Address:
    """Draw an address of one of these networks."""
    network, _, length = draw(st.sampled_from(networks)).partition("/")
    first = ip_address(network)
    free = first.max_prefixlen - int(length)
    return type(first)(int(first) + draw(st.integers(0, 2**free - 1)))


@given(st.one_of(IPV4, IPV6))
def test_what_the_interpreter_calls_local_is_refused(address: IPv4Address | IPv6Address) -> None:
    """No address that the standard library knows as special gets through."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert refusal(address) is not None


@given(within(SPECIAL_IPV4 + SPECIAL_IPV6))
def test_special_networks_are_refused_whole(address: IPv4Address | IPv6Address) -> None:
    """From the first to the last address, whatever the interpreter's version knows."""
    assert refusal(address) is not None


@given(IPV4, st.sampled_from([0, 0xFFFF << 32, 0x64FF9B << 96, 0x64FF9B0001 << 80]))
def test_no_ipv4_address_hides_in_an_ipv6_one(inner: IPv4Address, prefix: int) -> None:
    """Mapped, compatible and translated addresses are refused, also those of the open internet."""
    assert refusal(IPv6Address(prefix + int(inner))) is not None


@given(IPV4, st.integers(0, 2**80 - 1))
def test_no_tunnel_is_used(inner: IPv4Address, rest: int) -> None:
    """6to4, Teredo and ISATAP carry IPv4 addresses as well."""
    assert refusal(IPv6Address((0x2002 << 112) + (int(inner) << 80) + rest)) is not None
    assert refusal(IPv6Address((0x20010000 << 96) + (rest << 16) + 1)) is not None
    isatap = (0x2606 << 112) + (0x5EFE << 32) + int(inner)
    assert refusal(IPv6Address(isatap)) is not None


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.0", "100.128.0.0",
                "2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888"],
)  # fmt: skip
def test_the_open_internet_is_not_refused(address: str) -> None:
    """Neither far from special networks nor right beside them."""
    assert refusal(ip_address(address)) is None


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192",
                "168.63.129.16"],
)  # fmt: skip
def test_what_clouds_tell_their_machines_is_out_of_reach(address: str) -> None:
    """The addresses at which clouds hand out credentials are refused."""
    assert refusal(ip_address(address)) is not None
