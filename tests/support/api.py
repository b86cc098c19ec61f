"""The API over plain sockets: nothing between a test and the bytes on the wire."""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any
from uuid import uuid4

from msgspec import Struct

BASE = "/api/v2/triage"
TERMINALS = {"turn.completed", "turn.cancelled", "turn.failed"}
NO_BODY = {204, 304}
OPERATOR_TOKEN = "the-token-of-operators-in-tests"


class Answer(Struct, frozen=True):
    """One response."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        """Return the body's value."""
        return json.loads(self.body)


class Frame(Struct, frozen=True):
    """One event of a stream."""

    id: str | None
    event: str
    data: Any


class Stream:
    """An open event stream; what is not an event is kept in `comments` and `retries`."""

    def __init__(self, answer: Answer, response: http.client.HTTPResponse) -> None:
        """Begin to read."""
        self.answer = answer
        self.comments: list[str] = []
        self.retries: list[int] = []
        self._response = response

    def lines(self) -> Iterator[str]:
        """Yield the stream's lines as they come."""
        while line := self._response.readline():
            yield line.decode().rstrip("\n")

    def frames(self) -> Iterator[Frame]:
        """Yield events as they come, until the end."""
        fields: dict[str, str] = {}
        for line in self.lines():
            name, _, value = line.partition(": ")
            if line.startswith(":"):
                self.comments.append(line)
            elif name == "retry":
                self.retries.append(int(value))
            elif line:
                fields[name] = value
            elif "event" in fields:
                yield Frame(fields.get("id"), fields["event"], json.loads(fields["data"]))
                fields = {}

    def until(self, *names: str) -> list[Frame]:
        """Read on until an event of one of these names; returns everything up to it."""
        found: list[Frame] = []
        for frame in self.frames():
            found.append(frame)
            if frame.event in names:
                return found
        raise AssertionError(f"the stream ended before {names}: {[one.event for one in found]}")


class Case(Struct, frozen=True):
    """An open case."""

    id: str
    token: str


class Api:
    """A client of one instance that adds nothing by itself."""

    def __init__(self, port: int) -> None:
        """Talk to this port of the loopback."""
        self.port = port

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        token: str | None = None,
        **headers: str,
    ) -> Answer:
        """Send one request on a connection of its own; header names with underscores for dashes."""
        with closing(self._connection()) as connection:
            return _answer(self._send(connection, method, path, body, token, headers))

    def get(self, path: str, token: str | None = None, **headers: str) -> Answer:
        """Get a path below the API's base."""
        return self.call("GET", BASE + path, None, token=token, **headers)

    def post(
        self,
        path: str,
        value: Any = None,
        token: str | None = None,
        *,
        key: str | None = None,
        **headers: str,
    ) -> Answer:
        """Post a value as JSON; `key` is the Idempotency-Key."""
        body = b"" if value is None else json.dumps(value).encode()
        headers = {"Content_Type": "application/json"} | headers
        if key is not None:
            headers["Idempotency_Key"] = key
        return self.call("POST", BASE + path, body, token=token, **headers)

    def start(self, **members: Any) -> Case:
        """Open a case."""
        found = self.post("/start", members)
        assert found.status == 201, found
        return Case(found.json()["case_id"], found.json()["case_token"])

    def say(self, case: Case, text: str, *, query: str = "", **headers: str) -> Answer:
        """Take a turn, with a new key unless the headers bring one."""
        headers.setdefault("Idempotency_Key", uuid4().hex)
        value = {"case_id": case.id, "message": text}
        return self.post("/continue" + query, value, case.token, **headers)

    def talk(self, case: Case, text: str) -> list[Frame]:
        """Take a turn word by word; returns all of its events."""
        value = json.dumps({"case_id": case.id, "message": text}).encode()
        headers = {"Content_Type": "application/json", "Idempotency_Key": uuid4().hex}
        path = f"{BASE}/continue-stream"
        with self.stream("POST", path, value, token=case.token, **headers) as stream:
            assert stream.answer.status == 200, stream.answer
            return stream.until(*TERMINALS)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        token: str | None = None,
        **headers: str,
    ) -> Iterator[Stream]:
        """Open a stream; it is closed with the block."""
        with closing(self._connection()) as connection:
            response = self._send(connection, method, path, body, token, headers)
            streams = response.headers.get_content_type() == "text/event-stream"
            head = Answer(response.status, _lower(response), b"" if streams else response.read())
            yield Stream(head, response)

    def raw(self, data: bytes, timeout: float = 10.0) -> Answer:
        """Send bytes as they are, which need not be HTTP, and read one response."""
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout)) as sock:
            # The server may have answered, and hung up, before everything was sent.
            with suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(data)
            response = http.client.HTTPResponse(sock, method="GET")
            response.begin()
            return _answer(response)

    def request(
        self, method: bytes, path: bytes, body: bytes = b"", *headers: bytes, kind: bytes | None
    ) -> Answer:
        """Send a request written out by hand; `kind` is the body's type, None for none at all."""
        lines = [method + b" " + path + b" HTTP/1.1", b"Host: test", *headers]
        if kind is not None:
            lines.append(b"Content-Type: " + kind)
        framed = any(one.lower().startswith((b"content-length", b"transfer")) for one in headers)
        if body and not framed:
            lines.append(b"Content-Length: %d" % len(body))
        return self.raw(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        token: str | None,
        headers: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            named["Authorization"] = f"Bearer {token}"
        connection.request(method, path, body, named)
        return connection.getresponse()


def text_of(frames: list[Frame]) -> str:
    """Return the text that a reader of these events has put together."""
    text = ""
    for frame in frames:
        match frame.event:
            case "delta":
                text += frame.data["t"]
            case "turn.restarted":
                text = ""
            case "snapshot":
                text = frame.data["text"]
    return text


def _answer(response: http.client.HTTPResponse) -> Answer:
    return Answer(response.status, _lower(response), response.read())


def _lower(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}
