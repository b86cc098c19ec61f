"""The one way out: a client that connects where the guard allows and follows nobody further.

It sits on the wire library itself: no redirects, no proxies from the environment, no cookies, no
decompression. Every request has a deadline, and of an answer no more than a bounded part is read.
"""

import asyncio
import email.utils
import ssl
import time
from collections.abc import Iterable, Mapping
from datetime import UTC

import httpcore2
from httpcore2 import SOCKET_OPTION, AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream
from msgspec import Struct

from app.domain.errors import AddressRefused, TriageError
from app.notify.guard import Guard

DEADLINE_SECONDS = 10.0
CONNECT_SECONDS = 4.0
CONNECTIONS = 64
_MOST_BYTES = 64 * 1024
_FAULTS = (
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
    httpcore2.ConnectionNotAvailable,
    ssl.SSLError,
    OSError,
)


class NotSent(TriageError):
    """No answer came: the other side does not listen, breaks off, or takes too long."""


class Answer(Struct, frozen=True, kw_only=True):
    """What the other side said; its body is none of our business."""

    status: int
    retry_after: float | None
    """Seconds, where it names them or a date."""

    @property
    def accepted(self) -> bool:
        """Whether it took what was sent."""
        return 200 <= self.status < 300


class _GuardedBackend(AsyncNetworkBackend):
    """Connects to addresses that were checked, and to no others.

    The pool above knows the name: it stays in `Host`, in SNI and in what the certificate must say.
    """

    def __init__(self, guard: Guard, inner: AsyncNetworkBackend) -> None:
        self._guard = guard
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own name
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        *others, last = await self._guard.addresses(host, port)
        for address in others:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(last, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own name
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        del timeout, socket_options
        raise AddressRefused(f"{path} is not an address out in the world")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class GuardedClient:
    """Sends to addresses that others chose."""

    def __init__(
        self,
        guard: Guard,
        *,
        seconds: float = DEADLINE_SECONDS,
        connections: int = CONNECTIONS,
        tls: ssl.SSLContext | None = None,
        backend: AsyncNetworkBackend | None = None,
    ) -> None:
        """Take the guard and the limits.

        Args:
            guard: decides where may be connected to.
            seconds: for a whole request, from resolving the name to the end of the answer.
            connections: at most so many at once; none is kept, so each is checked anew.
            tls: whose certificates are trusted; the system's authorities if absent.
            backend: makes the connections to checked addresses.
        """
        self._guard = guard
        self._seconds = seconds
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls or httpcore2.default_ssl_context(),
            max_connections=connections,
            max_keepalive_connections=0,
            network_backend=_GuardedBackend(guard, backend or AnyIOBackend()),
        )

    async def aclose(self) -> None:
        """Close what is open."""
        await self._pool.aclose()
        self._guard.close()

    async def post(self, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """Post bytes and return the answer, whatever its status.

        Raises:
            AddressRefused: if nothing may be sent there.
            NotSent: if no answer came.
        """
        target = self._guard.check(url)
        timeouts = dict.fromkeys(("read", "write", "pool"), self._seconds)
        timeouts["connect"] = min(CONNECT_SECONDS, self._seconds)
        answer: Answer | None = None
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._pool.stream(
                    "POST",
                    httpcore2.URL(
                        scheme=target.scheme.encode(),
                        host=target.host.encode(),
                        port=target.port,
                        target=target.path.encode(),
                    ),
                    headers=[
                        ("Host", target.origin.partition("://")[2]),
                        ("Content-Length", str(len(content))),
                        ("Accept", "*/*"),
                        ("User-Agent", "triage"),
                        *headers.items(),
                    ],
                    content=content,
                    extensions={"timeout": timeouts},
                ) as response,
            ):
                answer = Answer(status=response.status, retry_after=_retry_after(response.headers))
                await _read(response)
        except TimeoutError:
            if answer is None:
                raise NotSent(f"no answer within {self._seconds:g} s") from None
        except _FAULTS as error:
            if answer is None:
                raise NotSent(str(error) or type(error).__name__) from error
        return answer


async def _read(response: httpcore2.Response) -> None:
    """Read an answer's body to its end, or as much of it as anybody should have to send."""
    left = _MOST_BYTES
    async for chunk in response.aiter_stream():
        left -= len(chunk)
        if left <= 0:
            return


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    for name, value in headers:
        if name.lower() == b"retry-after":
            return seconds_of(value.decode("latin-1").strip(), time.time())
    return None


def seconds_of(text: str, now: float) -> float | None:
    """Read a Retry-After: seconds, or a date; None where it is neither.

    >>> seconds_of("120", 0.0), seconds_of("Thu, 01 Jan 1970 00:01:00 GMT", 0.0)
    (120.0, 60.0)
    >>> seconds_of("soon", 0.0) is None
    True
    """
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, when.timestamp() - now)
