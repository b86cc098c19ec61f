"""Carries requests to providers over connections that are kept, and hands their answers on.

The SDKs build every request and raise every error; what lies between them and the socket is theirs
only where nothing streams. Their clients walk through a dozen layers for each request and each
chunk, which costs more than all that is done with the chunk here.
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2
from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from msgspec import Struct

BROKEN = (TimeoutError, OSError, aiohttp.ClientError, httpx2.HTTPError)
"""What reading an answer raises where its connection broke or its wait was given up."""


class Head(Struct, frozen=True):
    """A request but for its body."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]


class Reply(Protocol):
    """An answer whose body is unread."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, whatever the case of their names."""
        ...

    def read(self) -> Awaitable[bytes]:
        """Return what has come, at least a byte; nothing at the end.

        Giving up a wait loses nothing: the next one goes on from there.
        """
        ...

    async def close(self) -> None:
        """Let the connection go: to the next request where the body was read to its end."""
        ...


class Transport(Protocol):
    """Sends requests."""

    async def send(self, head: Head, body: bytes) -> Reply:
        """Send a request and return its answer."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class Pool:
    """Connections of aiohttp's, which costs a fraction of the SDKs' clients.

    Certificates are those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, or the SDKs' own; a proxy
    is the one that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name when it starts.
    """

    def __init__(self, connect_seconds: float) -> None:
        """Take how long connecting may last. How long reading may is for the reader to say."""
        self._limits = ClientTimeout(
            total=None, connect=connect_seconds, sock_connect=connect_seconds
        )
        self._trusted = httpx2.create_ssl_context()
        self._session: ClientSession | None = None
        self._proxies: dict[str, str | None] = {}
        self._closed = False

    async def send(self, head: Head, body: bytes) -> Reply:
        """Send a request and return its answer."""
        session = self._session or self._open()
        url = head.url
        if url not in self._proxies:
            self._proxies[url] = proxy_of(url)
        response = await session.request(
            head.method, url, headers=head.headers, data=body, proxy=self._proxies[url]
        )
        return _Encoded(response) if "content-encoding" in response.headers else _Plain(response)

    def connections(self) -> tuple[int, int]:
        """Return how many connections are in use, and how many wait for the next request."""
        connector = None if self._session is None else self._session.connector
        if connector is None:
            return 0, 0
        return len(connector._acquired), sum(map(len, connector._conns.values()))

    async def aclose(self) -> None:
        """Close all connections; nothing is sent any more."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _open(self) -> ClientSession:
        if self._closed:
            raise RuntimeError("the connections to the provider are closed")
        # One request for each running turn at most: their number is bounded already.
        connector = TCPConnector(limit=0, ssl=self._trusted)
        self._session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            timeout=self._limits,
            auto_decompress=False,
        )
        return self._session


def proxy_of(url: str) -> str | None:
    """Return the proxy through which the environment wants an address to be reached."""
    place, named = urlsplit(url), getproxies()
    proxy = named.get(place.scheme) or named.get("all")
    if not proxy or proxy_bypass(place.hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


class _Plain:
    """An answer as aiohttp hands it out."""

    __slots__ = ("_response", "headers", "read", "status")

    def __init__(self, response: ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.read = response.content.readany

    async def close(self) -> None:
        self._response.release()


class _Encoded:
    """An answer that came compressed, though nobody compresses a stream of words."""

    __slots__ = ("_chunks", "_response", "headers", "status")

    def __init__(self, response: ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        body = httpx2.Response(200, headers=response.raw_headers, stream=_Stream(response))
        self._chunks = body.aiter_bytes()

    async def read(self) -> bytes:
        return await anext(self._chunks, b"")

    async def close(self) -> None:
        self._response.release()


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, response: ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self._response.content.readany():
            yield chunk
