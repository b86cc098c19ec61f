"""What a model is to the rest of the engine: one request in, visible text and a document out.

One call serves a whole turn. The answer is a JSON document under a strict schema whose first
property is the text to show, so the words stream first and the assessment follows in the same call.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

from app.domain.ledger import Account
from app.domain.usage import Attempt, Operation, Provider, Usage
from app.llm.canary import Canary

OnAttempt = Callable[[Attempt], None]


class Rest(Struct, frozen=True, kw_only=True):
    """What reading on came to after an answer was given up."""

    usage: Usage | None
    chars: int
    """Of the whole answer, as far as it was read."""


Salvage = Callable[[Coroutine[Any, Any, Rest]], None]
"""Takes over reading the rest of an answer, for its usage, in a task that is at least begun."""


class ChatMessage(Struct, frozen=True, kw_only=True):
    """One message of the conversation, as a model reads it."""

    role: Literal["user", "assistant"]
    content: str


class ModelRequest(Struct, frozen=True, kw_only=True):
    """Everything a model needs for one answer, in no provider's dialect."""

    operation: Operation
    model: str = ""
    """The provider's name of the model; failing over fills it in for each provider it tries."""
    system: str
    messages: tuple[ChatMessage, ...]
    schema_name: str
    """Letters, digits, underscores and dashes; at most 64."""
    schema: dict[str, Any]
    """A strict JSON schema, as `app.llm.schema.strict_schema` makes it."""
    stream_field: str | None
    """The schema's first property, a string that is shown while it comes; None shows nothing."""
    max_output_tokens: int
    unhurried: bool = False
    """Nobody waits for the answer, so that a model may think for longer before its first word."""
    account: Account = Account()
    """On whose account the call is made."""
    salvage: Salvage | None = None
    """Reads on, apart from the caller, where an answer is given up while its connection lives."""
    canary: Canary | None = None
    """A secret inside `system`; an answer that repeats it gives the prompt away and is dropped."""


class TextDelta(Struct, frozen=True):
    """Visible text, in order. Words that one read delivered come as one piece."""

    text: str


class Finished(Struct, frozen=True, kw_only=True):
    """The answer is complete: its finish event was seen."""

    raw: bytes | None
    """The JSON document; None where the model ignored the schema and wrote plain text."""
    text: str
    """All the visible text."""
    attempt: Attempt


ModelEvent = TextDelta | Finished


@runtime_checkable
class Model(Protocol):
    """A provider's model, or a double of one."""

    @property
    def provider(self) -> Provider:
        """Whose model this is."""
        ...

    def stream(
        self, request: ModelRequest, on_attempt: OnAttempt
    ) -> AsyncGenerator[ModelEvent, None]:
        """Ask once, without retries; yield text as it comes and `Finished` as the last event.

        `on_attempt` is called exactly once for every iteration that was begun: before `Finished`,
        before an error, or when the consumer closes or cancels the generator. Whoever may stop
        early wraps the generator in `contextlib.aclosing`.

        Raises:
            ModelError: in one of its kinds, with the attempt.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
