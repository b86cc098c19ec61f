"""The chat completions interface: OpenAI's, and that of servers such as llama.cpp and vLLM."""

from decimal import Decimal

import httpx2
import msgspec
import openai
from msgspec import Struct
from openai import AsyncOpenAI, AsyncStream

from app.domain.usage import Provider, Usage
from app.llm.attempt import Fault
from app.llm.errors import CutShort, InvalidOutput, MalformedChunk, Refused
from app.llm.faults import SdkErrors
from app.llm.model import ModelRequest
from app.llm.streaming import StreamingModel, sdk_timeout
from app.llm.timeouts import Timeouts
from app.llm.tokens import normalised
from app.llm.transport import Transport
from app.llm.wire import UNREADABLE, WireDecoder, kind_of_code, tier_of


class _PromptDetails(Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(Struct):
    reasoning_tokens: int | None = None


class _Usage(Struct):
    cost: Decimal | None = None
    """In USD; gateways such as OpenRouter say what a call has cost."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Delta(Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Error(Struct):
    code: str | int | None = None
    type: str | None = None


class _Chunk(Struct):
    choices: tuple[_Choice, ...] = ()
    model: str | None = None
    service_tier: str | None = None
    usage: _Usage | None = None
    error: _Error | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Chunk).decode


class ChatDecoder(WireDecoder):
    """Reads the chunks of one completion. Chunks have no names: all of them matter."""

    __slots__ = ("_refused",)

    known = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self._refused = False

    def feed(self, data: bytes) -> str:
        """Read one chunk and return the text it brought."""
        if data == b"[DONE]":
            self.ended = True
            return ""
        try:
            chunk = _decode(data)
        except UNREADABLE as error:
            raise Fault(MalformedChunk, f"a chunk cannot be read: {error}") from error
        if chunk.error is not None:
            code = chunk.error.type or str(chunk.error.code or "")
            raise Fault(kind_of_code(code), f"error chunk {code}")
        if self.answered_by is None:
            self.answered_by = chunk.model
        self.tier = tier_of(chunk.service_tier) or self.tier
        if chunk.usage is not None:
            self.usage = _usage(chunk.usage)
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        text = ""
        if choice.delta is not None:
            text = choice.delta.content or ""
            self._refused = self._refused or bool(choice.delta.refusal)
        if choice.finish_reason is not None:
            self.finished = True
            self.fault = _fault_of_reason(choice.finish_reason)
            if self._refused:
                self.fault = Fault(Refused, "the model declined")
        return text


def _fault_of_reason(reason: str) -> Fault | None:
    match reason:
        case "length":
            return Fault(CutShort, "the answer reached its limit of tokens")
        case "content_filter":
            return Fault(Refused, "the content filter stopped the answer")
        case "tool_calls" | "function_call":
            return Fault(InvalidOutput, "the model called a tool that it was not given")
        case _:
            return None


def _usage(usage: _Usage) -> Usage:
    incoming = usage.prompt_tokens_details or _PromptDetails()
    outgoing = usage.completion_tokens_details or _CompletionDetails()
    return normalised(
        total_in=usage.prompt_tokens or 0,
        total_out=usage.completion_tokens or 0,
        cached=incoming.cached_tokens or 0,
        written=incoming.cache_write_tokens or 0,
        thought=outgoing.reasoning_tokens or 0,
        cost_usd=usage.cost,
    )


class OpenAIChat(StreamingModel):
    """Models behind chat completions."""

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
        return ChatDecoder()

    async def _post(self, client: httpx2.AsyncClient) -> object:
        return await self._client.with_options(http_client=client).post(
            "/chat/completions",
            cast_to=object,
            content=b"{}",
            stream=True,
            stream_cls=AsyncStream[object],
        )

    def _body(self, request: ModelRequest) -> bytes:
        return _encode(
            {
                "model": request.model,
                "messages": ({"role": "system", "content": request.system}, *request.messages),
                # The older name of the limit is the one that every compatible server knows.
                "max_tokens": request.max_output_tokens,
                "stream": True,
                "stream_options": {"include_usage": True},
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": request.schema_name,
                        "schema": request.schema,
                        "strict": True,
                    },
                },
            }
        )
