"""What one attempt at a model used and how it went, whatever became of it."""

from typing import Literal

from msgspec import Struct

Provider = Literal["openai", "anthropic"]
Operation = Literal["interview", "complexity", "analysis", "judge", "report"]
Outcome = Literal["completed", "cut", "refused", "invalid", "failed", "cancelled"]
"""`cut`: words came, no finish event. `invalid`: finished, but the assessment did not validate."""


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens, normalised: `cached`, `cache_write` and `reasoning` are subsets of the totals.

    OpenAI's input already includes cached tokens; Anthropic's excludes them and is summed here.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    clamped: bool = False
    """The provider's parts exceeded its totals and were cut to fit: its figures are doubtful."""


class Attempt(Struct, frozen=True, kw_only=True):
    """One try at a provider: the value from which a later ledger row is made."""

    provider: Provider
    operation: Operation
    model: str
    """The model asked for."""
    answered_by: str | None = None
    """The model that says it answered, which may be a dated version."""
    outcome: Outcome
    error: str | None = None
    """A short closed word such as `rate_limited`, `timeout`, `overloaded`, `stall`."""
    status: int | None = None
    """The HTTP status, where the provider sent one."""
    usage: Usage | None = None
    """None where the provider never said: a stream that was cut has no usage."""
    started_ms: int
    """Unix time in milliseconds."""
    latency_ms: float
    first_token_ms: float | None = None
    """Time from the request to the first visible text."""
    output_chars: int = 0
    """Characters received, also of cut streams: the basis of a later estimate."""
    request_id: str | None = None
