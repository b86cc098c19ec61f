"""Anthropic's Messages interface."""

import anthropic
import httpx2
import msgspec
from anthropic import AsyncAnthropic, AsyncStream
from msgspec import Struct

from app.domain.usage import Provider, Usage
from app.llm.attempt import Fault
from app.llm.errors import CutShort, InvalidOutput, Refused
from app.llm.faults import SdkErrors
from app.llm.model import ModelRequest
from app.llm.streaming import StreamingModel, sdk_timeout
from app.llm.timeouts import Timeouts
from app.llm.tokens import normalised
from app.llm.transport import Transport
from app.llm.wire import UNREADABLE, WireDecoder, kind_of_code, tier_of


class _OutputDetails(Struct):
    thinking_tokens: int | None = None


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None
    service_tier: str | None = None


class _Message(Struct):
    model: str | None = None
    usage: _Usage | None = None


class _Delta(Struct):
    type: str = ""
    text: str | None = None
    stop_reason: str | None = None


class _Error(Struct):
    type: str | None = None


class _Event(Struct):
    type: str
    delta: _Delta | None = None
    message: _Message | None = None
    usage: _Usage | None = None
    error: _Error | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Event).decode


class MessagesDecoder(WireDecoder):
    """Reads the events of one message. Its usage counts up; the last figures stand."""

    __slots__ = ("_counts", "_stop_reason")

    known = frozenset(
        {"content_block_delta", "error", "message_delta", "message_start", "message_stop"}
    )

    def __init__(self) -> None:
        super().__init__()
        self._counts = _Usage()
        self._stop_reason: str | None = None

    def feed(self, data: bytes) -> str:
        """Read one event's data and return the text it brought."""
        try:
            event = _decode(data)
        except UNREADABLE as error:
            return self.pass_over(data, error)
        match event.type:
            case "content_block_delta":
                delta = event.delta
                if delta is not None and delta.type == "text_delta":
                    return delta.text or ""
            case "message_start" if event.message is not None:
                self.answered_by = event.message.model
                self._count(event.message.usage)
                self.begun = self._usage()
            case "message_delta":
                if event.delta is not None:
                    self._stop_reason = event.delta.stop_reason or self._stop_reason
                self._count(event.usage)
                if self._stop_reason is not None and event.usage is not None:
                    self.usage = self._usage()  # the counts stand, whether or not more comes
            case "message_stop":
                self.finished = self.ended = True
                self.usage = self._usage()
                self.fault = _fault_of_reason(self._stop_reason)
            case "error":
                kind = event.error.type if event.error else None
                raise Fault(kind_of_code(kind), f"error event {kind}")
            case _:
                pass
        return ""

    def _count(self, seen: _Usage | None) -> None:
        if seen is None:
            return
        for name in _Usage.__struct_fields__:
            value = getattr(seen, name)
            if value is not None:
                setattr(self._counts, name, value)
        self.tier = tier_of(seen.service_tier) or self.tier

    def _usage(self) -> Usage:
        counts = self._counts
        fresh = counts.input_tokens or 0
        written = counts.cache_creation_input_tokens or 0
        cached = counts.cache_read_input_tokens or 0
        details = counts.output_tokens_details or _OutputDetails()
        return normalised(
            total_in=fresh + written + cached,
            total_out=counts.output_tokens or 0,
            cached=cached,
            written=written,
            thought=details.thinking_tokens or 0,
        )


def _fault_of_reason(reason: str | None) -> Fault | None:
    match reason:
        case "max_tokens" | "model_context_window_exceeded":
            return Fault(CutShort, "the answer reached its limit of tokens")
        case "refusal":
            return Fault(Refused, "the model declined")
        case "tool_use" | "pause_turn":
            return Fault(InvalidOutput, "the model called a tool that it was not given")
        case _:
            return None


class AnthropicMessages(StreamingModel):
    """Anthropic's models. The system prompt is marked as worth caching."""

    raised = SdkErrors.of(anthropic)

    def __init__(
        self,
        client: AsyncAnthropic,
        timeouts: Timeouts | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Ask as this client would, with these time limits, and send over this transport."""
        super().__init__(timeouts, transport)
        self._client = client.with_options(max_retries=0, timeout=sdk_timeout(self._timeouts))

    @property
    def provider(self) -> Provider:
        """Whose model this is."""
        return "anthropic"

    def _decoder(self) -> WireDecoder:
        return MessagesDecoder()

    async def _post(self, client: httpx2.AsyncClient) -> object:
        return await self._client.with_options(http_client=client).post(
            "/v1/messages",
            cast_to=object,
            content=b"{}",
            stream=True,
            stream_cls=AsyncStream[object],
        )

    def _body(self, request: ModelRequest) -> bytes:
        return _encode(
            {
                "model": request.model,
                "system": [
                    {
                        "type": "text",
                        "text": request.system,
                        "cache_control": {"type": "ephemeral"},
                    }
                ],
                "messages": request.messages,
                "max_tokens": request.max_output_tokens,
                "stream": True,
                "output_config": {"format": {"type": "json_schema", "schema": request.schema}},
            }
        )
