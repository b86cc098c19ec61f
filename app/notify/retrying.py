"""What follows from an attempt: done, again later, or never again. Pure, so that it can be tested.

Webhooks are tried for about three days; a browser's notification is stale long before that.
"""

from msgspec import Struct
from msgspec.structs import replace

from app.domain.delivery import Delivery

Delays = tuple[float, ...]
"""Seconds between one attempt and the next; after the last the delivery is given up."""

_MINUTE, _HOUR = 60.0, 3_600.0
WEBHOOK_DELAYS: Delays = (
    5.0,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
PUSH_DELAYS: Delays = (5.0, _MINUTE, 10 * _MINUTE, _HOUR, 4 * _HOUR)
LONGEST_SECONDS = 24 * _HOUR
"""The longest that a receiver may put us off by Retry-After."""
JITTER = 0.2
_REFUSED_PUSH = frozenset({400, 401, 403, 413})
"""Answers of a push service that no repetition changes."""


class Outcome(Struct, frozen=True, kw_only=True):
    """How an attempt went: an answer's status, or why there was none."""

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None


def after(
    delivery: Delivery, outcome: Outcome, delays: Delays, *, now: int, chance: float
) -> Delivery:
    """Return a delivery as it stands after an attempt.

    Args:
        delivery: as it was before.
        outcome: of the attempt.
        delays: between attempts.
        now: Unix time in milliseconds.
        chance: from 0 to 1; spreads what failed together.
    """
    attempts = delivery.attempts + 1
    tried = replace(delivery, attempts=attempts, at=now, status=outcome.status)
    if outcome.status is not None and 200 <= outcome.status < 300:
        return replace(tried, state="delivered", error=None)
    tried = replace(tried, error=outcome.error or f"it answered with status {outcome.status}")
    if outcome.status == 410 or (delivery.channel == "push" and outcome.status == 404):
        return replace(tried, state="dropped")
    refused = delivery.channel == "push" and outcome.status in _REFUSED_PUSH
    if refused or attempts > len(delays):
        return replace(tried, state="failed")
    seconds = delays[attempts - 1] * (1 + JITTER * chance)
    if outcome.retry_after is not None:
        seconds = max(seconds, min(outcome.retry_after, LONGEST_SECONDS))
    return replace(tried, next_at=now + round(seconds * 1_000))


def dropped(delivery: Delivery, reason: str, *, now: int) -> Delivery:
    """Return a delivery whose target is gone."""
    return replace(delivery, state="dropped", at=now, error=reason)
