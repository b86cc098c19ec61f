"""One translation of what can go wrong with the server."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from app.domain.errors import StateUnavailable
from app.state.cluster import TooFewReplicas

_REFUSALS = {
    "MISCONF": "it cannot write to its disk",
    "MASTERDOWN": "it has no primary",
    "CLUSTERDOWN": "its cluster is down",
    "NOREPLICAS": "it takes no writes: its disk is nearly full, or too few replicas follow it",
    "UNBLOCKED": "it became a replica",
}
"""Codes of answers for which the client has no exception of their own, in words."""

_FAILURES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((exceptions.MaxConnectionsError,), "too many requests are waiting for it"),
    (
        (exceptions.ClusterDownError, exceptions.MasterDownError),
        "a part of its cluster is down",
    ),
    ((exceptions.ReadOnlyError,), "it is a read-only replica"),
    (
        (exceptions.ConnectionError, exceptions.TimeoutError, TimeoutError, ssl.SSLError),
        "it does not answer",
    ),
    ((exceptions.OutOfMemoryError,), "its memory is full"),
    (
        (exceptions.AskError, exceptions.TryAgainError),
        "a part of it is on its way to another server",
    ),
    ((TooFewReplicas,), "too few of its replicas have it"),
)
"""What waiting may help against, in words; the first that fits is told."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn the client's errors into `StateUnavailable`, where waiting may help.

    A connection that breaks leaves it open whether the command ran. Every write of ours may be
    repeated: accepts carry an idempotency key, everything else an epoch.
    """
    try:
        yield
    except exceptions.BusyLoadingError as error:
        raise StateUnavailable("it is loading its data", retry_after=1.0) from error
    except (exceptions.RedisError, TooFewReplicas, TimeoutError, ssl.SSLError) as error:
        words = next((words for kinds, words in _FAILURES if isinstance(error, kinds)), None)
        if words is None and isinstance(error, exceptions.ResponseError):
            words = _REFUSALS.get(str(error).split(maxsplit=1)[0])
        if words is None:
            raise
        raise StateUnavailable(words) from error
