"""A case on another device: a code that is used once hands the case's token over.

The code is shown by one device and read by the other; it travels in the fragment of an address,
which is sent to no server. What is kept of it is a digest, and the token sealed with a key that
only the code gives: whoever reads the storage can open nothing.
"""

import hashlib
import secrets
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from app.domain.clock import now_ms
from app.domain.errors import CaseNotFound, LinkNotFound
from app.state.conversations import ConversationStateManager
from app.state.links import Links

CODE_BYTES = 16
LINK_SECONDS = 600
AGAIN_SECONDS = 60
"""How long the answer to an attempt can be had again, for whoever lost it on the way."""
_NONCE_BYTES = 12


class Link(Struct, frozen=True, kw_only=True):
    """A code, which exists only here and on the screen that shows it."""

    code: str
    expires_at: int
    """Unix time in milliseconds."""


class OpenedLink(Struct, frozen=True, kw_only=True):
    """The case behind a code, with its token."""

    case_id: str
    token: str


class LinkDesk:
    """Makes codes and opens them."""

    def __init__(
        self,
        conversations: ConversationStateManager,
        links: Links,
        *,
        digest: Callable[[str], str],
        seconds: int = LINK_SECONDS,
    ) -> None:
        self._conversations = conversations
        self._links = links
        self._digest = digest
        self._seconds = seconds

    async def make(self, case_id: str, token: str) -> Link:
        """Return a code that opens a case once.

        Raises:
            CaseNotFound: no such case for this token.
        """
        await self._conversations.open(case_id, self._digest(token))
        code = secrets.token_urlsafe(CODE_BYTES)
        expires_at = now_ms() + self._seconds * 1_000
        await self._links.keep(_name(code), _seal(code, case_id, token), seconds=self._seconds)
        return Link(code=code, expires_at=expires_at)

    async def open(self, code: str, *, attempt: str) -> OpenedLink:
        """Return the case of a code, which is worth nothing from then on.

        Args:
            code: as it was made.
            attempt: the caller's idempotency key: the same one is answered again for a minute.

        Raises:
            LinkNotFound: the code is wrong, used or too old, or its case is gone.
        """
        named = _hash("attempt", attempt).hex()
        sealed = await self._links.take(_name(code), named, seconds=AGAIN_SECONDS)
        opened = None if sealed is None else _unseal(code, sealed)
        if opened is None:
            raise LinkNotFound("the link is wrong, was used before, or is too old: make a new one")
        try:
            await self._conversations.open(opened.case_id, self._digest(opened.token))
        except CaseNotFound as error:
            raise LinkNotFound("the case of this link has expired or was erased") from error
        return opened


def _name(code: str) -> str:
    return _hash("name", code).hex()


def _seal(code: str, case_id: str, token: str) -> bytes:
    # The code is random and its key seals one text, so that a digest is all that is to derive.
    nonce = secrets.token_bytes(_NONCE_BYTES)
    text = f"{case_id} {token}".encode()
    return nonce + AESGCM(_hash("key", code)).encrypt(nonce, text, None)


def _unseal(code: str, sealed: bytes) -> OpenedLink | None:
    nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        text = AESGCM(_hash("key", code)).decrypt(nonce, rest, None)
    except InvalidTag:
        return None
    case_id, _, token = text.decode().partition(" ")
    return OpenedLink(case_id=case_id, token=token)


def _hash(purpose: str, text: str) -> bytes:
    return hashlib.sha256(f"triage link {purpose}\0{text}".encode()).digest()
