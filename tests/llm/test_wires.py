"""Reading whole answers in the three wire formats, without a network."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.usage import Usage
from app.llm.anthropic_messages import MessagesDecoder
from app.llm.attempt import Fault
from app.llm.errors import (
    AccessDenied,
    CutShort,
    InvalidOutput,
    MalformedChunk,
    ModelError,
    Overloaded,
    ProviderFailed,
    ProviderRejected,
    RateLimited,
    Refused,
)
from app.llm.openai_chat import ChatDecoder
from app.llm.openai_responses import ResponsesDecoder
from app.llm.sse import EventSplitter
from app.llm.tokens import normalised
from app.llm.wire import WireDecoder
from tests.support.asks import document
from tests.support.wires import anthropic_events, chat_events, responses_events, sse

Wire = tuple[Callable[..., list[bytes]], type[WireDecoder]]
RESPONSES: Wire = (responses_events, ResponsesDecoder)
CHAT: Wire = (chat_events, ChatDecoder)
MESSAGES: Wire = (anthropic_events, MessagesDecoder)
every_wire = pytest.mark.parametrize(
    "wire", [RESPONSES, CHAT, MESSAGES], ids=["responses", "chat", "messages"]
)


def read(decoder: WireDecoder, chunks: Iterable[bytes]) -> str:
    """Feed chunks to a decoder and return the text."""
    splitter = EventSplitter()
    return "".join(decoder.feed(data) for chunk in chunks for data in splitter.feed(chunk))


def fault(decoder: WireDecoder, chunks: Iterable[bytes]) -> type[ModelError]:
    """Return how reading fails, at once or at the end."""
    try:
        read(decoder, chunks)
    except Fault as error:
        return error.kind
    assert decoder.fault is not None
    return decoder.fault.kind


@every_wire
@given(
    text=st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    size=st.integers(min_value=1, max_value=9),
    places=st.lists(st.integers(min_value=0, max_value=9000), max_size=20),
)
def test_an_answer_is_read_whole_however_its_bytes_are_cut(
    wire: Wire, text: str, size: int, places: list[int]
) -> None:
    """Text, finish, usage and the answering model do not depend on pieces or chunks."""
    events, decoder = wire[0], wire[1]()
    written = document(text)
    data = b"".join(events([written[at : at + size] for at in range(0, len(written), size)]))
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    assert read(decoder, [data[a:b] for a, b in pairwise(edges)]) == written
    assert (decoder.finished, decoder.ended, decoder.fault) == (True, True, None)
    assert decoder.answered_by in {"gpt-dated", "claude-dated"}
    assert decoder.usage is not None


@every_wire
def test_an_answer_without_its_last_events_is_not_finished(wire: Wire) -> None:
    """Whatever is missing at the end, nothing is taken for complete too early."""
    events, decoder_type = wire
    chunks = events([document()])
    whole = decoder_type()
    finished_at = next(
        at for at, chunk in enumerate(chunks) if read(whole, [chunk]) is not None and whole.finished
    )
    for kept in range(finished_at + 1):
        decoder = decoder_type()
        read(decoder, chunks[:kept])
        assert not decoder.finished


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        (RESPONSES, Usage(input=120, output=40, cached=100, cache_write=5, reasoning=8)),
        (CHAT, Usage(input=120, output=40, cached=100, reasoning=8)),
        (MESSAGES, Usage(input=120, output=40, cached=100, cache_write=5)),
    ],
    ids=["responses", "chat", "messages"],
)
def test_usage_means_the_same_at_every_provider(wire: Wire, usage: Usage) -> None:
    """OpenAI's input holds the cached tokens; Anthropic's three parts are summed."""
    decoder = wire[1]()
    read(decoder, wire[0]([document()]))
    assert decoder.usage == usage


def test_the_last_figures_of_anthropics_count_stand() -> None:
    """`message_delta` repeats the counts of `message_start`, which are replaced, not added."""
    decoder = MessagesDecoder()
    end = {
        "input_tokens": 16,
        "cache_creation_input_tokens": None,
        "cache_read_input_tokens": 100,
        "output_tokens": 40,
        "output_tokens_details": {"thinking_tokens": 12},
    }
    read(decoder, anthropic_events([document()], end_usage=end))
    assert decoder.usage == Usage(input=121, output=40, cached=100, cache_write=5, reasoning=12)


@pytest.mark.parametrize("end", ["completed", "incomplete", "failed"])
def test_usage_is_taken_from_any_terminal_event(end: str) -> None:
    """An answer that was cut short or failed cost money too."""
    decoder = ResponsesDecoder()
    read(decoder, responses_events(["x"], end=end))
    assert decoder.finished
    assert decoder.usage is not None
    assert decoder.usage.input == 120


counts = st.integers(min_value=-5, max_value=1000)


@given(counts, counts, counts, counts, counts)
def test_parts_never_exceed_totals(a: int, b: int, c: int, d: int, e: int) -> None:
    """Whatever a provider says, the parts fit, the totals stand, and doubt is marked."""
    usage = normalised(total_in=a, total_out=b, cached=c, written=d, thought=e)
    assert usage.cached + usage.cache_write <= usage.input == max(a, 0)
    assert usage.reasoning <= usage.output == max(b, 0)
    assert min(usage.cached, usage.cache_write, usage.reasoning) >= 0
    said = Usage(input=a, output=b, cached=c, cache_write=d, reasoning=e)
    assert usage.clamped != (usage == said)


REFUSAL = {"type": "response.refusal.delta", "delta": "I cannot", "item_id": "m"}
CHAT_REFUSAL = {"choices": [{"index": 0, "delta": {"refusal": "I cannot"}}]}


@pytest.mark.parametrize(
    ("decoder", "chunks", "kind"),
    [
        (
            ResponsesDecoder(),
            responses_events(
                ["x"], end="incomplete", incomplete_details={"reason": "max_output_tokens"}
            ),
            CutShort,
        ),
        (
            ResponsesDecoder(),
            responses_events(
                ["x"], end="incomplete", incomplete_details={"reason": "content_filter"}
            ),
            Refused,
        ),
        (
            ResponsesDecoder(),
            responses_events([], end="failed", error={"code": "server_error", "message": "x"}),
            ProviderFailed,
        ),
        (
            ResponsesDecoder(),
            responses_events([], end="failed", error={"code": "rate_limit_exceeded"}),
            RateLimited,
        ),
        (ResponsesDecoder(), [sse(REFUSAL), *responses_events([])], Refused),
        (ResponsesDecoder(), [sse({"type": "error", "code": "server_error"})], ProviderFailed),
        (
            ResponsesDecoder(),
            [sse({"type": "error", "error": {"code": "insufficient_quota"}})],
            AccessDenied,
        ),
        (ChatDecoder(), chat_events(["x"], finish="length"), CutShort),
        (ChatDecoder(), chat_events(["x"], finish="content_filter"), Refused),
        (ChatDecoder(), chat_events([""], finish="tool_calls"), InvalidOutput),
        (ChatDecoder(), [sse(CHAT_REFUSAL), *chat_events([])], Refused),
        (
            ChatDecoder(),
            [sse({"error": {"type": "server_error", "code": 500, "message": "x"}})],
            ProviderFailed,
        ),
        (MessagesDecoder(), anthropic_events(["x"], stop_reason="max_tokens"), CutShort),
        (
            MessagesDecoder(),
            anthropic_events(["x"], stop_reason="model_context_window_exceeded"),
            CutShort,
        ),
        (MessagesDecoder(), anthropic_events(["x"], stop_reason="refusal"), Refused),
        (MessagesDecoder(), anthropic_events(["x"], stop_reason="tool_use"), InvalidOutput),
        (
            MessagesDecoder(),
            [sse({"type": "error", "error": {"type": "overloaded_error"}}, "error")],
            Overloaded,
        ),
        (
            MessagesDecoder(),
            [sse({"type": "error", "error": {"type": "invalid_request_error"}})],
            ProviderRejected,
        ),
        (MessagesDecoder(), [sse({"type": "error", "error": None})], ProviderFailed),
    ],
)
def test_every_way_of_not_answering_has_its_kind(
    decoder: WireDecoder, chunks: list[bytes], kind: type[ModelError]
) -> None:
    """Limits, filters, refusals and error events are told apart in every format."""
    assert fault(decoder, chunks) is kind


@every_wire
@pytest.mark.parametrize(
    "data",
    [b"{", b"nonsense", b"[]", b'"text"', b"null"],
    ids=["open", "words", "array", "string", "null"],
)
def test_an_event_that_is_no_object_is_malformed(wire: Wire, data: bytes) -> None:
    """Garbage is never passed over."""
    with pytest.raises(Fault) as caught:
        wire[1]().feed(data)
    assert caught.value.kind is MalformedChunk


@pytest.mark.parametrize(
    ("decoder", "event"),
    [
        (ResponsesDecoder(), {"type": "response.output_text.delta", "delta": 7}),
        (ResponsesDecoder(), {"type": "response.completed", "response": "x"}),
        (ChatDecoder(), {"choices": [{"delta": {"content": 7}}]}),
        (MessagesDecoder(), {"type": "content_block_delta", "delta": "x"}),
        (MessagesDecoder(), {"type": "message_delta", "usage": {"output_tokens": "many"}}),
    ],
)
def test_an_event_that_matters_has_its_shape(decoder: WireDecoder, event: dict[str, Any]) -> None:
    """Where the text or the end would have been, another shape is malformed."""
    with pytest.raises(Fault) as caught:
        decoder.feed(msgspec.json.encode(event))
    assert caught.value.kind is MalformedChunk


@every_wire
def test_text_that_is_not_utf8_is_malformed(wire: Wire) -> None:
    """Broken bytes inside the answer's words are never shown."""
    chunks = [chunk.replace(b"WORDS", b"\xff\xfe") for chunk in wire[0](["WORDS"])]
    assert fault(wire[1](), chunks) is MalformedChunk


@pytest.mark.parametrize(
    ("decoder", "event"),
    [
        (ResponsesDecoder(), {"type": "response.new_kind", "delta": {"x": 1}}),
        (ResponsesDecoder(), {"type": "response.reasoning_text.delta", "delta": "hm"}),
        (ResponsesDecoder(), {"type": "keepalive"}),
        (MessagesDecoder(), {"type": "ping"}),
        (MessagesDecoder(), {"type": "new_kind", "delta": 7, "usage": "x"}),
        (
            MessagesDecoder(),
            {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "hm"}},
        ),
        (ChatDecoder(), {"choices": []}),
        (ChatDecoder(), {"choices": [{"delta": None}]}),
        (ChatDecoder(), {"choices": [{"delta": {"reasoning_content": "hm"}}]}),
    ],
)
def test_events_of_the_future_are_passed_over(decoder: WireDecoder, event: dict[str, Any]) -> None:
    """What is unknown, or is not the answer's text, neither shows nor fails."""
    assert decoder.feed(msgspec.json.encode(event)) == ""
    assert not decoder.finished


def test_a_completion_without_its_mark_of_the_end_is_finished_by_its_reason() -> None:
    """Compatible servers may leave out `[DONE]` and the usage; the reason alone counts."""
    decoder = ChatDecoder()
    read(decoder, chat_events(["x"], usage=None, done=False))
    assert (decoder.finished, decoder.ended, decoder.usage) == (True, False, None)
