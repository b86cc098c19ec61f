"""Asks the providers in order until one gives a whole, valid answer.

The rules. A provider whose breaker is open is passed over. One whose answer is not the document
that was asked for is asked once more, since it is alive and answers differ; after that, and after
any other failure, the next one is asked. Where words had been shown by then, `Restarted` takes them
back before anything else comes, so what followed the last `Restarted` is always one model's answer.
When nobody is left, `NoModelLeft` says so and the caller goes on without a model.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from app.domain.usage import Attempt, Provider
from app.llm.attempt import Fault
from app.llm.breakers import Breakers
from app.llm.canary import Canary, CanaryWatch
from app.llm.errors import InvalidOutput, ModelError, NoModelLeft, PromptLeaked
from app.llm.metering import Denied, Meter
from app.llm.model import Finished, Model, ModelRequest, OnAttempt, TextDelta

T = TypeVar("T")

ASKED_AT_MOST = 2
"""How often one provider is asked where its answers are not valid."""


class Restarted(Struct, frozen=True):
    """Forget the text so far: another answer begins."""

    reason: str
    """The failed attempt's `error`."""


class Answered(Finished, Generic[T], frozen=True, kw_only=True):
    """The answer is complete and valid."""

    value: T | None
    """The decoded document; None where the model ignored the schema and wrote plain text."""
    denied: tuple[Denied, ...] = ()
    """Why models that come before this one were not asked, for a budget's sake."""


class FailoverModel:
    """Models in order of preference, with a breaker for each provider and model name."""

    def __init__(
        self,
        models: Sequence[Model],
        breakers: Breakers | None = None,
        meter: Meter | None = None,
    ) -> None:
        """Ask `models` in this order, as far as `breakers` and `meter` let them be asked."""
        self.models = tuple(models)
        self.breakers = breakers or Breakers()
        self.meter = meter

    async def stream(
        self,
        request: ModelRequest,
        names: Mapping[Provider, str],
        on_attempt: OnAttempt,
        decode: Callable[[bytes], T],
        *,
        cheaper: Mapping[Provider, str] | None = None,
    ) -> AsyncGenerator[TextDelta | Restarted | Answered[T], None]:
        """Yield visible text as it comes and `Answered` at the end.

        Args:
            request: The question; its `model` is filled in for each provider.
            names: The model to ask of each provider; a provider without one is passed over.
            on_attempt: Called once for each attempt, with its final outcome.
            decode: Reads the document, such as `msgspec.json.Decoder(T).decode`. A `ValueError`
                or a msgspec error means that the document is not valid.
            cheaper: The models to ask after those, where a budget let one of them not be asked.

        Raises:
            NoModelLeft: with every attempt made.
        """
        attempts: list[Attempt] = []
        keep = _kept_in(attempts, on_attempt)
        last: ModelError | None = None
        denied: list[Denied] = []
        for model, name in self._candidates(names, cheaper or {}, denied):
            asked = msgspec.structs.replace(request, model=name)
            for _ in range(ASKED_AT_MOST):
                call = self.breakers.admit((model.provider, name))
                if call is None:
                    break
                shown = False
                try:
                    with call:
                        run = await self._allowed(model, asked, keep, decode)
                        if isinstance(run, Denied):
                            denied.append(run)
                            break
                        async with aclosing(run) as events:
                            async for event in events:
                                if isinstance(event, TextDelta):
                                    shown = True
                                    yield event
                                else:
                                    call.answered()
                                    yield _with_denials(event, denied)
                        return
                except ModelError as error:
                    last = error
                if shown:
                    yield Restarted(last.word)
                if not (isinstance(last, InvalidOutput) and last.retryable):
                    break
        raise _none_left(attempts, denied) from last

    async def _allowed(
        self,
        model: Model,
        request: ModelRequest,
        keep: OnAttempt,
        decode: Callable[[bytes], T],
    ) -> AsyncGenerator[TextDelta | Answered[T], None] | Denied:
        """Return one attempt, ready to be made, or why it must not be."""
        if self.meter is None:
            return _Trial(model, request, keep, decode).run()
        ticket = await self.meter.reserve(request, model.provider)
        if isinstance(ticket, Denied):
            return ticket
        return _Trial(
            model,
            msgspec.structs.replace(request, salvage=ticket.salvage),
            lambda attempt: keep(ticket.settle(attempt)),
            decode,
        ).run()

    def _candidates(
        self,
        names: Mapping[Provider, str],
        cheaper: Mapping[Provider, str],
        denied: Sequence[Denied],
    ) -> Iterator[tuple[Model, str]]:
        yield from ((one, names[one.provider]) for one in self.models if one.provider in names)
        for one in self.models:
            name = cheaper.get(one.provider)
            if denied and name is not None and name != names.get(one.provider):
                yield one, name

    async def aclose(self) -> None:
        """Let the meter write what it still holds, and close every model's connections."""
        if self.meter is not None:
            await self.meter.close()
        for model in self.models:
            await model.aclose()


def _with_denials(event: Answered[T], denied: Sequence[Denied]) -> Answered[T]:
    return msgspec.structs.replace(event, denied=tuple(denied)) if denied else event


def _kept_in(attempts: list[Attempt], on_attempt: OnAttempt) -> OnAttempt:
    def keep(attempt: Attempt) -> None:
        attempts.append(attempt)
        on_attempt(attempt)

    return keep


def _none_left(attempts: Sequence[Attempt], denied: Sequence[Denied]) -> NoModelLeft:
    if not denied:
        return NoModelLeft(tuple(attempts))
    error = NoModelLeft(tuple(attempts), denied[0].reason, denied[0].detail)
    ends = [one.until_ms for one in denied if one.until_ms is not None]
    error.until_ms = min(ends, default=None)
    return error


class _Trial(Generic[T]):
    """Attempts whose answers are checked before their accounts are closed."""

    def __init__(
        self,
        model: Model,
        request: ModelRequest,
        on_attempt: OnAttempt,
        decode: Callable[[bytes], T],
    ) -> None:
        self._model = model
        self._request = request
        self._on_attempt = on_attempt
        self._decode = decode

    async def run(self) -> AsyncGenerator[TextDelta | Answered[T], None]:
        """Make one attempt; raise its `ModelError` where the answer is not accepted."""
        screen = _Screen(self._request.canary)
        accounts: list[Attempt] = []
        try:
            async with aclosing(self._model.stream(self._request, accounts.append)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        if text := screen.passed(event.text):
                            yield TextDelta(text)
                        continue
                    value = self._read(event)
                    self._on_attempt(accounts.pop())
                    if held := screen.rest():
                        yield TextDelta(held)
                    yield Answered(
                        raw=event.raw, text=event.text, attempt=event.attempt, value=value
                    )
        except Fault as fault:
            kind = fault.kind
            attempt = msgspec.structs.replace(accounts.pop(), outcome=kind.outcome, error=kind.word)
            self._on_attempt(attempt)
            raise kind(fault.detail, attempt) from fault
        finally:
            for attempt in accounts:
                self._on_attempt(attempt)

    def _read(self, answer: Finished) -> T | None:
        if answer.raw is None:
            if self._request.stream_field is None:
                raise Fault(InvalidOutput, "plain text where a document was asked for")
            return None
        canary = self._request.canary
        if canary is not None and canary.is_in_document(answer.raw):
            raise Fault(PromptLeaked, "the document repeats the canary")
        try:
            return self._decode(answer.raw)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Fault(InvalidOutput, f"the document is not valid: {error}") from error


class _Screen:
    """Lets visible text pass unless it repeats the canary."""

    def __init__(self, canary: Canary | None) -> None:
        self._watch = CanaryWatch(canary) if canary else None

    def passed(self, text: str) -> str:
        if self._watch is None:
            return text
        harmless = self._watch.feed(text)
        if harmless is None:
            raise Fault(PromptLeaked, "the visible text repeats the canary")
        return harmless

    def rest(self) -> str:
        return "" if self._watch is None else self._watch.flush()
