"""What may be sent to: an address is chosen by others, so it must not lead back into our network.

The URL is read once, strictly, and handed on in parts; whoever connects asks the guard for the
addresses of the host and connects to exactly those. A name is resolved for each connection and
never again for it, so a name that changes its mind reaches nothing.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address

from msgspec import Struct

from app.domain.errors import AddressRefused
from app.notify.addresses import Address, refusal

HTTPS_PORT = 443
LONGEST_URL = 2_048
_RESOLVE_SECONDS = 5.0
_RESOLVERS = 4
_MOST_ADDRESSES = 16

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<target>[/?][!-\"$-\[\]-~]*)?",
    re.ASCII | re.IGNORECASE,
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_LOOPBACK: dict[str, tuple[Address, ...]] = {
    "localhost": (IPv4Address("127.0.0.1"),),
    "127.0.0.1": (IPv4Address("127.0.0.1"),),
    "::1": (IPv6Address("::1"),),
}

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a name; raises OSError where it has none."""


class Target(Struct, frozen=True, kw_only=True):
    """A URL that may be sent to, in parts, so that nobody reads it a second time."""

    scheme: str
    host: str
    """A name in lower case, or an address without brackets."""
    port: int
    path: str
    """With the query."""

    @property
    def origin(self) -> str:
        """Scheme, host and port as a URL has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == {"https": HTTPS_PORT, "http": 80}[self.scheme]
        return f"{self.scheme}://{host}" + ("" if usual else f":{self.port}")


class Guard:
    """Decides which URLs and which addresses may be sent to."""

    def __init__(
        self,
        *,
        ports: frozenset[int] = frozenset({HTTPS_PORT}),
        allow_loopback: bool = False,
        resolve: Resolve | None = None,
    ) -> None:
        """Take what is allowed beyond https on its own port.

        Args:
            ports: at which others may be reached.
            allow_loopback: whether `localhost`, `127.0.0.1` and `::1` may be written, at any port
                and also over http: for tests and demonstrations on one machine.
            resolve: asks for the addresses of a name; the system's resolver if absent.
        """
        self._ports = ports
        self._allow_loopback = allow_loopback
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve")
        self._resolve = resolve or self._ask_system

    def close(self) -> None:
        """Let the resolver's threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def check(self, url: str) -> Target:
        """Read a URL; nothing is resolved.

        Raises:
            AddressRefused: saying what is wrong with it.
        """
        if len(url) > LONGEST_URL:
            raise AddressRefused(f"the address is longer than {LONGEST_URL} characters")
        if not url.isascii():
            raise AddressRefused("write the address in ASCII, an international name as xn--…")
        found = _URL.fullmatch(url)
        if found is None:
            raise AddressRefused(
                "the address must look like https://host/path, without user, fragment or spaces"
            )
        scheme = found["scheme"].lower()
        host = found["host"].lower().removeprefix("[").removesuffix("]")
        usual = HTTPS_PORT if scheme == "https" else 80
        port = usual if found["port"] is None else int(found["port"])
        path = found["target"] or "/"
        if not path.startswith("/"):
            path = f"/{path}"
        if not self._is_loopback(host):
            self._check_outside(scheme, host, port, bracketed=found["host"].startswith("["))
        elif not 0 < port < 65_536:
            raise AddressRefused(f"there is no port {port}")
        return Target(scheme=scheme, host=host, port=port, path=path)

    async def addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host once and return its addresses, all of which may be connected to.

        Raises:
            AddressRefused: if any of them is not out in the world, or the name has none.
        """
        if self._is_loopback(host):
            return [str(one) for one in _LOOPBACK[host]]
        try:
            found = [ip_address(host)]
        except ValueError:
            found = [_parsed(host, one) for one in await self._asked(host, port)]
        for address in found:
            if (reason := refusal(address)) is not None:
                raise AddressRefused(f"{host} is at {address}, which is {reason}")
        return [str(one) for one in found]

    def _is_loopback(self, host: str) -> bool:
        return self._allow_loopback and host in _LOOPBACK

    def _check_outside(self, scheme: str, host: str, port: int, *, bracketed: bool) -> None:
        if scheme != "https":
            raise AddressRefused("the address must begin with https://")
        if port not in self._ports:
            allowed = ", ".join(map(str, sorted(self._ports)))
            raise AddressRefused(f"port {port} is not sent to; allowed: {allowed}")
        if (address := _literal(host, bracketed=bracketed)) is None:
            _check_name(host)
        elif (reason := refusal(address)) is not None:
            raise AddressRefused(f"{address} is {reason}")

    async def _asked(self, host: str, port: int) -> Sequence[str]:
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                found = await self._resolve(host, port)
        except TimeoutError:
            raise AddressRefused(f"{host} could not be resolved in time") from None
        except (OSError, UnicodeError) as error:
            raise AddressRefused(f"{host} could not be resolved: {error}") from None
        if not found:
            raise AddressRefused(f"{host} has no address")
        return found[:_MOST_ADDRESSES]

    async def _ask_system(self, host: str, port: int) -> Sequence[str]:
        def ask() -> list[str]:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(row[4][0]) for row in rows))

        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)


def _literal(host: str, *, bracketed: bool) -> Address | None:
    """Return the address that a host is written as; None if it is a name.

    A host whose last label is a number is an address to browsers and to the C library, in forms
    of which only the usual one is taken here.
    """
    try:
        if bracketed:
            return IPv6Address(host)
        if _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
            return IPv4Address(host)
    except AddressValueError:
        raise AddressRefused(f"{host} is not an address in its usual form") from None
    return None


def _check_name(host: str) -> None:
    labels = host.split(".")
    if len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        raise AddressRefused(f"{host} is not a full name such as hooks.example.com")


def _parsed(host: str, text: str) -> Address:
    try:
        return ip_address(text)
    except ValueError:
        raise AddressRefused(f"{host} is at {text}, which is not an address") from None
