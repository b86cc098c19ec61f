"""Who may do what: scopes, API keys, and what is kept of a credential instead of itself."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Literal, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

Scope = Literal["intake", "operator", "analyst", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""`intake` opens cases; `operator` works on them; `analyst` reads what is counted; `admin` sets."""
KEY_ID = r"[0-9a-f]{12}"
_TOKEN = re.compile(rf"tk_({KEY_ID})_[A-Za-z0-9_-]{{43}}")
_PASSED_ON = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
REVOKED = "revoked"
"""Stands in place of a case token's digest once the token opens nothing any more."""


class KeySecret(Struct, frozen=True, kw_only=True):
    """One token of a key; while a key is rotated it has two."""

    digest: str
    until: int | None = None
    """Unix time in milliseconds from which it is worth nothing; None while the key is good."""


class ApiKey(Struct, frozen=True, kw_only=True):
    """An API key as it is kept; the token itself is kept by whoever was given it."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    secrets: tuple[KeySecret, ...]
    created_at: int
    """Unix time in milliseconds, as all times here."""
    expires_at: int | None = None
    revoked_at: int | None = None

    def state(self, now_ms: int) -> Literal["active", "expired", "revoked"]:
        """Say whether the key is good for anything."""
        if self.revoked_at is not None:
            return "revoked"
        expired = self.expires_at is not None and self.expires_at <= now_ms
        return "expired" if expired else "active"

    def has(self, digest: str) -> bool:
        """Say whether a token with this digest is one of the key's, good or not any more."""
        return any(hmac.compare_digest(one.digest, digest) for one in self.secrets)

    def opens(self, digest: str, now_ms: int) -> bool:
        """Say whether a token with this digest is good now."""
        return self.state(now_ms) == "active" and any(
            hmac.compare_digest(one.digest, digest) and (one.until is None or one.until > now_ms)
            for one in self.secrets
        )

    def rotated(self, digest: str, *, until: int) -> "ApiKey":
        """Return the key with another token; the ones before stay good until then, at most."""
        before = tuple(
            one if one.until is not None and one.until < until else replace(one, until=until)
            for one in self.secrets
        )
        return replace(self, secrets=(KeySecret(digest=digest), *before))


class Hasher:
    """Makes digests under a secret that is not where the digests are kept.

    Whoever can read or write the storage can so neither check a guess nor make up a credential.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def case(self, token: str) -> str:
        """Return what is kept of a case's token."""
        return self._digest("case", token)

    def key(self, token: str) -> str:
        """Return what is kept of an API key's token."""
        return self._digest("key", token)

    def address(self, address: str) -> str:
        """Return under what name requests of an address are counted."""
        return self._digest("address", address)[:32]

    def audit(self, case_id: str) -> str:
        """Return what stands for a case in the audit trail."""
        return self._digest("audit", case_id)[:32]

    def opening(self, part: str, text: str) -> str:
        """Return what belongs to the opening of a case by an idempotency key: see the core's."""
        return self._digest(f"opening {part}", text)

    def fingerprint(self) -> str:
        """Return what tells this secret from any other."""
        return self._digest("fingerprint", "")

    def _digest(self, purpose: str, text: str) -> str:
        message = f"triage {purpose}\0{text}".encode()
        return hmac.digest(self._secret, message, "sha256").hex()


def plain_digest(token: str) -> str:
    """Return what earlier versions kept of a case's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_key_id() -> str:
    """Return an id for a key; it is no secret."""
    return secrets.token_hex(6)


def new_key_token(key_id: str) -> str:
    """Return a token of a key: its id, to find it by, and 256 random bits."""
    return f"tk_{key_id}_{secrets.token_urlsafe(32)}"


def key_id_of(token: str) -> str | None:
    """Return the id in an API key's token; None where it cannot be one.

    >>> key_id_of("tk_0123456789ab_" + "x" * 43), key_id_of("tk_0123456789ab_short")
    ('0123456789ab', None)
    """
    found = _TOKEN.fullmatch(token)
    return None if found is None else found[1]


encode_key = msgspec.json.Encoder().encode
decode_key = msgspec.json.Decoder(ApiKey).decode


def is_loopback(host: str | None) -> bool:
    """Say whether a host is this machine's own, reached by nobody else.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("10.0.0.1")
    (True, True, False)
    >>> is_loopback("triage.example"), is_loopback(None)
    (False, False)
    """
    try:
        return host == "localhost" or (host is not None and ip_address(host).is_loopback)
    except ValueError:
        return False


def who_opens(host: str, open_intake: bool | None) -> bool | None:
    """Return who may open cases without a key: True everybody, False nobody, None this machine.

    Args:
        host: where the API listens.
        open_intake: what the settings say, if anything.
    """
    if open_intake is not None:
        return open_intake
    return None if is_loopback(host) else False


def is_this_machine(peer: str | None, headers: Mapping[str, str]) -> bool:
    """Say whether this machine itself asks, and not a proxy on it for a stranger.

    Args:
        peer: the address of who connected; None where there is none.
        headers: of the request, by name in whatever case the mapping takes.
    """
    return is_loopback(peer) and not any(headers.get(name) for name in _PASSED_ON)
