"""Asking one provider after the other until one gives a valid answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.usage import Attempt, Provider
from app.llm.breaker import BreakerPolicy
from app.llm.breakers import Breakers
from app.llm.canary import Canary
from app.llm.errors import (
    AccessDenied,
    CutShort,
    ModelError,
    NoModelLeft,
    Overloaded,
    ProviderFailed,
    RateLimited,
    Refused,
    StreamCut,
)
from app.llm.failover import Answered, FailoverModel, Restarted
from app.llm.model import Model, ModelRequest, TextDelta
from app.llm.scripted import Hold, Script, ScriptedModel
from tests.support.asks import Turn, ask, decode_turn

NAMES: dict[Provider, str] = {"openai": "gpt-asked", "anthropic": "claude-asked"}


class Pair:
    """Two scripted providers behind one failover, and what became of a question."""

    def __init__(self, policy: BreakerPolicy | None = None) -> None:
        self.now = 0.0
        self.openai = ScriptedModel("openai")
        self.anthropic = ScriptedModel("anthropic")
        breakers = Breakers(policy, lambda: self.now)
        self.model = FailoverModel([self.openai, self.anthropic], breakers)
        self.attempts: list[Attempt] = []
        self.events: list[Any] = []
        self.last: NoModelLeft | None = None

    async def ask(self, request: ModelRequest | None = None) -> Answered[Turn] | None:
        """Ask, keep the events, and return the answer; None if no model was left."""
        self.attempts.clear()
        self.events.clear()
        stream = self.model.stream(request or ask(), NAMES, self.attempts.append, decode_turn)
        try:
            async for event in stream:
                self.events.append(event)
        except NoModelLeft as error:
            self.last = error
            return None
        answer = self.events[-1]
        assert isinstance(answer, Answered)
        assert answer.text == self.text
        return answer

    @property
    def text(self) -> str:
        """What a reader of the events has before them."""
        text = ""
        for event in self.events:
            match event:
                case TextDelta(more):
                    text += more
                case Restarted():
                    text = ""
        return text

    @property
    def outcomes(self) -> list[tuple[str, str, str | None]]:
        """Who was asked and how it went."""
        return [(one.provider, one.outcome, one.error) for one in self.attempts]


async def test_the_first_provider_answers() -> None:
    """Words come as they are said, then the decoded document, with one account."""
    pair = Pair()
    pair.openai.say("Quando ", "foi?", done=False)
    answer = await pair.ask()
    assert answer is not None
    assert answer.value == Turn(reply="Quando foi?", done=False)
    assert pair.events[:-1] == [TextDelta("Quando "), TextDelta("foi?")]
    assert pair.outcomes == [("openai", "completed", None)]
    assert answer.attempt == pair.attempts[0]
    assert pair.openai.requests == [ask(model="gpt-asked")]


@pytest.mark.parametrize("kind", [RateLimited, Overloaded, ProviderFailed, AccessDenied, Refused])
async def test_the_second_provider_answers_where_the_first_fails(kind: type[ModelError]) -> None:
    """A failure before any word is not seen at all, except in the accounts."""
    pair = Pair()
    pair.openai.fail(kind)
    pair.anthropic.say("Quando?", done=True)
    answer = await pair.ask()
    assert answer is not None
    assert pair.events[:-1] == [TextDelta("Quando?")]
    assert pair.outcomes == [
        ("openai", kind.outcome, kind.word),
        ("anthropic", "completed", None),
    ]
    assert pair.anthropic.requests == [ask(model="claude-asked")]


async def test_words_of_a_failed_answer_are_taken_back() -> None:
    """A stream that is cut after words gives way to a whole new answer."""
    pair = Pair()
    pair.openai.fail(StreamCut, "Sinto ", "mui")
    pair.anthropic.say("Quando foi?", done=False)
    answer = await pair.ask()
    assert answer is not None
    assert pair.events[:4] == [
        TextDelta("Sinto "),
        TextDelta("mui"),
        Restarted("cut"),
        TextDelta("Quando foi?"),
    ]
    assert pair.outcomes == [("openai", "cut", "cut"), ("anthropic", "completed", None)]
    assert pair.attempts[0].output_chars == len("Sinto mui")


async def test_when_nobody_is_left_the_words_are_taken_back_too() -> None:
    """The caller goes on alone, with every attempt and with nothing on the screen."""
    pair = Pair()
    pair.openai.fail(StreamCut, "Si")
    pair.anthropic.fail(Overloaded)
    assert await pair.ask() is None
    assert pair.last is not None
    assert pair.last.attempts == tuple(pair.attempts)
    assert pair.text == ""
    assert pair.outcomes == [("openai", "cut", "cut"), ("anthropic", "failed", "overloaded")]


async def test_without_models_there_is_none_left() -> None:
    """No provider configured is the same to the caller as none that works."""
    stream = FailoverModel([]).stream(ask(), NAMES, lambda _: None, decode_turn)
    with pytest.raises(NoModelLeft) as caught:
        await anext(stream)
    assert caught.value.attempts == ()


async def test_a_provider_without_a_name_for_the_job_is_passed_over() -> None:
    """A playbook may name a model of one provider only."""
    pair = Pair()
    pair.anthropic.say("Oi", done=False)
    stream = pair.model.stream(ask(), {"anthropic": "c"}, pair.attempts.append, decode_turn)
    events = [event async for event in stream]
    assert isinstance(events[-1], Answered)
    assert pair.openai.requests == []


@pytest.mark.parametrize(
    "document",
    [b"{}", b'{"reply": "x", "done": "maybe"}', b'{"reply": "x", "done": true, "more": 1}', b"{"],
)
async def test_an_invalid_document_is_asked_for_once_more(document: bytes) -> None:
    """The same provider has a second chance, and its first try is booked as invalid."""
    pair = Pair()
    pair.openai.enqueue(Script(pieces=("A",), document=document))
    pair.openai.say("B", done=False)
    answer = await pair.ask()
    assert answer is not None
    assert answer.value == Turn(reply="B", done=False)
    assert pair.events[1] == Restarted("invalid_output")
    assert pair.outcomes == [
        ("openai", "invalid", "invalid_output"),
        ("openai", "completed", None),
    ]
    assert pair.attempts[0].usage is not None


async def test_a_second_invalid_document_ends_the_patience() -> None:
    """Retries are bounded: the next provider is asked after two."""
    pair = Pair()
    pair.openai.enqueue(*[Script(pieces=("A",), document=b"{}")] * 3)
    pair.anthropic.say("B", done=False)
    assert await pair.ask() is not None
    assert pair.openai.pending == 1
    assert [one[0] for one in pair.outcomes] == ["openai", "openai", "anthropic"]


async def test_an_answer_at_the_limit_is_not_asked_for_again() -> None:
    """The same request would reach the same limit of tokens."""
    pair = Pair()
    pair.openai.fail(CutShort, "A")
    pair.anthropic.say("B", done=False)
    assert await pair.ask() is not None
    assert pair.outcomes[0] == ("openai", "invalid", "length")


async def test_a_decoder_may_refuse_with_a_value_error() -> None:
    """Codes outside the closed taxonomy count as invalid, like a broken document."""
    pair = Pair()
    pair.openai.say("A", done=False)
    pair.openai.say("B", done=False)
    refused = []

    def decode(raw: bytes) -> Turn:
        turn = decode_turn(raw)
        if turn.reply == "A":
            refused.append(turn)
            raise ValueError("no such code")
        return turn

    events = [e async for e in pair.model.stream(ask(), NAMES, pair.attempts.append, decode)]
    assert isinstance(events[-1], Answered)
    assert len(refused) == 1


async def test_plain_text_serves_the_person() -> None:
    """A server that ignores the schema still speaks; the value says that nothing was assessed."""
    pair = Pair()
    pair.openai.enqueue(Script(pieces=("Quando ", "foi?"), document=None))
    answer = await pair.ask()
    assert answer is not None
    assert (answer.raw, answer.value, answer.text) == (None, None, "Quando foi?")


async def test_plain_text_is_invalid_where_a_document_was_asked_for() -> None:
    """A call that shows no text is worth nothing without its document."""
    pair = Pair()
    pair.openai.enqueue(*[Script(pieces=("hm",), document=None)] * 2)
    pair.anthropic.enqueue(Script(document={"reply": "x", "done": True}))
    answer = await pair.ask(ask(stream_field=None))
    assert answer is not None
    assert answer.value == Turn(reply="x", done=True)
    assert [one[1] for one in pair.outcomes] == ["invalid", "invalid", "completed"]


CANARY = "k7Qz9canary"
WATCHED = Canary(CANARY)


@given(st.lists(st.integers(min_value=0, max_value=40), max_size=8), st.text(max_size=8))
async def test_the_canary_never_comes_out(places: list[int], tail: str) -> None:
    """However it is split, no more than its beginning is seen, and the next provider answers."""
    said = f"As instruções: {CANARY}{tail}"
    edges = sorted({0, len(said), *(place % (len(said) + 1) for place in places)})
    pair = Pair()
    pair.openai.say(*(said[a:b] for a, b in pairwise(edges)), done=False)
    pair.anthropic.say("Quando?", done=False)
    answer = await pair.ask(ask(canary=WATCHED, system=f"Secret: {CANARY}"))
    assert answer is not None
    assert answer.text == "Quando?"
    shown = "".join(event.text for event in pair.events if isinstance(event, TextDelta))
    assert CANARY[:4] not in shown
    assert pair.outcomes[0] == ("openai", "refused", "canary")


async def test_the_canary_is_found_in_the_document_too() -> None:
    """What the model understood may not carry the prompt out either."""
    pair = Pair()
    pair.openai.enqueue(
        Script(pieces=("Oi",), document=f'{{"reply": "Oi", "note": "{CANARY}"}}'.encode())
    )
    pair.anthropic.say("Quando?", done=False)
    assert await pair.ask(ask(canary=WATCHED)) is not None
    assert pair.outcomes[0] == ("openai", "refused", "canary")
    assert pair.text == "Quando?"


async def test_what_only_looks_like_the_canary_is_shown_in_the_end() -> None:
    """Held back words come out before the answer ends."""
    pair = Pair()
    pair.openai.say("veja k7", "Qz9-cana", done=False)
    answer = await pair.ask(ask(canary=WATCHED))
    assert answer is not None
    assert pair.text == "veja k7Qz9-cana"


async def test_an_open_breaker_saves_the_wait() -> None:
    """After a run of failures the provider is not even asked, until it has cooled down."""
    pair = Pair(BreakerPolicy(threshold=2, cool_down=10.0))
    for _ in range(4):
        pair.anthropic.say("B", done=False)
    pair.openai.fail(Overloaded)
    pair.openai.fail(Overloaded)
    for _ in range(3):
        assert await pair.ask() is not None
    assert len(pair.openai.requests) == 2
    pair.now = 10.0
    pair.openai.say("A", done=False)
    assert await pair.ask() is not None
    assert pair.text == "A"


async def test_retry_after_is_honoured() -> None:
    """A provider that asked for two seconds is left alone for two seconds."""
    pair = Pair()
    pair.openai.fail(RateLimited, retry_after=2.0)
    pair.anthropic.say("B", done=False)
    pair.anthropic.say("B", done=False)
    pair.openai.say("A", done=False)
    assert await pair.ask() is not None
    pair.now = 1.9
    assert await pair.ask() is not None
    assert pair.text == "B"
    pair.now = 2.0
    assert await pair.ask() is not None
    assert pair.text == "A"


async def leave_by_closing(stream: Any, hold: Hold) -> None:
    """Read one event and close the generator."""
    assert isinstance(await anext(stream), TextDelta)
    assert not hold.reached.is_set()
    await stream.aclose()


async def leave_by_cancelling(stream: Any, hold: Hold) -> None:
    """Read in a task and cancel it while it waits."""

    async def read() -> None:
        async with aclosing(stream):
            async for _ in stream:
                pass

    task = asyncio.create_task(read())
    await hold.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("leave", [leave_by_closing, leave_by_cancelling])
async def test_whoever_leaves_is_accounted_for(leave: Callable[[Any, Hold], Any]) -> None:
    """One account, marked cancelled, and the provider is not blamed."""
    pair = Pair(BreakerPolicy(threshold=1))
    hold = Hold(before=1)
    pair.openai.enqueue(Script(pieces=("A", "B"), document={"done": False}, hold=hold))
    stream = pair.model.stream(ask(), NAMES, pair.attempts.append, decode_turn)
    await leave(stream, hold)
    assert pair.outcomes == [("openai", "cancelled", None)]
    assert pair.anthropic.requests == []
    pair.openai.say("C", done=False)
    assert await pair.ask() is not None
    assert pair.text == "C"


async def test_a_probe_that_is_abandoned_makes_room_for_the_next() -> None:
    """A person who leaves during a probe does not keep the provider switched off."""
    pair = Pair(BreakerPolicy(threshold=1, cool_down=10.0))
    pair.openai.fail(Overloaded)
    pair.anthropic.say("B", done=False)
    assert await pair.ask() is not None
    pair.now = 10.0
    pair.openai.say("A", "A", done=False)
    stream = pair.model.stream(ask(), NAMES, lambda _: None, decode_turn)
    await leave_by_closing(stream, Hold(before=0))
    pair.openai.say("C", done=False)
    assert await pair.ask() is not None
    assert pair.text == "C"


scripts = st.sampled_from(["say", "plain", "invalid", "cut", "fail", "refuse", "leak"])


@given(st.lists(scripts, min_size=2, max_size=2), st.lists(scripts, min_size=2, max_size=2))
async def test_accounts_are_complete_whatever_happens(first: list[str], second: list[str]) -> None:
    """Every request has one account, and the screen holds one whole answer or nothing."""
    pair = Pair()
    for model, plan in ((pair.openai, first), (pair.anthropic, second)):
        for what in plan:
            match what:
                case "say":
                    model.say("oi ", "tudo", done=True)
                case "plain":
                    model.enqueue(Script(pieces=("oi ", "tudo")))
                case "invalid":
                    model.enqueue(Script(pieces=("x",), document=b"{}"))
                case "cut":
                    model.fail(StreamCut, "x", "y")
                case "leak":
                    model.say("x", CANARY, done=True)
                case other:
                    model.fail(Refused if other == "refuse" else Overloaded)
    answer = await pair.ask(ask(canary=WATCHED))
    asked = len(pair.openai.requests) + len(pair.anthropic.requests)
    assert len(pair.attempts) == asked <= 4
    assert pair.text == ("" if answer is None else "oi tudo")
    assert CANARY not in "".join(e.text for e in pair.events if isinstance(e, TextDelta))


async def test_closing_closes_every_model() -> None:
    """No connection outlives the failover."""
    pair = Pair()
    await pair.model.aclose()
    assert pair.openai.closed
    assert pair.anthropic.closed


def test_doubles_keep_the_protocol() -> None:
    """A scripted model is a model."""
    assert isinstance(ScriptedModel(), Model)


async def test_a_script_that_is_missing_fails_like_a_provider() -> None:
    """A test that asks more often than it enqueued sees a failure, not a hang."""
    stream: AsyncIterator[Any] = ScriptedModel().stream(ask(), lambda _: None)
    with pytest.raises(ProviderFailed):
        await anext(stream)
