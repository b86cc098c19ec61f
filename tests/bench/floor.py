"""Servers to compare with: they pass a provider's words on and do nothing else.

Run as a script with a port, the provider's base URL and the client to use. `aiohttp` is the floor:
the leanest client of the ecosystem, typed decoding, re-encoding, no state at all. `sdk` is what a
small server looks like that uses the OpenAI SDK as its documentation shows. Both sit on the same
ASGI server as the product, without a framework.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import aiohttp
import msgspec
import uvicorn
import uvloop
from msgspec import Struct
from openai import AsyncOpenAI

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _Said(Struct):
    message: str


class _Event(Struct):
    type: str
    delta: str = ""


class _Delta(Struct, tag="delta"):
    t: str


_read = msgspec.json.Decoder(_Said).decode
_decode = msgspec.json.Decoder(_Event).decode
_encode = msgspec.json.Encoder().encode


def _frame(number: int, text: str) -> bytes:
    return b"id: 1-%d\nevent: delta\ndata: %s\n\n" % (number, _encode(_Delta(text)))


class Client(Protocol):
    """Asks the provider."""

    def frames(self, message: str) -> AsyncIterator[bytes]:
        """Yield the frames of an answer."""
        ...


class AiohttpClient:
    """The floor's client."""

    def __init__(self, base_url: str) -> None:
        self._url = base_url + "/responses"
        self._session: aiohttp.ClientSession | None = None

    async def frames(self, message: str) -> AsyncIterator[bytes]:
        """Decode what arrives and pass it on; what one read delivered leaves in one piece."""
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        body = _encode({"model": "m", "input": message, "stream": True})
        headers = {"content-type": "application/json"}
        number, rest = 0, b""
        async with self._session.post(self._url, data=body, headers=headers) as response:
            async for chunk in response.content.iter_any():
                *events, rest = (rest + chunk).split(b"\n\n")
                out = []
                for event in events:
                    said = _decode(event[event.index(b"data: ") + 6 :])
                    if said.type == "response.output_text.delta":
                        number += 1
                        out.append(_frame(number, said.delta))
                if out:
                    yield b"".join(out)


class SdkClient:
    """The OpenAI SDK as its documentation shows it."""

    def __init__(self, base_url: str) -> None:
        self._client = AsyncOpenAI(api_key="bench", base_url=base_url)

    async def frames(self, message: str) -> AsyncIterator[bytes]:
        """Iterate over the SDK's events."""
        number = 0
        stream = await self._client.responses.create(model="m", input=message, stream=True)
        async for event in stream:
            if event.type == "response.output_text.delta":
                number += 1
                yield _frame(number, event.delta)


class Forwarder:
    """The ASGI application around a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a POST with the stream, anything else with nothing."""
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            event = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] == "POST":
            async for frames in self._client.frames(_read(body).message):
                await send({"type": "http.response.body", "body": frames, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def main(port: str, base_url: str, kind: str) -> None:
    """Serve until killed."""
    client = AiohttpClient(base_url) if kind == "aiohttp" else SdkClient(base_url)
    config = uvicorn.Config(
        Forwarder(client),
        port=int(port),
        log_config=None,
        access_log=False,
        lifespan="off",
    )
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(*sys.argv[1:4])
