"""What a request says besides its body: the case and turn of its address, its headers and query."""

import re
from typing import Annotated

from litestar.exceptions import ValidationException
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from app.api.schema import CASE_ID_PATTERN
from app.core.opening import SHORTEST_KEY, StartKey
from app.core.reading import START
from app.domain.case import OnBusy
from app.domain.errors import IdempotencyKeyMissing, InvalidInput
from app.domain.event import EventId

DEFAULT_WAIT = 30.0
LONGEST_WAIT = 120.0
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,4})(?:$|[,;\s])")
KEY_PATTERN = "^[!-~]{1,200}$"
START_KEY_PATTERN = f"^[!-~]{{{SHORTEST_KEY},200}}$"
PLACE_PATTERN = "^([0-9]+-[0-9]+)?$"
"""Empty is a reader who has seen nothing yet."""
_KEY = re.compile(KEY_PATTERN)

CaseIdPath = Annotated[
    str, PathParameter(description="The case, as `/start` named it.", pattern=CASE_ID_PATTERN)
]
TurnPath = Annotated[
    int, PathParameter(description="Number of the turn, from 1.", ge=1, le=1_000_000)
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description=(
            "New for each new message, the same for a retry: 1 to 200 printable ASCII characters."
            " The same key with the same body attaches to the same turn; with another body it is"
            " 422."
        ),
        required=False,
    ),
]
StartIdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description=(
            "New and random for each new case, the same for a retry: 16 to 200 printable ASCII"
            " characters, such as a UUID. For ten minutes the same key is answered with the same"
            " case and its token, so that a lost answer leaves no empty case behind; with another"
            " body, or once that case is erased, it is 422. Keys of different API keys do not meet."
        ),
        required=False,
    ),
]
Prefer = Annotated[
    str | None,
    HeaderParameter(
        name="Prefer",
        description="`wait=N` bounds the wait to N seconds (default 30, at most 120).",
        required=False,
    ),
]
IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-None-Match",
        description="The last ETag seen; while nothing has changed, the answer is 304.",
        required=False,
    ),
]
LastEventId = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID",
        description="The last id seen, `epoch-seq`; the stream goes on behind it.",
        required=False,
    ),
]
After = Annotated[
    str | None,
    QueryParameter(description="The same, for clients that cannot set headers."),
]
OnBusyChoice = Annotated[
    OnBusy,
    QueryParameter(
        description=(
            "If a turn is running: `enqueue` answers after it, `reject` is 409, `interrupt` stops"
            " it and keeps what it said."
        )
    ),
]
PageSize = Annotated[int, QueryParameter(ge=1, le=200, description="At most so many.")]
CaseCursor = Annotated[
    str | None,
    QueryParameter(
        pattern=r"^[0-9]{1,17}-[0-9a-f]{32}$",
        description="The `cursor` of an earlier page.",
        required=False,
    ),
]
"""Where a page of cases begins: a time, and a case among those of one moment."""


def required_key(key: str | None) -> str:
    """Return the idempotency key of a turn.

    Raises:
        IdempotencyKeyMissing: if there is none, or it is not printable.
    """
    if key is None:
        raise IdempotencyKeyMissing(
            "send an Idempotency-Key header, new for each new message, the same for a retry"
        )
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyMissing("Idempotency-Key: 1 to 200 printable ASCII characters")
    return key


def start_key(key: str | None, caller: str) -> StartKey | None:
    """Return the idempotency key of an opening; None where there is none.

    Args:
        key: as it was sent.
        caller: the id of the caller's API key; empty for none.

    Raises:
        InvalidInput: it is too short to be random, or not printable.
    """
    if key is None:
        return None
    if len(key) < SHORTEST_KEY or not _KEY.fullmatch(key):
        raise InvalidInput(
            f"Idempotency-Key: {SHORTEST_KEY} to 200 printable ASCII characters, new and random for"
            " each new case"
        )
    return StartKey(key=key, caller=caller)


def wait_of(prefer: str | None) -> float:
    """Return the seconds that the caller is willing to wait.

    >>> wait_of("respond-async, wait=5"), wait_of(None), wait_of("wait=9999")
    (5.0, 30.0, 120.0)
    """
    found = _WAIT.search(prefer or "")
    return min(float(found[1]), LONGEST_WAIT) if found else DEFAULT_WAIT


def place_of(text: str | None) -> EventId:
    """Read the place a reader has come to; the beginning if it names none.

    Raises:
        ValidationException: if it is not an event id.
    """
    if text is None or not text.strip():
        return START
    place = EventId.parse(text.strip())
    if place is None:
        raise ValidationException("Last-Event-ID: it is not of the form epoch-seq")
    return place


def matches(if_none_match: str | None, tag: str) -> bool:
    """Say whether a caller has seen this version, as RFC 9110 compares.

    >>> matches('W/"1-1", "1-2"', '"1-1"'), matches("*", '"1-1"'), matches(None, '"1-1"')
    (True, True, False)
    """
    seen = [one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")]
    return tag in seen or "*" in seen
