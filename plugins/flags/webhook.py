"""Whether a webhook is GrowthBook's, and of now.

The signature is `v1,` and the base64 of the HMAC-SHA256 of `{id}.{timestamp}.{body}`, keyed with
the `wk_…` secret as it stands, as a real GrowthBook signs.
"""

import base64
import hashlib
import hmac
from typing import Annotated

from msgspec import Meta, Struct

from app.domain.errors import WebhookRefused

TOLERANCE_SECONDS = 300
"""How far a webhook's time may be from ours."""


class Signed(Struct, frozen=True, kw_only=True, rename="kebab"):
    """The headers that prove where a webhook comes from."""

    webhook_id: Annotated[str, Meta(min_length=1, max_length=200)]
    webhook_timestamp: Annotated[str, Meta(pattern=r"^[0-9]{1,12}$")]
    webhook_signature: Annotated[str, Meta(min_length=1, max_length=2_000)]


def verify(secret: str, signed: Signed, body: bytes, now: float) -> None:
    """Check a webhook's signature and time.

    Args:
        secret: the webhook's `wk_…` secret.
        signed: its headers; the signature may hold several, with a space between.
        body: its body, untouched.
        now: Unix time in seconds.

    Raises:
        WebhookRefused: it is forged, or its time is not now.
    """
    if abs(now - int(signed.webhook_timestamp)) > TOLERANCE_SECONDS:
        raise WebhookRefused("its time is more than five minutes from ours")
    message = f"{signed.webhook_id}.{signed.webhook_timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    wanted = b"v1," + base64.b64encode(digest)
    given = signed.webhook_signature.encode().split()
    if not any(hmac.compare_digest(one, wanted) for one in given):
        raise WebhookRefused("its signature is not of this body with our secret")
