"""One attempt at a provider, the same for every wire format: ask, read, watch the clock, account.

The SDK builds the request and raises its errors. It is sent over connections of our own, and the
bytes of the answer are read here: an SDK's client costs more for each chunk than all that follows,
and its event objects twenty times what decoding the event costs.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import ClassVar

import httpx2
import msgspec
from msgspec import Raw

from app.domain.usage import Provider
from app.llm.attempt import AttemptRecord, Fault
from app.llm.drafts import drafted, judged
from app.llm.errors import InvalidOutput, MalformedChunk, StreamCut
from app.llm.faults import SdkErrors, fault_of, request_id
from app.llm.model import Finished, ModelEvent, ModelRequest, OnAttempt, Rest, TextDelta
from app.llm.partial import Shape, VisibleText
from app.llm.sse import EventSplitter, EventTooLong
from app.llm.timeouts import UNHURRIED, Timeouts
from app.llm.transport import BROKEN, Head, Pool, Reply, Transport
from app.llm.wire import UNREADABLE, WireDecoder

_OK, _NOT_OK = 200, 300
_LONGEST_REFUSAL = 64 * 1024
"""Bytes of an error's body that are read; what matters of it is in a few hundred."""
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_string = msgspec.json.Decoder(str).decode


def sdk_timeout(limits: Timeouts) -> httpx2.Timeout:
    """Return what the SDK tells the provider of our patience; it is watched here."""
    longest = limits.first_token * UNHURRIED
    return httpx2.Timeout(longest, connect=limits.connect, pool=limits.connect)


class StreamingModel(ABC):
    """A model behind one of the SDKs. Adapters add the request and the decoder."""

    raised: ClassVar[SdkErrors]
    """What the SDK raises."""

    def __init__(self, timeouts: Timeouts | None, transport: Transport | None) -> None:
        self._timeouts = timeouts or Timeouts()
        self.transport: Transport = transport or Pool(self._timeouts.connect)
        self._head: Head | None = None

    @property
    @abstractmethod
    def provider(self) -> Provider:
        """Whose model this is."""

    @abstractmethod
    async def _post(self, client: httpx2.AsyncClient) -> object:
        """Let the SDK post a body that does not matter to where it asks models, for a stream."""

    @abstractmethod
    def _body(self, request: ModelRequest) -> bytes:
        """Return the body of the request.

        The SDKs' typed parameters are walked and rebuilt value by value, eight milliseconds for a
        conversation of fifteen messages.
        """

    @abstractmethod
    def _decoder(self) -> WireDecoder:
        """Return a fresh decoder of this wire format."""

    async def aclose(self) -> None:
        """Close the connections."""
        await self.transport.aclose()

    async def _send(self, request: ModelRequest, stack: AsyncExitStack) -> Reply:
        """Send the request and return the answer, its body unread; `stack` lets it go."""
        if self._head is None:
            self._head = await drafted(self._post)
        reply = await self.transport.send(self._head, self._body(request))
        stack.push_async_callback(reply.close)
        if not _OK <= reply.status < _NOT_OK:
            said = bytearray()
            while len(said) < _LONGEST_REFUSAL and (chunk := await reply.read()):
                said += chunk
            await judged(self._post, reply.status, reply.headers, bytes(said))
        return reply

    async def stream(
        self, request: ModelRequest, on_attempt: OnAttempt
    ) -> AsyncGenerator[ModelEvent, None]:
        """Ask once; see `app.llm.model.Model`."""
        record = AttemptRecord(self.provider, request, on_attempt)
        answer = _Answer(self._decoder(), request.stream_field, record)
        patience = self._timeouts.patience(unhurried=request.unhurried)
        try:
            async with AsyncExitStack() as stack:
                rest: Reply | None = None
                try:
                    with patience:
                        rest = reply = await self._send(request, stack)
                    record.status = reply.status
                    record.request_id = request_id(reply.headers)
                    while not answer.decoder.finished:
                        with patience:
                            chunk = await reply.read()
                        if not chunk:
                            rest = None
                            break
                        shown = answer.feed(chunk)
                        if record.chars:
                            patience.words_came()
                        if shown:
                            yield TextDelta(shown)
                            await self._gather()
                    if answer.decoder.finished:
                        rest = None
                        await self._settle(reply, answer)
                    late, text, raw = answer.finish()
                except Exception as error:
                    answer.account()
                    fault = fault_of(
                        error, self.raised, answering=record.chars > 0, now=time.time()
                    )
                    if not isinstance(error, TimeoutError):
                        rest = None  # the connection is lost, or the answer is of no use
                    raise record.failed(fault) from error
                finally:
                    if rest is not None and request.salvage is not None:
                        answer.account()
                        request.salvage(self._rest(rest, answer, stack.pop_all()))
            answer.account()
            attempt = record.completed()
            if late:
                yield TextDelta(late)
            yield Finished(raw=raw, text=text, attempt=attempt)
        finally:
            patience.close()
            record.cancelled()

    async def _gather(self) -> None:
        """Let words pile up unread for as long as is set: then they wake nobody behind us."""
        if self._timeouts.gather:
            await asyncio.sleep(self._timeouts.gather)

    async def _rest(self, reply: Reply, answer: "_Answer", stack: AsyncExitStack) -> Rest:
        """Read what is left of an answer that nobody waits for; nothing here can fail."""
        async with stack:
            try:
                async with asyncio.timeout(self._timeouts.rest):
                    while not answer.decoder.ended and (chunk := await reply.read()):
                        answer.read(chunk)
            except (*BROKEN, Fault, EventTooLong):
                pass  # what has come by now is all that can be known
        return Rest(usage=answer.decoder.usage, chars=answer.chars)

    async def _settle(self, reply: Reply, answer: "_Answer") -> None:
        """Read what follows the finish event. The answer is whole, so nothing here can fail it."""
        try:
            async with asyncio.timeout(self._timeouts.settle):
                while chunk := await reply.read():
                    answer.feed(chunk)
        except (*BROKEN, Fault, EventTooLong):
            return


class _Answer:
    """What has come of one answer."""

    __slots__ = ("_events", "_record", "_shown", "_splitter", "_texts", "_visible", "decoder")

    def __init__(self, decoder: WireDecoder, field: str | None, record: AttemptRecord) -> None:
        self.decoder = decoder
        self._splitter = EventSplitter()
        self._visible = VisibleText(field)
        self._record = record
        self._events = 0
        self._texts: list[str] = []
        self._shown: list[str] = []

    def feed(self, chunk: bytes) -> str:
        """Take bytes; return the visible text that they complete."""
        shown = ""
        for data in self._splitter.feed(chunk):
            self._events += 1
            text = self.decoder.feed(data)
            if text:
                self._texts.append(text)
                self._record.chars += len(text)
                shown += self._visible.feed(text)
        if shown:
            self._record.first_text()
            self._shown.append(shown)
        return shown

    @property
    def chars(self) -> int:
        """How long the answer is so far."""
        return self._record.chars

    def read(self, chunk: bytes) -> None:
        """Take bytes for the usage alone."""
        for data in self._splitter.feed(chunk):
            self._record.chars += len(self.decoder.feed(data))

    def account(self) -> None:
        """Write down what the decoder has learned."""
        self._record.answered_by = self.decoder.answered_by
        self._record.usage = self.decoder.usage
        self._record.begun = self.decoder.begun
        self._record.tier = self.decoder.tier

    def finish(self) -> tuple[str, str, bytes | None]:
        """Return the text not shown before, all visible text, and the document.

        Raises:
            Fault: where the answer is not whole or is no answer.
        """
        if self.decoder.fault is not None:
            raise self.decoder.fault
        if not self.decoder.finished:
            if not self._events:
                raise Fault(MalformedChunk, "the response is not a stream of events")
            raise Fault(StreamCut, "the answer ended without its finish event")
        text = "".join(self._shown)
        if self._visible.shape is Shape.UNKNOWN:
            raise Fault(InvalidOutput, "the answer is empty")
        if self._visible.shape is Shape.PLAIN:
            return "", text, None
        raw = "".join(self._texts).encode(errors="replace")
        try:
            members = _members(raw)
            field = self._visible.field
            if field is None or self._visible.complete:
                return "", text, raw
            late = _string(members[field])
        except (*UNREADABLE, KeyError) as error:
            raise Fault(InvalidOutput, f"the document is broken: {error}") from error
        return late, late, raw
