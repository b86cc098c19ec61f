"""Web Push: what a browser is told, encrypted for it alone and signed for its push service.

Encryption is RFC 8291 by `http-ece`, the signature RFC 8292 by `py-vapid`; sending is left to the
guarded client, since the address comes from whoever subscribes.
"""

import base64
import time

import http_ece
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02, VapidException

from app.domain.delivery import PushSubscription
from app.domain.errors import InvalidInput
from app.domain.notification import Notification

_AUTH_BYTES = 16
_PRIVATE_BYTES = 32
_TOKEN_SECONDS = 12 * 3_600
_KEPT_SECONDS = 24 * 3_600
"""How long a push service keeps a message for a browser that is away."""
_encode = msgspec.json.Encoder().encode


class VapidKeys:
    """The key pair by which push services know us, and whom they may write to."""

    def __init__(self, private_key: str, subject: str) -> None:
        """Read the private key: Base64url of its 32 bytes.

        Raises:
            InvalidInput: if it is none, or the subject cannot be one.
        """
        try:
            self._vapid = Vapid02(_private_key(private_key))
        except ValueError:
            raise InvalidInput(
                "TRIAGE_VAPID_PRIVATE_KEY is not a key; `triage keys vapid` makes one"
            ) from None
        self.subject = subject
        self.headers("https://push.example.com")

    @property
    def public_key(self) -> str:
        """What a browser subscribes with: Base64url of the uncompressed point."""
        point = self._vapid.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(point).rstrip(b"=").decode()

    def headers(self, origin: str) -> dict[str, str]:
        """Return the headers that tell a push service who sends.

        Raises:
            InvalidInput: if the subject or the origin cannot be signed for.
        """
        claims = {"sub": self.subject, "aud": origin, "exp": int(time.time()) + _TOKEN_SECONDS}
        try:
            return dict(self._vapid.sign(claims))
        except VapidException:
            raise InvalidInput(
                f"no signature for {origin} in the name of {self.subject!r}: TRIAGE_VAPID_SUBJECT"
                " must be mailto:you@example.org or https://example.org"
            ) from None


def new_private_key() -> str:
    """Return a new private key, as `VapidKeys` reads it."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return base64.urlsafe_b64encode(number.to_bytes(_PRIVATE_BYTES)).rstrip(b"=").decode()


def check_browser_keys(p256dh: str, auth: str) -> None:
    """Check the keys of a browser's subscription.

    Raises:
        InvalidInput: naming the one that cannot be used.
    """
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _decoded(p256dh))
    except ValueError:
        raise InvalidInput("keys.p256dh is not a point of P-256 in Base64url") from None
    try:
        length = len(_decoded(auth))
    except ValueError:
        length = 0
    if length != _AUTH_BYTES:
        raise InvalidInput(f"keys.auth is not {_AUTH_BYTES} bytes in Base64url")


def push_body(notification: Notification, subscription: PushSubscription) -> bytes:
    """Return what a browser is told, encrypted for it."""
    content = _encode({"case_id": notification.case_id, "kind": notification.kind})
    encrypted: bytes = http_ece.encrypt(
        content,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=_decoded(subscription.p256dh),
        auth_secret=_decoded(subscription.auth),
        version="aes128gcm",
    )
    return encrypted


def push_headers(keys: VapidKeys, origin: str) -> dict[str, str]:
    """Return the headers that go with an encrypted body.

    Raises:
        InvalidInput: if the origin cannot be signed for.
    """
    return {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(_KEPT_SECONDS),
        "Urgency": "high",
        **keys.headers(origin),
    }


def _private_key(text: str) -> ec.EllipticCurvePrivateKey:
    number = _decoded(text)
    if len(number) != _PRIVATE_BYTES:
        raise ValueError(text)
    return ec.derive_private_key(int.from_bytes(number), ec.SECP256R1())


def _decoded(text: str) -> bytes:
    """Read Base64url, which browsers write without padding.

    Raises:
        ValueError: if it is none.
    """
    bare = text.rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
