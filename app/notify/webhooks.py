"""What a webhook says and how it is signed, after the Standard Webhooks specification.

The body is made of the notification alone, so that each attempt sends the same bytes under the same
id; only the time of the attempt, and with it the signature, differs.
"""

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import Struct
from standardwebhooks import Webhook

from app.domain.errors import InvalidInput
from app.domain.notification import Notification

SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with
_FEWEST_BYTES, _MOST_BYTES = 24, 64
_NEW_BYTES = 32
_encode = msgspec.json.Encoder().encode


class _Data(Struct, frozen=True):
    case_id: str
    turn: int
    status: str


class _Payload(Struct, frozen=True):
    type: str
    timestamp: str
    data: _Data


def new_secret() -> str:
    """Return a new secret to sign with."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()


def check_secret(secret: str) -> str:
    """Return a secret that can be signed with.

    Raises:
        InvalidInput: saying how a secret looks; the secret itself is not repeated.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
        raise InvalidInput(
            f"a webhook secret is {SECRET_PREFIX} and {_FEWEST_BYTES} to {_MOST_BYTES} bytes in"
            " Base64; `triage webhooks add` makes one"
        )
    return secret


def body_of(notification: Notification) -> bytes:
    """Return what is sent of a notification: ids and a status."""
    return body(
        notification.kind,
        notification.at,
        case_id=notification.case_id,
        turn=notification.turn,
        status=notification.kind.rpartition(".")[2],
    )


def body(kind: str, at_ms: int, *, case_id: str, turn: int, status: str) -> bytes:
    """Return a payload.

    >>> body("a.done", 0, case_id="c", turn=1, status="done").decode()
    '{"type":"a.done","timestamp":"1970-01-01T00:00:00.000Z","data":{"case_id":"c","turn":1,"status":"done"}}'
    """
    moment = datetime.fromtimestamp(at_ms / 1_000, UTC)
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1_000:03d}Z"
    return _encode(
        _Payload(type=kind, timestamp=stamp, data=_Data(case_id=case_id, turn=turn, status=status))
    )


def signed_headers(
    message_id: str, secrets_: Sequence[str], content: bytes, *, seconds: int
) -> dict[str, str]:
    """Return the headers that go with a body.

    Args:
        message_id: stable over all attempts.
        secrets_: each signs, so that receivers may hold any one of them.
        content: the body.
        seconds: Unix time of the attempt.
    """
    moment, text = datetime.fromtimestamp(seconds, UTC), content.decode()
    signatures = [Webhook(one).sign(message_id, moment, text) for one in secrets_]
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signatures),
    }
