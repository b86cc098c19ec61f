"""A model that says what it was told to: the double for tests, demonstrations and rehearsals.

It keeps the contract of a real one, its accounts included, without a network and without sleeping:
where a test needs the answer to wait, it waits for an event.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from msgspec import Struct

from app.domain.usage import Provider, Usage
from app.llm.attempt import AttemptRecord, Fault
from app.llm.errors import ModelError, ProviderFailed
from app.llm.model import Finished, ModelEvent, ModelRequest, OnAttempt, TextDelta


class Hold(Struct, kw_only=True):
    """A place where the answer waits until the test lets it go on."""

    before: int
    """Which piece it waits before; the number of pieces means before the end."""
    reached: asyncio.Event = msgspec.field(default_factory=asyncio.Event)
    """Set once the answer has come this far."""
    release: asyncio.Event = msgspec.field(default_factory=asyncio.Event)
    """Set by the test."""


class Script(Struct, frozen=True, kw_only=True):
    """One answer."""

    pieces: tuple[str, ...] = ()
    """The visible text."""
    document: dict[str, Any] | bytes | None = None
    """What is finished with: a value to encode, bytes as they are, or None for plain text."""
    fault: type[ModelError] | None = None
    """How the attempt fails, in place of its end."""
    fault_after: int | None = None
    """After how many pieces it fails; None is after all of them."""
    retry_after: float | None = None
    status: int | None = None
    hold: Hold | None = None
    usage: Usage | None = Usage(input=100, output=20)


class ScriptedModel:
    """Answers with its scripts in the order they were enqueued and keeps what it was asked."""

    def __init__(self, provider: Provider = "openai") -> None:
        """Stand in for this provider."""
        self.provider: Provider = provider
        self.requests: list[ModelRequest] = []
        self.closed = False
        self._scripts: deque[Script] = deque()

    def enqueue(self, *scripts: Script) -> None:
        """Add answers; each serves one request."""
        self._scripts.extend(scripts)

    def say(self, *pieces: str, **members: Any) -> None:
        """Enqueue a whole answer: the visible text in pieces, then the document's other members.

        The text is put under the request's `stream_field` as the document's first member.
        """
        self.enqueue(Script(pieces=pieces, document=members))

    def fail(self, fault: type[ModelError], *pieces: str, **options: Any) -> None:
        """Enqueue a failure after these pieces of visible text."""
        self.enqueue(Script(pieces=pieces, fault=fault, **options))

    @property
    def pending(self) -> int:
        """How many scripts are left."""
        return len(self._scripts)

    async def stream(
        self, request: ModelRequest, on_attempt: OnAttempt
    ) -> AsyncGenerator[ModelEvent, None]:
        """Play the next script; without one the attempt fails, as a broken provider would."""
        self.requests.append(request)
        record = AttemptRecord(self.provider, request, on_attempt)
        record.answered_by = request.model
        try:
            if not self._scripts:
                raise record.failed(Fault(ProviderFailed, "no script is left"))
            script = self._scripts.popleft()
            record.status = script.status
            end = len(script.pieces)
            if script.fault is not None and script.fault_after is not None:
                end = min(script.fault_after, end)
            for number, piece in enumerate(script.pieces[:end]):
                await _wait(script.hold, number)
                record.chars += len(piece)
                record.first_text()
                yield TextDelta(piece)
            await _wait(script.hold, end)
            if script.fault is not None:
                raise record.failed(Fault(script.fault, "scripted", retry_after=script.retry_after))
            text = "".join(script.pieces)
            raw = _encode(script.document, request.stream_field, text)
            record.usage = script.usage
            yield Finished(raw=raw, text=text, attempt=record.completed())
        finally:
            record.cancelled()

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.closed = True


async def _wait(hold: Hold | None, number: int) -> None:
    if hold is not None and hold.before == number:
        hold.reached.set()
        await hold.release.wait()


def _encode(document: dict[str, Any] | bytes | None, field: str | None, text: str) -> bytes | None:
    if document is None or isinstance(document, bytes):
        return document
    first = {} if field is None else {field: text}
    return msgspec.json.encode({**first, **document})
