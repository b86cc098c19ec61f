"""The adapters' requests are those of the SDKs, and words come as they are read."""

import json

import httpx2
import pytest

from app.llm.errors import (
    InvalidOutput,
    ModelError,
)
from app.llm.model import Finished, Model, TextDelta
from tests.support.adapters import (
    EVENT_STREAM,
    Body,
    Build,
    Events,
    answering,
    asked_by_the_sdk,
    every_adapter,
    of_interest,
    run,
    schema_of,
)
from tests.support.asks import document


@every_adapter
async def test_the_request_is_the_one_the_sdk_would_send(build: Build, events: Events) -> None:
    """Same address, same headers, same body: only the encoding of the body is ours."""
    seen: list[httpx2.Request] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, headers=EVENT_STREAM, stream=Body(*events([document()])))

    await run(build(keep))
    await asked_by_the_sdk(build, keep)
    ours, theirs = seen
    assert (ours.method, ours.url) == (theirs.method, theirs.url)
    assert json.loads(ours.content) == json.loads(theirs.content)
    assert of_interest(ours) == of_interest(theirs)


@every_adapter
async def test_the_schema_keeps_the_order_of_its_properties(build: Build, events: Events) -> None:
    """The words to show come first in the schema, so that they come first in the answer."""
    seen: list[bytes] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.content)
        return httpx2.Response(200, headers=EVENT_STREAM, stream=Body(*events([document()])))

    await run(build(keep))
    assert list(schema_of(json.loads(seen[0]))["properties"]) == ["reply", "done"]


@every_adapter
async def test_words_come_as_they_are_read(build: Build, events: Events) -> None:
    """Each piece is shown when its chunk is there; the document follows whole, with its account."""
    text = document("Você assinou\nalgum \N{WAVING HAND SIGN} papel?")
    pieces = [text[at : at + 5] for at in range(0, len(text), 5)]
    body = Body(*events(pieces))
    deltas, end, attempt = await run(build(answering(body)))
    assert isinstance(end, Finished)
    assert end.raw == text.encode()
    assert "".join(delta.text for delta in deltas) == end.text == json.loads(text)["reply"]
    assert len(deltas) > 3
    assert (attempt.outcome, attempt.error, attempt.status) == ("completed", None, 200)
    assert attempt.usage is not None
    assert attempt.usage.input == 120
    assert attempt.answered_by in {"gpt-dated", "claude-dated"}
    assert (attempt.model, attempt.request_id) == ("asked", "req_7")
    assert attempt.output_chars == len(text)
    assert attempt.first_token_ms is not None
    assert 0 <= attempt.first_token_ms <= attempt.latency_ms
    assert body.closed


@every_adapter
async def test_one_read_gives_one_piece(build: Build, events: Events) -> None:
    """What one read delivered is shown at once, in one piece."""
    body = Body(b"".join(events(["{", '"reply"', ":", '"a', "b", 'c"', ',"done":true}'])))
    deltas, end, _ = await run(build(answering(body)))
    assert deltas == [TextDelta("abc")]
    assert isinstance(end, Finished)


@every_adapter
async def test_a_document_in_another_order_is_shown_late(build: Build, events: Events) -> None:
    """A model that did not begin with the words still has them shown, once they are known."""
    body = Body(*events(['{"done": false, ', '"reply": "Quan', 'do?"}']))
    deltas, end, _ = await run(build(answering(body)))
    assert deltas == [TextDelta("Quando?")]
    assert isinstance(end, Finished)
    assert end.text == "Quando?"


@every_adapter
async def test_plain_text_is_shown_as_it_is(build: Build, events: Events) -> None:
    """A server that ignores the schema is not silenced."""
    deltas, end, attempt = await run(build(answering(Body(*events(["Quando ", "foi?"])))))
    assert isinstance(end, Finished)
    assert (end.raw, end.text, attempt.outcome) == (None, "Quando foi?", "completed")
    assert [delta.text for delta in deltas] == ["Quando ", "foi?"]


@every_adapter
@pytest.mark.parametrize(
    "text", ["", "  ", '{"reply": "x"', '{"reply": "x",}', '{"done": true}', "{}x", '{"reply": 7}']
)
async def test_a_broken_document_is_invalid(build: Build, events: Events, text: str) -> None:
    """Finished is not enough: what was asked for must be there."""
    _, end, attempt = await run(build(answering(Body(*events([text])))))
    assert isinstance(end, InvalidOutput)
    assert attempt.outcome == "invalid"
    assert attempt.usage is not None


@every_adapter
async def test_adapters_are_models_and_close_their_clients(build: Build, events: Events) -> None:
    """Each keeps the protocol and leaves no connection behind."""
    model = build(answering(Body(*events([document()]))))
    assert isinstance(model, Model)
    await model.aclose()
    _, end, _ = await run(model)
    assert isinstance(end, ModelError)
