"""What may be sent to: hostile addresses reach nothing, whatever they are dressed as."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import AddressRefused
from app.notify.client import GuardedClient, NotSent
from app.notify.guard import Guard

NAMES: dict[str, Sequence[str]] = {
    "loop.example.com": ["127.0.0.1"],
    "loop6.example.com": ["::1"],
    "mapped.example.com": ["::ffff:127.0.0.1"],
    "nat64.example.com": ["64:ff9b::7f00:1"],
    "sixtofour.example.com": ["2002:7f00:1::"],
    "scoped.example.com": ["fe80::1%lo"],
    "zero.example.com": ["0.0.0.0"],  # noqa: S104
    "mixed.example.com": ["93.184.216.34", "127.0.0.1"],
    "localhost.example.com": ["127.0.0.1"],
    "nothing.example.com": [],
}
HOSTS = [
    *NAMES,
    "127.0.0.1", "127.1", "127.0.1", "0127.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433",
    "017700000001", "127.0.0.1.", "127.000.000.001", "0.0.0.0", "0", "0x0", "127.0.0.0x1",  # noqa: S104
    "256.256.256.256", "1.2.3", "1.2.3.4.5",
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]", "[fe80::1%lo]",
    "[fec0::1]", "[fc00::1]", "[ff02::1]", "[::1", "::1", "[127.0.0.1]", "[]", "[::1]x",
    "localhost", "LOCALHOST", "localhost.", "intranet", "loop.example.com.", "a..example.com",
    "-a.example.com", "a-.example.com", "127.0.0.1:80@loop", "user@127.0.0.1",
    "user:word@127.0.0.1", "127.0.0.1%2f", "127.0.0.1%00", "127.0.0.1\t", " 127.0.0.1",
    "127.0.0.1\r\nHost: x", "127.0.0.1#", "127.0.0.1\\", "１２７.0.0.1", "①②⑦.0.0.1",
    "ⓛocalhost", "127。0。0。1", "loopback\u00ad.example.com", "xn--.example.com" + "x" * 250,
    "a_b.example.com", "*", "%31%32%37.0.0.1", "",
]  # fmt: skip


class Listener:
    """A server on loopback that must never be reached."""

    def __init__(self) -> None:
        """Begin unreached."""
        self.port = 0
        self.reached = 0


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    """Listen on both loopbacks."""
    listener = Listener()

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.reached += 1
        writer.close()

    first = await asyncio.start_server(connected, "127.0.0.1", 0)
    listener.port = first.sockets[0].getsockname()[1]
    second = await asyncio.start_server(connected, "::1", listener.port)
    async with first, second:
        yield listener


async def resolve(host: str, _: int) -> Sequence[str]:
    """Resolve as the attacker's name server does."""
    try:
        return NAMES[host]
    except KeyError:
        raise OSError("no such name") from None


async def test_hostile_addresses_reach_nothing() -> None:
    """No form of writing our own addresses opens a connection, with either scheme."""
    refused = 0
    async with listening() as listener:
        guard = Guard(resolve=resolve, ports=frozenset({443, listener.port}))
        client = GuardedClient(guard, seconds=2.0)
        for host in HOSTS:
            for scheme in ("https", "http", "HTTPS", "ftp", "file", "gopher", "javascript"):
                with pytest.raises(AddressRefused):
                    await client.post(f"{scheme}://{host}:{listener.port}/", {}, b"x")
                refused += 1
        await client.aclose()
        assert listener.reached == 0
        allowed = GuardedClient(Guard(allow_loopback=True))
        with pytest.raises(NotSent):
            await allowed.post(f"http://127.0.0.1:{listener.port}/", {}, b"x")
        await allowed.aclose()
        assert listener.reached == 1
    assert refused == 7 * len(HOSTS)


@pytest.mark.parametrize(
    "url",
    [
        "", "https", "https:", "https:/", "https://", "//example.com/", "example.com",
        "https:///x", "https:example.com", "https:/example.com", "https:\\\\example.com",
        "https://example.com\\@127.0.0.1/", "https://example.com@127.0.0.1/",
        "https://example.com:443@127.0.0.1/", "https://example.com#@127.0.0.1/",
        "https://example.com/#fragment", "https://example.com/a b", "https://example.com/\n",
        "https://example.com/\x00", "https://example.com:0/", "https://example.com:/",
        "https://example.com:99999/", "https://example.com:22/", "https://example.com:6379/",
        "https://example.com:-1/", "https://example.com:+443/", "https://example.com:4_43/",
        "https://example.com:٤٤٣/", "https://éxample.com/", " https://example.com/",
        "https://example.com/" + "x" * 2_048, "unix:///var/run/docker.sock",
    ],
)  # fmt: skip
def test_what_is_not_a_plain_address_is_refused(url: str) -> None:
    """One strict form is read, so that no two readers can read it differently."""
    with pytest.raises(AddressRefused):
        Guard().check(url)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://hooks.example.com", ("hooks.example.com", 443, "/")),
        ("HTTPS://Hooks.Example.COM/A?b=c", ("hooks.example.com", 443, "/A?b=c")),
        ("https://hooks.example.com:443?x", ("hooks.example.com", 443, "/?x")),
        ("https://xn--bcher-kva.example/%7Ea", ("xn--bcher-kva.example", 443, "/%7Ea")),
        ("https://[2606:4700::1111]/", ("2606:4700::1111", 443, "/")),
        ("https://8.8.8.8/", ("8.8.8.8", 443, "/")),
    ],
)  # fmt: skip
def test_a_plain_address_is_read_in_parts(url: str, parts: tuple[str, int, str]) -> None:
    """Names in lower case, paths as they stand."""
    target = Guard().check(url)
    assert (target.host, target.port, target.path) == parts
    assert target.scheme == "https"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else happens, and what is read leads to a full name or to a public address."""
    for url in (text, f"https://{text}", f"https://{text}/", f"https://example.com{text}"):
        try:
            target = Guard().check(url)
        except AddressRefused:
            continue
        assert target.host.isascii()
        assert "." in target.host or ":" in target.host
        assert target.port == 443
        assert not set(target.path) & set(" \t\r\n#\\")


@given(st.integers(0, 255), st.integers(0, 2**24 - 1))
def test_numbers_are_addresses_in_one_form_only(first: int, rest: int) -> None:
    """Decimal, octal and hexadecimal hosts are refused, whatever they lead to."""
    number = (first << 24) + rest
    for host in (
        str(number),
        hex(number),
        f"0{number:o}",
        f"{first}.{rest}",
        f"{hex(first)}.1.1.1",
    ):
        with pytest.raises(AddressRefused):
            Guard().check(f"https://{host}/")


async def test_loopback_has_to_be_allowed_and_written_out() -> None:
    """With the setting, `localhost` is reached over http at any port; names that lead there not."""
    guard = Guard(allow_loopback=True, resolve=resolve)
    for host in ("localhost", "127.0.0.1", "[::1]"):
        target = guard.check(f"http://{host}:8765/x")
        assert await guard.addresses(target.host, target.port)
        with pytest.raises(AddressRefused):
            Guard(resolve=resolve).check(f"http://{host}:8765/x")
    for host in ("loop.example.com", "loop6.example.com", "mapped.example.com"):
        with pytest.raises(AddressRefused, match=r"loopback|mapped"):
            await guard.addresses(host, 443)
    for url in ("http://example.com/", "http://127.0.0.2/", "http://localhost:0/"):
        with pytest.raises(AddressRefused):
            guard.check(url)


async def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    """Which of its addresses would be taken cannot be left to chance."""
    with pytest.raises(AddressRefused, match=r"mixed\.example\.com is at 127\.0\.0\.1"):
        await Guard(resolve=resolve).addresses("mixed.example.com", 443)


async def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    """The deadline of a request holds for resolving as well."""

    async def never(_: str, __: int) -> Sequence[str]:
        await asyncio.Event().wait()
        raise AssertionError

    client = GuardedClient(Guard(resolve=never), seconds=0.05)
    with pytest.raises(NotSent, match="no answer within"):
        await client.post("https://hooks.example.com/", {}, b"")
    await client.aclose()
