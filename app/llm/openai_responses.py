"""OpenAI's Responses interface."""

from decimal import Decimal

import httpx2
import msgspec
import openai
from msgspec import Struct
from openai import AsyncOpenAI, AsyncStream

from app.domain.usage import Provider, Usage
from app.llm.attempt import Fault
from app.llm.errors import CutShort, Refused
from app.llm.faults import SdkErrors
from app.llm.model import ModelRequest
from app.llm.streaming import StreamingModel, sdk_timeout
from app.llm.timeouts import Timeouts
from app.llm.tokens import normalised
from app.llm.transport import Transport
from app.llm.wire import UNREADABLE, WireDecoder, kind_of_code, tier_of


class _InputDetails(Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(Struct):
    reasoning_tokens: int | None = None


class _Usage(Struct):
    cost: Decimal | None = None
    """In USD; gateways such as OpenRouter say what a call has cost."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Error(Struct):
    code: str | None = None


class _Incomplete(Struct):
    reason: str | None = None


class _Response(Struct):
    status: str | None = None
    model: str | None = None
    service_tier: str | None = None
    usage: _Usage | None = None
    error: _Error | None = None
    incomplete_details: _Incomplete | None = None


class _Event(Struct):
    type: str
    delta: str | None = None
    response: _Response | None = None
    code: str | None = None
    error: _Error | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Event).decode


class ResponsesDecoder(WireDecoder):
    """Reads the events of one response."""

    __slots__ = ("_refused",)

    known = frozenset(
        {
            "error",
            "response.completed",
            "response.created",
            "response.failed",
            "response.incomplete",
            "response.output_text.delta",
            "response.refusal.delta",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._refused = False

    def feed(self, data: bytes) -> str:
        """Read one event's data and return the text it brought."""
        try:
            event = _decode(data)
        except UNREADABLE as error:
            return self.pass_over(data, error)
        match event.type:
            case "response.output_text.delta":
                return event.delta or ""
            case "response.refusal.delta":
                self._refused = True
            case "error":
                code = event.code or (event.error.code if event.error else None)
                raise Fault(kind_of_code(code), f"error event {code}")
            case "response.created":
                self._take(event.response)
            case "response.completed" | "response.incomplete" | "response.failed":
                self.finished = self.ended = True
                self._take(event.response)
                self.fault = self._fault(event.type, event.response)
            case _:
                pass
        return ""

    def _take(self, response: _Response | None) -> None:
        if response is not None:
            self.answered_by = response.model or self.answered_by
            self.tier = tier_of(response.service_tier) or self.tier
            if response.usage is not None:
                self.usage = _usage(response.usage)

    def _fault(self, name: str, response: _Response | None) -> Fault | None:
        """Judge the end, by the status inside too: not every server names the event after it."""
        status = response.status if response else None
        if self._refused:
            return Fault(Refused, "the model declined")
        if "incomplete" in (name.removeprefix("response."), status):
            details = response.incomplete_details if response else None
            reason = details.reason if details else None
            if reason == "content_filter":
                return Fault(Refused, "the content filter stopped the answer")
            return Fault(CutShort, f"the response is incomplete: {reason}")
        if "failed" in (name.removeprefix("response."), status):
            failure = response.error if response else None
            code = failure.code if failure else None
            return Fault(kind_of_code(code), f"the response failed: {code}")
        return None


def _usage(usage: _Usage) -> Usage:
    incoming = usage.input_tokens_details or _InputDetails()
    outgoing = usage.output_tokens_details or _OutputDetails()
    return normalised(
        total_in=usage.input_tokens or 0,
        total_out=usage.output_tokens or 0,
        cached=incoming.cached_tokens or 0,
        written=incoming.cache_write_tokens or 0,
        thought=outgoing.reasoning_tokens or 0,
        cost_usd=usage.cost,
    )


class OpenAIResponses(StreamingModel):
    """OpenAI's models. Nothing is stored at the provider."""

    raised = SdkErrors.of(openai)

    def __init__(
        self,
        client: AsyncOpenAI,
        timeouts: Timeouts | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Ask as this client would, with these time limits, and send over this transport."""
        super().__init__(timeouts, transport)
        self._client = client.with_options(max_retries=0, timeout=sdk_timeout(self._timeouts))

    @property
    def provider(self) -> Provider:
        """Whose model this is."""
        return "openai"

    def _decoder(self) -> WireDecoder:
        return ResponsesDecoder()

    async def _post(self, client: httpx2.AsyncClient) -> object:
        return await self._client.with_options(http_client=client).post(
            "/responses",
            cast_to=object,
            content=b"{}",
            stream=True,
            stream_cls=AsyncStream[object],
        )

    def _body(self, request: ModelRequest) -> bytes:
        return _encode(
            {
                "model": request.model,
                "instructions": request.system,
                "input": request.messages,
                "max_output_tokens": request.max_output_tokens,
                "store": False,
                "stream": True,
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": request.schema_name,
                        "schema": request.schema,
                        "strict": True,
                    }
                },
            }
        )
