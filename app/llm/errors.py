"""How an attempt at a model fails. Every kind carries its attempt; whoever fails over reads it.

ModelError
├── Unreachable        no connection, or it broke before an answer began
├── ProviderTimeout    no answer, or no first word, in time
│   └── Stalled        the answer began and then stopped coming
├── RateLimited        429
├── Overloaded         503 or 529, or an event that says so
├── ProviderFailed     another 5xx, an error event, or something nobody foresaw
├── StreamCut          the answer ended without its finish event
├── MalformedChunk     what came is not what the provider's interface promises
├── ProviderRejected   another 4xx: this request will never work there
│   └── AccessDenied   the key is wrong, closed or out of credit
├── Refused            the provider or the model declined to answer
│   └── PromptLeaked   the answer repeated the canary of the prompt, so it was dropped
└── InvalidOutput      finished, but not the document that was asked for
    └── CutShort       finished at the limit of output tokens

NoModelLeft            every provider failed or was passed over
"""

from typing import ClassVar

from app.domain.errors import TriageError
from app.domain.usage import Attempt, Outcome


class ModelError(TriageError):
    """An attempt at a model that gave no usable answer."""

    word: ClassVar[str] = "failed"
    """The attempt's `error`: a short word of a closed set, fit to be a metric's label."""
    outcome: ClassVar[Outcome] = "failed"
    retryable: ClassVar[bool] = True
    """Whether the same request may work at the same provider later."""

    def __init__(self, detail: str, attempt: Attempt, retry_after: float | None = None) -> None:
        """Keep the attempt, and the seconds to wait where the provider named them."""
        super().__init__(f"{attempt.provider} {attempt.model}: {detail}")
        self.attempt = attempt
        self.retry_after = retry_after


class Unreachable(ModelError):
    """There was no connection, or it broke before an answer began."""

    word = "unreachable"


class ProviderTimeout(ModelError):
    """No answer, or no first word, came in time."""

    word = "timeout"


class Stalled(ProviderTimeout):
    """The answer began and then stopped coming."""

    word = "stall"


class RateLimited(ModelError):
    """The provider asks for fewer requests."""

    word = "rate_limited"


class Overloaded(ModelError):
    """The provider has no capacity just now."""

    word = "overloaded"


class ProviderFailed(ModelError):
    """The provider broke, in its own words or in a way nobody foresaw."""

    word = "provider_error"


class StreamCut(ModelError):
    """The answer ended without its finish event, so it cannot be taken for complete."""

    word = "cut"


class MalformedChunk(ModelError):
    """What came is not what the provider's interface promises."""

    word = "malformed"


class ProviderRejected(ModelError):
    """The provider will never accept this request; `attempt.status` says how it answered."""

    word = "rejected"
    retryable = False


class AccessDenied(ProviderRejected):
    """The key is wrong, closed or out of credit: nothing will work there until somebody acts."""

    word = "access_denied"


class Refused(ModelError):
    """The provider's filter or the model itself declined to answer."""

    word = "refused"
    outcome = "refused"
    retryable = False


class PromptLeaked(Refused):
    """The answer repeated the canary of the prompt: somebody talked the model into it."""

    word = "canary"


class InvalidOutput(ModelError):
    """The answer finished, but it is not the document that was asked for."""

    word = "invalid_output"
    outcome = "invalid"


class CutShort(InvalidOutput):
    """The answer ended at the limit of output tokens; asked again, it would again."""

    word = "length"
    retryable = False


class NoModelLeft(TriageError):
    """Every provider failed or was passed over because it had failed before."""

    def __init__(
        self, attempts: tuple[Attempt, ...], denied_for: str | None = None, detail: str = ""
    ) -> None:
        """Keep the attempts that were made; none where no breaker let one pass.

        `denied_for` says that a call was not made for a budget's sake: `budget`, `unpriced` or
        `unknown`; `detail` says it in words.
        """
        words = [f"{one.provider} {one.error or one.outcome}" for one in attempts]
        said = ", ".join(words + [detail] * bool(detail))
        super().__init__(f"no model could answer: {said or 'none was available'}")
        self.attempts = attempts
        self.denied_for = denied_for
        self.detail = detail
        self.until_ms: int | None = None
        """When there is money again, of calls that were denied: Unix time in milliseconds."""
