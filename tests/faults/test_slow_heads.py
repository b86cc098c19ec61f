"""Requests that never end: connections that hold up nobody, and are cut in bounded time."""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from app.api.door import MOST_WAITING
from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import BASE
from tests.support.listener import Listener
from tests.support.proofs import STORY, rounds, spread
from tests.support.waiting import until

REQUEST_SECONDS = 2.0
BOUND_SECONDS = 30.0
"""By when all are cut on a machine that has other things to do; alone it is the setting's time."""
_HEAD = (
    b"POST %s/start HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n" % BASE.encode()
)
KINDS: dict[str, tuple[bytes, bytes]] = {
    "nothing at all": (b"", b""),
    "half a request line": (b"POST /api/v2/tri", b""),
    "a header now and then": (_HEAD, b"X-A: b\r\n"),
    "a letter now and then": (_HEAD + b"X-A: ", b"a"),
    "empty lines now and then": (b"", b"\r\n"),
    "half a body": (_HEAD + b'Content-Length: 100\r\n\r\n{"locale":', b""),
    "a body letter by letter": (_HEAD + b"Content-Length: 9000\r\n\r\n{", b" "),
    "a chunk that never ends": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n100\r\n{", b" "),
}
"""What is sent at first, and what again and again after that."""


REFUSED = b"HTTP/1.1 503 "
"""Whose head is whole while more stand before the door than can be served need not wait."""
NOTHING_ASKED = {"nothing at all", "empty lines now and then"}
"""To these there is nothing to answer."""


class Slow:
    """One connection that never finishes its request."""

    def __init__(self, kind: str, connection: socket.socket) -> None:
        """Send its beginning."""
        self.kind = kind
        self.connection = connection
        self.received = b""
        self.began = time.monotonic()
        self.ended: float | None = None
        self._send(KINDS[kind][0])

    def go_on(self) -> None:
        """Send the next little piece, while somebody listens."""
        if self.ended is None:
            self._send(KINDS[self.kind][1])

    def read(self) -> None:
        """Take what the other side says; note when it hangs up."""
        try:
            data = self.connection.recv(65_536)
        except OSError:
            data = b""
        self.received += data
        if not data and self.ended is None:
            self.ended = time.monotonic()

    def _send(self, data: bytes) -> None:
        try:
            self.connection.sendall(data)
        except OSError:
            self.ended = self.ended or time.monotonic()


@contextmanager
def slow_requests(port: int, number: int) -> Iterator[list[Slow]]:
    """Begin so many requests, of all kinds in turn."""
    kinds = list(KINDS)
    with ExitStack() as stack:
        yield [
            Slow(
                kinds[at % len(kinds)],
                stack.enter_context(socket.create_connection(("127.0.0.1", port), 30)),
            )
            for at in range(number)
        ]


def drip(slow: list[Slow], seconds: float) -> None:
    """Go on with all of them, a piece each tenth of a second, until all are cut or time is over."""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for one in slow:
            selector.register(one.connection, selectors.EVENT_READ, one)
        left = len(slow)
        while left and time.monotonic() < deadline:
            for key, _ in selector.select(0.1):
                key.data.read()
                if key.data.ended is not None:
                    selector.unregister(key.fileobj)
                    left -= 1
            for one in slow:
                one.go_on()


@pytest.mark.timeout(600)
def test_requests_that_never_end_are_cut(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey, show: Show
) -> None:
    """At an instance without anything before it; others are served, and nothing is left behind."""
    number = rounds(200)
    fleet = make_fleet(own_valkey, TRIAGE_REQUEST_SECONDS=str(REQUEST_SECONDS))
    (instance,) = fleet.some(1)
    api = instance.api
    files = Path(f"/proc/{instance.pid}/fd")
    before = len(list(files.iterdir()))
    took: list[float] = []
    with slow_requests(instance.port, number) as slow:
        for _ in range(5):
            began = time.monotonic()
            other = Listener(api.start(locale="en"), STORY, uuid4().hex)
            assert other.say(api)
            assert other.message()
            took.append(time.monotonic() - began)
        drip(slow, BOUND_SECONDS)
        assert not Counter(one.kind for one in slow if one.ended is None)
        until(
            lambda: len(list(files.iterdir())) <= before + 4, "their files are closed", seconds=30
        )
    refused = [one for one in slow if one.received.startswith(REFUSED)]
    held = [one.ended - one.began for one in slow if one.ended and one not in refused]
    show(
        "requests that never end, at a bare instance",
        [
            ("requests", number),
            ("refused at once, since too many stood before the door", len(refused)),
            ("others held for", ", ".join(f"{k} {v}" for k, v in spread(held).items())),
            ("case and turn of others", ", ".join(f"{k} {v}" for k, v in spread(took).items())),
            ("lost to others", 0),
        ],
    )
    assert min(held) >= REQUEST_SECONDS - 0.5
    assert number > MOST_WAITING or not refused
    told: Counter[str] = Counter()
    for one in slow:
        told[one.kind] += bool(one.received)
        if one in refused:
            assert b"urn:triage:problem:overloaded" in one.received
        elif one.received:
            assert one.received.startswith(b"HTTP/1.1 408 "), (one.kind, one.received)
            assert b"urn:triage:problem:too-slow" in one.received
        else:  # nothing was asked, or the answer met the next piece on its way and both are gone
            assert one.kind == "nothing at all" or KINDS[one.kind][1], one.kind
    assert all(told[kind] for kind in KINDS if kind not in NOTHING_ASKED), told
    assert "Traceback" not in instance.output()
