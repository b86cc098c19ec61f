"""How values are stored: msgpack, tagged with a schema version.

A value whose tag, or whose fields, this version does not know was written by a newer one. It is
refused rather than read in part, because writing it back would drop what was not understood.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from app.domain.analysis import Analysis
from app.domain.case import Accepted, CaseState, Turn
from app.domain.delivery import Delivery, PushSubscription, WebhookEndpoint
from app.domain.errors import StateUnavailable
from app.domain.job import Job, StepRecord
from app.domain.notification import Notification
from app.domain.opinion import Rated, Reviewed

T = TypeVar("T")

encode = msgspec.msgpack.Encoder().encode

_state: Callable[[bytes], CaseState] = msgspec.msgpack.Decoder(CaseState).decode
_turn: Callable[[bytes], Turn] = msgspec.msgpack.Decoder(Turn).decode
_accepted: Callable[[bytes], Accepted] = msgspec.msgpack.Decoder(Accepted).decode
_analysis: Callable[[bytes], Analysis] = msgspec.msgpack.Decoder(Analysis).decode
_job: Callable[[bytes], Job] = msgspec.msgpack.Decoder(Job).decode
_step: Callable[[bytes], StepRecord] = msgspec.msgpack.Decoder(StepRecord).decode
_notification: Callable[[bytes], Notification] = msgspec.msgpack.Decoder(Notification).decode
_delivery: Callable[[bytes], Delivery] = msgspec.msgpack.Decoder(Delivery).decode
_endpoint: Callable[[bytes], WebhookEndpoint] = msgspec.msgpack.Decoder(WebhookEndpoint).decode
_subscription: Callable[[bytes], PushSubscription] = msgspec.msgpack.Decoder(
    PushSubscription
).decode
_rated: Callable[[bytes], Rated] = msgspec.msgpack.Decoder(Rated).decode
_reviewed: Callable[[bytes], Reviewed] = msgspec.msgpack.Decoder(Reviewed).decode
decode_pieces: Callable[[bytes], list[str]] = msgspec.msgpack.Decoder(list[str]).decode


class StateTooNew(StateUnavailable):
    """A stored value was written by a newer version; an upgraded instance can serve it."""

    def __init__(self, detail: str) -> None:
        """Keep what did not fit."""
        super().__init__(f"the case was written by a newer version ({detail})", retry_after=5.0)


def _strict(decode: Callable[[bytes], T], data: bytes) -> T:
    try:
        return decode(data)
    except msgspec.ValidationError as error:
        raise StateTooNew(str(error)) from error


def decode_state(data: bytes) -> CaseState:
    """Read a case's state."""
    return _strict(_state, data)


def decode_turn(data: bytes) -> Turn:
    """Read a committed turn."""
    return _strict(_turn, data)


def decode_accepted(data: bytes) -> Accepted:
    """Read an accepted command."""
    return _strict(_accepted, data)


def decode_analysis(data: bytes) -> Analysis:
    """Read a result."""
    return _strict(_analysis, data)


def decode_job(data: bytes) -> Job:
    """Read what a background job is to do."""
    return _strict(_job, data)


def decode_step(data: bytes) -> StepRecord:
    """Read what a step of an analysis came to."""
    return _strict(_step, data)


def decode_notification(data: bytes) -> Notification:
    """Read what the world should be told."""
    return _strict(_notification, data)


def decode_delivery(data: bytes) -> Delivery:
    """Read what became of a notification for one target."""
    return _strict(_delivery, data)


def decode_endpoint(data: bytes) -> WebhookEndpoint:
    """Read an operator's endpoint."""
    return _strict(_endpoint, data)


def decode_subscription(data: bytes) -> PushSubscription:
    """Read a browser's subscription."""
    return _strict(_subscription, data)


def decode_rated(data: bytes) -> Rated:
    """Read how a person liked it."""
    return _strict(_rated, data)


def decode_reviewed(data: bytes) -> Reviewed:
    """Read a review."""
    return _strict(_reviewed, data)
