"""Keeps the account of one attempt at a model, from the request to whatever became of it."""

import re
import time
from collections.abc import Callable

from app.domain.usage import Attempt, Outcome, Provider, Tier, Usage
from app.llm.errors import ModelError
from app.llm.model import ModelRequest, OnAttempt

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
"""What ids of requests and names of models look like, also those of local servers."""


class Fault(Exception):
    """How an attempt failed, before it is known what to write into its account.

    Decoders raise it; `AttemptRecord.failed` turns it into the error that callers see.
    """

    def __init__(
        self,
        kind: type[ModelError],
        detail: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.status = status
        self.retry_after = retry_after
        self.request_id = request_id


class AttemptRecord:
    """The account while the attempt runs. It is closed once; closing again changes nothing."""

    __slots__ = (
        "_clock", "_closed", "_first", "_on_attempt", "_provider", "_request", "_started",
        "_started_ms", "answered_by", "begun", "chars", "request_id", "status", "tier", "usage",
    )  # fmt: skip

    def __init__(
        self,
        provider: Provider,
        request: ModelRequest,
        on_attempt: OnAttempt,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin the account now."""
        self._provider = provider
        self._request = request
        self._on_attempt = on_attempt
        self._clock = clock
        self._started = clock()
        self._started_ms = time.time_ns() // 1_000_000
        self._first: float | None = None
        self._closed = False
        self.answered_by: str | None = None
        self.begun: Usage | None = None
        self.chars = 0
        self.request_id: str | None = None
        self.status: int | None = None
        self.tier: Tier = "standard"
        self.usage: Usage | None = None

    def first_text(self) -> None:
        """Note that the first visible text is there; later calls change nothing."""
        if self._first is None:
            self._first = self._clock()

    def completed(self) -> Attempt:
        """Close the account of an attempt that finished."""
        return self._close("completed", None)

    def failed(self, fault: Fault) -> ModelError:
        """Close the account of an attempt that failed, and return the error to raise."""
        self.status = fault.status or self.status
        self.request_id = fault.request_id or self.request_id
        outcome = fault.kind.outcome
        if outcome == "failed" and self.chars:
            outcome = "cut"
        attempt = self._close(outcome, fault.kind.word)
        return fault.kind(fault.detail, attempt, fault.retry_after)

    def cancelled(self) -> None:
        """Close the account of an attempt that nobody waits for any more, unless it is closed."""
        if not self._closed:
            self._close("cancelled", None)

    def _close(self, outcome: Outcome, error: str | None) -> Attempt:
        now = self._clock()
        first = self._first
        attempt = Attempt(
            provider=self._provider,
            operation=self._request.operation,
            model=self._request.model,
            answered_by=_name(self.answered_by),
            outcome=outcome,
            error=error,
            status=self.status,
            usage=self.usage,
            begun=None if self.usage else self.begun,
            tier=self.tier,
            started_ms=self._started_ms,
            latency_ms=(now - self._started) * 1000,
            first_token_ms=None if first is None else (first - self._started) * 1000,
            output_chars=self.chars,
            request_id=_name(self.request_id),
        )
        if not self._closed:
            self._closed = True
            self._on_attempt(attempt)
        return attempt


def _name(told: str | None) -> str | None:
    """Return a name that a provider told if it is one; what else it says is not kept.

    A server may repeat in it whatever it was sent, the key included.
    """
    return told if told is not None and _NAME.fullmatch(told) else None
