"""The way out: it connects where it was allowed to, waits a bounded time and follows nobody."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from httpcore2 import SOCKET_OPTION, AnyIOBackend, AsyncNetworkStream

from app.domain.errors import AddressRefused
from app.notify.client import GuardedClient, NotSent
from app.notify.guard import Guard
from tests.support.certificates import certified
from tests.support.receivers import Receiver, receiving

PUBLIC, OTHER = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"
NAME = "hooks.example.com"


class Diverted(AnyIOBackend):
    """Notes which addresses are connected to, and connects to a server of this machine instead."""

    def __init__(self, port: int, unreachable: Sequence[str] = ()) -> None:
        """Divert to this port of the loopback."""
        self.asked: list[str] = []
        self._port = port
        self._unreachable = unreachable

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own name
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect elsewhere; an address that cannot be reached leads to a closed port."""
        self.asked.append(host)
        port = 1 if host in self._unreachable else self._port
        return await super().connect_tcp("127.0.0.1", port, timeout, local_address, socket_options)


class Names:
    """A name server whose answers change from one question to the next."""

    def __init__(self, *answers: Sequence[str]) -> None:
        """Give these answers in turn."""
        self._answers = iter(answers)
        self.asked = 0

    async def __call__(self, _: str, __: int) -> Sequence[str]:
        """Answer."""
        self.asked += 1
        return next(self._answers)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Run a server on loopback and give its port; whoever it still serves at the end is let go."""
    tasks: list[asyncio.Task[None] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for task in tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(one for one in tasks if one is not None), return_exceptions=True)


def answering(answer: bytes, heads: list[bytes]) -> Serve:
    """Return a server that keeps the head of each request and gives this answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()

    return serve


NO_CONTENT = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who receives."""
    with receiving() as made:
        yield made


@asynccontextmanager
async def local(seconds: float = 5.0) -> AsyncIterator[GuardedClient]:
    """Give a client that may send to this machine."""
    client = GuardedClient(Guard(allow_loopback=True), seconds=seconds)
    yield client
    await client.aclose()


async def test_the_checked_address_is_connected_to_under_the_name(tmp_path: Path) -> None:
    """One question to the name server, one address; SNI, Host and certificate are the name's."""
    server, trusting = certified(NAME, tmp_path)
    indicated: list[str | None] = []
    server.sni_callback = lambda _, name, __: indicated.append(name)
    heads: list[bytes] = []
    async with serving(answering(NO_CONTENT, heads), server) as port:
        names, backend = Names([PUBLIC]), Diverted(port)
        client = GuardedClient(Guard(resolve=names), tls=trusting, backend=backend)
        answer = await client.post(f"https://{NAME}/hook?a=b", {"webhook-id": "x"}, b"{}")
        await client.aclose()
    assert answer.status == 204
    assert (names.asked, backend.asked, indicated) == (1, [PUBLIC], [NAME])
    assert heads[0].startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert f"\r\nHost: {NAME}\r\n".encode() in heads[0]


async def test_a_certificate_of_another_name_is_not_accepted(tmp_path: Path) -> None:
    """Whoever answers at the address must be who was meant."""
    server, trusting = certified("elsewhere.example.com", tmp_path)
    heads: list[bytes] = []
    async with serving(answering(NO_CONTENT, heads), server) as port:
        client = GuardedClient(Guard(resolve=Names([PUBLIC])), tls=trusting, backend=Diverted(port))
        with pytest.raises(NotSent, match="certificate"):
            await client.post(f"https://{NAME}/", {}, b"{}")
        await client.aclose()
    assert heads == []


async def test_a_name_that_changes_its_mind_reaches_nothing(tmp_path: Path) -> None:
    """Between check and connection nobody asks again; the next request is checked anew."""
    server, trusting = certified(NAME, tmp_path)
    async with serving(answering(NO_CONTENT, []), server) as port:
        names, backend = Names([PUBLIC], ["127.0.0.1"], ["169.254.169.254"]), Diverted(port)
        client = GuardedClient(Guard(resolve=names), tls=trusting, backend=backend)
        await client.post(f"https://{NAME}/", {}, b"{}")
        for reason in ("loopback", "link-local"):
            with pytest.raises(AddressRefused, match=reason):
                await client.post(f"https://{NAME}/", {}, b"{}")
        await client.aclose()
    assert backend.asked == [PUBLIC]
    assert names.asked == 3


async def test_the_next_address_is_tried_where_one_is_out_of_reach(tmp_path: Path) -> None:
    """All addresses of a name are checked; the first that takes the connection is used."""
    server, trusting = certified(NAME, tmp_path)
    async with serving(answering(NO_CONTENT, []), server) as port:
        backend = Diverted(port, unreachable=[OTHER])
        guard = Guard(resolve=Names([OTHER, PUBLIC]))
        client = GuardedClient(guard, tls=trusting, backend=backend)
        assert (await client.post(f"https://{NAME}/", {}, b"{}")).accepted
        await client.aclose()
    assert backend.asked == [OTHER, PUBLIC]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    """The answer is the answer, wherever it points."""
    with receiving() as target:
        receiver.answer = lambda _: (status, {"Location": target.url})
        async with local() as client:
            answer = await client.post(receiver.url, {}, b"{}")
        assert (answer.status, answer.accepted) == (status, False)
        assert target.requests == []


async def test_proxies_of_the_environment_are_ignored(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was checked is where it goes; a proxy would resolve the name once more."""
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with local() as client:
            assert (await client.post(receiver.url, {}, b"{}")).accepted
        assert proxy.requests == []
    assert len(receiver.requests) == 1


async def test_who_does_not_answer_is_not_waited_for() -> None:
    """The deadline ends a request that was taken and left."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as port, local(seconds=0.2) as client:
        began = time.monotonic()
        with pytest.raises(NotSent, match="no answer within"):
            await client.post(f"http://127.0.0.1:{port}/", {}, b"{}")
        assert time.monotonic() - began < 5.0


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n", 200),
        (b"HTTP/1.1 200 OK\r\n", None),
    ],
    ids=["body", "chunk", "head"],
)
async def test_an_answer_without_end_is_cut_off(head: bytes, status: int | None) -> None:
    """A bounded part is read of a body, and of a head."""
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        piece = b"x" * 8_192 if status else b"X-Filler: " + b"y" * 8_000 + b"\r\n"
        while True:
            writer.write(piece)
            sent += len(piece)
            await writer.drain()

    async with serving(endless) as port, local(seconds=10.0) as client:
        began = time.monotonic()
        if status is None:
            with pytest.raises(NotSent):
                await client.post(f"http://127.0.0.1:{port}/", {}, b"{}")
        else:
            answer = await client.post(f"http://127.0.0.1:{port}/", {}, b"{}")
            assert answer.status == status
        assert time.monotonic() - began < 5.0
    assert sent < 32 * 1024 * 1024


@pytest.mark.parametrize(
    "answer", [b"", b"\x00\x01\x02", b"HTTP/1.1\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n",
               b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", b"HTTP/1.1 fine OK\r\n\r\n"],
)  # fmt: skip
async def test_what_is_no_answer_counts_as_none(answer: bytes) -> None:
    """Whatever comes back that is not HTTP is an attempt that failed, never a crash."""
    async with serving(answering(answer, [])) as port, local() as client:
        with pytest.raises(NotSent):
            await client.post(f"http://127.0.0.1:{port}/", {}, b"{}")


async def test_a_body_that_breaks_off_is_still_an_answer() -> None:
    """The status was said; what follows is none of our business."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    async with serving(answering(answer, [])) as port, local() as client:
        assert (await client.post(f"http://127.0.0.1:{port}/", {}, b"{}")).accepted


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None),
                          ("-1", None), ("9" * 40, None), ("", None)],
)  # fmt: skip
async def test_retry_after_is_read_in_both_forms(
    receiver: Receiver, text: str, seconds: float | None
) -> None:
    """Seconds or a date; anything else is as if it were not there."""
    receiver.answer = lambda _: (503, {"Retry-After": text})
    async with local() as client:
        assert (await client.post(receiver.url, {}, b"{}")).retry_after == seconds


async def test_requests_beyond_the_limit_wait_their_turn() -> None:
    """The pool holds as many connections as it was told, and no more at any time."""
    open_now = most = 0
    go = asyncio.Event()

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        await reader.readuntil(b"\r\n\r\n")
        open_now += 1
        most = max(most, open_now)
        if open_now == 3:
            go.set()
        await go.wait()
        open_now -= 1
        writer.write(NO_CONTENT)
        await writer.drain()

    async with serving(counting) as port:
        client = GuardedClient(Guard(allow_loopback=True), connections=3)
        url = f"http://127.0.0.1:{port}/"
        answers = await asyncio.gather(*(client.post(url, {}, b"") for _ in range(12)))
        await client.aclose()
    assert all(one.accepted for one in answers)
    assert most == 3
