"""The least a server can do that forwards a stream: ask, decode each event, encode it anew, send.

A bare ASGI application under the same server as ours, with aiohttp's client and typed decoding. It
keeps nothing, checks nothing and recovers from nothing: what we do beyond it is what we pay for.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
import uvicorn
from msgspec import Struct

Message = dict[str, Any]


class Event(Struct):
    """What is read of a provider's event."""

    type: str
    delta: str = ""


class Delta(Struct, tag_field="type", tag="delta"):
    """What is sent on."""

    t: str


decode = msgspec.json.Decoder(Event).decode
encode = msgspec.json.Encoder().encode


def forwarded(frame: bytes) -> bytes:
    """Return one event of the provider as an event of ours; nothing if it brings no text."""
    event = decode(frame[frame.index(b"data: ") + 6 :])
    if event.type != "response.output_text.delta":
        return b""
    return b"event: delta\ndata: " + encode(Delta(t=event.delta)) + b"\n\n"


class Floor:
    """The application."""

    def __init__(self, provider: str) -> None:
        self._url = f"{provider}/v1/responses"
        self._session: aiohttp.ClientSession | None = None

    async def __call__(
        self,
        scope: Message,  # noqa: ARG002
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Forward one request's answer."""
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        body = (await receive())["body"]
        question = msgspec.json.decode(body)["message"]
        asked = {"model": "floor", "input": question, "stream": True}
        async with self._session.post(self._url, data=encode(asked)) as response:
            headers = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            rest = b""
            async for chunk in response.content.iter_any():
                *frames, rest = (rest + chunk).split(b"\n\n")
                if out := b"".join(map(forwarded, frames)):
                    await send({"type": "http.response.body", "body": out, "more_body": True})
        await send({"type": "http.response.body", "body": b"event: end\n\n", "more_body": False})


if __name__ == "__main__":
    uvicorn.run(
        Floor(sys.argv[2]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="warning",
        access_log=False,
    )
