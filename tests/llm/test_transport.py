"""What leaves for a provider over our connections, beside what the SDK itself would send."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from msgspec import Struct
from openai import AsyncOpenAI

from app.domain.usage import Attempt
from app.llm.errors import ModelError, Unreachable
from app.llm.factory import build_models
from app.llm.model import Finished, Model
from app.llm.streaming import sdk_timeout
from app.llm.timeouts import Timeouts
from app.llm.transport import proxy_of
from app.settings import Settings
from tests.support.asks import ask, document
from tests.support.certificates import certified
from tests.support.typed_calls import typed_call
from tests.support.wires import anthropic_events, chat_events, responses_events

EVENTS = {
    "responses": b"".join(responses_events([document()])),
    "chat": b"".join(chat_events([document()])),
    "messages": b"".join(anthropic_events([document()])),
}
every_wire = pytest.mark.parametrize("wire", list(EVENTS))


class Sent(Struct, frozen=True):
    """A request as it came off the wire."""

    line: str
    headers: dict[str, str]
    body: Any


class Ear:
    """A server that keeps what it is sent, and answers with a stream."""

    def __init__(self, answer: bytes, more: str = "") -> None:
        self.heard: list[Sent] = []
        self._answer = answer
        self._more = more
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        while head := await reader.readuntil(b"\r\n\r\n"):
            line, *rest = head.decode().strip().split("\r\n")
            headers = dict(one.split(": ", 1) for one in rest)
            assert len(headers) == len(rest)
            named = {name.lower(): value for name, value in headers.items()}
            body = await reader.readexactly(int(named["content-length"]))
            self.heard.append(Sent(line, named, json.loads(body)))
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n%s"
                b"content-length: %d\r\n\r\n%s"
                % (self._more.encode(), len(self._answer), self._answer)
            )


@asynccontextmanager
async def listening(ear: Ear, **kinds: Any) -> AsyncIterator[Ear]:
    """Let it listen on a port of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await ear.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", **kinds)
    ear.port = server.sockets[0].getsockname()[1]
    try:
        yield ear
    finally:
        server.close()


def settings_of(wire: str, url: str) -> Settings:
    """Return the settings with which a wire format is spoken to an address."""
    if wire == "messages":
        return Settings(anthropic_base_url=url, anthropic_api_key="key")
    kind: Any = "chat" if wire == "chat" else "responses"
    return Settings(openai_base_url=f"{url}/v1", openai_api_key="key", openai_api=kind)


@asynccontextmanager
async def model_of(wire: str, url: str) -> AsyncIterator[Model]:
    """Build the model that speaks a wire format."""
    (model,) = build_models(settings_of(wire, url), Timeouts())
    try:
        yield model
    finally:
        await model.aclose()


async def answered(model: Model) -> Finished | ModelError:
    """Ask once."""
    attempts: list[Attempt] = []
    try:
        async for event in model.stream(ask(), attempts.append):
            if isinstance(event, Finished):
                return event
    except ModelError as error:
        return error
    raise AssertionError("neither an answer nor an error")


async def asked_by_the_sdk(wire: str, url: str) -> None:
    """Ask the same with the SDK's typed parameters, over the SDK's own connections."""
    limits = sdk_timeout(Timeouts())
    settings: dict[str, Any] = {"api_key": "key", "max_retries": 0, "timeout": limits}
    client: AsyncAnthropic | AsyncOpenAI
    if wire == "messages":
        client = AsyncAnthropic(base_url=url, **settings)
    else:
        client = AsyncOpenAI(base_url=f"{url}/v1", **settings)
    async with client, await typed_call(wire, client, ask()) as events:
        assert [one async for one in events]


@every_wire
async def test_what_is_sent_is_what_the_sdk_sends(
    wire: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off the wire, method, address, headers and body are the SDK's, the first time and later."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-7")
    async with listening(Ear(EVENTS[wire])) as ear:
        url = f"http://127.0.0.1:{ear.port}"
        await asked_by_the_sdk(wire, url)
        async with model_of(wire, url) as model:
            assert isinstance(await answered(model), Finished)
            assert isinstance(await answered(model), Finished)
    theirs, *ours = ear.heard
    assert len(ours) == 2
    for one in ours:
        assert one.line == theirs.line
        assert one.body == theirs.body
        differing = {
            name
            for name in one.headers.keys() | theirs.headers.keys()
            if one.headers.get(name) != theirs.headers.get(name)
        }
        # The same values, written with other spaces; and the mark of the SDK's raw answers.
        assert differing <= {"content-length", "x-stainless-raw-response"}
        assert "key" in one.headers.get("authorization", one.headers.get("x-api-key", ""))
    if wire != "messages":
        assert ours[0].headers["openai-organization"] == "org-7"


@every_wire
async def test_a_compressed_answer_is_read(wire: str) -> None:
    """Where something on the way compresses the stream, it is read all the same."""
    async with (
        listening(Ear(gzip.compress(EVENTS[wire]), "content-encoding: gzip\r\n")) as ear,
        model_of(wire, f"http://127.0.0.1:{ear.port}") as model,
    ):
        found = await answered(model)
    assert isinstance(found, Finished)
    assert found.attempt.usage is not None


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What HTTP_PROXY names is asked, with the whole address, unless NO_PROXY has it."""
    async with listening(Ear(EVENTS["responses"])) as ear:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{ear.port}")
        monkeypatch.setenv("no_proxy", "")
        async with model_of("responses", "http://models.test:1234") as model:
            assert isinstance(await answered(model), Finished)
        monkeypatch.setenv("no_proxy", "models.test")
        async with model_of("responses", "http://models.test:1234") as model:
            assert isinstance(await answered(model), Unreachable)
    assert [one.line for one in ear.heard] == ["POST http://models.test:1234/v1/responses HTTP/1.1"]


@pytest.mark.parametrize(
    ("named", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://one:3128"}, "http://one:3128"),
        ({"http_proxy": "http://one:3128"}, None),
        ({"all_proxy": "one:3128"}, "http://one:3128"),
        ({"https_proxy": "http://one:3128", "no_proxy": "api.test"}, None),
        ({"https_proxy": "http://one:3128", "no_proxy": ".test, other"}, None),
        ({"https_proxy": "http://one:3128", "no_proxy": "*"}, None),
        ({"https_proxy": "http://one:3128", "no_proxy": "other"}, "http://one:3128"),
    ],
)
def test_the_proxy_for_an_address(
    named: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scheme, everything and exceptions are read as other programs read them."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    assert proxy_of("https://api.test/v1") == proxy


async def test_certificates_of_the_environment_are_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An authority that SSL_CERT_FILE names is trusted, and no other stranger is."""
    server, _ = certified("localhost", tmp_path)
    async with listening(Ear(EVENTS["responses"]), ssl=server) as ear:
        url = f"https://localhost:{ear.port}"
        async with model_of("responses", url) as model:
            assert isinstance(await answered(model), Unreachable)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "localhost.pem"))
        async with model_of("responses", url) as model:
            assert isinstance(await answered(model), Finished)
