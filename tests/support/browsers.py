"""A browser that has subscribed to Web Push, and the checks of its push service.

Written from RFC 8291, RFC 8188 and RFC 8292 on primitives alone, so that it shares no code with
what encrypts and signs.
"""

import base64
import json
import os
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Browser:
    """Keeps the keys of one subscription."""

    def __init__(
        self, key: ec.EllipticCurvePrivateKey | None = None, secret: bytes | None = None
    ) -> None:
        """Make new keys, unless they are given."""
        self._key = key or ec.generate_private_key(ec.SECP256R1())
        self._secret = secret or os.urandom(16)

    @property
    def keys(self) -> dict[str, str]:
        """What it sends to the application."""
        return {"p256dh": unpadded(self._point), "auth": unpadded(self._secret)}

    @property
    def _point(self) -> bytes:
        return self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def read(self, content: bytes) -> bytes:
        """Decrypt a message (RFC 8291, section 3.4; one record of RFC 8188)."""
        salt, length = content[:16], content[20]
        sender, sealed = content[21 : 21 + length], content[21 + length :]
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        shared = self._key.exchange(ec.ECDH(), public)
        ikm = derived(self._secret, shared, b"WebPush: info\0" + self._point + sender, 32)
        key = derived(salt, ikm, b"Content-Encoding: aes128gcm\0", 16)
        nonce = derived(salt, ikm, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, sealed, None)
        text, mark, padding = plain.rpartition(b"\x02")
        assert mark == b"\x02"
        assert not padding.strip(b"\0")
        return text


def subscription(
    browser: Browser | None = None, endpoint: str = "https://push.example.com/send/1"
) -> dict[str, Any]:
    """Return what a browser's `PushSubscription.toJSON()` gives."""
    return {"endpoint": endpoint, "expirationTime": None, "keys": (browser or Browser()).keys}


def claims_of(authorization: str, public_key: str) -> Any:
    """Check who sent a message, as a push service does (RFC 8292); returns what was claimed."""
    scheme, _, rest = authorization.partition(" ")
    parts = dict(one.strip().split("=", 1) for one in rest.split(","))
    assert scheme == "vapid"
    assert parts["k"] == public_key
    head, payload, signature = parts["t"].split(".")
    assert json.loads(padded(head)) == {"alg": "ES256", "typ": "JWT"}
    both = padded(signature)
    assert len(both) == 64
    numbers = int.from_bytes(both[:32]), int.from_bytes(both[32:])
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), padded(public_key)).verify(
        encode_dss_signature(*numbers), f"{head}.{payload}".encode(), ec.ECDSA(hashes.SHA256())
    )
    return json.loads(padded(payload))


def derived(salt: bytes, key: bytes, info: bytes, length: int) -> bytes:
    """Derive a key (RFC 5869)."""
    return HKDF(hashes.SHA256(), length, salt, info).derive(key)


def padded(text: str) -> bytes:
    """Read Base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def unpadded(data: bytes) -> str:
    """Write Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
