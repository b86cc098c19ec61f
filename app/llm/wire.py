"""What the wire formats share: a decoder reads an answer event by event, without a network."""

from abc import ABC, abstractmethod

import msgspec
from msgspec import Struct

from app.domain.usage import Tier, Usage
from app.llm.attempt import Fault
from app.llm.errors import (
    AccessDenied,
    MalformedChunk,
    ModelError,
    Overloaded,
    ProviderFailed,
    ProviderRejected,
    ProviderTimeout,
    RateLimited,
    Refused,
)

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
"""What msgspec raises for bytes of another shape, and for bytes that are not UTF-8."""


class Head(Struct):
    """The least that an event has: a name."""

    type: str = ""


_head = msgspec.json.Decoder(Head).decode


class WireDecoder(ABC):
    """Reads one answer. `feed` returns text as it comes; the rest is known when it has ended."""

    __slots__ = ("answered_by", "begun", "ended", "fault", "finished", "tier", "usage")

    known: frozenset[str]
    """The events that are read; every other one is passed over."""

    def __init__(self) -> None:
        self.answered_by: str | None = None
        self.usage: Usage | None = None
        self.begun: Usage | None = None
        """What was said of the input before there was a usage."""
        self.tier: Tier = "standard"
        self.finished = False
        """The finish event was seen: the answer is whole."""
        self.ended = False
        """Nothing that matters can follow."""
        self.fault: Fault | None = None
        """Finished, but not with an answer."""

    @abstractmethod
    def feed(self, data: bytes) -> str:
        """Read one event's data and return the text it brought.

        Raises:
            Fault: where the event reports an error or is malformed.
        """

    def pass_over(self, data: bytes, error: Exception) -> str:
        """Accept an event of an unexpected shape if it is none of those that matter."""
        try:
            name = _head(data).type
        except UNREADABLE:
            raise Fault(MalformedChunk, f"an event is not JSON: {error}") from error
        if name in self.known:
            raise Fault(MalformedChunk, f"{name}: {error}") from error
        return ""


_TIERS: dict[str, Tier] = {
    "auto": "standard",
    "default": "standard",
    "standard": "standard",
    "batch": "batch",
    "flex": "flex",
    "priority": "priority",
    "fast": "priority",
}


def tier_of(word: str | None) -> Tier | None:
    """Return the service tier that a provider's word for it means; None where it said nothing.

    >>> tier_of("default"), tier_of("scale"), tier_of(None)
    ('standard', 'other', None)
    """
    return None if word is None else _TIERS.get(word, "other")


_CODES: dict[str, type[ModelError]] = {
    "rate_limit_exceeded": RateLimited,
    "rate_limit_error": RateLimited,
    "overloaded_error": Overloaded,
    "timeout_error": ProviderTimeout,
    "insufficient_quota": AccessDenied,
    "billing_error": AccessDenied,
    "authentication_error": AccessDenied,
    "permission_error": AccessDenied,
    "invalid_prompt": ProviderRejected,
    "invalid_request_error": ProviderRejected,
    "not_found_error": ProviderRejected,
    "bio_policy": Refused,
    "misalignment_policy_violation": Refused,
    "content_filter": Refused,
}


def kind_of_code(code: str | None) -> type[ModelError]:
    """Return the kind of error a provider's own word for it means."""
    return _CODES.get(code or "", ProviderFailed)


def kind_of_status(status: int, code: str | None) -> type[ModelError]:
    """Return the kind of error an HTTP status means; the code tells an empty purse from haste."""
    if status in {401, 402, 403} or (status == 429 and code == "insufficient_quota"):
        return AccessDenied
    if status == 429:
        return RateLimited
    if status in {408, 504}:
        return ProviderTimeout
    if status in {503, 529}:
        return Overloaded
    return ProviderFailed if status >= 500 or status == 409 else ProviderRejected
