"""What one attempt at a model used and how it went, whatever became of it."""

from typing import Literal

from msgspec import Struct

Provider = Literal["openai", "anthropic"]
Operation = Literal["interview", "complexity", "analysis", "judge", "report"]
Outcome = Literal["completed", "cut", "refused", "invalid", "failed", "cancelled"]
"""`cut`: words came, no finish event. `invalid`: finished, but the assessment did not validate."""
Tier = Literal["standard", "batch", "flex", "priority", "other"]
"""At which of a provider's service tiers a call was served; prices differ. `other`: at one that we
do not know, so that nothing is known of the price either."""
Source = Literal["provider", "catalogue", "estimated", "unpriced", "free"]
"""Where a cost comes from. `provider`: it said so. `catalogue`: its usage at the catalogue's
prices. `estimated`: its usage is not known. `unpriced`: the price is not known, so the cost is not.
`free`: nothing was used, because the call failed before an answer or none was made."""


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
    cost_nano_usd: int | None = None
    """What the provider itself says that it cost; most never say."""


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
    begun: Usage | None = None
    """What the provider said at the beginning of a stream that has no usage: of its input alone."""
    tier: Tier = "standard"
    started_ms: int
    """Unix time in milliseconds."""
    latency_ms: float
    first_token_ms: float | None = None
    """Time from the request to the first visible text."""
    output_chars: int = 0
    """Characters received, also of cut streams: the basis of a later estimate."""
    request_id: str | None = None
    row_id: str | None = None
    """The attempt's row in the ledger; None where no ledger is kept."""
    cost_nano_usd: int | None = None
    """As in that row."""
    source: Source | None = None
    """As in that row; None where no ledger is kept."""
