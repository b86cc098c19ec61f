"""How values are stored: msgpack, tagged with a schema version, sealed under the key of their case.

A value whose tag, or whose fields, this version does not know was written by a newer one. It is
refused rather than read in part, because writing it back would drop what was not understood.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from app.domain.analysis import Analysis
from app.domain.cached import Kept
from app.domain.case import Accepted, CaseState, Turn
from app.domain.delivery import Delivery, PushSubscription, WebhookEndpoint
from app.domain.errors import StateDamaged, StateTooNew
from app.domain.job import Job, StepRecord
from app.domain.notification import Notification
from app.domain.opinion import Rated, Reviewed
from app.domain.sealing import CaseKey, is_sealed

T = TypeVar("T")

encode = msgspec.msgpack.Encoder().encode


class Kind(Generic[T]):
    """A kind of value that is stored."""

    def __init__(self, name: str, of: type[T]) -> None:
        """Take its name, to which sealed values are bound, and its type."""
        self.name = name
        self._bound = name.encode()
        self._decode: Callable[[bytes], T] = msgspec.msgpack.Decoder(of).decode

    def seal(self, key: CaseKey, value: T) -> bytes:
        """Return a value as it is stored."""
        return key.seal(self._bound, encode(value))

    def open(self, key: CaseKey | None, data: bytes) -> T:
        """Read a stored value; plain ones of earlier versions need no key.

        Raises:
            StateTooNew: a newer version has written it.
            StateDamaged: it is not what was stored.
        """
        try:
            return self._decode(_opened(key, self._bound, data))
        except msgspec.ValidationError as error:
            raise StateTooNew(str(error)) from error
        except msgspec.DecodeError as error:
            raise StateDamaged(self.name) from error


class RawKind:
    """A kind of value that is bytes already."""

    def __init__(self, name: str) -> None:
        """Take its name, to which sealed values are bound."""
        self._bound = name.encode()

    def seal(self, key: CaseKey, data: bytes) -> bytes:
        """Return a value as it is stored."""
        return key.seal(self._bound, data)

    def open(self, key: CaseKey | None, data: bytes) -> bytes:
        """Read a stored value; plain ones of earlier versions need no key.

        Raises:
            StateTooNew: a newer version has written it.
            StateDamaged: it is not what was stored.
        """
        return _opened(key, self._bound, data)


STATE = Kind("state", CaseState)
TURN = Kind("turn", Turn)
ACCEPTED = Kind("command", Accepted)
ANALYSIS = Kind("result", Analysis)
JOB = Kind("job", Job)
STEP = Kind("step", StepRecord)
NOTIFICATION = Kind("notification", Notification)
DELIVERY = Kind("delivery", Delivery)
SUBSCRIPTION = Kind("subscription", PushSubscription)
RATED = Kind("rating", Rated)
REVIEWED = Kind("review", Reviewed)
PIECES = Kind("pieces", list[str])
EVENT = RawKind("event")
ERROR = RawKind("error")
# Of the installation, and no case:
ENDPOINT = Kind("webhook", WebhookEndpoint)
KEPT = Kind("analysis", Kept)


def _opened(key: CaseKey | None, kind: bytes, data: bytes) -> bytes:
    if key is not None:
        return key.open(kind, data)
    if is_sealed(data):
        raise StateDamaged(f"{kind.decode()}, whose key is missing,")
    return data
