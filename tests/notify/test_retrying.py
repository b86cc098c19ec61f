"""What follows from an attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain.delivery import Channel, Delivery
from app.domain.notification import Notification
from app.notify.retrying import (
    JITTER,
    LONGEST_SECONDS,
    PUSH_DELAYS,
    WEBHOOK_DELAYS,
    Outcome,
    after,
    dropped,
)

NOTE = Notification(id="msg_c_1_x", kind="analysis.completed", case_id="c", turn=1, at=0)
FAILED = st.one_of(
    st.sampled_from([301, 400, 401, 404, 429, 500, 503]).map(lambda one: Outcome(status=one)),
    st.just(Outcome(error="no answer within 10 s")),
)


def delivery(channel: Channel = "webhook", attempts: int = 0) -> Delivery:
    """Return a delivery that is due."""
    return Delivery(
        notification=NOTE, channel=channel, target="t", attempts=attempts, at=0, next_at=0
    )


@given(st.lists(FAILED, min_size=len(WEBHOOK_DELAYS) + 1, max_size=len(WEBHOOK_DELAYS) + 1),
       st.floats(0, 1))  # fmt: skip
def test_webhooks_are_tried_for_three_days(outcomes: list[Outcome], chance: float) -> None:
    """Ten attempts, each after its own pause and at most a fifth later, then it is given up."""
    one, now = delivery(), 0
    for seconds, outcome in zip(WEBHOOK_DELAYS, outcomes[:-1], strict=True):
        one = after(one, outcome, WEBHOOK_DELAYS, now=now, chance=chance)
        assert one.state == "due"
        assert seconds * 1_000 <= one.next_at - now <= seconds * 1_000 * (1 + JITTER) + 1
        now = one.next_at
    one = after(one, outcomes[-1], WEBHOOK_DELAYS, now=now, chance=chance)
    assert (one.state, one.attempts) == ("failed", 10)
    assert one.error
    assert now >= 3 * 86_400_000


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_ends_it(status: int) -> None:
    """Any status of success counts, and an earlier error is forgotten."""
    failed = after(delivery(), Outcome(status=500), WEBHOOK_DELAYS, now=5, chance=0)
    done = after(failed, Outcome(status=status), WEBHOOK_DELAYS, now=9, chance=0)
    assert (done.state, done.attempts, done.at, done.status) == ("delivered", 2, 9, status)
    assert done.error is None


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 5.0), (60.0, 60.0), (1e9, LONGEST_SECONDS)])
def test_retry_after_is_honoured_within_a_day(asked: float, waited: float) -> None:
    """It may put us off, never hurry us, and not for ever."""
    outcome = Outcome(status=429, retry_after=asked)
    one = after(delivery(), outcome, WEBHOOK_DELAYS, now=0, chance=0)
    assert one.next_at == waited * 1_000


@pytest.mark.parametrize(
    ("channel", "status", "state"),
    [
        ("webhook", 410, "dropped"), ("webhook", 404, "due"), ("webhook", 400, "due"),
        ("push", 410, "dropped"), ("push", 404, "dropped"), ("push", 400, "failed"),
        ("push", 413, "failed"), ("push", 429, "due"), ("push", 502, "due"),
    ],
)  # fmt: skip
def test_some_answers_end_it_at_once(channel: Channel, status: int, state: str) -> None:
    """Gone is gone; what a push service refuses it will refuse again."""
    one = after(delivery(channel), Outcome(status=status), PUSH_DELAYS, now=0, chance=0)
    assert one.state == state
    assert one.error == f"it answered with status {status}"


def test_a_dropped_delivery_says_why() -> None:
    """Without an attempt."""
    one = dropped(delivery(attempts=3), "the endpoint was removed", now=7)
    assert one == replace(
        delivery(attempts=3), state="dropped", error="the endpoint was removed", at=7
    )
