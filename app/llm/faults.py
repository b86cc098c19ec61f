"""Maps whatever the SDKs and the network raise to the kinds of `app.llm.errors`.

Adapters say what their SDK raises, so that only an SDK that is used is imported: each takes a
second and tens of megabytes.
"""

import email.utils
import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import aiohttp
import httpx2
from msgspec import Struct

from app.llm.attempt import Fault
from app.llm.errors import (
    MalformedChunk,
    ProviderFailed,
    ProviderTimeout,
    Stalled,
    StreamCut,
    Unreachable,
)
from app.llm.sse import EventTooLong
from app.llm.wire import kind_of_status

_NO_CONNECTION = (
    OSError,
    aiohttp.ClientPayloadError,
    aiohttp.InvalidURL,
    aiohttp.ClientHttpProxyError,
    httpx2.TransportError,
)
LONGEST_WAIT = 3600.0
"""Seconds. No provider's word keeps it switched off for longer than this."""


class SdkErrors(Struct, frozen=True, kw_only=True):
    """What an SDK raises."""

    status: type[Exception]
    """An answer with an error status; it has `status_code` and `response`."""
    timeout: type[Exception]
    connection: type[Exception]

    @classmethod
    def of(cls, sdk: ModuleType) -> "SdkErrors":
        """Return what `openai` or `anthropic` raises: both name it alike."""
        return cls(
            status=sdk.APIStatusError,
            timeout=sdk.APITimeoutError,
            connection=sdk.APIConnectionError,
        )


def fault_of(error: Exception, sdk: SdkErrors, *, answering: bool, now: float) -> Fault:
    """Return what an exception means for the attempt.

    Args:
        error: Whatever was raised.
        sdk: What the SDK in use raises.
        answering: Whether the answer had begun, so that its end is a cut and not a failed start.
        now: Unix time in seconds, for a Retry-After that names a date.
    """
    match error:
        case Fault():
            return error
        case _ if _is_lost(error):
            return _lost(answering=answering)
        case _ if isinstance(error, sdk.status):
            return _of_status(error, now)
        case _ if isinstance(error, (TimeoutError, sdk.timeout, httpx2.TimeoutException)):
            if answering:
                return Fault(Stalled, "the answer stopped coming")
            return Fault(ProviderTimeout, "no answer came in time")
        case _ if isinstance(error, (sdk.connection, *_NO_CONNECTION)):
            return _lost(answering=answering)
        case EventTooLong():
            return Fault(MalformedChunk, str(error))
        case _:
            return Fault(ProviderFailed, f"unforeseen {type(error).__name__}")


def _is_lost(error: BaseException | None) -> bool:
    """Say whether a connection broke: the SDKs' transport calls that a timeout."""
    while error is not None:
        if isinstance(error, aiohttp.ClientConnectionError):
            return not isinstance(error, TimeoutError)
        error = error.__cause__
    return False


def _lost(*, answering: bool) -> Fault:
    if answering:
        return Fault(StreamCut, "the connection was lost")
    return Fault(Unreachable, "there was no connection, or it broke")


def _of_status(error: Any, now: float) -> Fault:
    status: int = error.status_code
    code = getattr(error, "code", None)
    if status < 400:
        return Fault(ProviderFailed, f"an error inside an answer of status {status}", status=status)
    return Fault(
        kind_of_status(status, code if isinstance(code, str) else None),
        f"HTTP {status}",
        status=status,
        retry_after=retry_after(error.response.headers, now),
        request_id=request_id(error.response.headers),
    )


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the provider's name for the request, which its support asks for."""
    return headers.get("x-request-id") or headers.get("request-id")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds a provider asks to wait: milliseconds, seconds or a date; None if unsaid.

    >>> retry_after({"retry-after": "2"}, now=0.0), retry_after({"retry-after-ms": "250"}, now=0.0)
    (2.0, 0.25)
    """
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / divisor
        except ValueError:
            continue
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), LONGEST_WAIT)
    parsed = email.utils.parsedate_tz(headers.get("retry-after", ""))
    if parsed is None:
        return None
    try:
        return min(max(email.utils.mktime_tz(parsed) - now, 0.0), LONGEST_WAIT)
    except (ValueError, OverflowError):
        return None
