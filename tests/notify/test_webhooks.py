"""What a webhook says, and that others can tell it is from us."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from app.domain.errors import InvalidInput
from app.domain.notification import Notification, NotificationKind
from app.notify.webhooks import body_of, check_secret, new_secret, signed_headers


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("analysis.completed", "completed"), ("analysis.failed", "failed"),
        ("handoff.requested", "requested"),
    ],
)  # fmt: skip
def test_the_payload_is_ids_and_a_status(kind: NotificationKind, status: str) -> None:
    """Nothing of the conversation is in it."""
    note = Notification(id="msg_x", kind=kind, case_id="c1", turn=3, at=1_772_366_400_123)
    assert json.loads(body_of(note)) == {
        "type": kind,
        "timestamp": "2026-03-01T12:00:00.123Z",
        "data": {"case_id": "c1", "turn": 3, "status": status},
    }


def test_the_signature_is_the_specification_s() -> None:
    """Computed by hand: HMAC-SHA256 of id, time and body under the decoded secret."""
    key = bytes(range(32))
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = signed_headers("msg_1", [secret], b'{"a":"\xc3\xa9"}', seconds=1_772_366_400)
    signed = hmac.new(key, b'msg_1.1772366400.{"a":"\xc3\xa9"}', hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(signed).decode()
    assert headers["webhook-timestamp"] == "1772366400"
    assert headers["webhook-id"] == "msg_1"


def test_the_signature_is_the_one_published_with_the_specification() -> None:
    """The example of its own text."""
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        b'{"test": 2432232314}',
        seconds=1_614_265_330,
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_either_secret_verifies_while_one_replaces_the_other() -> None:
    """Both sign; a third does not fit, nor does another body."""
    old, new, other = new_secret(), new_secret(), new_secret()
    headers = signed_headers("msg_1", [new, old], b"{}", seconds=int(time.time()))
    assert Webhook(old).verify(b"{}", headers) == Webhook(new).verify(b"{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(b"[]", headers)


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_short", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "A" * 400,
     "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa w", "whsec_é"],
)  # fmt: skip
def test_a_secret_that_cannot_be_one_is_refused(secret: str) -> None:
    """The message says how one looks, and does not repeat it."""
    with pytest.raises(InvalidInput, match="whsec_ and 24 to 64 bytes") as caught:
        check_secret(secret)
    assert len(secret) < 10 or secret not in str(caught.value)


def test_a_new_secret_can_be_used() -> None:
    """And no two are equal."""
    made = {check_secret(new_secret()) for _ in range(50)}
    assert len(made) == 50
